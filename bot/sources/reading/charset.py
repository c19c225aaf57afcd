"""Charset: decodes documents whose declared encoding may be missing, wrong, or an attack.

Bytes that are valid UTF-8 are UTF-8, whatever is declared: text in another encoding practically never is by chance,
and servers often add their default `charset=iso-8859-1` to a UTF-8 document. Then the server's declaration counts,
then the document's (RFC 7303), then a detector's guess. Only the codecs listed here are used.
"""

import codecs
import re

import charset_normalizer

# Python's name of a codec -> the one to decode with: the superset that browsers use too (WHATWG Encoding, 4.2).
_CODECS = {
    "ascii": "cp1252",
    "iso8859-1": "cp1252",
    "iso8859-9": "cp1254",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "shift_jis": "cp932",
    "euc_kr": "cp949",
    "tis-620": "iso8859-11",
    **{
        name: name
        for name in (
            *("utf-8", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"),
            *("gb18030", "big5", "big5hkscs", "cp932", "euc_jp", "iso2022_jp", "cp949", "johab"),
            *(f"iso8859-{part}" for part in (2, 3, 4, 5, 6, 7, 8, 10, 11, 13, 14, 15, 16)),
            *(f"cp{page}" for page in (437, 850, 852, 855, 866, 874, *range(1250, 1259))),
            *("koi8-r", "koi8-u", "koi8-t", "mac-roman", "mac-cyrillic", "ptcp154", "hp-roman8"),
        )
    },
}
_SEVEN_BIT = frozenset({"iso2022_jp", "utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"})
_BYTE_ORDER_MARKS = (  # a longer one before its prefix
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_FIRST_BYTES = (
    (b"<\0?\0", "utf-16-le"),
    (b"\0<\0?", "utf-16-be"),
    (b"<\0\0\0", "utf-32-le"),
    (b"\0\0\0<", "utf-32-be"),
)
_XML_ENCODING = re.compile(rb"""^\s*<\?xml[^>]*?encoding\s*=\s*["']([A-Za-z0-9._:-]{1,40})["']""")
_META_CHARSET = re.compile(rb"""<meta[^>]{0,200}?charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_HTTP_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9._:-]{1,40})""", re.IGNORECASE)
_NOT_XML = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff\ud800-\udfff]")
_CHARACTERS = (  # XML 1.0, 2.2
    (0x9, 0xA, 0xD),
    range(0x20, 0xD800),
    range(0xE000, 0xFFFE),
    range(0x10000, 0x110000),
)
_CHARACTER_REFERENCE = re.compile(  # without the usual ones, which are valid
    r"&#(?!(?:3[2-9]|[4-9]\d|[1-9]\d{2,3}|x(?:[2-9a-f][0-9a-f]|[1-9a-f][0-9a-f]{2}|[1-9a-c][0-9a-f]{3}));)"
    r"(?:x([0-9a-f]+)|([0-9]+));?",
    re.IGNORECASE,
)
_GARBLED = re.compile(  # UTF-8 read as Latin-1 ("Ã©", "Ð½Ð°"), Cyrillic read as Latin-1 ("Íîâîñòè"), lost characters
    "(?:[\u00c2\u00c3\u00d0\u00d1\u00d8\u00d9][\u0080-\u00bf\u0152-\u0178\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]){2}"
    "|[\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u00ff]{5}|\ufffd"
)
_FEW_ERRORS = 1000  # at most one damaged character in so many: damaged UTF-8, not another encoding
_SAMPLE = 64 * 1024


def decode(body: bytes, content_type: str | None = None) -> str:
    """Return the text of a document; `content_type` is the HTTP header. Never fails: at worst it is Latin-1."""
    for mark, codec in (*_BYTE_ORDER_MARKS, *_FIRST_BYTES):
        if body.startswith(mark):
            return body.decode(codec, "replace").removeprefix("\ufeff")
    declared = _declared(body, content_type)
    if not (declared and declared[0] in _SEVEN_BIT):
        declared = ["utf-8", *declared]
    for codec in declared:
        text = _strictly(body, codec)
        if text is not None:
            return text
    return _guess(body)


def only_characters(text: str) -> str:
    """Return `text` without characters, written or as references, that XML excludes: parsers refuse the document."""
    return _CHARACTER_REFERENCE.sub(_valid_reference, _NOT_XML.sub("", text))


def _valid_reference(reference: re.Match[str]) -> str:
    digits = reference[1] or reference[2]
    code = int(digits, 16 if reference[1] else 10) if len(digits) < 12 else -1
    return reference[0] if any(code in characters for characters in _CHARACTERS) else "\ufffd"


def is_garbled(text: str) -> bool:
    """Return whether a text looks as if it was decoded with the wrong codec, here or by its publisher."""
    return bool(_GARBLED.search(text))


def codec_for(name: str) -> str | None:
    """Return the codec for the encoding `name`, or None if it is unknown or not used for documents."""
    try:
        return _CODECS.get(codecs.lookup(name).name)
    except (LookupError, ValueError):
        return None


def _declared(body: bytes, content_type: str | None) -> list[str]:
    """Return the codecs that the server, then the document, declare; unknown ones are left out."""
    names = []
    if found := _HTTP_CHARSET.search(content_type or ""):
        names.append(found[1])
    head = body[:2048]
    if inside := _XML_ENCODING.search(head) or _META_CHARSET.search(head):
        names.append(inside[1].decode("ascii"))
    return [codec for name in names if (codec := codec_for(name))]


def _strictly(body: bytes, codec: str) -> str | None:
    try:
        return body.decode(codec)
    except UnicodeDecodeError:
        return None


def _guess(body: bytes) -> str:
    text = body.decode("utf-8", "replace")
    if text.count("\ufffd") * _FEW_ERRORS <= len(text):
        return text
    best = charset_normalizer.from_bytes(body[:_SAMPLE]).best()
    for codec in (codec_for(best.encoding) if best else None, "cp1252"):
        if codec and (guess := _strictly(body, codec)) is not None:
            return guess
    return body.decode("latin-1")
