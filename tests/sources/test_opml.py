from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.errors import SourceError, SourceFault
from bot.sources.http.guard import AddressGuard
from bot.sources.opml import LARGEST, MOST, Outline, reachable, read_opml, write_opml
from bot.sources.reading.clean import clean_text
from bot.sources.reading.pool import FeedParser

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def opml(body: str) -> bytes:
    return f'<?xml version="1.0"?>\n<opml version="2.0"><head/><body>{body}</body></opml>'.encode()


def test_feeds_are_found_in_any_folder_each_once_and_in_order() -> None:
    read = read_opml(
        opml(
            '<outline text="News"><outline title="&lt;b&gt;One&lt;/b&gt;" xmlUrl="HTTPS://One.example:443/feed#x"/>'
            '<outline text="Arabic"><outline text="Two" language="ar-SY" xmlUrl="two.example/rss"/></outline></outline>'
            '<outline text="again" xmlUrl="https://one.example/feed"/><outline text="no feed"/>'
        )
    )
    assert read.feeds == (
        Outline("https://one.example/feed", "One"),
        Outline("https://two.example/rss", "Two", "ar"),
    )
    assert read.refused == ()


@pytest.mark.parametrize(
    "address", ["file:///etc/passwd", "javascript:x", "http://a:b@c.example/", "", "http://0x7f.1/"]
)
def test_what_is_no_web_address_is_counted_and_left_out(address: str) -> None:
    read = read_opml(opml(f'<outline xmlUrl="{address}"/><outline xmlUrl="https://good.example/"/>'))
    assert [one.url for one in read.feeds] == ["https://good.example/"]
    assert [(one.line, one.host) for one in read.refused] == [(2, "")]


@pytest.mark.parametrize(
    "document",
    [
        b"",
        b"not xml",
        b"<rss/>",
        b"<opml><body>",
        b'<!DOCTYPE opml SYSTEM "http://127.0.0.1/x.dtd"><opml/>',
        b'<!DOCTYPE o [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;">]><opml><outline xmlUrl="&b;"/></opml>',
        b'<!DOCTYPE o [<!ENTITY x SYSTEM "file:///etc/passwd">]><opml><outline xmlUrl="&x;"/></opml>',
        b"\xff\xfe\x00\x01",
    ],
)
def test_what_is_no_plain_opml_is_refused(document: bytes) -> None:
    with pytest.raises(SourceError, match="not-opml"):
        read_opml(document)


def test_size_number_and_depth_are_bounded() -> None:
    with pytest.raises(SourceError, match="large-opml"):
        read_opml(b" " * (LARGEST + 1))
    many = "".join(f'<outline xmlUrl="https://e.example/{n}"/>' for n in range(MOST + 1))
    with pytest.raises(SourceError, match="many-feeds feeds=500"):
        read_opml(opml(many))
    for depth in (30, 10_000):
        with pytest.raises(SourceError, match=r"deep-opml|not-opml"):
            read_opml(opml("<outline>" * depth + "</outline>" * depth))


async def test_a_hostile_file_is_read_where_it_can_be_killed() -> None:
    async with FeedParser() as parser:
        with pytest.raises(SourceError, match="not-opml"):
            await parser.run(read_opml, b"<!DOCTYPE opml><opml/>")
        assert (await parser.run(read_opml, opml('<outline xmlUrl="https://e.example/"/>'))).feeds


@given(
    st.lists(
        st.builds(
            Outline,
            url=st.from_regex(r"https://[a-z]{1,9}\.example/[a-z0-9]{0,9}", fullmatch=True),
            title=st.text(st.characters(categories=["Lu", "Ll", "Nd"]), max_size=20).map(clean_text),
            language=st.sampled_from([None, "ar", "en"]),
        ),
        unique_by=lambda one: one.url,
        max_size=20,
    )
)
def test_what_is_written_is_read_back(feeds: list[Outline]) -> None:
    assert read_opml(write_opml(feeds, NOW).encode()).feeds == tuple(feeds)


def test_whole_articles_are_said_in_a_namespace_of_our_own() -> None:
    feeds = (Outline("https://one.example/feed", "One", "en", True), Outline("https://two.example/feed", "Two"))
    written = write_opml(feeds, NOW).encode()
    assert read_opml(written).feeds == feeds
    assert b'="urn:watchword:opml"' in written
    assert read_opml(opml('<outline xmlUrl="https://one.example/" fullText="true"/>')).feeds[0].full_text is False


@pytest.mark.parametrize(
    "address",
    [
        "http://169.254.169.254/latest/meta-data",
        "http://127.0.0.1/",
        "http://10.0.0.1/feed",
        "http://[::1]/",
        "http://[::ffff:10.0.0.1]/",
        "http://[64:ff9b::7f00:1]/",
        "http://[fe80::1]/",
        "http://1.1.1.1:22/",
        "http://feeds.example:25/",
        "http://localhost/",
        "http://LOCALHOST./",
        "http://printer.local/",
        "http://metadata.google.internal/",
        "http://2130706433/",
        "http://0x7f000001/",
        "http://user:key@feeds.example/",
    ],
)
def test_what_no_poll_may_reach_is_refused_with_its_line_when_it_is_imported(address: str) -> None:
    read = read_opml(opml(f'\n<outline xmlUrl="https://good.example/"/>\n<outline xmlUrl="{address}"/>'))
    kept = reachable(read, AddressGuard().check_source)
    assert [one.url for one in kept.feeds] == ["https://good.example/"]
    assert [one.line for one in kept.refused] == [4]


def test_a_network_that_the_operator_named_may_be_imported_from() -> None:
    read = read_opml(opml('<outline xmlUrl="http://10.1.2.3:9000/"/><outline xmlUrl="http://reader:8000/"/>'))
    kept = reachable(read, AddressGuard(["10.1.0.0/16"]).check_source)
    assert len(kept.feeds) == 2
    read = read_opml(opml('<outline xmlUrl="http://169.254.169.254/"/>'))
    (refused,) = reachable(read, AddressGuard(["10.1.0.0/16"]).check_source).refused
    assert (refused.host, refused.error.fault) == ("169.254.169.254", SourceFault.NOT_PUBLIC)
