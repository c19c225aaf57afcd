"""The container's files, read plainly: there is no engine here to build them with."""

import json
import os
import re
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from bot.cli.notes import SAFE_SQLITE
from bot.config import PREFIX, load

ROOT = Path(__file__).parents[1]
DOCKERFILE = (ROOT / "Dockerfile").read_text("utf-8")
DEPLOYED = ("Dockerfile", "compose.yaml", "docs/deployment.md", "docs/watchword.service")


def instructions() -> list[tuple[str, str]]:
    """The Dockerfile's instructions, each on one line."""
    lines = [line for line in DOCKERFILE.splitlines() if not line.startswith("#")]
    joined = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(word.upper(), rest) for word, _, rest in (line.partition(" ") for line in joined.splitlines() if line)]


def given(instruction: str) -> list[str]:
    return [rest for word, rest in instructions() if word == instruction]


def test_it_does_not_run_as_root_and_may_write_to_one_place() -> None:
    assert given("USER") == ["10001:10001"]
    words = [word for word, _ in instructions()]
    assert words.index("USER") > max(at for at, word in enumerate(words) if word in ("RUN", "COPY"))
    assert given("VOLUME") == ["/srv/watchword/data"]
    assert given("WORKDIR")[-1] == "/srv/watchword"  # the default database is data/ below it


def test_nothing_unpinned_is_fetched() -> None:
    assert not given("ADD")
    assert "://" not in " ".join(given("RUN") + given("FROM") + given("COPY"))
    for image in given("FROM"):
        assert re.match(r"(python:3\.\d+-slim|node:\d+)-bookworm(@sha256:[0-9a-f]{64})?( AS \w+)?$", image)
    for command in given("RUN"):
        for install in re.findall(r"pip install ([^&]*)", command):
            assert "--require-hashes -r requirements.lock" in install or "--no-deps --no-build-isolation" in install
        assert "curl" not in command
        assert "apt-get" not in command


def test_it_holds_no_secret_and_only_what_it_is_made_of() -> None:
    ignored = (ROOT / ".dockerignore").read_text("utf-8").splitlines()
    allowed = [line.removeprefix("!") for line in ignored if line.startswith("!")]
    assert "*" in ignored
    copied = [name for rest in given("COPY") if "--from" not in rest for name in rest.split()[:-1]]
    assert copied
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    assert {*project["license-files"], project["readme"], "bot"} <= set(copied)
    for name in copied:
        assert (ROOT / name).exists()
        assert any(fnmatch(name.split("/")[0], pattern) for pattern in allowed)
    assert "TOKEN" not in DOCKERFILE


def test_what_it_starts_is_what_the_project_installs() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["scripts"]
    assert json.loads(given("ENTRYPOINT")[0])[0] in scripts
    assert json.loads(given("CMD")[0]) == ["run"]


