"""Document reader: parses a feed document into a `Feed`; RSS, RDF, Atom and CDF by feedparser, JSON Feed here.

Of a document that was read before, feedparser gets only the new items (`item_spans` finds them).

Runs in the worker process of `pool`: its imports are heavy, and documents may be hostile.
"""

import calendar
import json
import re
import time
from bisect import bisect
from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from xml.parsers import expat

from bot.errors import SourceError, SourceFault
from bot.models import Feed, FeedEntry, PollHints
from bot.sources.address import absolute_link, canonical_link
from bot.sources.reading import feedparser_patches, item_spans
from bot.sources.reading.charset import decode, is_garbled, only_characters
from bot.sources.reading.clean import clean_text
from bot.sources.reading.item_spans import Layout, ReadResult, Recall
from bot.sources.reading.normalise import MAX_ENTRIES, RawItem, language_code, normalise, shorten

NO_HINTS = PollHints()
_MAX_FEED_TITLE = 256
LONGEST_TTL = timedelta(days=1)  # a misread hint must not silence a source
_TOLERATED = 0.05  # share of a document's items that may be odd before admins are notified
_JSON_FEED = "https://jsonfeed.org/version/"
_PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(days=7),
    "monthly": timedelta(days=30),
    "yearly": timedelta(days=365),
}
_DECLARATION = re.compile(r"^<\?xml\s[^>]*>")
_CLOSED = re.compile(r"</(?:\w+:)?(?:rss|feed|rdf|channel)\s*>\s*(?:<!--.*)?$", re.IGNORECASE | re.DOTALL)


def read_document(body: bytes, content_type: str | None, url: str, now: datetime) -> Feed:
    """Return the feed in `body`, found at `url`; raises as `read_news` does."""
    return read_news(body, content_type, url, now).feed


def read_news(body: bytes, content_type: str | None, url: str, now: datetime, known: bytes = b"") -> ReadResult:
    """Return the feed in `body`, found at `url`, without the items of the last reading.

    `known` is from that reading's result, at the same `url`. Raises SourceError of kind "not-a-feed"
    or "parse", and whatever feedparser raises on hostile input.
    """
    text = decode(body, content_type).strip()
    if not text:
        raise SourceError(SourceFault.EMPTY)
    if text.startswith("{"):
        return ReadResult(_read_json(text, url, now))
    text = _repaired(text)
    refuse_entities(text)
    return _read_xml(text.encode(), url, now, known)


def _read_xml(document: bytes, url: str, now: datetime, known: bytes) -> ReadResult:
    """Parse the items that are not known; all of them where the new ones cannot be identified by themselves."""
    layout = item_spans.layout(document) or Layout()
    digests = [item_spans.digest(document[start:end]) for start, end in layout.spans]
    kept = item_spans.rows_of(known, set(digests))
    recall = Recall.unpack(b"".join(kept))
    old = [span for span, digest in zip(layout.spans, digests, strict=True) if digest in recall.items]
    if old:
        new = [digest for digest in digests if digest not in recall.items]
        rest = item_spans.without(document, _apart(old, layout.unread))
        feed, items = _parsed(rest, layout, url, now, links_elsewhere=len(recall.links))
        rows = _rows(new, items, url)
        if len(items) == len(new) and recall.is_apart_from(rows):
            return ReadResult(feed, item_spans.pack([*kept, *rows]), whole=False)
    feed, items = _parsed(item_spans.without(document, layout.unread), layout, url, now)
    aligned = len(items) == len(digests)
    return ReadResult(feed, item_spans.pack(_rows(digests, items, url)) if aligned else b"")


