"""Metronome: measures the lateness of an event loop due to this machine alone, with the program's own beat.

python -m tests.chaos.metronome FILE: writes the lateness of each beat in seconds, one per line.
"""

import asyncio
import os
import sys
from pathlib import Path

from bot.runtime.liveness import EVERY


async def beat(file: Path) -> None:
    """Beat until whoever started it is gone."""
    loop, parent = asyncio.get_running_loop(), os.getppid()
    with file.open("w", buffering=1) as out:
        while os.getppid() == parent:
            before = loop.time()
            await asyncio.sleep(EVERY)
            out.write(f"{loop.time() - before - EVERY}\n")


if __name__ == "__main__":
    asyncio.run(beat(Path(sys.argv[1])))
