"""The demo news: always something new, never the same twice, and readable by feedparser."""

import io
import json
import time
from itertools import pairwise

import aiohttp
import feedparser
import pytest
from rapidfuzz import fuzz

from bot.models import Headline
from bot.pipeline.stories import new_clusterer
from bot.sandbox.demo import DemoFeeds, document
from bot.sandbox.demo_news import OUTLETS, PLACES, SLOT, event_of, item, items, place_of

NOW = 1_795_000_000.0
DAY = 86_400


def test_every_half_minute_each_source_has_something_new() -> None:
    for index in range(len(OUTLETS)):
        newest = [items(index, NOW + 30 * step)[0].slot for step in range(10)]
        assert [later - earlier for earlier, later in pairwise(newest)] == [30 // SLOT] * 9


@pytest.mark.parametrize("hours", range(0, 48, 5))
def test_idlib_is_in_the_english_news_every_forty_seconds(hours: int) -> None:
    first = int(NOW + hours * 3600) // SLOT
    slots = [slot for slot in range(first, first + 720) if slot % 6 < 4 and "Idlib" in item(slot).title]
    assert max(later - earlier for earlier, later in pairwise(slots)) * SLOT <= 40


def test_a_feed_reaches_back_a_week_and_tells_of_every_place() -> None:
    for index in range(len(OUTLETS)):
        found = items(index, NOW)
        assert len(found) == len({entry.slot for entry in found})
        assert 6.5 * DAY < NOW - found[-1].slot * SLOT <= 7.2 * DAY
        assert found == sorted(found, key=lambda entry: -entry.slot)
    old = [entry for index in range(4) for entry in items(index, NOW) if entry.slot * SLOT < NOW - DAY]
    for place in ("Idlib", "Syria", "Egypt", "Russia", "Aleppo"):
        assert any(place in entry.title for entry in old)


def test_no_two_items_are_alike_unless_told_again() -> None:
    first = int(NOW) // SLOT
    titles = {slot: item(slot).title for slot in range(first, first + 720)}
    assert len(set(titles.values())) == len(titles)
    fresh = [title for slot, title in titles.items() if slot % 6 < 4 and event_of(slot) == slot][:300]
    alike = max(
        (fuzz.token_sort_ratio(title, earlier), title, earlier)
        for i, title in enumerate(fresh)
        for earlier in fresh[:i]
    )
    assert alike[0] < 92, alike
    assert sum(1 for slot in titles if event_of(slot) < slot) > 100


@pytest.mark.parametrize("hours", range(0, 48, 5))
def test_events_are_told_by_several_sources_and_none_holds_two_places(hours: int) -> None:
    first = int(NOW + hours * 3600) // SLOT
    clusterer = new_clusterer()
    stories: dict[int, list[int]] = {}
    for slot in range(first, first + 720):
        told = item(slot)
        outlet = slot % len(OUTLETS)
        headline = Headline(slot, told.title, None, told.published_at, told.text, outlet, OUTLETS[outlet].language)
        stories.setdefault(clusterer.place(headline).story, []).append(slot)
    for slots in stories.values():
        places = [set(PLACES["en"][place_of(event_of(slot))].split(" and ")) for slot in slots]
        assert set.intersection(*places), [item(slot).title for slot in slots]
    grown = [slots for slots in stories.values() if len({slot % len(OUTLETS) for slot in slots}) >= 3]
    assert len(grown) >= 3  # where the first report is not English, and only two that are follow


@pytest.mark.parametrize("index", [index for index, outlet in enumerate(OUTLETS) if outlet.kind != "json"])
def test_feedparser_reads_each_feed(index: int) -> None:
    found = items(index, NOW)
    feed = feedparser.parse(io.BytesIO(document(OUTLETS[index], found, "http://127.0.0.1:1").encode()))
    assert not feed.bozo
    assert feed.feed.title == OUTLETS[index].title
    assert feed.feed.language == OUTLETS[index].language
    assert [entry.title for entry in feed.entries] == [shown.title for shown in found]
    kind = "updated_parsed" if OUTLETS[index].kind == "atom" else "published_parsed"
    assert feed.entries[0][kind] == time.gmtime(found[0].slot * SLOT)


async def test_feeds_are_served_with_validators_and_their_stories() -> None:
    now = NOW
    async with DemoFeeds(clock=lambda: now) as demo, aiohttp.ClientSession() as session:
        assert len(demo.sources) == 6
        for source in demo.sources:
            async with session.get(source.url) as answer:
                assert answer.status == 200
                etag = answer.headers["ETag"]
            async with session.get(source.url, headers={"If-None-Match": etag}) as answer:
                assert answer.status == 304
        now += 30
        async with session.get(demo.sources[0].url, headers={"If-None-Match": etag}) as answer:
            assert answer.status == 200
        async with session.get(demo.sources[3].url) as answer:
            story = json.loads(await answer.text())["items"][0]
        async with session.get(story["url"]) as answer:
            assert story["title"] in await answer.text()
        async with session.get(f"{demo.root_url}/story/{int(NOW)}") as answer:
            assert answer.status == 404


def test_the_demo_is_for_this_machine_only() -> None:
    with pytest.raises(ValueError, match="this machine only"):
        DemoFeeds(host="0.0.0.0")
