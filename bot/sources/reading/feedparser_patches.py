"""feedparser patches: replaces slow parts of feedparser for the length of one call, with the same result.

In: a document. Out: the result of `feedparser.parse`, in about two thirds of the time: expat delivers a text in one
piece, not line by line; the document's address is joined with itself once, not for every element; look-ups of plain
keys skip feedparser's key mapping; flat dictionaries are copied as such. The tests compare every document of the
corpora.

Runs in the worker process of `pool`.
"""

import contextlib
import functools
import io
from collections.abc import Iterator, Mapping
from types import SimpleNamespace
from typing import Any
from xml.parsers import expat
from xml.sax.expatreader import ExpatParser
from xml.sax.xmlreader import AttributesNSImpl

import feedparser
import feedparser.api
import feedparser.mixin

_Dict = feedparser.FeedParserDict
_BUFFER = 1 << 16  # bytes of text in one piece
_NO_ATTRIBUTES = AttributesNSImpl({}, {})


def parse(document: bytes, headers: Mapping[str, str]) -> Any:
    """Return feedparser's result for `document`, without its sanitiser and its resolver of links in texts."""
    with _replaced():
        return feedparser.parse(
            io.BytesIO(document),  # a stream: feedparser may take bytes or a string for a file name or an address
            sanitize_html=False,  # `clean` does it; feedparser stalls in these two
            resolve_relative_uris=False,
            response_headers=headers,
        )


def create_parser() -> ExpatParser:
    """Return the parser for feedparser; `xml.sax.make_parser` calls a function of this name."""
    return _PatchedParser()


class _PatchedParser(ExpatParser):
    """The standard library's SAX parser, with text in one piece and a shortcut for elements without attributes."""

    _parser: expat.XMLParserType
    _cont_handler: Any

    def reset(self) -> None:
        super().reset()
        self._parser.buffer_text = True
        self._parser.buffer_size = _BUFFER

    def start_element_ns(self, name: str, attrs: Mapping[str, str]) -> None:
        if attrs:
            super().start_element_ns(name, attrs)
        else:
            self._cont_handler.startElementNS(_pair(name), None, _NO_ATTRIBUTES)

    def end_element_ns(self, name: str) -> None:
        self._cont_handler.endElementNS(_pair(name), None)


@functools.lru_cache(maxsize=1024)
def _pair(name: str) -> tuple[str | None, str]:
    """Return the namespace and local name of an element's name in expat: "namespace name", or "name"."""
    parts = name.split()
    return (parts[0], parts[1]) if len(parts) > 1 else (None, name)


_ODD_KEYS = frozenset({*_Dict.keymap, "category", "enclosures", "license", "updated", "updated_parsed"})
_plain_item, _plain_get, _plain_contains = _Dict.__getitem__, _Dict.get, _Dict.__contains__
_plain_set = _Dict.__setitem__


def _item(self: Any, key: str) -> Any:
    return _plain_item(self, key) if key in _ODD_KEYS else dict.__getitem__(self, key)


def _get(self: Any, key: str, default: Any = None) -> Any:
    return _plain_get(self, key, default) if key in _ODD_KEYS else dict.get(self, key, default)


def _contains(self: Any, key: str) -> bool:
    return bool(_plain_contains(self, key)) if key in _ODD_KEYS else dict.__contains__(self, key)


def _set(self: Any, key: str, value: Any) -> None:
    if key in _ODD_KEYS:
        _plain_set(self, key, value)
    else:
        dict.__setitem__(self, key, value)


_REPLACEMENTS = (
    (feedparser.api, "PREFERRED_XML_PARSERS", [__name__]),
    (feedparser.mixin, "make_safe_absolute_uri", functools.lru_cache(512)(feedparser.mixin.make_safe_absolute_uri)),
    (_Dict, "__getitem__", _item),
    (_Dict, "get", _get),
    (_Dict, "__contains__", _contains),
    (_Dict, "__setitem__", _set),
    (feedparser.mixin, "copy", SimpleNamespace(deepcopy=_Dict)),  # copies of a text's parameters, which are all strings
)


@contextlib.contextmanager
def _replaced() -> Iterator[None]:
    """Put the replacements in place until the end of the block."""
    before = [(owner, name, vars(owner)[name]) for owner, name, _ in _REPLACEMENTS]
    try:
        for owner, name, replacement in _REPLACEMENTS:
            setattr(owner, name, replacement)
        yield
    finally:
        for owner, name, original in before:
            setattr(owner, name, original)
