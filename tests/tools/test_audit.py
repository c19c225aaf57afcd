"""The audit of dependencies: its verdict on a report, and the whole of it against a service on loopback."""

import json
import os
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from tools.audit import NOT_AUDITED, VULNERABLE, verdict

ROOT = Path(__file__).parents[2]
PYTHON = Path(os.environ.get("WATCHWORD_AUDIT", ROOT / ".venv/audit")) / "bin/python"
INSTALLED = pytest.mark.skipif(not PYTHON.exists(), reason="`make audit` installs pip-audit and cyclonedx-bom")
SOUND: dict[str, Any] = {"name": "yarl", "version": "1.25", "vulns": []}
SKIPPED = {"name": "lxml", "skip_reason": "Dependency not found on PyPI and could not be audited: lxml (6.1)"}
VULNERABLE_ONE: dict[str, Any] = {"name": "aiohttp", "version": "3.0", "vulns": [{"id": "PYSEC-1"}, {"id": "PYSEC-2"}]}


def test_a_package_that_was_not_looked_up_was_not_audited() -> None:
    """pip-audit itself ends with 0 and says "No known vulnerabilities found" then."""
    status, sentence = verdict([SOUND, SKIPPED])
    assert status == NOT_AUDITED
    assert sentence.startswith("NOT AUDITED: 1 of 2 packages were not looked up")
    assert verdict([])[0] == NOT_AUDITED


def test_vulnerabilities_are_named_before_anything_else() -> None:
    status, sentence = verdict([SOUND, SKIPPED, VULNERABLE_ONE])
    assert status == VULNERABLE
    assert sentence.splitlines()[1:] == ["aiohttp 3.0: PYSEC-1", "aiohttp 3.0: PYSEC-2"]


def test_all_clear_is_said_only_if_all_were_looked_up() -> None:
    assert verdict([SOUND]) == (0, "No known vulnerability in 1 packages.")


@pytest.fixture
def service(request: pytest.FixtureRequest) -> Iterator[str]:
    """A service as osv.dev is; yields its address. It knows of a vulnerability in the package of the parameter."""

    class Answers(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            affected = [{"package": asked["package"], "versions": [asked["version"]], "ranges": []}]
            known = [{"id": "PYSEC-2026-1", "affected": affected}] if asked["package"]["name"] == request.param else []
            body = json.dumps({"vulns": known}).encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Answers) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()
        thread.join()


def audit(folder: Path, address: str) -> subprocess.CompletedProcess[str]:
    options = ["-s", "osv", "--osv-url", address, "--timeout", "5"]
    command: list[str | Path] = [
        PYTHON,
        ROOT / "tools/audit.py",
        ROOT / "requirements.lock",
        folder / "bill.json",
        *options,
    ]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@INSTALLED
def test_where_the_service_is_not_reached_the_bill_is_written_all_the_same(tmp_path: Path) -> None:
    done = audit(tmp_path, "http://127.0.0.1:9/")
    assert done.returncode == NOT_AUDITED
    assert "NOT AUDITED: the service was not reached" in done.stdout
    bill = json.loads((tmp_path / "bill.json").read_text())
    assert bill["bomFormat"] == "CycloneDX"
    lock = (ROOT / "requirements.lock").read_text()
    assert all(f"{part['name']}=={part['version']}" in lock for part in bill["components"])
    assert len(bill["components"]) == sum("==" in line and line[0] not in " #" for line in lock.splitlines() if line)


@INSTALLED
@pytest.mark.parametrize("service", [None], indirect=True)
def test_a_service_that_knows_of_nothing_is_believed(service: str, tmp_path: Path) -> None:
    done = audit(tmp_path, service)
    assert (done.returncode, "No known vulnerability in" in done.stdout) == (0, True), done.stdout


@INSTALLED
@pytest.mark.parametrize("service", ["aiohttp"], indirect=True)
def test_a_vulnerability_that_the_service_knows_is_an_error(service: str, tmp_path: Path) -> None:
    done = audit(tmp_path, service)
    assert done.returncode == VULNERABLE
    lock = (ROOT / "requirements.lock").read_text()
    locked = next(line for line in lock.splitlines() if line.startswith("aiohttp==")).split()[0].replace("==", " ")
    assert done.stdout.splitlines()[1:] == ["Known vulnerabilities:", f"{locked}: PYSEC-2026-1"]
