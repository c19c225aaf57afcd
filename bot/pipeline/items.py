"""Items: turns pending hits into the items a message shows, and the records of what it reports."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import Any

from bot.messages.items import Item, lede_of
from bot.storage.deliveries import Told
from bot.storage.hits import PendingHit


def stories(pending: Iterable[PendingHit]) -> dict[int, list[PendingHit]]:
    """Return pending hits by story, in the order of each story's first hit."""
    found: dict[int, list[PendingHit]] = {}
    for hit in pending:
        found.setdefault(hit.story_id, []).append(hit)
    return found


def item(pending: Sequence[PendingHit], in_doubt: Collection[int] = ()) -> Item:
    """Return the item of one story: its best entry, its other texts, and the labels of all queries that matched it.

    A story of which every text is `in_doubt` was perhaps seen. Of another, an entry that is not is shown: that is news.
    """
    surely_new = [hit for hit in pending if hit.text_id not in in_doubt]
    ranked = sorted(pending, key=lambda hit: (hit.text_id in in_doubt, _by_score(hit)))
    return replace(_item(pending, ranked), others=tuple(_others(ranked)), perhaps_seen=not surely_new)


def newest_item(found: Sequence[PendingHit]) -> Item:
    """Return the item of one story by its newest entry."""
    newest = max((hit.published_at, hit.entry_id) for hit in found)
    return _item(found, sorted(found, key=lambda hit: ((hit.published_at, hit.entry_id) != newest, _by_score(hit))))


def _by_score(hit: PendingHit) -> tuple[float, int, int]:
    return -hit.score, hit.entry_id, hit.query_id


def _item(pending: Sequence[PendingHit], ranked: Sequence[PendingHit]) -> Item:
    """Return the item of one story by the first entry of `ranked`, with the labels in that order."""
    best = ranked[0]
    sources = {hit.source_url for hit in pending}
    is_waited_for = all(hit.needed is not None for hit in pending)
    return Item(
        story_id=best.story_id,
        entry_id=best.entry_id,
        title=best.title,
        url=best.url,
        source=best.source_title,
        published_at=best.published_at,
        queries=tuple(dict.fromkeys(hit.label for hit in ranked)),
        more_sources=len(sources) - 1,
        language=best.language,
        lede=lede_of(best.title, best.summary),
        score=best.score,
        thread_id=best.thread_id,
        publishers=(best.publishers or 0) if is_waited_for else 0,
        needed=(best.needed or 0) if is_waited_for else 0,
    )


def _others(ranked: Sequence[PendingHit]) -> list[Item]:
    """Return an item for each text beside that of the first entry, in the same order."""
    texts: dict[int, PendingHit] = {}
    for hit in ranked:
        texts.setdefault(hit.text_id, hit)
    return [replace(_item([hit], [hit]), lede="") for hit in list(texts.values())[1:]]


def shown_items(items: Iterable[Item]) -> dict[int, dict[str, Any]]:
    """Return the items that a message shows, as the outbox stores them, by their entry."""
    return {item.entry_id: item.to_json() for item in items}


def reported_items(pending: Iterable[PendingHit], reported: Iterable[Item]) -> list[Told]:
    """Return the records of a message that shows or counts these items: each text once for each query that owes it.

    The text is reported by the entry that the message has of it. Pending hits of other texts stay pending.
    """
    hits = list(pending)
    texts = {hit.entry_id: hit.text_id for hit in hits}
    entries = {texts[item.entry_id]: item.entry_id for item in reversed(list(reported))}
    told = {
        (hit.text_id, hit.query_id): Told(hit.story_id, hit.text_id, entries[hit.text_id], hit.query_id)
        for hit in hits
        if hit.text_id in entries
    }
    order = {entry_id: place for place, entry_id in enumerate(reversed(entries.values()))}
    return sorted(told.values(), key=lambda reported_text: order[reported_text.entry_id])
