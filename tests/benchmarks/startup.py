"""Start-up time until the first getUpdates request, and memory when idle.

Compared, in the same run, with a Python that only imports the libraries. Targets: below 1.5 s and 120 MB.
"""

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from bot.sandbox.server import Sandbox

RUNS = 3
SETTLED = 8.0  # seconds after the start
LIBRARIES = "telegram.ext, sqlalchemy.ext.asyncio, aiohttp, alembic.command, apscheduler.schedulers.asyncio, babel"


def main() -> None:
    """Print both."""
    starts, memories = zip(*(asyncio.run(_run()) for _ in range(RUNS)), strict=True)
    imports = statistics.median(_import() for _ in range(RUNS))
    start = statistics.median(starts)
    print(f"asks for updates after {start:.2f} s; importing the libraries alone takes {imports:.2f} s")  # noqa: T201
    print(f"{start / imports:.1f} times as long; idle: {statistics.median(memories):.0f} MB resident")  # noqa: T201


async def _run() -> tuple[float, float]:
    """Return the seconds until the first getUpdates, and the megabytes of the idle process."""
    with tempfile.TemporaryDirectory() as folder:
        async with Sandbox() as sandbox:
            environment = {
                **os.environ,
                "WATCHWORD_TELEGRAM__TOKEN": "1:token",
                "WATCHWORD_TELEGRAM__API_BASE_URL": sandbox.base_url,
                "WATCHWORD_STORAGE__URL": f"sqlite:///{folder}/watchword.db",
                "PYTHONPATH": str(Path.cwd()),
            }
            began = time.perf_counter()
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "bot", "run", cwd=folder, env=environment, stderr=asyncio.subprocess.DEVNULL
            )
            try:
                while not any(request.method.lower() == "getupdates" for request in sandbox.requests):
                    await asyncio.sleep(0.01)
                took = time.perf_counter() - began
                await asyncio.sleep(SETTLED)
                return took, _resident(process.pid)
            finally:
                process.terminate()
                await process.wait()


def _resident(pid: int) -> float:
    status = Path(f"/proc/{pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def _import() -> float:
    began = time.perf_counter()
    subprocess.run([sys.executable, "-c", f"import {LIBRARIES}"], check=True)
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
