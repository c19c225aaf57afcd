"""News messages: pending items rendered as one alert, or a digest in as many parts as it needs.

Telegram takes 4096 characters after entities, some hundred entities, and an unpublished number of bytes; we stay below
all three. A part ends between items: an item is bounded, so it always fits whole.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, Self

from babel import Locale
from babel.dates import format_skeleton
from markupsafe import Markup, escape

from bot.locales import Words, isolate
from bot.messages.limits import FRAME, LIMIT, measure
from bot.messages.safe_text import clean, clip, host, inert, link, vouches
from bot.models import Button, Message
from bot.runtime.zone_rules import zone_info

STORIES = 50  # in one digest: more is not read; the rest is counted, and listed by /latest
TITLE, SOURCE, LABEL, LEDE = 512, 60, 100, 200  # code points shown at most
SHORT_TITLE = 90  # in a list of examples
LABELS = 5  # named in an alert; the rest is counted
WEEK = timedelta(days=6)  # a weekday alone names a day that is nearer than this

SEPARATOR = Markup("\n\n")


@dataclass(frozen=True, slots=True)
class Item:
    """One story as a chat is told of it, by the entry that tells it best.

    `queries` are the reader's own labels, the best match first; `more_sources` counts the story's other sources;
    `score` is the match's, 0 to 1; `lede` is plain text (`lede_of`). `language` is a code, or None where it is not
    known. `perhaps_seen`: an earlier message told it, and Telegram never confirmed that one.
    """

    story_id: int
    entry_id: int
    title: str
    url: str | None
    source: str
    published_at: datetime | None
    queries: tuple[str, ...]
    more_sources: int = 0
    language: str | None = None
    lede: str = ""
    score: float = 0.0
    perhaps_seen: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the item as the outbox stores it: later changes of the entry or its source do not reach it."""
        published_at = self.published_at.isoformat() if self.published_at else None
        return asdict(self) | {"queries": list(self.queries), "published_at": published_at}

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Return the item that `to_json` stored."""
        published_at = datetime.fromisoformat(stored["published_at"]) if stored["published_at"] else None
        return cls(**{**stored, "queries": tuple(stored["queries"]), "published_at": published_at})


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a digest, and the items it tells, in its order."""

    message: Message
    items: tuple[Item, ...]


@dataclass(frozen=True, slots=True)
class _ReaderContext:
    """The language, zone and moment that a message is rendered for."""

    words: Words
    locale: Locale
    zone: str
    now: datetime

    @property
    def right_to_left(self) -> bool:
        return self.locale.text_direction == "rtl"


def lede_of(title: str, summary: str) -> str:
    """Return the beginning of a summary in at most LEDE code points, without the headline if it repeats that."""
    text, title = clean(summary), clean(title)
    rest = text[len(title) :].lstrip(" .:;,–—-") if text.casefold().startswith(title.casefold()) else text
    return clip(rest, LEDE)


def alert(
    item: Item, words: Words, *, zone: str, now: datetime, buttons: tuple[tuple[Button, ...], ...] = ()
) -> Message:
    """Return the message that tells one story at once."""
    reader = _reader(words, zone, now)
    headline = Markup("<b>{}</b>\n{}").format(_title(item, reader), _origin(item, reader, language=True))
    lede = _quoted(item.lede, reader)
    found_by = Markup("<i>{}</i>").format(_labels(item.queries, reader)) if item.queries else ""
    return Message(SEPARATOR.join(filter(None, (headline, escape(lede), found_by))), buttons)


def digest(
    items: Iterable[Item],
    words: Words,
    *,
    zone: str,
    now: datetime,
    late_since: datetime | None = None,
    buttons: tuple[tuple[Button, ...], ...] = (),
) -> list[Part]:
    """Return the parts of a digest, none if there are no items; `buttons` go under the last.

    Each story is told once, under the label it matched best; those that were perhaps seen stand apart, at the end. Of
    more than STORIES the biggest are told and the others counted: what was told is what the parts' `items` say.
    `late_since` is when it was due, if it has to say so.
    """
    told, left = choose(items)
    reader = _reader(words, zone, now)
    pages = _pages([_RenderedItem(item, _block(item, reader)) for item in _grouped(told)], reader)
    parts = []
    for number, page in enumerate(pages, 1):
        last = number == len(pages)
        heading = _heading(reader, stories=len(told) + len(left), number=number, parts=len(pages))
        late = _late(late_since, reader) if late_since and number == 1 else None
        closing = _left_out(len(left), reader) if left and last else None
        text = SEPARATOR.join(filter(None, (heading, late, _body(page, reader), closing)))
        parts.append(Part(Message(text, buttons if last else ()), tuple(block.item for block in page)))
    return parts


