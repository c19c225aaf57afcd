"""Duration of a claim with 100,000 pending messages: `python -m tests.benchmarks.claiming [--url postgresql://…]`."""

import argparse
import asyncio
import statistics
import sys
import tempfile
import time
from datetime import timedelta

from bot.runtime.clock import Clock
from bot.storage import deliveries, delivery_claims
from bot.storage.database import Database
from tests.benchmarks.sending import make_people, owe

WAITING = 100_000
CLAIMS = 50


async def measure(url: str) -> list[float]:
    """Return how many milliseconds each of some claims of eight took, commit included."""
    took = []
    async with Database(url) as database:
        await owe(database, await make_people(database, WAITING), deliveries.DIGEST)
        for _ in range(CLAIMS):
            began = time.perf_counter()
            async with database.begin() as connection:
                await delivery_claims.claim(connection, Clock().now(), free=8, lease=timedelta(minutes=2))
            took.append((time.perf_counter() - began) * 1000)
    return took


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--url", help="an empty database; without it, a new SQLite file")
    options = parser.parse_known_args()[0]
    with tempfile.TemporaryDirectory() as folder:
        took = asyncio.run(measure(options.url or f"sqlite:///{folder}/bench.db"))
    sys.stdout.write(
        f"claim of 8 among {WAITING:,}: median {statistics.median(took):.1f} ms, worst {max(took):.1f} ms\n"
    )


if __name__ == "__main__":
    main()
