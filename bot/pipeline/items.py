"""From what a chat is owed to what a message shows, and what it tells."""

from collections.abc import Iterable, Sequence
from typing import Any

from bot.messages.news import Item, lede_of
from bot.storage.deliveries import Told
from bot.storage.hits import PendingHit


def stories(owed: Iterable[PendingHit]) -> dict[int, list[PendingHit]]:
    """Return what is owed by story, in the order the stories first come up."""
    found: dict[int, list[PendingHit]] = {}
    for one in owed:
        found.setdefault(one.story_id, []).append(one)
    return found


def item(owed: Sequence[PendingHit]) -> Item:
    """Return one story as a message shows it: by its best entry, with the labels of all queries it was found by."""
    ranked = sorted(owed, key=lambda one: (-one.score, one.entry_id, one.query_id))
    best = ranked[0]
    sources = {one.source_url for one in owed}
    return Item(
        story_id=best.story_id,
        entry_id=best.entry_id,
        title=best.title,
        url=best.url,
        source=best.source_title,
        published_at=best.published_at,
        queries=tuple(dict.fromkeys(one.label for one in ranked)),
        more_sources=len(sources) - 1,
        language=best.language,
        lede=lede_of(best.title, best.summary),
        score=best.score,
    )


def shown_items(items: Iterable[Item]) -> dict[int, dict[str, Any]]:
    """Return the items that a message shows, as the outbox stores them, by their entry."""
    return {item.entry_id: item.to_json() for item in items}


def reported_items(owed: Iterable[PendingHit]) -> list[Told]:
    """Return what a message made of these tells: each text, for each query, once."""
    told = {(one.text_id, one.query_id): one for one in owed}
    return [Told(one.story_id, one.text_id, one.entry_id, one.query_id) for one in told.values()]
