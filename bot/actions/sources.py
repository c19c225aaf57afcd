"""Actions of admins on news sources: add, import, remove, pause, resume, poll, and read whole articles.

Each stores what the admin did. `admin_id` is the admin's Telegram number.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from bot.actions.refused import Refused
from bot.models import Feed
from bot.sources.address import canonical_url, check_url
from bot.sources.discover import Probe, probe
from bot.sources.http.fetch import Fetcher
from bot.sources.opml import Opml, RefusedOutline
from bot.sources.reading.pool import FeedParser
from bot.storage import sources, stats
from bot.storage.sources import SourceStatus


class SourceRefusal(Enum):
    """Why an action on a source was refused."""

    ALREADY_ADDED = "already added"
    BROKEN_FEED = "broken feed"  # the feed that a page names did not work when it was fetched again
    NOT_FOUND = "source not found"  # no source has this number or address
    REMOVED = "removed"


@dataclass(frozen=True, slots=True)
class AddedSource:
    """A source that was just added. `titles` are those of its articles, in the order of the feed."""

    id: int
    title: str
    host: str
    titles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class FullTextChange:
    """A source as it is after its `full_text` was set; `changed` is False if it was set before."""

    source: SourceStatus
    changed: bool


@dataclass(frozen=True, slots=True)
class ImportedSources:
    """The numbers of feeds of an OPML file that were added and were sources already, and those that are refused."""

    added: int
    known: int
    refused: tuple[RefusedOutline, ...]


def shown_host(url: str) -> str:
    """Return the host of an address. The rest may contain the key to a private feed, so it is never shown."""
    return URL(url).host or url[:40]


async def check_new(connection: AsyncConnection, typed: str) -> str:
    """Return the address that an admin typed; Refused if it is a source, SourceError if it is no web address."""
    url = str(check_url(typed))
    canonical = canonical_url(url)
    if any(source.url == canonical for source in await sources.listing(connection)):
        raise Refused(SourceRefusal.ALREADY_ADDED)
    return url


async def find_feed(url: str, fetcher: Fetcher, parser: FeedParser) -> Probe:
    """Fetch an address and return its feed, or that of the one feed its page names; without a feed if it names several.

    Raises SourceError if there is none. Takes seconds, so it belongs before the transaction.
    """
    found = await probe(url, fetcher, parser)
    if found.feed is None and len(found.found) == 1:
        found = await probe(found.found[0].url, fetcher, parser)
        if found.feed is None:  # the address answered with a feed a moment ago, and now with a page
            raise Refused(SourceRefusal.BROKEN_FEED)
    return found


async def add(connection: AsyncConnection, url: str, feed: Feed, admin_id: int, now: datetime) -> AddedSource:
    """Add the source whose feed was fetched from `url`; Refused if it is a source already."""
    host = shown_host(url)
    title = feed.title or host
    source_id, is_new = await sources.add(
        connection, url=canonical_url(url), title=title, language=feed.language, now=now
    )
    if not is_new:
        raise Refused(SourceRefusal.ALREADY_ADDED)
    await stats.record_act(connection, admin_id, f"addsource {host}", now)
    return AddedSource(source_id, title, host, tuple(entry.title for entry in feed.entries))


async def import_opml(connection: AsyncConnection, opml: Opml, admin_id: int, now: datetime) -> ImportedSources:
    """Add every feed of an OPML file that is not a source yet; the others stay as they are."""
    added = 0
    for feed in opml.feeds:
        title = feed.title or shown_host(feed.url)
        __, is_new = await sources.add(
            connection, url=feed.url, title=title, language=feed.language, full_text=feed.full_text, now=now
        )
        added += is_new
    await stats.record_act(connection, admin_id, f"import {added}", now)
    return ImportedSources(added, len(opml.feeds) - added, opml.refused)


async def choose(connection: AsyncConnection, typed: str) -> SourceStatus:
    """Return the source that an admin typed: its number in the list (from 1), or its address. Refused if none is."""
    listed = await sources.listing(connection)
    if typed.isdecimal() and 1 <= int(typed[:9]) <= len(listed):
        return listed[int(typed[:9]) - 1]
    url = canonical_url(typed) if "." in typed or ":" in typed else None
    for source in listed:
        if source.url == url:
            return source
    raise Refused(SourceRefusal.NOT_FOUND)


async def remove(connection: AsyncConnection, source: SourceStatus, admin_id: int, now: datetime) -> SourceStatus:
    """Remove a source; its articles stay."""
    return await _set_state(connection, source, sources.REMOVED, f"removesource {source.id}", admin_id, now)


async def pause(connection: AsyncConnection, source: SourceStatus, admin_id: int, now: datetime) -> SourceStatus:
    """Stop polling a source until it is resumed."""
    return await _set_state(connection, source, sources.PAUSED, f"pausesource {source.id}", admin_id, now)


async def resume(connection: AsyncConnection, source: SourceStatus, admin_id: int, now: datetime) -> SourceStatus:
    """Poll a paused source again, at once."""
    return await _set_state(connection, source, sources.ACTIVE, f"resumesource {source.id}", admin_id, now)


async def _set_state(
    connection: AsyncConnection, source: SourceStatus, state: str, act: str, admin_id: int, now: datetime
) -> SourceStatus:
    await sources.set_state(connection, source.id, state, now)
    await stats.record_act(connection, admin_id, act, now)
    return replace(source, state=state)


async def toggle_full_text(
    connection: AsyncConnection, source: SourceStatus, admin_id: int, now: datetime
) -> FullTextChange:
    """Start or stop reading the web pages of a source's articles."""
    return await _set_full_text(connection, source, not source.full_text, admin_id, now)


async def start_full_text(connection: AsyncConnection, source_id: int, admin_id: int, now: datetime) -> FullTextChange:
    """Start reading the web pages of a source's articles. Refused if the source was removed."""
    for source in await sources.listing(connection):
        if source.id == source_id:
            return await _set_full_text(connection, source, True, admin_id, now)
    raise Refused(SourceRefusal.REMOVED)


async def _set_full_text(
    connection: AsyncConnection, source: SourceStatus, full_text: bool, admin_id: int, now: datetime
) -> FullTextChange:
    if source.full_text is full_text:
        return FullTextChange(source, changed=False)
    await sources.set_full_text(connection, source.id, full_text)
    await stats.record_act(connection, admin_id, f"fulltext {source.id} {'on' if full_text else 'off'}", now)
    return FullTextChange(replace(source, full_text=full_text), changed=True)


async def poll_now(connection: AsyncConnection, source: SourceStatus | None, now: datetime) -> int:
    """Make an active source due at once, or all of them if `source` is None; return how many were."""
    return await sources.make_due(connection, now, source.id if source else None)
