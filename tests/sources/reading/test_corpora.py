"""Real feeds and other projects' test files, where WATCHWORD_DATA names a directory that has them."""

import io
import os
import tarfile
import unicodedata
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import feedparser
import pytest

from bot.errors import SourceError
from bot.models import Feed
from bot.sources.address import absolute_link
from bot.sources.reading import document as document_reader
from bot.sources.reading import feedparser_patches, item_spans
from bot.sources.reading.charset import decode
from bot.sources.reading.clean import clean_text
from bot.sources.reading.document import read_document
from bot.sources.reading.normalise import RawItem
from tests.sources.reading.test_feedparser_patches import HEADERS, plainly
from tests.sources.reading.test_item_spans import read as read_again
from tests.sources.reading.test_item_spans import same_as_whole

NOW = datetime(2026, 11, 2, 12, 0, tzinfo=UTC)
DATA = Path(os.environ.get("WATCHWORD_DATA", "nowhere")) / "data" / "feeds"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="WATCHWORD_DATA names no directory with data/feeds")


def documents(name: str) -> Iterator[tuple[str, bytes]]:
    with tarfile.open(DATA / f"{name}.tar.xz") as archive:
        for member in archive:
            if file := archive.extractfile(member) if member.isfile() else None:
                yield member.name, file.read()


def read(body: bytes) -> Feed | None:
    try:
        return read_document(body, None, "https://news.example/feed", NOW)
    except SourceError:
        return None


@pytest.mark.parametrize("name", ["feedparser-suite", "miniflux-suite", "real-feeds"])
def test_of_every_document_what_is_new_reads_as_it_does_in_the_whole(name: str) -> None:
    taken_apart = 0
    for number, (document, body) in enumerate(documents(name)):
        if len(body) > 200_000:  # for the test's time; and one has more items than are taken
            continue
        try:
            whole = read_again(body)
        except Exception:
            continue  # refused, or feedparser raises: so does a poll, and nothing is remembered
        assert same_as_whole(body, whole, number) is not None, document
        taken_apart += bool(whole.known)
    assert taken_apart > (10 if name == "miniflux-suite" else 60)


@pytest.mark.parametrize("name", ["feedparser-suite", "miniflux-suite", "real-feeds"])
def test_what_makes_feedparser_quicker_changes_nothing_it_finds(name: str) -> None:
    compared = 0
    for document, body in documents(name):
        if len(body) > 60_000:
            continue
        try:
            expected = plainly(body)
        except Exception:
            continue  # it breaks
        found = feedparser_patches.parse(body, HEADERS)
        assert (found.feed, found.entries, found.version) == (expected.feed, expected.entries, expected.version), (
            document
        )
        compared += 1
    assert compared > 20


ENCODING = "without a declaration, feedparser takes it for Latin-1; the detector's guess is kept"
BROKEN_OFF = "the document breaks off in its last item, which has neither id nor link and title"
DIFFERENT = {  # from plain feedparser, with the reason
    "entities/hex_entity_x_lowercase.xml": BROKEN_OFF,
    "entities/hex_entity_x_uppercase.xml": BROKEN_OFF,
    "entities/query_variable_entry.xml": BROKEN_OFF,
    "illformed/rss_incomplete_cdata.xml": BROKEN_OFF,
    "illformed/rss_item_link_corrupted_ampersands.xml": BROKEN_OFF,
    "chardet/eucjp.xml": ENCODING,
    "chardet/euckr.xml": ENCODING,
    "chardet/gb2312.xml": ENCODING,
    "chardet/koi8r.xml": ENCODING,
    "chardet/shiftjis.xml": ENCODING,
    "testdata/no_encoding_ISO-8859-1.xml": ENCODING,
    "sanitize/entry_title_crazy.xml": "markup so broken that where it ends is anybody's guess",
}


@pytest.mark.parametrize("name", ["feedparser-suite", "miniflux-suite", "real-feeds"])
def test_id_link_title_and_date_are_what_plain_feedparser_finds(name: str) -> None:
    url = "https://news.example/feed"
    compared = 0
    for document, body in documents(name):
        if len(body) > 100_000 or body.lstrip().startswith(b"{"):
            continue
        try:
            reading = read_items(body, url)
            plain = feedparser.parse(io.BytesIO(body), response_headers={"content-location": url})
        except Exception:
            continue  # one of them refuses it or breaks
        ours = [(item.guid, absolute_link(url, item.link), clean_text(item.title)) for item in reading]
        theirs = [
            (entry.get("id"), absolute_link(url, entry.get("link")), clean_text(entry.get("title", "")))
            for entry in plain.entries
            if not entry.get("feedburner_origlink")
        ]
        dates = [item.published_at for item in reading], [moment(entry) for entry in plain.entries]
        if not any(document.endswith(known) for known in DIFFERENT):
            assert ours == theirs or len(theirs) < len(plain.entries), document
            assert dates[0] == dates[1], document
            compared += len(ours)
    assert compared > 80


def read_items(body: bytes, url: str) -> list[RawItem]:
    text = document_reader._repaired(decode(body, None).strip())
    document_reader.refuse_entities(text)
    document = text.encode()
    layout = item_spans.layout(document) or item_spans.Layout()
    return document_reader._parsed(item_spans.without(document, layout.unread), layout, url, NOW)[1]


def moment(entry: dict[str, Any]) -> datetime | None:
    return document_reader._moment(entry)


def is_unwanted(character: str) -> bool:
    return unicodedata.category(character) in {"Cc", "Cs"} and character != "\n"


@pytest.mark.parametrize("name", ["feedparser-suite", "miniflux-suite"])
def test_every_document_gives_clean_entries_or_a_sentence(name: str) -> None:
    for document, body in documents(name):
        feed = read(body)
        for entry in feed.entries if feed else ():
            assert not any(map(is_unwanted, entry.title + entry.summary)), document


def test_real_feeds_are_all_read() -> None:
    small = [(name, body) for name, body in documents("real-feeds") if len(body) < 100_000]
    assert small
    for name, body in small:
        feed = read(body)
        assert feed, name
        assert feed.entries, name


@pytest.mark.parametrize("name", ["bbc", "rnz", "nzherald", "straittimes"])
def test_a_feed_as_it_changed_gives_every_item_once(name: str) -> None:
    snapshots = sorted(documents(f"series/{name}"))
    known: set[str] = set()
    ids: set[str] = set()
    new = 0
    for _, body in snapshots[:: max(1, len(snapshots) // 40)]:
        plain = feedparser.parse(io.BytesIO(body), sanitize_html=False, resolve_relative_uris=False)
        ids.update(entry.get("id") or entry.get("link") for entry in plain.entries)
        feed = read(body)
        for entry in feed.entries if feed else ():
            new += known.isdisjoint(entry.keys)
            known.update(entry.keys)
    assert new == len(ids)
