"""Replay a real feed as it changed, through the real poller, with a clock that shows the time of each snapshot."""

import io
import os
import tarfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser

from bot.pipeline.tidy import tidy
from bot.sources.address import canonical_link
from bot.sources.identity import Label, identity_keys, link_key
from bot.storage import entries, schema, sources
from bot.storage.database import Database
from tests.pipeline.rig import SETTINGS, rig

DATA = Path(os.environ.get("WATCHWORD_DATA", "nowhere")) / "data" / "feeds" / "series"
SERIES = ("bbc", "nzherald", "rnz", "straittimes", "aljazeera-2026-08")
RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class Replayed:
    """What came of a replay: `ids` in the feed by feedparser, `entries` stored.

    `differences` names each id that was not stored once, with the reason; one without a good one is in `unexplained`.
    """

    snapshots: int
    failed: int
    ids: int
    entries: int
    repeated: int  # entries whose link another entry has too
    edited: int
    differences: tuple[str, ...]
    unexplained: tuple[str, ...]


@dataclass
class History:
    """What became of one id: its last title, when it was last shown, and the entries it was stored as."""

    title: str
    shown_at: datetime
    entries: list[int] = field(default_factory=list)
    away: list[timedelta] = field(default_factory=list)  # before each of these entries; zero for the first

    def note(self, entry_id: int | None, at: datetime) -> None:
        if entry_id is not None and entry_id not in self.entries:
            self.entries.append(entry_id)
            self.away.append(at - self.shown_at)


def snapshots(name: str) -> list[tuple[datetime, bytes]]:
    """Return the snapshots of a series in order, with their times."""
    with tarfile.open(DATA / f"{name}.tar.xz") as archive:
        files = [(member, archive.extractfile(member)) for member in archive if member.isfile()]
        return sorted(
            (datetime.fromtimestamp(int(Path(member.name).stem), UTC), file.read()) for member, file in files if file
        )


async def replay(name: str, database: Database, *, last: int = 0) -> Replayed:
    """Poll each snapshot of a series (or the `last` ones) once, at its time, tidied as in a running bot."""
    series = snapshots(name)[-last:]
    failed = 0
    histories: dict[str, History] = {}
    async with rig(database, replace(SETTINGS, first_poll_is_news=True)) as made:
        made.clock.time = series[0][0]
        source_id = await made.add()
        for at, body in series:
            made.clock.time = at
            made.feeds.serve("/a.xml", body)
            async with database.begin() as connection:
                await sources.make_due(connection, at, source_id)
            await made.poll(timedelta())
            failed += (await made.source())["failures"] > 0
            await follow(histories, database, source_id, body, at)
            await tidy(database, made.clock, retention=RETENTION)
        rows = await made.rows(schema.entry)
    stored = Counter(row["canonical_url"] for row in rows)
    differences = list(told_apart(histories))
    return Replayed(
        snapshots=len(series),
        failed=failed,
        ids=len(histories),
        entries=max(row["id"] for row in rows),
        repeated=sum(count - 1 for count in stored.values()),
        edited=sum(row["edited_at"] is not None for row in rows),
        differences=tuple(line for line, _ in differences),
        unexplained=tuple(line for line, explained in differences if not explained),
    )


async def follow(histories: dict[str, History], database: Database, source_id: int, body: bytes, at: datetime) -> None:
    """Note which entry each id of a snapshot is stored as, now that it was polled."""
    plain = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
    shown = {entry.get("id") or entry.get("link"): entry for entry in plain.entries}
    keys = {one: (id_key(one), link_key(canonical_link(entry.get("link", "")) or "")) for one, entry in shown.items()}
    async with database.read() as connection:
        known = await entries.seen_keys(connection, source_id, [key for pair in keys.values() for key in pair])
    for one, entry in shown.items():
        history = histories.setdefault(one, History(entry.get("title", ""), at))
        history.note(next((known[key] for key in keys[one] if key in known), None), at)
        history.title, history.shown_at = entry.get("title", ""), at


def id_key(guid: str) -> str:
    """Return the key of an item by an id that no other item of its document has."""
    return identity_keys([Label(guid.strip(), None, "")])[0][0]


def told_apart(histories: dict[str, History]) -> Iterator[tuple[str, bool]]:
    """Yield each id that was not stored once, why, and whether that is as it should be."""
    first: dict[int, str] = {}
    for one, history in histories.items():
        if not history.entries:
            yield f"never stored: {one} ({history.title})", False
        for entry_id, away in zip(history.entries, history.away, strict=True):
            if away > RETENTION:
                yield f"new again, for it came back after {away.days} days away: {one} ({history.title})", True
            elif entry_id != history.entries[0]:
                yield f"new again after {away} away: {one} ({history.title})", False
            elif entry_id in first:
                yield f"one entry with {first[entry_id]}, whose link it has: {one} ({history.title})", True
            first.setdefault(entry_id, one)
