"""Beats beside the program, as it does itself: how late this machine alone makes an event loop.

python -m tests.chaos.metronome FILE: writes the lateness of each beat, in seconds, a line each.
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
