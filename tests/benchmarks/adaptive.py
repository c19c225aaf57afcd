"""Adaptive polling compared with fixed intervals and equally many requests, on real feeds: `make bench ARGS=adaptive`.

Needs WATCHWORD_DATA. If two snapshots of a feed are not further apart than a limit, an entry only in the second was
published at its date, provided that lies between them. Only these intervals are used, for learning (the first half of
the time they cover) and for evaluation (the second). `best` uses the rates of the evaluated half itself, per hour of
the week: no policy that has only those can do better. Waits are means over seven phases.
"""

import calendar
import io
import sys
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from statistics import mean

import feedparser

from bot.sources import rhythm
from bot.sources.rhythm import Rates, Rhythm
from tests.pipeline import replay

SERIES = ("bbc", "nzherald", "rnz", "straittimes")
LIMITS = (timedelta(hours=12), timedelta(hours=24))
INTERVAL = timedelta(minutes=30)
PHASES = 7
NEVER = 1 / 50  # of the average rate: what an hour without entries counts as for `best`


@dataclass(frozen=True)
class Watched:
    """An interval that two snapshots cover, and when entries came in it."""

    start: datetime
    end: datetime
    arrivals: tuple[datetime, ...]


def main() -> None:
    """Print, for each feed, the mean wait of an entry and its 95th percentile, as parts of those at fixed intervals."""
    if not replay.DATA.is_dir():
        sys.exit("WATCHWORD_DATA does not point at the series of feeds")
    show(f"{'feed':13}{'gaps up to':>11}{'judged':>11}{'entries':>9}{'polls':>7}{'mean':>8}{'p95':>7}{'best mean':>11}")
    for name in SERIES:
        dates = published(name)
        for limit in LIMITS:
            report(name, limit, watched(dates, limit))


def report(name: str, limit: timedelta, intervals: Sequence[Watched]) -> None:
    """Print the line of one feed."""
    half = sum((interval.end - interval.start for interval in intervals), timedelta()) / 2
    covered, cut = timedelta(), 0
    while covered < half:
        covered += intervals[cut].end - intervals[cut].start
        cut += 1
    judged = intervals[cut:]
    polls, waits, fixed = compare(rhythm.rates(learnt(intervals[:cut])), judged)
    _, best, best_fixed = compare(hindsight(learnt(judged)), judged)
    days = sum((interval.end - interval.start for interval in judged), timedelta()) / timedelta(days=1)
    count = sum(len(interval.arrivals) for interval in judged)
    show(
        f"{name:13}{limit / timedelta(hours=1):9.0f} h{days:9.1f} d{count:9}{polls:7.0f}"
        f"{mean(waits) / mean(fixed):8.3f}{late(waits) / late(fixed):7.3f}{mean(best) / mean(best_fixed):11.3f}"
    )


def published(name: str) -> list[tuple[datetime, dict[str, datetime | None]]]:
    """Return each snapshot's time, and its items' ids and dates."""
    found = []
    for at, body in replay.snapshots(name):
        parsed = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
        items = {entry.get("id") or entry.get("link"): _date(entry) for entry in parsed.entries}
        if items:
            found.append((at, items))
    return found


def _date(entry: feedparser.FeedParserDict) -> datetime | None:
    parts = entry.get("published_parsed")
    return datetime.fromtimestamp(calendar.timegm(parts), UTC) if parts else None


def watched(snapshots: list[tuple[datetime, dict[str, datetime | None]]], limit: timedelta) -> list[Watched]:
    """Return the intervals between snapshots at most `limit` apart."""
    found: list[Watched] = []
    known: set[str] = set()
    before: datetime | None = None
    for at, items in snapshots:
        if before is not None and at - before <= limit:
            dates = [date for key, date in items.items() if key not in known and date]
            found.append(Watched(before, at, tuple(sorted(date for date in dates if before < date <= at))))
        known |= items.keys()
        before = at
    return found


def learnt(intervals: Sequence[Watched]) -> Rhythm:
    """Return the rhythm of the intervals; what is between them was not watched."""
    known = Rhythm(intervals[0].start)
    for interval in intervals:
        known = rhythm.learn(replace(known, until=interval.start), interval.arrivals, interval.end)
    return known


def hindsight(known: Rhythm) -> Rates:
    """Return the rates as they were, hour of the week by hour of the week."""
    average = sum(known.entries) / sum(known.watched)
    pairs = zip(known.entries, known.watched, strict=True)
    return Rates(tuple(max(count / hours, average * NEVER) if hours else average for count, hours in pairs))


def compare(known: Rates, judged: Sequence[Watched]) -> tuple[float, list[float], list[float]]:
    """Return polls in the judged intervals, and the waits (seconds) with these rates and at a fixed interval."""
    polls, waits = simulate(lambda now: rhythm.next_at(now, INTERVAL, known), judged, INTERVAL)
    covered = sum((interval.end - interval.start for interval in judged), timedelta())
    every = covered / polls
    _, fixed = simulate(lambda now: now + every, judged, every)
    return polls, waits, fixed


def simulate(
    policy: Callable[[datetime], datetime], judged: Sequence[Watched], interval: timedelta
) -> tuple[float, list[float]]:
    """Return how many polls fell into the judged intervals (mean of the phases), and all waits in all of them."""
    counts, waits = [], []
    for phase in range(PHASES):
        polls = [judged[0].start - timedelta(days=1) + interval * phase / PHASES]
        while polls[-1] < judged[-1].end + timedelta(days=1):
            polls.append(policy(polls[-1]))
        counts.append(
            sum(bisect_right(polls, interval.end) - bisect_right(polls, interval.start) for interval in judged)
        )
        arrivals = [arrival for interval in judged for arrival in interval.arrivals]
        waits += [(polls[bisect_left(polls, arrival)] - arrival).total_seconds() for arrival in arrivals]
    return mean(counts), waits


def late(waits: list[float]) -> float:
    """Return the 95th percentile."""
    return sorted(waits)[len(waits) * 95 // 100]


def show(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(line + "\n")


if __name__ == "__main__":
    main()
