"""Items of messages: which entry of a story is shown, and whether it was perhaps seen."""

from dataclasses import replace
from datetime import UTC, datetime

from bot.pipeline.items import item
from bot.storage.hits import PendingHit

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def found(entry_id: int, score: float) -> PendingHit:
    hit = PendingHit(
        *(1, 1, "Idlib", entry_id, 1, entry_id, score, [], NOW, f"Title {entry_id}", "", None, "en", NOW, "E"),
        source_url="",
    )
    return replace(hit, source_url=f"https://{entry_id}.example/")


def test_a_story_with_a_new_text_is_news_and_shows_that_text() -> None:
    group = [found(1, 0.9), found(2, 0.5), found(3, 0.7)]
    assert (item(group).entry_id, item(group).perhaps_seen) == (1, False)
    mixed = item(group, {1, 3})
    assert (mixed.entry_id, mixed.perhaps_seen, mixed.more_sources) == (2, False, 2)
    apart = item(group, {1, 2, 3})
    assert (apart.entry_id, apart.perhaps_seen) == (1, True)
