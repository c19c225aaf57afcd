"""Decompression: decodes a body by its Content-Encoding, within bounds of size and of members.

We accept gzip or deflate, once. Any other coding, or one within another, is refused: no server of feeds needs it.

The time taken is linear in the bytes that come in and out, but some bytes cost much: each block of a deflate stream
may bring Huffman tables of its own (RFC 1951, 3.2.7). So callers run it in a thread; zlib releases the GIL.
"""

import zlib

from bot.errors import SourceError, SourceFault

ACCEPTED = "gzip, deflate"
_GZIP_MAGIC = b"\x1f\x8b"
_STEP = 256 * 1024  # bytes given out at a time, so that a bomb stops at the limit
_SLICE = 16 * 1024  # bytes taken in at a time: whatever zlib leaves of them, it copies
MOST_MEMBERS = 1024  # of a gzip body: those that writers make, such as BGZF, have 64 KiB each


def decompress(raw: bytes, content_encoding: str, limit: int) -> bytes:
    """Return the decoded body of `raw`, at most `limit` bytes; `content_encoding` is the header, "" without one.

    A gzip body that no header announced (a `.xml.gz` file) is decoded too, under the same bound. Raises
    SourceError of kind "too-large" or "encoding".
    """
    coding = _coding(content_encoding)
    if raw.startswith(_GZIP_MAGIC):
        return _inflate(raw, zlib.MAX_WBITS | 16, limit)
    if coding == "gzip" and raw:
        raise SourceError(SourceFault.NOT_GZIP)
    if coding == "deflate" and raw:
        return _inflate(raw, zlib.MAX_WBITS if _has_zlib_header(raw) else -zlib.MAX_WBITS, limit)
    if len(raw) > limit:
        raise too_large(limit)
    return raw


def too_large(limit: int) -> SourceError:
    """Return the error for a document over `limit` bytes."""
    return SourceError(SourceFault.LARGE_DOCUMENT, mebibytes=f"{limit / 2**20:.3g}")


def _coding(content_encoding: str) -> str:
    codings = [coding for part in content_encoding.split(",") if (coding := part.strip().lower())]
    named = [coding.removeprefix("x-") for coding in codings if coding != "identity"]
    if len(named) > 1 or not {"gzip", "deflate"}.issuperset(named):
        raise SourceError(SourceFault.OTHER_COMPRESSION)
    return named[0] if named else ""


def _inflate(raw: bytes, wbits: int, limit: int) -> bytes:
    """Decode one member after another (RFC 1952, 2.2), within `limit` and MOST_MEMBERS."""
    body, out, at = memoryview(raw), bytearray(), 0
    for _ in range(MOST_MEMBERS):
        at = _member(body, at, zlib.decompressobj(wbits), out, limit)
        if not raw.startswith(_GZIP_MAGIC, at):
            return bytes(out)  # some servers pad the last member
    raise SourceError(SourceFault.MANY_MEMBERS, members=MOST_MEMBERS)


def _member(body: memoryview, at: int, decoder: "zlib._Decompress", out: bytearray, limit: int) -> int:
    """Append the member of `body` that begins at `at` to `out`; return where it ends."""
    rest: bytes | memoryview = b""
    while not decoder.eof:
        if not rest:
            rest = body[at : at + _SLICE]
            at += len(rest)
        try:
            piece = decoder.decompress(rest, _STEP)
        except zlib.error as error:
            raise SourceError(SourceFault.DAMAGED_COMPRESSION) from error
        if not (piece or rest or decoder.eof):
            raise SourceError(SourceFault.CUT_COMPRESSION)
        rest = decoder.unconsumed_tail
        out += piece
        if len(out) > limit:
            raise too_large(limit)
    return at - len(decoder.unused_data)


def _has_zlib_header(raw: bytes) -> bool:
    """Return whether data is zlib (RFC 1950, 2.2), not the raw deflate that some servers send for `deflate`."""
    return len(raw) > 1 and raw[0] & 0x0F == 8 and int.from_bytes(raw[:2], "big") % 31 == 0