def _apart(old: Sequence[tuple[int, int]], unread: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return the spans to cut out, in order: old items, and unread elements that are not within one."""
    ends = [end for _, end in old]
    starts = [start for start, _ in old]
    outside = [(start, end) for start, end in unread if bisect(starts, start) == bisect(ends, start)]
    return sorted([*old, *outside])


def _rows(digests: Sequence[bytes], items: Sequence[RawItem], url: str) -> list[bytes]:
    return [
        item_spans.row(digest, (item.guid or "").strip(), canonical_link(absolute_link(url, item.link) or ""))
        for digest, item in zip(digests, items, strict=False)
    ]


def _parsed(
    document: bytes, layout: Layout, url: str, now: datetime, *, links_elsewhere: int = 0
) -> tuple[Feed, list[RawItem]]:
    """Return the feed that feedparser parses from `document`, and its items in order."""
    parsed = feedparser_patches.parse(
        document, {"content-type": "application/xml; charset=utf-8", "content-location": url}
    )
    if not parsed.version:
        raise SourceError(_fault_of(document))
    raw = parsed.entries
    if (
        parsed.bozo
        and raw
        and not _CLOSED.search(document[-2048:].decode("utf-8", "replace"))
        and not _is_whole(raw[-1])
    ):
        raw = raw[:-1]  # the document broke off within it
    head = parsed.feed
    items = [_xml_item(entry) for entry in raw]
    feed = _feed(
        items,
        url=url,
        now=now,
        title=head.get("title"),
        language=head.get("language"),
        site_url=head.get("link"),
        self_url=_link(head, "self"),
        hub=_link(head, "hub"),
        poll_hints=PollHints(
            max(_minutes(head.get("ttl")), _update_period(head), timedelta()) or None,
            layout.skip_hours,
            layout.skip_days,
        ),
        links_elsewhere=links_elsewhere,
    )
    return feed, items


def refuse_entities(text: str) -> None:
    """Raise SourceError if the document declares entities: by these small documents become huge, or read files.

    Expat, which feedparser uses too, parses up to the first element.
    """
    parser = expat.ParserCreate("utf-8")
    parser.EntityDeclHandler = _refuse_entity
    parser.StartElementHandler = _stop
    try:
        parser.Parse(text.encode(), True)
    except (_PrologueReadError, expat.ExpatError):
        return  # no entities so far; feedparser's parser for malformed documents has none


class _PrologueReadError(Exception):
    pass


def _stop(*_: object) -> None:
    raise _PrologueReadError


def _refuse_entity(*_: object) -> None:
    raise SourceError(SourceFault.ENTITIES)


def _repaired(text: str) -> str:
    """Return `text` without characters and declarations that would make feedparser refuse the whole document."""
    text = "<?xml version='1.0' encoding='utf-8'?>" + _DECLARATION.sub("", text).lstrip()
    return only_characters(text)


def _fault_of(document: bytes) -> SourceFault:
    if re.search(rb"<(?:!doctype\s+html|html|body)\b", document[:4096], re.IGNORECASE):
        return SourceFault.WEB_PAGE
    return SourceFault.NOT_A_FEED


def _is_whole(entry: Mapping[str, Any]) -> bool:
    return bool(entry.get("id") or (entry.get("link") and entry.get("title")))


def _xml_item(entry: dict[str, Any]) -> RawItem:
    title = entry.get("title_detail") or {}
    bodies = [part.get("value") or "" for part in entry.get("content") or ()]
    return RawItem(
        guid=entry.get("id"),
        link=entry.get("feedburner_origlink") or entry.get("link"),
        title=entry.get("title") or "",
        body=max([*bodies, entry.get("summary") or ""], key=len),
        language=title.get("language") or _content_language(entry),
        published_at=_moment(entry),
    )


def _content_language(entry: Mapping[str, Any]) -> str | None:
    details = [entry.get("summary_detail") or {}, *(entry.get("content") or ())]
    return next((detail["language"] for detail in details if detail.get("language")), None)


def _moment(entry: dict[str, Any]) -> datetime | None:
    """Return the first readable date. By dict.get: feedparser's own look-up warns when `updated` is missing."""
    for name in ("published_parsed", "updated_parsed", "created_parsed"):
        parts: time.struct_time | None = dict.get(entry, name)
        if parts is not None:
            try:
                return datetime.fromtimestamp(calendar.timegm(parts), UTC)
            except (ValueError, OverflowError, OSError):
                continue
    return None


def _link(head: Mapping[str, Any], rel: str) -> str | None:
    return next((link.get("href") for link in head.get("links") or () if link.get("rel") == rel), None)


def _minutes(text: str | None) -> timedelta:
    """Return RSS `ttl`, at most a day; zero for none."""
    return min(timedelta(minutes=_number(text, 0)), LONGEST_TTL)


def _update_period(head: Mapping[str, Any]) -> timedelta:
    """Return the document's update period (RDF Site Summary 1.0, module Syndication), at most a day; zero for none."""
    period = _PERIODS.get(str(head.get("sy_updateperiod") or "").strip().lower(), timedelta())
    return min(period / max(_number(head.get("sy_updatefrequency"), 1), 1), LONGEST_TTL)


def _number(text: str | None, missing: int) -> int:
    text = (text or "").strip()
    return int(text[:6]) if text.isascii() and text.isdigit() else missing


def _read_json(text: str, url: str, now: datetime) -> Feed:
    """Parse JSON Feed 1.0 and 1.1 (jsonfeed.org); a value of the wrong type counts as missing."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise SourceError(SourceFault.NOT_A_FEED) from error
    if not _text(document, "version").startswith(_JSON_FEED) or not isinstance(document.get("items"), list):
        raise SourceError(SourceFault.OTHER_JSON)
    hubs = [_text(hub, "url") for hub in document.get("hubs") or () if isinstance(hub, dict)]
    return _feed(
        [_json_item(item) for item in document["items"] if isinstance(item, dict)],
        url=url,
        now=now,
        title=_text(document, "title"),
        language=_text(document, "language"),
        site_url=_text(document, "home_page_url"),
        self_url=_text(document, "feed_url"),
        hub=hubs[0] if hubs else None,
    )


def _json_item(item: dict[str, Any]) -> RawItem:
    guid = item.get("id")
    return RawItem(
        guid=str(guid) if isinstance(guid, str | int | float) else None,
        link=_text(item, "url") or _text(item, "external_url"),
        title=_text(item, "title"),
        body=_text(item, "content_html") or _text(item, "content_text") or _text(item, "summary"),
        language=_text(item, "language"),
        published_at=_iso_date(_text(item, "date_published") or _text(item, "date_modified")),
    )


def _text(document: dict[str, Any], name: str) -> str:
    value = document.get(name)
    return value if isinstance(value, str) else ""


def _iso_date(text: str) -> datetime | None:
    try:
        date = datetime.fromisoformat(text)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None


def _are_distinct(guids: Sequence[str]) -> bool:
    return all(guids) and len(set(guids)) == len(guids)


def _troubles(items: Sequence[RawItem], entries: Sequence[FeedEntry]) -> frozenset[str]:
    """Return the troubles of a document whose items can nevertheless be identified and read (`Feed.troubles`)."""
    guids = Counter(guid for item in items if (guid := (item.guid or "").strip()))
    sharing = sum(count for count in guids.values() if count > 1)
    garbled = sum(is_garbled(entry.title) for entry in entries)
    found = {
        "long": len(items) > MAX_ENTRIES,
        "ids": sharing > len(items) * _TOLERATED,
        "letters": garbled > max(2, len(entries) * _TOLERATED),
    }
    return frozenset(name for name, wrong in found.items() if wrong)


def _feed(
    items: Sequence[RawItem],
    *,
    url: str,
    now: datetime,
    title: str | None,
    language: str | None,
    site_url: str | None,
    self_url: str | None,
    hub: str | None,
    poll_hints: PollHints = NO_HINTS,
    links_elsewhere: int = 0,
) -> Feed:
    site = absolute_link(url, site_url)
    entries, skipped = normalise(
        items, url=url, now=now, site_url=site, language=language, links_elsewhere=links_elsewhere
    )
    return Feed(
        title=shorten(clean_text(title or ""), _MAX_FEED_TITLE),
        language=language_code(language),
        entries=entries,
        site_url=site,
        self_url=absolute_link(url, self_url),
        hub=absolute_link(url, hub),
        skipped=skipped,
        ids_distinct=_are_distinct([(item.guid or "").strip() for item in items]),
        troubles=_troubles(items, entries),
        poll_hints=poll_hints,
    )