@pytest.mark.parametrize("name", DEPLOYED)
def test_every_setting_that_is_named_exists(name: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    for variable in list(os.environ):
        if variable.startswith(PREFIX):
            monkeypatch.delenv(variable)
    values = {"WATCHWORD_TELEGRAM__TOKEN": "123456:ABC-def", "WATCHWORD_ADMIN__IDS": "[1001]"}
    found = re.findall(r"\b(WATCHWORD_\w+__\w+)[=:] ?(\S*)", (ROOT / name).read_text("utf-8"))
    for variable, value in found:
        default = re.fullmatch(r"\$\{\w+:-(.*)\}", value)
        monkeypatch.setenv(variable, values.get(variable) or (default[1] if default else value))
    load()


@pytest.fixture
def answering(request: pytest.FixtureRequest) -> Iterator[str]:
    """A health page that answers with the parameter's status; yields its address."""

    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(request.param if self.path == "/healthz" else 404)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(("answering", "is_well"), [(200, True), (503, False)], indirect=["answering"])
def test_the_health_check_says_what_the_health_page_says(answering: str, is_well: bool) -> None:
    command = json.loads(given("HEALTHCHECK")[0].partition("CMD ")[2])
    environment = os.environ | {"WATCHWORD_WEB__LISTEN": answering}
    done = subprocess.run([sys.executable, *command[1:]], env=environment, capture_output=True, check=False)
    assert (done.returncode == 0) is is_well


def test_the_licences_of_all_it_ships_are_in_one_file(tmp_path: Path) -> None:
    target = tmp_path / "LICENCES.txt"
    subprocess.run([sys.executable, ROOT / "container/licences.py", target], check=True)
    text = target.read_text("utf-8").replace("_", "-").lower()
    for line in (ROOT / "requirements.lock").read_text("utf-8").splitlines():
        if pinned := re.match(r"([\w.-]+)==([\w.]+)", line):
            assert f"\n{pinned[1]} {pinned[2]}, ".lower() in text


def test_compose_takes_every_right_away() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    for line in ("read_only: true", "no-new-privileges:true", "init: true", "stop_grace_period: 30s"):
        assert line in text
    assert re.search(r"cap_drop:\s+- ALL", text)
    assert re.search(r"^  postgresql:\n    profiles:\n      - postgresql$", text, re.M)
    assert "privileged: true" not in text
    assert "ports:" not in text
    images = re.findall(r"image: (\S+:\S+)", text)
    assert images
    assert all(re.fullmatch(r"[\w./-]+:\d[\w.-]*(@sha256:[0-9a-f]{64})?", image) for image in images)


def test_neither_can_take_the_whole_memory_or_every_process_of_the_machine() -> None:
    services = (ROOT / "compose.yaml").read_text("utf-8").split("\nvolumes:")[0].split("\n  postgresql:\n")
    assert len(services) == 2
    for service in services:
        assert re.search(r"^    mem_limit: \dg\b", service, re.M)
        assert re.search(r"^    pids_limit: \d+\b", service, re.M)
    unit = (ROOT / "docs/watchword.service").read_text("utf-8").splitlines()
    assert {"MemoryMax=1G", "TasksMax=200"} <= set(unit)


def test_its_sqlite_comes_from_a_pinned_package_and_is_the_one_that_is_loaded() -> None:
    script = (ROOT / "container/sqlite.sh").read_text("utf-8")
    assert re.search(r"^PACKAGE=[\w-]+@\d+\.\d+\.\d+$", script, re.M)
    assert re.search(r"^SHA512=[0-9a-f]{128}$", script, re.M)
    assert script.index("sha512sum --check") < script.index("tar x") < script.index("${CC:-cc}")
    assert "://" not in script
    folder = "/opt/sqlite"
    assert f"sh sqlite.sh {folder}" in given("RUN")
    assert f"--from=sqlite {folder} {folder}" in given("COPY")
    assert f"LD_LIBRARY_PATH={folder}" in given("ENV")
    floor = ", ".join(map(str, SAFE_SQLITE))
    assert any(f"assert sqlite3.sqlite_version_info >= ({floor})" in command for command in given("RUN"))


BUILT = Path(os.environ.get("WATCHWORD_SQLITE", ROOT / ".venv/sqlite"))


@pytest.mark.skipif(not (BUILT / "libsqlite3.so.0").exists(), reason="`make sqlite` builds the image's SQLite")
def test_the_program_starts_on_the_sqlite_of_the_image(tmp_path: Path) -> None:
    environment = os.environ | {"LD_LIBRARY_PATH": str(BUILT), "LD_BIND_NOW": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, "-m", "bot", "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    found = re.search(r"^database +ok: SQLite (\d+)\.(\d+)\.(\d+), intact$", done.stdout, re.M)
    assert found, done.stdout + done.stderr
    assert tuple(map(int, found.groups())) >= SAFE_SQLITE
    assert "fault in WAL mode" not in done.stdout
