"""Lines of news messages: headline, source and time, labels, and the links of a story's further texts.

Every text of others is cleaned, clipped, made inert and isolated here: what is longer than a line, or written in the
other direction, changes nothing around it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from babel import Locale
from babel.dates import format_skeleton
from markupsafe import Markup, escape

from bot.locales import Words, isolate
from bot.messages.items import Item
from bot.messages.safe_text import clean, clip, host, inert, link, vouches
from bot.runtime.zone_rules import zone_info

TITLE, SOURCE, LABEL, FURTHER, UNLINKED = 512, 60, 100, 120, 240  # code points shown at most
NAMED = 3  # further texts linked by the name of their source; of more, two, and the rest is counted or folded
LABELS = 5  # named in an alert; the rest is counted
WEEK = timedelta(days=6)  # a weekday alone names a day that is nearer than this


@dataclass(frozen=True, slots=True)
class ReaderContext:
    """The language, zone and moment that a message is rendered for."""

    words: Words
    locale: Locale
    zone: str
    now: datetime

    @property
    def right_to_left(self) -> bool:
        """Whether the reader's language is written from right to left."""
        return self.locale.text_direction == "rtl"


def reader_context(words: Words, zone: str, now: datetime) -> ReaderContext:
    """Return the context of a reader; English times are written as in Britain: day before month, 24 hours."""
    locale = Locale.parse("en_GB" if words.locale == "en" else words.locale)
    return ReaderContext(words, locale, zone, now)


def block(item: Item, reader: ReaderContext) -> Markup:
    """Return a headline, and the line of its source under it."""
    return Markup("{}\n{}").format(title(item, reader), origin(item, reader))


def title(item: Item, reader: ReaderContext, *, most: int = TITLE) -> Markup:
    """Return the headline, linked if its address may be."""
    shown = quoted(clip(clean(item.title), most), reader) or reader.words.gettext("Untitled")
    return linked(shown, item)


def linked(text: str, item: Item) -> Markup:
    """Return a text, linked to the item's article if its address may be."""
    url = link(item.url)
    return Markup('<a href="{}">{}</a>').format(url, text) if url else escape(text)


def origin(item: Item, reader: ReaderContext, *, language: bool = False, counted: bool = False) -> Markup:
    """Return the line under a headline: "Al Jazeera · 14:05"; with `counted`, "+3 sources" of the story besides."""
    details = [source(item, reader)]
    if language and (name := _foreign_language(item, reader)):
        details.append(name)
    if item.published_at:
        details.append(when(item.published_at, reader))
    if item.publishers < item.needed:
        part = reader.words.gettext("{publishers} of {needed}")
        details.append(part.format(publishers=item.publishers, needed=item.needed))
    if counted and item.more_sources > 0:
        more = reader.words.ngettext("+{count} source", "+{count} sources", item.more_sources)
        details.append(more.format(count=item.more_sources))
    return escape(" · ".join(filter(None, details)))


def further_names(lead: Item, others: Sequence[Item], reader: ReaderContext) -> list[Markup]:
    """Return a link for each further text, named by its source; by its headline where that is named already."""
    named, links = {clean(lead.source)}, []
    for other in others:
        name = clean(other.source)
        text = clip(name, SOURCE) if name and name not in named else clip(clean(other.title), FURTHER)
        if link(other.url) is None:
            text = clip(clean(other.title), UNLINKED)  # nothing else shows it
        named.add(name)
        links.append(linked(quoted(text, reader) or reader.words.gettext("Untitled"), other))
    return links


def further_texts(lead: Item, reader: ReaderContext) -> Markup:
    """Return the links of an alert's further texts: "+ BBC · Reuters", or many headlines folded."""
    sources = {clean(item.source) for item in (lead, *lead.others)}
    number = reader.words.ngettext("{count} source", "{count} sources", len(sources)).format(count=len(sources))
    named = [escape(number)] if len(sources) > 1 else []
    if len(lead.others) <= NAMED:
        return Markup("+ ") + Markup(" · ").join([*further_names(lead, lead.others, reader), *named])
    folded = Markup("\n").join(further_line(other, reader) for other in lead.others)
    counted = Markup(" · ").join([escape(f"+{len(lead.others)}"), *named])
    return Markup("{}\n<blockquote expandable>{}</blockquote>").format(counted, folded)


def further_line(item: Item, reader: ReaderContext) -> Markup:
    """Return a further text in one line: its headline, linked, and its source."""
    shown = [title(item, reader, most=FURTHER if link(item.url) else UNLINKED)]
    if name := clip(clean(item.source), SOURCE):
        shown.append(escape(quoted(name, reader)))
    return Markup(" · ").join(shown)


def source(item: Item, reader: ReaderContext) -> str:
    """Return the source, with the host the link goes to unless the name says the same."""
    url = link(item.url)
    name = host(url) if url else ""
    said = clip(clean(item.source), SOURCE)
    shown = [quoted(said, reader)] if said else []
    if name and not vouches(name, said):
        shown.append(quoted(clip(name, SOURCE), reader))
    return ", ".join(shown)


def _foreign_language(item: Item, reader: ReaderContext) -> str | None:
    """Return the name of a language that is not the reader's: to be known before the link is opened."""
    if item.language in (None, reader.locale.language):
        return None
    name: str | None = reader.locale.languages.get(item.language)
    return name


def labels(queries: Sequence[str], reader: ReaderContext) -> str:
    """Return the labels of the queries that found an item, as far as they are named."""
    named = ", ".join(quoted(clip(clean(label), LABEL), reader) for label in queries[:LABELS])
    return f"{named} +{len(queries) - LABELS}" if len(queries) > LABELS else named


def label(item: Item) -> str:
    """Return the label that an item stands under, "" if the reader gave none."""
    return clip(clean(item.queries[0]), LABEL) if item.queries else ""


def quoted(text: str, reader: ReaderContext) -> str:
    """Return cleaned text of others as it may stand in a line of ours."""
    return isolate(inert(text), right_to_left=reader.right_to_left) if text else ""


def when(moment: datetime, reader: ReaderContext) -> str:
    """Return a time as short as it is clear: "14:05" today, "Mon 14:05" within the week, else "3 Nov"."""
    local, now = localized(moment, reader), localized(reader.now, reader)
    near = timedelta() <= now.date() - local.date() <= WEEK
    skeleton = "Hm" if local.date() == now.date() else "EHm" if near else "MMMd"
    return format_skeleton(skeleton, local, locale=reader.locale)


def localized(moment: datetime, reader: ReaderContext) -> datetime:
    """Return a moment in the reader's zone."""
    return moment.astimezone(zone_info(reader.zone))
