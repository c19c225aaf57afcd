"""Replay of real feeds through the real poller, with a count of the entries: `python -m tests.benchmarks.replay`.

Needs WATCHWORD_DATA. `ids` is the number of distinct ids in all snapshots, as parsed by feedparser; `entries` is
the number stored as new. Each id that was not stored exactly once is printed with the reason: it may return after its
seen key has expired, and is then new again.
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
