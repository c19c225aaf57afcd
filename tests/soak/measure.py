"""Measurements of a running program: its memory, its descriptors, and the sizes of its tables and of its file."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

import sqlalchemy as sa

from bot.storage import schema
from bot.storage.database import Database

MOST_GROWTH = 0.10  # of the third quarter's median, in the fourth: what is bounded only swings
SPARE = {"RSS MiB": 4.0, "parser MiB": 4.0, "descriptors": 3.0, "database MiB": 1.0}
SPARE_ROWS = 100.0


@dataclass
class Series:
    """Values of one quantity, each with the number of articles that had been stored by then."""

    name: str
    values: list[tuple[int, float]] = field(default_factory=list)

    def quarters(self) -> tuple[float, float]:
        """Return the medians of the third and of the last quarter."""
        count = len(self.values)
        third, last = self.values[count // 2 : count * 3 // 4], self.values[count * 3 // 4 :]
        return median(value for _, value in third), median(value for _, value in last)

    def slope(self) -> float:
        """Return the growth for each thousand articles in the second half, by least squares."""
        half = self.values[len(self.values) // 2 :]
        mean_x, mean_y = (sum(column) / len(half) for column in zip(*half, strict=True))
        spread = sum((x - mean_x) ** 2 for x, _ in half)
        return 1000 * sum((x - mean_x) * (y - mean_y) for x, y in half) / spread if spread else 0.0

    def is_flat(self) -> bool:
        """Return whether the last quarter is no higher than the third, but for a tenth or what is spare."""
        third, last = self.quarters()
        return last <= third + max(third * MOST_GROWTH, SPARE.get(self.name, SPARE_ROWS))


def of_process(pid: int) -> dict[str, float]:
    """Return the memory of a process and of those that read documents for it, and its open descriptors."""
    return {
        "RSS MiB": _rss(pid),
        "parser MiB": sum(map(_rss, _descendants(pid))),
        "descriptors": float(len(list(Path(f"/proc/{pid}/fd").iterdir()))),
    }


def _descendants(pid: int) -> list[int]:
    """Return the processes that a process started, and those that these started: any of its threads may have."""
    found: list[int] = []
    for children in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in map(int, children.read_text().split()):
            found += [child, *_descendants(child)]
    return found


def _rss(pid: int) -> float:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:  # a parser that has been replaced
        return 0.0
    return next((int(line.split()[1]) / 1024 for line in status.splitlines() if line.startswith("VmRSS")), 0.0)


async def of_database(database: Database) -> dict[str, float]:
    """Return the size of the database and the number of rows of each table that has any."""
    found = {"database MiB": await _size(database) / 2**20}
    async with database.read() as connection:
        for table in schema.meta.sorted_tables:
            counted = (await connection.execute(sa.select(sa.func.count()).select_from(table))).scalar_one()
            if counted:
                found[f"rows of {table.name}"] = float(counted)
    return found


async def _size(database: Database) -> int:
    if database.path is not None:
        return database.path.stat().st_size + database.log_bytes()
    async with database.read() as connection:
        size = await connection.execute(sa.select(sa.func.pg_database_size(sa.func.current_database())))
        return int(size.scalar_one())


def table(found: Sequence[Series]) -> list[str]:
    """Return the lines of the verdict."""
    lines = [f"{'':28} {'third quarter':>14} {'last quarter':>14} {'per 1,000 articles':>20}"]
    for series in found:
        third, last = series.quarters()
        verdict = "flat" if series.is_flat() else "GROWS"
        lines.append(f"{series.name:28} {third:14,.1f} {last:14,.1f} {series.slope():+20.2f}  {verdict}")
    return lines