def latest(items: Iterable[Item], words: Words, *, zone: str, now: datetime) -> Part:
    """Return one message with as many of the items as it holds, in the order given, and those items."""
    reader = _reader(words, zone, now)
    text, used = words.say("<b>Latest</b>"), FRAME
    shown = []
    for item in items:
        block = SEPARATOR + _block(item, reader)
        used = used.plus(measure(block))
        if not used.within(LIMIT):
            break
        text += block
        shown.append(item)
    return Part(Message(text), tuple(shown))


def line(item: Item, words: Words, *, zone: str, now: datetime) -> Markup:
    """Return a story in one line of a list: its headline, linked, then who says it and when."""
    reader = _reader(words, zone, now)
    short = replace(item, title=clip(clean(item.title), SHORT_TITLE))
    return Markup("• {} <i>{}</i>").format(_title(short, reader), _origin(short, reader))


def when(moment: datetime, words: Words, *, zone: str, now: datetime) -> str:
    """Return a time in the reader's language and zone, as short as it is clear."""
    return _when(moment, _reader(words, zone, now))


def coming(moment: datetime, words: Words, *, zone: str) -> str:
    """Return a time to come with its day: "Mon 08:00" within the week, as a digest's always is."""
    reader = _reader(words, zone, moment)
    return format_skeleton("EHm", _local(moment, reader), locale=reader.locale)


