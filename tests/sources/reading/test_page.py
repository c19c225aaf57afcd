import contextlib
import random
import re

import pytest

from bot.errors import SourceError, SourceFault
from bot.sources.reading.page import is_about, read_page

TITLE = "Ministers meet in Geneva over the dam"
SUMMARY = "Talks about the Nile began on Monday."
FIRST = "The ministers of three countries sat down in Geneva on Monday to talk about the water of the river."
SECOND = "None of them expects an agreement before the summer, but all of them want to go on talking in Cairo."


def page(*paragraphs: str, title: str = TITLE, head: str = "", language: str = ' lang="en-GB"') -> bytes:
    """A web page as publishers make them: the article among what is on every page."""
    menu = "".join(f'<li><a href="/{name}">{name}</a></li>' for name in ("World", "Sport", "Weather", "Football"))
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<!DOCTYPE html><html{language}><head><title>{title} - Example News</title>{head}</head><body><nav><ul>{menu}"
        f"</ul></nav><main><article><h1>{title}</h1>{body}</article></main><footer><p>All rights reserved.</p></footer>"
        "</body></html>"
    ).encode()


def refusal(body: bytes, title: str = TITLE, summary: str = SUMMARY) -> SourceFault:
    with pytest.raises(SourceError) as caught:
        read_page(body, "text/html", title, summary)
    assert caught.value.kind == "not-an-article"
    return caught.value.fault


def test_of_a_page_the_article_is_left_and_nothing_around_it() -> None:
    found = read_page(page(FIRST, SECOND), "text/html; charset=utf-8", TITLE, SUMMARY)
    assert found.text == f"{FIRST}\n{SECOND}"
    assert found.language == "en"


def test_text_is_cleaned_as_a_feeds_is() -> None:
    odd = "A\u202e \u0007bell rang &amp;amp; nobody &lt;b&gt;heard&lt;/b&gt; it in the hall where they met that day."
    found = read_page(page(FIRST, odd, SECOND), "text/html", TITLE, SUMMARY)
    assert "A bell rang & nobody heard it in the hall" in found.text


@pytest.mark.parametrize("codec", ["cp1251", "koi8-r"])
def test_a_page_in_another_encoding_is_read(codec: str) -> None:
    title = "Министры встретились в Женеве"
    text = "Министры трех стран начали переговоры о воде реки в понедельник, и никто не ждет соглашения до лета."
    found = read_page(
        page(text, title=title, language="").decode().encode(codec), f"text/html; charset={codec}", title, ""
    )
    assert found.text == text
    assert found.language is None


def test_a_page_that_says_less_than_the_feed_adds_nothing() -> None:
    assert refusal(page(FIRST), summary=FIRST + SECOND) is SourceFault.PAGE_ADDS_NOTHING
    assert refusal(b"") is SourceFault.PAGE_UNREADABLE
    assert refusal(b"<html></html>") is SourceFault.PAGE_ADDS_NOTHING


CONSENT = (
    "We and our 842 partners store and access information on your device, such as cookies, to show advertisements.",
    "You may change your choices at any time. By going on you accept our rules about privacy and about football.",
)


@pytest.mark.parametrize("title", ["Before you continue", "Sign in", "Example News: the latest", "Page not found"])
def test_a_consent_form_a_login_or_a_home_page_is_not_the_article(title: str) -> None:
    assert refusal(page(*CONSENT, title=title)) is SourceFault.PAGE_OF_SOMETHING_ELSE


def test_what_a_page_is_about_is_told_in_any_script() -> None:
    assert is_about("東京で五輪の開会式", ["五輪の開会式が東京で行われた"])
    assert not is_about("東京で五輪の開会式", ["クッキーの使用に同意してください"])
    assert is_about("اجتماع الوزراء في جنيف", ["عقد اجتماع الوزراء في جنيف يوم الاثنين"])
    assert not is_about("اجتماع الوزراء في جنيف", ["نستخدم ملفات تعريف الارتباط"])
    assert is_about("", ["anything"])


def test_a_headline_of_its_own_is_recognised_by_the_page_s_title() -> None:
    head = '<meta property="og:title" content="Heartbreak on the Nile">'
    assert read_page(page(FIRST, SECOND, title="Analysis", head=head), "text/html", "Heartbreak on the Nile", "").text


@pytest.mark.parametrize(
    "body", [b"\x00\xff\xfe", b"<" * 5000, b"<div>" * 20000 + b"x", "<p>\ud800</p>".encode("utf-8", "surrogatepass")]
)
def test_what_is_no_page_is_refused_in_a_sentence(body: bytes) -> None:
    assert refusal(body)


def test_a_long_article_is_cut() -> None:
    body = page(*(f"In paragraph {number} the ministers said {number} things about the dam." for number in range(2000)))
    assert 32_000 < len(read_page(body, "text/html", TITLE, SUMMARY).text) <= 32 * 1024


PIECES = (b"<", b">", b"\0", b"</p>", b"<table>", b"\xff", b"&#0;", b"<!--", b"<script>", b"</article>")


def test_no_page_makes_the_reader_fail_or_leaves_what_is_no_text() -> None:
    chance = random.Random(5)
    whole = page(FIRST, SECOND, "One &amp; &#1; &#xD800; \u202e two <b>three</b> four five six seven eight nine.")
    for _ in range(150):
        body = bytearray(whole)
        for _ in range(chance.randint(1, 12)):
            start = chance.randrange(len(body))
            piece = bytes(
                chance.choice([b"<", b">", b"\0", b"</p>", b"<table>", b"\xff", b"&#0;", b"<!--", b"<script>"])
            )
            body[start : start + chance.randint(0, 40)] = piece
        with contextlib.suppress(SourceError):
            found = read_page(bytes(body), "text/html", TITLE, SUMMARY)
            assert not re.search("[\x00-\x08\x0b-\x1f\x7f\u202a-\u202e\ud800-\udfff]", found.text)
