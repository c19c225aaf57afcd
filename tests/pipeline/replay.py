"""Replay a real feed as it changed, through the real poller, with a clock that shows the time of each snapshot."""

import io
import os
import tarfile
from collections import Counter
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import feedparser

from bot.pipeline.tidy import tidy
from bot.storage import schema, sources
from bot.storage.database import Database
from tests.pipeline.rig import PACE, rig

DATA = Path(os.environ.get("WATCHWORD_DATA", "nowhere")) / "data" / "feeds" / "series"
SERIES = ("bbc", "nzherald", "rnz", "straittimes", "aljazeera-2026-08")
RETENTION = timedelta(days=90)


@dataclass(frozen=True)
class Replayed:
    """What came of a replay: `ids` in the feed by feedparser, `entries` stored, and what explains a difference."""

    snapshots: int
    failed: int
    ids: int
    entries: int
    returned: int  # ids that came back after they were away for longer than what was seen is remembered
    repeated: int  # entries whose link another entry has too
    edited: int


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
    failed, returned = 0, 0
    shown_at: dict[str, datetime] = {}
    async with rig(database, replace(PACE, first_poll_is_news=True)) as made:
        made.clock.time = series[0][0]
        source_id = await made.add()
        for at, body in series:
            made.clock.time = at
            made.feeds.serve("/a.xml", body)
            async with database.begin() as connection:
                await sources.make_due(connection, at, source_id)
            await made.poll(timedelta())
            failed += (await made.source())["failures"] > 0
            await tidy(database, made.clock, retention=RETENTION)
            plain = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
            ids = {entry.get("id") or entry.get("link") for entry in plain.entries}
            returned += sum(at - shown_at.get(one, at) > RETENTION for one in ids)
            shown_at |= dict.fromkeys(ids, at)
        rows = await made.rows(schema.entry)
    stored = Counter(row["canonical_url"] for row in rows)
    return Replayed(
        snapshots=len(series),
        failed=failed,
        ids=len(shown_at),
        entries=max(row["id"] for row in rows),
        returned=returned,
        repeated=sum(count - 1 for count in stored.values()),
        edited=sum(row["edited_at"] is not None for row in rows),
    )
