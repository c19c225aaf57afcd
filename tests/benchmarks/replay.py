"""Replay the real feeds as they changed through the real poller, and count: `python -m tests.benchmarks.replay`.

Needs WATCHWORD_DATA. `ids` are the different ids in all snapshots, as feedparser reads them; `entries` is how many
were stored as new. Each id that was not stored exactly once is named, with the reason: it may come back after it was
away for longer than seen keys are kept, and is new again then.
"""

import asyncio
import sys
import tempfile

import structlog

from bot.storage.database import Database
from tests.pipeline import replay


def main() -> None:
    """Print one line for each series."""
    if not replay.DATA.is_dir():
        sys.exit("WATCHWORD_DATA does not point at the series of feeds")
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(50))
    for name in replay.SERIES:
        with tempfile.TemporaryDirectory() as directory:
            sys.stdout.write(f"{name:18} {asyncio.run(_replay(name, directory))}\n")


async def _replay(name: str, directory: str) -> str:
    async with Database(f"sqlite:///{directory}/watchword.db") as database:
        played = await replay.replay(name, database)
    counts = (
        f"{played.snapshots} snapshots ({played.failed} not a feed): {played.ids} ids, {played.entries} entries, "
        f"{played.edited} edits; {len(played.unexplained)} differences without a good reason"
    )
    return "\n".join([counts, *(f"    {line}" for line in played.differences)])


if __name__ == "__main__":
    main()
