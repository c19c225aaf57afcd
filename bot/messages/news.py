"""News messages of one story or a short list: an alert, the latest stories, an example in one line."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from babel.dates import format_skeleton
from markupsafe import Markup, escape

from bot.locales import Words
from bot.messages import lines
from bot.messages.items import Item
from bot.messages.limits import FRAME, LIMIT, measure
from bot.messages.lines import reader_context
from bot.messages.safe_text import clean, clip
from bot.models import Button, Message

SHORT_TITLE = 90  # code points, in a list of examples

SEPARATOR = Markup("\n\n")


@dataclass(frozen=True, slots=True)
class NewsPage:
    """One message of a list of news, and the items it shows, in its order."""

    message: Message
    items: tuple[Item, ...]


def alert(
    item: Item, words: Words, *, zone: str, now: datetime, buttons: tuple[tuple[Button, ...], ...] = ()
) -> Message:
    """Return the message that tells one story at once, with the further texts that came after it."""
    reader = reader_context(words, zone, now)
    origin = lines.origin(item, reader, language=True)
    headline = Markup("<b>{}</b>\n{}").format(lines.title(item, reader), origin)
    lede = lines.quoted(item.lede, reader)
    found_by = Markup("<i>{}</i>").format(lines.labels(item.queries, reader)) if item.queries else ""
    further = lines.further_texts(item, reader) if item.others else ""
    return Message(SEPARATOR.join(filter(None, (headline, escape(lede), further, found_by))), buttons)


def latest(items: Iterable[Item], words: Words, *, zone: str, now: datetime) -> NewsPage:
    """Return one message with as many of the items as it holds, in the order given, and those items."""
    reader = reader_context(words, zone, now)
    blocks = (
        (item, Markup("{}\n{}").format(lines.title(item, reader), lines.origin(item, reader, counted=True)))
        for item in items
    )
    return _page(words.say("<b>Latest</b>"), blocks, SEPARATOR)


def listing(items: Iterable[Item], words: Words, *, zone: str, now: datetime) -> NewsPage:
    """Return one message with a line for each of the items, as many as it holds, and those items."""
    return _page(Markup(), ((item, line(item, words, zone=zone, now=now)) for item in items), Markup("\n"))


def _page(text: Markup, blocks: Iterable[tuple[Item, Markup]], separator: Markup) -> NewsPage:
    """Return the text and as many of the blocks as fit behind it."""
    used, shown = FRAME, []
    for item, block in blocks:
        used = used.plus(measure(separator + block))
        if not used.within(LIMIT):
            break
        text += separator + block if text else block
        shown.append(item)
    return NewsPage(Message(text), tuple(shown))


def line(item: Item, words: Words, *, zone: str, now: datetime) -> Markup:
    """Return a story in one line of a list: its headline, linked, then who says it and when."""
    reader = reader_context(words, zone, now)
    short = replace(item, title=clip(clean(item.title), SHORT_TITLE))
    return Markup("• {} <i>{}</i>").format(lines.title(short, reader), lines.origin(short, reader, counted=True))


def when(moment: datetime, words: Words, *, zone: str, now: datetime) -> str:
    """Return a time in the reader's language and zone, as short as it is clear."""
    return lines.when(moment, reader_context(words, zone, now))


def coming(moment: datetime, words: Words, *, zone: str) -> str:
    """Return a time to come with its day: "Mon 08:00" within the week, as a digest's always is."""
    reader = reader_context(words, zone, moment)
    return format_skeleton("EHm", lines.localized(moment, reader), locale=reader.locale)
