"""Audit of the locked dependencies: `make audit`.

Writes a software bill of materials (CycloneDX), then looks every package up among the known vulnerabilities.
pip-audit says "No known vulnerabilities found" and ends with 0 even if its service knew none of the packages (they
are "skipped"), so its report is read here: what was not looked up was not audited.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

TOOLS = Path(sys.executable).parent  # both are installed beside the interpreter that runs this
VULNERABLE, NOT_AUDITED = 1, 3


def write_bill(lock: Path, target: Path) -> None:
    """Write the bill of materials of a lock file."""
    target.parent.mkdir(parents=True, exist_ok=True)
    command: list[str | Path] = [
        TOOLS / "cyclonedx-py",
        "requirements",
        lock,
        "--pyproject",
        lock.with_name("pyproject.toml"),
    ]
    subprocess.run([*command, "--output-reproducible", "-o", target], check=True, stderr=subprocess.PIPE)


def look_up(lock: Path, report: Path, options: list[str]) -> str:
    """Run pip-audit, which writes its report only if its service answered; return the last line it printed."""
    command: list[str | Path] = [
        TOOLS / "pip-audit",
        "-r",
        lock,
        "--disable-pip",
        "--progress-spinner",
        "off",
        "-f",
        "json",
        "-o",
        report,
    ]
    report.unlink(missing_ok=True)
    done = subprocess.run([*command, *options], capture_output=True, text=True, check=False)
    return (done.stderr.strip().splitlines() or ["no answer"])[-1]


def verdict(dependencies: list[dict[str, Any]]) -> tuple[int, str]:
    """Return the exit status and the sentences for a report's dependencies."""
    known = [
        f"{found['name']} {found['version']}: {vulnerability['id']}"
        for found in dependencies
        for vulnerability in found.get("vulns", ())
    ]
    skipped = [found for found in dependencies if "skip_reason" in found]
    if known:
        return VULNERABLE, "\n".join(["Known vulnerabilities:", *known])
    if skipped or not dependencies:
        reason = skipped[0]["skip_reason"] if skipped else "the report is empty"
        return (
            NOT_AUDITED,
            f"NOT AUDITED: {len(skipped)} of {len(dependencies)} packages were not looked up ({reason}).",
        )
    return 0, f"No known vulnerability in {len(dependencies)} packages."


def main(lock: Path, target: Path, options: list[str]) -> int:
    """Write the bill, look the packages up, and return the exit status of the verdict."""
    write_bill(lock, target)
    print(f"The bill of materials is {target}.")
    report = target.with_suffix(".audit.json")
    answer = look_up(lock, report, options)
    if report.exists():
        status, sentence = verdict(json.loads(report.read_text("utf-8"))["dependencies"])
    else:
        status, sentence = NOT_AUDITED, f"NOT AUDITED: the service was not reached ({answer})."
    print(sentence)
    return status


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]))