def choose(items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """Return the items a digest tells and those it only counts, each story once, the biggest stories first."""
    best: dict[int, Item] = {}
    for item in sorted(items, key=lambda item: -item.score):
        best.setdefault(item.story_id, item)
    ranked = sorted(best.values(), key=lambda item: (-item.more_sources, -item.score))
    return ranked[:STORIES], ranked[STORIES:]


@dataclass(frozen=True, slots=True)
class _RenderedItem:
    item: Item
    text: Markup


def _reader(words: Words, zone: str, now: datetime) -> _ReaderContext:
    locale = Locale.parse("en_GB" if words.locale == "en" else words.locale)  # day before month, 24 hours
    return _ReaderContext(words, locale, zone, now)


def _grouped(items: list[Item]) -> list[Item]:
    """Return the items by label, the label of the best item first, and the best first under each; the doubtful last."""
    ranked = sorted(items, key=lambda item: (item.perhaps_seen, -item.score, -item.more_sources))
    places: dict[str, int] = {}
    for item in ranked:
        places.setdefault(_label(item), len(places))
    return sorted(ranked, key=lambda item: len(places) if item.perhaps_seen else places[_label(item)])


def _pages(blocks: Sequence[_RenderedItem], reader: _ReaderContext) -> list[list[_RenderedItem]]:
    """Return the blocks, cut into parts that fit. A part begins with the heading of its first block."""
    pages: list[list[_RenderedItem]] = []
    used = FRAME
    last = None
    for block in blocks:
        heading = _group_heading(block.item, reader)
        size = measure(SEPARATOR + block.text)
        headed = size.plus(measure(SEPARATOR + heading))
        needed = size if heading == last else headed
        if pages and used.plus(needed).within(LIMIT):
            pages[-1].append(block)
            used = used.plus(needed)
        else:
            pages.append([block])
            used = FRAME.plus(headed)
        last = heading
    return pages


def _body(page: Sequence[_RenderedItem], reader: _ReaderContext) -> Markup:
    """Return the blocks of a part, each group under its heading."""
    lines: list[Markup] = []
    for heading, group in groupby(page, key=lambda block: _group_heading(block.item, reader)):
        lines += [heading, *(block.text for block in group)]
    return SEPARATOR.join(filter(None, lines))


def _block(item: Item, reader: _ReaderContext) -> Markup:
    return Markup("{}\n{}").format(_title(item, reader), _origin(item, reader))


def _heading(reader: _ReaderContext, *, stories: int, number: int, parts: int) -> Markup:
    day = format_skeleton("MMMMEEEEd", _local(reader.now, reader), locale=reader.locale)
    count = reader.words.ngettext("{count} story", "{count} stories", stories).format(count=stories)
    details = [count] if number == 1 else []
    if parts > 1:
        details.append(f"{number}/{parts}")
    return Markup(" · ").join([Markup("<b>{}</b>").format(day), *details])


def _late(due: datetime, reader: _ReaderContext) -> Markup:
    sentence = reader.words.gettext("Late: it was due at {time}.")
    return Markup("<i>{}</i>").format(sentence.format(time=_when(due, reader)))


def _left_out(count: int, reader: _ReaderContext) -> Markup:
    """Return the closing line; its command is ours and may be tapped."""
    sentence = reader.words.ngettext("… and {count} more: /latest", "… and {count} more: /latest", count)
    return escape(sentence.format(count=count))


def _group_heading(item: Item, reader: _ReaderContext) -> Markup:
    """Return the label a group of items stands under, "" where the reader gave none."""
    if item.perhaps_seen:
        return Markup("<b>{}</b>").format(reader.words.gettext("You may have seen these"))
    label = _quoted(_label(item), reader)
    return Markup("<b>{}</b>").format(label) if label else Markup()


def _title(item: Item, reader: _ReaderContext) -> Markup:
    """Return the headline, linked if its address may be."""
    title = _quoted(clip(clean(item.title), TITLE), reader) or reader.words.gettext("Untitled")
    url = link(item.url)
    return Markup('<a href="{}">{}</a>').format(url, title) if url else escape(title)


def _origin(item: Item, reader: _ReaderContext, *, language: bool = False) -> Markup:
    """Return the line under a headline: "Al Jazeera · 14:05 · +3 sources"."""
    details = [_source(item, reader)]
    if language and (name := _foreign_language(item, reader)):
        details.append(name)
    if item.published_at:
        details.append(_when(item.published_at, reader))
    if item.more_sources > 0:
        more = reader.words.ngettext("+{count} source", "+{count} sources", item.more_sources)
        details.append(more.format(count=item.more_sources))
    return escape(" · ".join(filter(None, details)))


def _source(item: Item, reader: _ReaderContext) -> str:
    """Return who says it, with the host the link goes to unless the name says the same."""
    url = link(item.url)
    name = host(url) if url else ""
    source = clip(clean(item.source), SOURCE)
    shown = [_quoted(source, reader)] if source else []
    if name and not vouches(name, source):
        shown.append(_quoted(clip(name, SOURCE), reader))
    return ", ".join(shown)


def _foreign_language(item: Item, reader: _ReaderContext) -> str | None:
    """Return the name of a language that is not the reader's: to be known before the link is opened."""
    if item.language in (None, reader.locale.language):
        return None
    name: str | None = reader.locale.languages.get(item.language)
    return name


def _labels(queries: Sequence[str], reader: _ReaderContext) -> str:
    named = ", ".join(_quoted(clip(clean(label), LABEL), reader) for label in queries[:LABELS])
    return f"{named} +{len(queries) - LABELS}" if len(queries) > LABELS else named


def _label(item: Item) -> str:
    return clip(clean(item.queries[0]), LABEL) if item.queries else ""


def _quoted(text: str, reader: _ReaderContext) -> str:
    """Return cleaned text of others as it may stand in a line of ours."""
    return isolate(inert(text), right_to_left=reader.right_to_left) if text else ""


def _when(moment: datetime, reader: _ReaderContext) -> str:
    """Return a time as short as it is clear: "14:05" today, "Mon 14:05" within the week, else "3 Nov"."""
    local, now = _local(moment, reader), _local(reader.now, reader)
    near = timedelta() <= now.date() - local.date() <= WEEK
    skeleton = "Hm" if local.date() == now.date() else "EHm" if near else "MMMd"
    return format_skeleton(skeleton, local, locale=reader.locale)


def _local(moment: datetime, reader: _ReaderContext) -> datetime:
    return moment.astimezone(zone_info(reader.zone))
