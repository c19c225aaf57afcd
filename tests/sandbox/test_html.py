"""Telegram's HTML: what we escape comes back as it was; what is wrong is refused in tdlib's words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from markupsafe import Markup, escape

from bot.sandbox.errors import JSON, ApiError
from bot.sandbox.html import parse_html
from bot.sandbox.text import clean, part, trim, units, with_found

texts = st.text(st.characters(codec="utf-8"), max_size=200)
TAGS = ("b", "i", "u", "s", "code", "pre", "blockquote", "tg-spoiler")


@given(texts)
def test_what_is_escaped_is_shown_as_it_was(text: str) -> None:
    assert parse_html(str(escape(text))) == (text, [])


@given(st.lists(st.tuples(st.sampled_from(TAGS), texts.filter(bool)), max_size=8))
def test_each_tag_covers_its_own_text(pieces: list[tuple[str, str]]) -> None:
    markup = Markup().join(Markup(f"<{tag}>{{}}</{tag}>").format(text) for tag, text in pieces)
    text, entities = parse_html(str(markup))
    assert text == "".join(piece for _, piece in pieces)
    assert [part(text, entity) for entity in entities] == [piece for _, piece in pieces]


@given(st.text("<>/&;b a=\"'x#1\n", max_size=40))
def test_any_markup_is_read_or_refused(markup: str) -> None:
    refusal = ""
    try:
        text, entities = parse_html(markup)
    except ApiError as error:
        refusal = error.description
    if refusal:
        assert refusal.startswith("Bad Request: can't parse entities: ")
    else:
        assert all(0 <= entity["offset"] < entity["offset"] + entity["length"] <= units(text) for entity in entities)


@given(texts)
def test_trimming_moves_entities_along(text: str) -> None:
    bold: list[JSON] = [{"type": "bold", "offset": 0, "length": units(text)}]
    kept, entities = trim(clean(text), bold if text else [])
    assert kept == kept.strip(" \n\t")
    assert all(part(kept, entity) == kept for entity in entities)


@pytest.mark.parametrize(
    ("markup", "text", "entities"),
    [
        ("<b>a<i>b</i></b>", "ab", [("bold", 0, 2), ("italic", 1, 1)]),
        ("😀<b>x</b>", "😀x", [("bold", 2, 1)]),
        ("<B>x</B>", "x", [("bold", 0, 1)]),
        ("&lt;&#65;&#x42;&nbsp;&amp", "<AB&nbsp;&", []),
        ("<b></b>x", "x", []),
        ('<span class="tg-spoiler">x</span>', "x", [("spoiler", 0, 1)]),
        ("<blockquote expandable>x</blockquote>", "x", [("expandable_blockquote", 0, 1)]),
    ],
)
def test_markup_becomes_text_and_entities(markup: str, text: str, entities: list[tuple[str, int, int]]) -> None:
    found, given = parse_html(markup)
    assert (found, [(entity["type"], entity["offset"], entity["length"]) for entity in given]) == (text, entities)


@pytest.mark.parametrize(
    ("markup", "details"),
    [
        ('<a href="https://a.org/?x=1&amp;y=2">x</a>', {"type": "text_link", "url": "https://a.org/?x=1&y=2"}),
        ("<a href='a.org'>x</a>", {"type": "text_link", "url": "http://a.org"}),
        ("<a>a.org</a>", {"type": "text_link", "url": "http://a.org"}),
        ('<a href="tg://user?id=7">x</a>', {"type": "text_mention"}),
        ('<pre><code class="language-python">x</code></pre>', {"type": "pre", "language": "python"}),
        ("<tg-emoji emoji-id='5'>x</tg-emoji>", {"type": "custom_emoji", "custom_emoji_id": "5"}),
    ],
)
def test_attributes_are_kept(markup: str, details: JSON) -> None:
    [entity] = parse_html(markup)[1]
    assert details.items() <= entity.items()


def test_a_link_telegram_does_not_take_is_plain_text() -> None:
    assert parse_html('<a href="javascript:x">x</a><a href="http://localhost/">y</a>') == ("xy", [])


@pytest.mark.parametrize(
    ("markup", "words"),
    [
        ("a <b>x", 'Can\'t find end tag corresponding to start tag "b"'),
        ("é<p>x</p>", 'Unsupported start tag "p" at byte offset 2'),
        ("x</b>", "Unexpected end tag at byte offset 1"),
        ("<b>x</i>", 'Unmatched end tag at byte offset 4, expected "</b>", found "</i>"'),
        ("1 < 2", 'Unsupported start tag "" at byte offset 2'),
        ("x <", "Unclosed start tag at byte offset 2"),
        ("<a href=x_y>z</a>", "Unexpected end of name token at byte offset 8"),
        ('<a href="x', "Unclosed start tag at byte offset 0"),
        ('<a ="x">', 'Empty attribute name in the tag "a" at byte offset 0'),
        ("<b>x</b ", "Unclosed end tag at byte offset 4"),
        ("<span>x</span>", 'Tag "span" must have class "tg-spoiler" at byte offset 0'),
        ("<tg-emoji>x</tg-emoji>", "Invalid custom emoji identifier specified"),
    ],
)
def test_bad_markup_is_refused_in_telegrams_words(markup: str, words: str) -> None:
    with pytest.raises(ApiError) as raised:
        parse_html(markup)
    assert raised.value.description == f"Bad Request: can't parse entities: {words}"
    assert raised.value.code == 400


def test_control_characters_become_spaces_and_overrides_vanish() -> None:
    assert clean("a\x00b\r\nc\u202ed\u2028") == "a b\ncd"
    assert len(clean("я" * 40_000).encode()) <= 35_000


def test_commands_links_and_mentions_are_found() -> None:
    text = "/start@some_bot see https://a.org/x?y=1. and @someone #news 1/2 a@b.org"
    assert [(entity["type"], part(text, entity)) for entity in with_found(text, [])] == [
        ("bot_command", "/start@some_bot"),
        ("url", "https://a.org/x?y=1"),
        ("mention", "@someone"),
        ("hashtag", "#news"),
    ]
