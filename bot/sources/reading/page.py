"""Page reader: extracts the article from a web page, for sources that are read in full.

In: a fetched page, and the title and summary of its entry. Out: the article's plain text, or a `SourceError`.
trafilatura finds the article; it is given the text and fetches nothing. Runs in the worker process, as everything that
reads untrusted documents.
"""

import logging
import re
import unicodedata
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from lxml import etree, html  # type: ignore[import-untyped]  # no type information published

from bot.errors import SourceError, SourceFault
from bot.sources.reading.charset import decode, only_characters
from bot.sources.reading.clean import clean_body
from bot.sources.reading.normalise import MAX_SUMMARY, language_code, shorten

_ALIKE = (
    0.5  # share of a title's words that its page must have: with fewer it is a login, a consent form or the home page
)
_TELLING = 4  # letters: shorter words, such as "the" and "in", are on every page
_WORD = re.compile(r"[^\W_]+")
_TITLES = "//title | //h1 | //meta[@property='og:title' or @name='twitter:title']/@content"
_FEW_TITLES = 20  # titles read: a page may repeat them without end


@dataclass(frozen=True, slots=True)
class Page:
    """The article of a page: cleaned, bounded paragraphs, one a line; and the page's language code or None."""

    text: str
    language: str | None = None


def read_page(body: bytes, content_type: str | None, title: str, summary: str) -> Page:
    """Return the article in a page that the feed announced with this title and summary.

    Raises SourceError of kind "not-an-article" where the page has no more text than the feed, or another subject.
    """
    tree = _tree(only_characters(decode(body, content_type)))
    if tree is None:
        raise SourceError(SourceFault.PAGE_UNREADABLE)
    titles = [_text_of(title_node) for title_node in tree.xpath(_TITLES)[:_FEW_TITLES]]
    language = language_code(tree.get("lang"))
    text = shorten(clean_body(title, _article(tree)), MAX_SUMMARY)
    if len(text) <= len(summary):
        raise SourceError(SourceFault.PAGE_ADDS_NOTHING)
    if not is_about(title or summary, [*titles, text]):
        raise SourceError(SourceFault.PAGE_OF_SOMETHING_ELSE)
    return Page(text, language)


def is_about(title: str, texts: Iterable[str]) -> bool:
    """Return whether `texts` (a page's titles and article) have at least half of the telling words of `title`."""
    words = set(_words(title))
    telling = {word for word in words if len(word) >= _TELLING or _is_unspaced(word)} or words
    return len(telling & {word for text in texts for word in _words(text)}) >= _ALIKE * len(telling)


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text, folded; in scripts without spaces, each pair of adjacent characters."""
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _is_unspaced(word):
            yield from (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            yield word


def _is_unspaced(word: str) -> bool:
    """Return whether a word has letters of a script without spaces (Thai, Chinese, …: U+0E00 and above)."""
    return max(word) >= "\u0e00"


def _tree(text: str) -> html.HtmlElement | None:
    parser = html.HTMLParser(encoding="utf-8", no_network=True, recover=True)
    try:
        return html.document_fromstring(text.encode("utf-8", "replace"), parser=parser)
    except (etree.LxmlError, ValueError):
        return None


def _text_of(found: object) -> str:
    return str(found) if isinstance(found, str) else "".join(found.itertext())  # type: ignore[attr-defined]


def _article(tree: html.HtmlElement) -> str:
    from trafilatura import bare_extraction  # noqa: PLC0415 - imported only where pages are read
    from trafilatura.settings import Document  # noqa: PLC0415

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # an empty page is no event
    found = bare_extraction(tree, include_comments=False)
    return found.text or "" if isinstance(found, Document) else ""
