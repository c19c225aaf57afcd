from datetime import UTC, datetime

from bot.sources.item_cache import WHOLE_EVERY, ItemCache

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
URL = "https://news.example/feed"


def test_a_reading_is_known_at_the_next() -> None:
    memory = ItemCache()
    assert memory.recall(7, URL, NOW) == b""
    memory.keep(7, URL, b"items", NOW, whole=True)
    assert memory.recall(7, URL, NOW) == b"items"
    assert memory.recall(8, URL, NOW) == b""


def test_nothing_is_known_of_a_document_found_elsewhere() -> None:
    memory = ItemCache()
    memory.keep(7, URL, b"items", NOW, whole=True)
    assert memory.recall(7, URL + "/moved", NOW) == b""


def test_once_a_day_the_whole_feed_is_read() -> None:
    memory = ItemCache()
    memory.keep(7, URL, b"items", NOW, whole=True)
    memory.keep(7, URL, b"more", NOW + WHOLE_EVERY / 2, whole=False)
    assert memory.recall(7, URL, NOW + WHOLE_EVERY / 2) == b"more"
    assert memory.recall(7, URL, NOW + WHOLE_EVERY) == b""


def test_it_holds_a_bounded_number_of_sources() -> None:
    memory = ItemCache(limit=2)
    for source_id in (1, 2, 3):
        memory.keep(source_id, URL, b"items", NOW, whole=True)
    assert [bool(memory.recall(source_id, URL, NOW)) for source_id in (1, 2, 3)] == [False, True, True]
