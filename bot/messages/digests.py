"""Digests: the stories that a chat is owed, rendered as as many messages as they need.

Each part says which texts it shows, by a link of their own, and which it only counts: nothing else counts as told. A
private digest counts ("+6") what is listed, link by link, by the button under it. In a group or channel a button is not
for everybody, so every link stands in the message itself, folded in a quotation that a tap opens.

Telegram takes 4096 characters after entities, some hundred entities, and an unpublished number of bytes; we stay below
all three. A part ends between blocks: a block is bounded, so it always fits whole.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import groupby

from babel.dates import format_skeleton
from markupsafe import Markup, escape

from bot.locales import Words
from bot.messages import lines
from bot.messages.items import Item
from bot.messages.limits import FRAME, LIMIT, measure
from bot.messages.lines import NAMED, ReaderContext, reader_context
from bot.models import Message

STORIES = 50  # in one digest: more is not read
FOLDED = 8  # further texts in one quotation
COUNTED = 300  # texts that a digest counts besides its stories: some pages of a list
PARTS = 30  # of one digest, which a group gets in two minutes; what they do not hold comes with the next

SEPARATOR = Markup("\n\n")


@dataclass(frozen=True, slots=True)
class Part:
    """One message of a digest: the texts it shows by a link of their own, in order, and those it only counts.

    `items` are its stories, in their order.
    """

    message: Message
    items: tuple[Item, ...]
    shown: tuple[Item, ...]
    counted: tuple[Item, ...] = ()


@dataclass(frozen=True, slots=True)
class _Block:
    """A story, or the continuation of one, as it stands in a part."""

    item: Item
    text: Markup
    shown: tuple[Item, ...]
    counted: tuple[Item, ...] = ()
    is_continuation: bool = False


def digest(
    items: Iterable[Item],
    words: Words,
    *,
    zone: str,
    now: datetime,
    late_since: datetime | None = None,
    is_private: bool = True,
    newest_first: bool = False,
) -> list[Part]:
    """Return the parts of a digest, none if there are no items.

    Each story is told once, under the label it matched best; those that were perhaps seen stand apart, at the end. Of
    more than STORIES the biggest are told. Of the others a private digest counts as many as its list holds; the rest
    is in no part, and stays owed, as does what PARTS do not hold. `late_since` is when it was due, if it has to say so.
    With `newest_first` the newest stories come first, not the best.
    """
    told, left = choose(items)
    counted, owed = _count(left) if is_private else ([], left)
    reader = reader_context(words, zone, now)
    ordered = _grouped(told, newest_first=newest_first)
    blocks = [block for item in ordered for block in _blocks(item, reader, is_private=is_private)]
    every_page = _pages(blocks, reader)
    pages, cut = every_page[:PARTS], every_page[PARTS:]
    stories = len({block.item.story_id for page in pages for block in page}) + len(counted)
    waiting = sum(1 + len(item.others) for item in owed) + sum(len(block.shown) for page in cut for block in page)
    parts = []
    for number, page in enumerate(pages, 1):
        heading = _heading(reader, stories=stories, number=number, parts=len(pages))
        late = _late(late_since, reader) if late_since and number == 1 else None
        is_last = number == len(pages)
        closing = _closing(len(counted), waiting, reader) if is_last else None
        text = SEPARATOR.join(filter(None, (heading, late, _body(page, reader), closing)))
        parts.append(_part(text, page, counted if is_last else []))
    return parts


def choose(items: Iterable[Item]) -> tuple[list[Item], list[Item]]:
    """Return the items that a digest tells and those beyond, each story once, the biggest stories first."""
    best: dict[int, Item] = {}
    for item in sorted(items, key=lambda item: -item.score):
        best.setdefault(item.story_id, item)
    ranked = sorted(best.values(), key=lambda item: (-item.more_sources, -item.score))
    return ranked[:STORIES], ranked[STORIES:]


def _count(left: Sequence[Item]) -> tuple[list[Item], list[Item]]:
    """Return the items whose texts the list behind the button holds, and those that stay owed."""
    room, counted = COUNTED, 0
    for item in left:
        room -= 1 + len(item.others)
        if room < 0:
            break
        counted += 1
    return list(left[:counted]), list(left[counted:])


def _part(text: Markup, page: Sequence[_Block], left: Sequence[Item]) -> Part:
    behind = tuple(text_ for item in left for text_ in (item, *item.others))
    return Part(
        Message(text),
        tuple(block.item for block in page if not block.is_continuation),
        tuple(item for block in page for item in block.shown),
        tuple(item for block in page for item in block.counted) + behind,
    )


def _grouped(items: list[Item], *, newest_first: bool) -> list[Item]:
    """Return the items by label, the label of the first item first, stories of one thread together; the doubtful last.

    The best comes first, or the newest.
    """

    def rank(item: Item) -> tuple[float, ...]:
        age = -item.published_at.timestamp() if newest_first and item.published_at else 0.0
        return item.perhaps_seen, age, -item.score, -item.more_sources

    ranked = sorted(items, key=rank)
    labels: dict[str, int] = {}
    threads: dict[tuple[str, int], int] = {}
    for place, item in enumerate(ranked):
        labels.setdefault(lines.label(item), place)
        threads.setdefault(_thread(item), place)

    def place_of(item: Item) -> tuple[int, int]:
        return (len(ranked) if item.perhaps_seen else labels[lines.label(item)]), threads[_thread(item)]

    return sorted(ranked, key=place_of)


def _thread(item: Item) -> tuple[str, int]:
    """Return the thread of an item under its label; an item whose thread is not known has its own."""
    return lines.label(item), item.thread_id or item.story_id


# ---- blocks ----


def _blocks(item: Item, reader: ReaderContext, *, is_private: bool) -> Iterator[_Block]:
    """Yield a story as blocks: its headline with its further texts, and the texts that one quotation does not hold."""
    if len(item.others) <= NAMED:
        yield _named_block(item, item.others, 0, reader)
    elif is_private:
        yield _named_block(item, item.others[: NAMED - 1], len(item.others) - (NAMED - 1), reader)
    else:
        yield from _folded_blocks(item, reader)


def _named_block(item: Item, named: Sequence[Item], counted: int, reader: ReaderContext) -> _Block:
    """Return a story with links of further texts, and the number of those that the button lists."""
    further = lines.further_names(item, named, reader)
    if counted:
        further.append(Markup("<b>+{}</b>").format(counted))
    text = lines.block(item, reader)
    if further:
        text += Markup("\n+ ") + Markup(" · ").join(further)
    return _Block(item, text, (item, *named), item.others[len(named) :])


def _folded_blocks(item: Item, reader: ReaderContext) -> Iterator[_Block]:
    for start in range(0, len(item.others), FOLDED):
        others = item.others[start : start + FOLDED]
        fold = Markup("<blockquote expandable>{}</blockquote>").format(
            Markup("\n").join(lines.further_line(other, reader) for other in others)
        )
        if start == 0:
            yield _Block(item, lines.block(item, reader) + Markup("\n") + fold, (item, *others))
        else:
            yield _Block(item, fold, others, is_continuation=True)


def _pages(blocks: Sequence[_Block], reader: ReaderContext) -> list[list[_Block]]:
    """Return the blocks, cut into parts that fit. A part begins with the heading of its first block."""
    pages: list[list[_Block]] = []
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


def _body(page: Sequence[_Block], reader: ReaderContext) -> Markup:
    """Return the blocks of a part, each group under its heading."""
    found: list[Markup] = []
    for heading, group in groupby(page, key=lambda block: _group_heading(block.item, reader)):
        found += [heading, *(block.text for block in group)]
    return SEPARATOR.join(filter(None, found))


# ---- headings and closing lines ----


def _heading(reader: ReaderContext, *, stories: int, number: int, parts: int) -> Markup:
    day = format_skeleton("MMMMEEEEd", lines.localized(reader.now, reader), locale=reader.locale)
    count = reader.words.ngettext("{count} story", "{count} stories", stories).format(count=stories)
    details = [count] if number == 1 else []
    if parts > 1:
        details.append(f"{number}/{parts}")
    return Markup(" · ").join([Markup("<b>{}</b>").format(day), *details])


def _group_heading(item: Item, reader: ReaderContext) -> Markup:
    """Return the label a group of items stands under, "" where the reader gave none."""
    if item.perhaps_seen:
        return Markup("<b>{}</b>").format(reader.words.gettext("You may have seen these"))
    label = lines.quoted(lines.label(item), reader)
    return Markup("<b>{}</b>").format(label) if label else Markup()


def _late(due: datetime, reader: ReaderContext) -> Markup:
    sentence = reader.words.gettext("Late: it was due at {time}.")
    return Markup("<i>{}</i>").format(sentence.format(time=lines.when(due, reader)))


def _closing(counted: int, owed: int, reader: ReaderContext) -> Markup | None:
    """Return the line on the stories that the button lists, and on the texts that the next digest brings."""
    many = reader.words.ngettext
    said = []
    if counted:
        said.append(many("… and {count} more story", "… and {count} more stories", counted).format(count=counted))
    if owed:
        sentence = many("… {count} more in the next digest", "… {count} more in the next digest", owed)
        said.append(sentence.format(count=owed))
    return escape("\n".join(said)) if said else None
