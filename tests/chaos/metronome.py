"""Beats beside the program, as it does itself: how late this machine alone makes an event loop.

python -m tests.chaos.metronome FILE: writes the lateness of each beat, in seconds, a line each.
"""

import asyncio
import sys
from pathlib import Path

from bot.pulse import EVERY


async def beat(file: Path) -> None:
    """Beat until the end of the process."""
    loop = asyncio.get_running_loop()
    with file.open("w", buffering=1) as out:
        while True:
            before = loop.time()
            await asyncio.sleep(EVERY)
            out.write(f"{loop.time() - before - EVERY}\n")


if __name__ == "__main__":
    asyncio.run(beat(Path(sys.argv[1])))
