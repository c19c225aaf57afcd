"""Normaliser: turns a document's items into `FeedEntry` records: plain, bounded, identified, oldest first. Pure.

In: `RawItem`s of any format. Out: entries that no later stage needs to clean or check.
"""

import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import pairwise

from bot.models import FeedEntry
from bot.sources.address import absolute_link, canonical_link
from bot.sources.identity import Label, identity_keys
from bot.sources.reading.clean import clean_entry

MAX_ENTRIES = 500
MAX_TITLE = 512
MAX_SUMMARY = 32 * 1024  # matching reads at most 64 kB of an article
_MAX_MARKUP = 128 * 1024  # of one field, before cleaning
_HEADLINE = 120  # of a text without a title
_OLDEST = datetime(1990, 1, 1, tzinfo=UTC)  # before the web: a misread date
_CLOCK_ERROR = timedelta(hours=1)
_JOINERS = frozenset("\u200d\ufe0e\ufe0f")


@dataclass(frozen=True, slots=True)
class RawItem:
    """An item as in its document: texts may hold markup, the link may be relative, the date may be wrong."""

    guid: str | None = None
    link: str | None = None
    title: str = ""
    body: str = ""
    language: str | None = None
    published_at: datetime | None = None


def normalise(
    items: Sequence[RawItem],
    *,
    url: str,
    now: datetime,
    site_url: str | None = None,
    language: str | None = None,
    links_elsewhere: int = 0,
) -> tuple[tuple[FeedEntry, ...], int]:
    """Return the entries, oldest first, and how many items were left out.

    `url` is where the document was found: links are relative to it. Left out are items with no title, link or text,
    and the oldest beyond MAX_ENTRIES. An item that occurs twice in the document is one entry. `links_elsewhere` counts
    the different links of the document's other items, if `items` are not all of them.
    """
    usable = [item for item in items if item.title.strip() or item.link or item.body.strip()]
    newest = oldest_first(usable)[-MAX_ENTRIES:]
    entries = [_entry(item, url=url, now=now, language=language) for item in newest]
    labels = [
        Label((item.guid or "").strip() or None, entry.canonical_url, entry.title, entry.summary)
        for item, entry in zip(newest, entries, strict=True)
    ]
    home = [page for page in (canonical_link(url), canonical_link(site_url or "")) if page]
    keys = identity_keys(labels, home, links_elsewhere)
    named = [replace(entry, keys=own) for entry, own in zip(entries, keys, strict=True) if entry.title]
    return tuple(_once(named)), len(items) - len(named)


def oldest_first(items: Sequence[RawItem]) -> list[RawItem]:
    """Return the items in the order they were published.

    By date where every item has one, else in the order of the document: feeds list the newest first, unless the
    dates they have rise more often than they fall.
    """
    dates = [item.published_at for item in items if item.published_at]
    rising = sum(before < after for before, after in pairwise(dates))
    falling = sum(before > after for before, after in pairwise(dates))
    ordered = list(items) if rising > falling else list(reversed(items))
    if len(dates) < len(items):
        return ordered
    return sorted(ordered, key=lambda item: item.published_at or _OLDEST)


@lru_cache(maxsize=256)  # the items of a document mostly share one
def language_code(name: str | None) -> str | None:
    """Return the two-letter code in a language tag ("en-GB", "pt_BR"), lower case, or None."""
    code = (name or "").strip().replace("_", "-").partition("-")[0].lower()
    return code if len(code) == 2 and code.isascii() and code.isalpha() else None


def display_date(date: datetime | None, now: datetime) -> datetime | None:
    """Return a date fit to show, or None for one that cannot be true.

    A date in the future is now (a clock or a zone is wrong, or the piece was published before its embargo ended). An
    old date stays: an old piece must not look new.
    """
    if date is None or date < _OLDEST:
        return None
    return now if date > now + _CLOCK_ERROR else date


def shorten(text: str, limit: int) -> str:
    """Return at most `limit` characters of `text`, without cutting a letter from its marks."""
    if len(text) <= limit:
        return text
    while limit and (unicodedata.combining(text[limit]) or text[limit] in _JOINERS or text[limit - 1] in _JOINERS):
        limit -= 1
    return text[:limit].rstrip()


def _entry(item: RawItem, *, url: str, now: datetime, language: str | None) -> FeedEntry:
    """Return the entry, without keys yet; its title is "" if cleaning left nothing of the item."""
    title, body = clean_entry(item.title[:_MAX_MARKUP], item.body[:_MAX_MARKUP])
    title, summary = shorten(title, MAX_TITLE), shorten(body, MAX_SUMMARY)
    link = absolute_link(url, item.link)
    return FeedEntry(
        keys=(),
        title=title or _headline(summary) or link or "",
        url=link,
        canonical_url=canonical_link(link) if link else None,
        summary=summary,
        language=language_code(item.language) or language_code(language),
        published_at=display_date(item.published_at, now),
    )


def _headline(text: str) -> str:
    """Return the beginning of a text without a title (a note, a post), up to the end of a word."""
    line = text.partition("\n")[0]
    if len(line) <= _HEADLINE:
        return line
    return shorten(line, _HEADLINE).rpartition(" ")[0] + "…" if " " in line[:_HEADLINE] else line[:_HEADLINE] + "…"


def _once(entries: Sequence[FeedEntry]) -> list[FeedEntry]:
    seen: set[str] = set()
    kept = []
    for entry in entries:
        if seen.isdisjoint(entry.keys):
            kept.append(entry)
        seen.update(entry.keys)
    return kept
