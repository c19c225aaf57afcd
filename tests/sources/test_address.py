import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.messages.source_troubles import explain
from bot.sources.address import absolute_link, canonical_link, canonical_url, check_url

REFUSED = [
    "",
    "   ",
    "file:///etc/passwd",
    "ftp://example.org/feed",
    "gopher://example.org/",
    "data:text/xml,<rss/>",
    "javascript:alert(1)",
    "mailto:me@example.org",
    "http://",
    "http:///feed",
    "https://user:secret@example.org/feed",
    "https://user@example.org/feed",
    "https://good.example\\@127.0.0.1/feed",
    "https://example.org\\feed",
    "https://example.org/a b",
    "https://example.org/a\nb",
    "https://example.org/a\x00b",
    "https://example.org/%00",
    "https://example.org/%0d%0aHost:x",
    "https://example.org:0/",
    "https://example.org:99999/",
    "https://" + "a" * 2050,
    "http://0x7f.1/",
    "http://0x7f000001/",
    "http://2130706433/",
    "http://0177.0.0.1/",
    "http://127.1/",
    "http://0/",
    "http://%31%32%37.0.0.1/",
    "http://١٢٧.0.0.1/",
    "http://[fe80::1%25eth0]/",
    "http://[::1/",
    "http://a..b/",
    "http://exa_mple!.org/",
    "\ud800.example",
]


@pytest.mark.parametrize("text", REFUSED)
def test_what_is_no_plain_web_address_is_refused_in_one_sentence(text: str) -> None:
    with pytest.raises(SourceError) as caught:
        check_url(text)
    assert caught.value.kind == "url"
    assert explain(caught.value).endswith(".")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("https://example.org/feed", "https://example.org/feed"),
        (" http://example.org ", "http://example.org"),
        ("example.org/feed.xml", "https://example.org/feed.xml"),
        ("example.org:8080/feed", "https://example.org:8080/feed"),
        ("//example.org/feed", "https://example.org/feed"),
        ("feed:https://example.org/feed", "https://example.org/feed"),
        ("feed:http://example.org/feed", "http://example.org/feed"),
        ("feed://example.org/feed", "https://example.org/feed"),
        ("FEED://example.org/feed", "https://example.org/feed"),
        ("https://مثال.example/خبر", "https://xn--mgbh0fb.example/%D8%AE%D8%A8%D8%B1"),
        ("http://[2001:db8::1]/x", "http://[2001:db8::1]/x"),
    ],
)
def test_an_address_is_read_as_people_type_it(text: str, address: str) -> None:
    assert str(check_url(text)) == address


@pytest.mark.parametrize(
    "other",
    [
        "HTTPS://Example.ORG/feed?b=1&a=2",
        "https://example.org:443/feed?b=1&a=2",
        "https://example.org./feed?b=1&a=2#top",
    ],
)
def test_spellings_of_one_source_are_one(other: str) -> None:
    assert canonical_url(other) == "https://example.org/feed?b=1&a=2"


def test_the_query_of_a_source_is_kept_in_order() -> None:
    assert canonical_url("https://example.org/?utm_source=x&a=1") == "https://example.org/?utm_source=x&a=1"


@pytest.mark.parametrize(
    "link",
    [
        "https://news.example/a?id=7&utm_source=rss&utm_medium=feed#comments",
        "https://news.example/a?fbclid=xyz&id=7",
        "https://NEWS.example/a?id=7&at_medium=RSS&at_campaign=KARANGA",
    ],
)
def test_links_of_one_article_are_one(link: str) -> None:
    assert canonical_link(link) == "https://news.example/a?id=7"


def test_links_that_differ_in_more_than_tracking_stay_apart() -> None:
    assert canonical_link("https://news.example/a?id=7") != canonical_link("https://news.example/a?id=8")


@settings(deadline=None)
@given(st.text(max_size=60))
def test_any_text_has_a_canonical_form_that_stays_or_none(text: str) -> None:
    once = canonical_link("https://news.example/" + text)
    assert once is None or canonical_link(once) == once


@settings(deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(["id", "utm_source", "ü", "a b", "gclid", ""]), st.text(max_size=9)), max_size=4)
)
def test_any_query_has_a_canonical_form_that_stays(query: list[tuple[str, str]]) -> None:
    link = "https://news.example/a?" + "&".join(f"{name}={value}" for name, value in query)
    once = canonical_link(link)
    assert once is None or canonical_link(once) == once


@settings(deadline=None)
@given(st.text(max_size=40))
def test_checking_never_raises_anything_else(text: str) -> None:
    try:
        url = check_url(text)
    except SourceError:
        return
    assert url.scheme in {"http", "https"}
    assert url.host
    assert canonical_url(canonical_url(text)) == canonical_url(text)


@pytest.mark.parametrize(
    ("link", "absolute"),
    [
        ("/a", "https://news.example/a"),
        ("b", "https://news.example/feeds/b"),
        (" https://other.example/x\n", "https://other.example/x"),
        ("https://other.example/a b", "https://other.example/a%20b"),
        ("javascript:alert(1)", None),
        ("tg://user?id=7", None),
        ("data:text/html,x", None),
        ("https://u:p@other.example/", None),
        ("/" + "x" * 10_000, None),
        ("", None),
        (None, None),
    ],
)
def test_links_are_absolute_web_addresses_or_none(link: str | None, absolute: str | None) -> None:
    assert absolute_link("https://news.example/feeds/all.xml", link) == absolute
