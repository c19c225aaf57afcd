import gzip
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.errors import SourceError
from bot.sources.http.compression import decompress

LIMIT = 1 << 20


def kind(raw: bytes, encoding: str) -> str:
    with pytest.raises(SourceError) as caught:
        decompress(raw, encoding, LIMIT)
    return caught.value.kind


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_what_was_compressed_comes_back(body: bytes) -> None:
    assert decompress(gzip.compress(body), "gzip", LIMIT) == body
    assert decompress(zlib.compress(body), "deflate", LIMIT) == body
    bare = zlib.compressobj(wbits=-15)
    assert decompress(bare.compress(b"<" + body) + bare.flush(), "Deflate", LIMIT) == b"<" + body


def test_a_bare_deflate_body_is_not_taken_for_zlib_whatever_it_begins_with() -> None:
    """Some begin with two bytes that pass the check of zlib's header, and are none."""
    looks = set()
    for number in range(3000):
        bare = zlib.compressobj(level=number % 10, wbits=-15)
        body = f"<rss>{number}</rss>".encode()[number % 7 :] * (1 + number % 3)
        raw = bare.compress(body) + bare.flush()
        looks.add((raw[0] & 0x0F == 8, int.from_bytes(raw[:2], "big") % 31 == 0))
        assert decompress(raw, "deflate", LIMIT) == body
    assert looks >= {(False, False), (False, True)}


def test_several_members_are_one_body_and_padding_is_ignored() -> None:
    two = gzip.compress(b"one ") + gzip.compress(b"two")
    assert decompress(two, "x-gzip", LIMIT) == b"one two"
    assert decompress(two + b"\0\0\0", "gzip", LIMIT) == b"one two"


def test_a_gzip_body_without_its_header_is_decoded_once() -> None:
    once = gzip.compress(b"<rss/>")
    assert decompress(once, "", LIMIT) == b"<rss/>"
    assert decompress(gzip.compress(once), "", LIMIT) == once


def test_nothing_and_plain_bodies_stay_as_they_are() -> None:
    assert decompress(b"", "gzip", LIMIT) == b""
    assert decompress(b"<rss/>", "identity", LIMIT) == b"<rss/>"


def test_a_bomb_is_stopped_at_the_bound() -> None:
    bomb = gzip.compress(bytes(100 << 20))
    assert kind(bomb, "gzip") == "too-large"
    assert kind(bomb, "") == "too-large"
    assert kind(zlib.compress(bytes(100 << 20)), "deflate") == "too-large"
    assert kind(gzip.compress(bytes(LIMIT // 2)) * 3, "gzip") == "too-large"


@pytest.mark.parametrize("encoding", ["br", "zstd", "compress", "gzip, gzip", "gzip, deflate", "nonsense"])
def test_what_nobody_asked_for_is_refused(encoding: str) -> None:
    assert kind(b"<rss/>", encoding) == "encoding"


def test_a_lie_and_a_damaged_or_broken_off_body_are_refused() -> None:
    whole = gzip.compress(b"some text " * 1000)
    assert kind(b"<rss/>", "gzip") == "encoding"
    assert kind(whole[:-20], "gzip") == "encoding"
    assert kind(whole[:12] + b"\xff\xff\xff" + whole[15:], "gzip") == "encoding"
    assert kind(b"<rss/>", "deflate") == "encoding"
