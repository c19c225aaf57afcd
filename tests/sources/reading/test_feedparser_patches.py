"""That what makes feedparser quicker changes nothing of what it finds: also in tests/sources/test_corpora.py."""

import io
from pathlib import Path
from typing import Any

import feedparser
import pytest

from bot.sources.reading import feedparser_patches
from tests.feedserver import item, rss

FEEDS = Path(__file__).parents[2] / "feeds"
HEADERS = {"content-type": "application/xml; charset=utf-8", "content-location": "https://news.example/feed"}


def plainly(document: bytes) -> Any:
    return feedparser.parse(
        io.BytesIO(document), sanitize_html=False, resolve_relative_uris=False, response_headers=HEADERS
    )


@pytest.mark.parametrize("path", sorted(FEEDS.glob("*.xml")), ids=lambda path: path.stem)
def test_it_finds_what_plain_feedparser_finds(path: Path) -> None:
    document = path.read_bytes()
    try:
        expected = plainly(document)
    except Exception as error:
        with pytest.raises(type(error)):
            feedparser_patches.parse(document, HEADERS)
        return
    found = feedparser_patches.parse(document, HEADERS)
    assert (found.feed, found.entries, found.version) == (expected.feed, expected.entries, expected.version)


def test_feedparser_is_as_it_was_afterwards() -> None:
    before = [vars(owner)[name] for owner, name, _ in feedparser_patches._REPLACEMENTS]
    feedparser_patches.parse(rss([item("One")]), HEADERS)
    with pytest.raises(UnicodeEncodeError):
        feedparser_patches.parse(b"<rss><channel><title>&#xD800;", HEADERS)
    assert [vars(owner)[name] for owner, name, _ in feedparser_patches._REPLACEMENTS] == before
