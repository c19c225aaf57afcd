import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.sources.reading.charset import codec_for, decode, is_garbled

ARABIC = "أخبار اليوم: زلزال يضرب إدلب وحلب"
RUSSIAN = "Новости дня: землетрясение в Идлибе и Алеппо, сообщает агентство"


def declared(codec: str, text: str = RUSSIAN) -> bytes:
    return f'<?xml version="1.0" encoding="{codec}"?><rss>{text}</rss>'.encode(codec)


@pytest.mark.parametrize("codec", ["windows-1251", "koi8-r", "iso-8859-5", "cp866", "utf-8", "gb18030"])
def test_the_declaration_of_the_document_is_believed(codec: str) -> None:
    assert RUSSIAN in decode(declared(codec))


@pytest.mark.parametrize(
    ("codec", "text"), [("windows-1256", ARABIC), ("shift_jis", "地震のニュース"), ("euc-kr", "지진 뉴스")]
)
def test_the_declaration_of_the_server_is_believed(codec: str, text: str) -> None:
    assert decode(f"<rss>{text}</rss>".encode(codec), f"text/xml; charset={codec}") == f"<rss>{text}</rss>"


def test_the_server_is_believed_before_the_document() -> None:
    body = f'<?xml version="1.0" encoding="koi8-r"?><rss>{RUSSIAN}</rss>'.encode("windows-1251")
    assert RUSSIAN in decode(body, 'application/xml; charset="windows-1251"')


def test_valid_utf_8_is_utf_8_whatever_is_declared() -> None:
    body = f'<?xml version="1.0" encoding="iso-8859-1"?><rss>{ARABIC}</rss>'.encode()
    assert ARABIC in decode(body, "text/xml; charset=iso-8859-1")


@pytest.mark.parametrize("codec", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-be", "utf-8-sig"])
def test_utf_16_and_32_are_seen_with_a_mark_and_without(codec: str) -> None:
    text = f"<?xml version='1.0'?><rss>{ARABIC}</rss>"
    assert decode(text.encode(codec)) == text


def test_a_mistaken_declaration_is_repaired() -> None:
    long = " ".join([RUSSIAN] * 20)
    assert RUSSIAN in decode(f"<?xml version='1.0' encoding='utf-8'?><rss>{long}</rss>".encode("windows-1251"))


def test_a_few_damaged_bytes_do_not_make_it_another_encoding() -> None:
    body = f"<rss>{' '.join([ARABIC] * 100)}".encode() + b"\xd8"
    assert ARABIC in decode(body)


def test_latin_1_is_read_as_windows_1252() -> None:
    assert decode(b"<rss>caf\xe9 \x93quoted\x94</rss>", "text/xml; charset=iso-8859-1") == "<rss>café “quoted”</rss>"


@pytest.mark.parametrize(
    "name", ["utf-7", "idna", "punycode", "unicode_escape", "undefined", "zlib", "rot13", "x" * 40, "\0"]
)
def test_codecs_that_are_not_for_documents_are_never_used(name: str) -> None:
    assert codec_for(name) is None
    assert decode(b"<rss>+ADw-</rss>", f"text/xml; charset={name}") == "<rss>+ADw-</rss>"


@settings(deadline=None)
@given(st.binary(max_size=300), st.none() | st.text(max_size=30))
def test_any_bytes_become_text_that_can_be_stored(body: bytes, content_type: str | None) -> None:
    decode(body, content_type).encode()


@pytest.mark.parametrize(
    "text",
    ["Новости Донецка", "أخبار سوريا اليوم", "Élections à Saint-Étienne : créées", "Größenänderung", "Þjóðhátíð"],
)
def test_letters_that_were_read_with_the_wrong_codec_are_seen(text: str) -> None:
    assert not is_garbled(text)
    assert is_garbled(text.encode().decode("latin-1"))
    assert is_garbled(text.encode().decode("cp1252", "replace"))


def test_cyrillic_read_as_latin_1_is_seen() -> None:
    assert is_garbled("Новости недели".encode("cp1251").decode("latin-1"))
