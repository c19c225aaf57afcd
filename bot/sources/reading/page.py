"""A web page to the article in it: what `full_text` sources are matched by, beside what their feed says.

In: a page as it was fetched, and what the feed says of the article. Out: the article's plain text, or why the page has
none to offer. trafilatura finds the article; it is given the text and fetches nothing. Runs in the worker process, as
everything that reads what anybody may have written.
"""

import logging
import re
import unicodedata
from collections.abc import Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass

from lxml import etree, html  # type: ignore[import-untyped]  # no type information published
from yarl import URL

from bot.errors import SourceError, SourceFault
from bot.sources.http.fetch import Wanted
from bot.sources.reading.charset import decode, only_characters
from bot.sources.reading.clean import clean_body
from bot.sources.reading.normalise import MAX_SUMMARY, language_code, shorten

_ACCEPT = "text/html, application/xhtml+xml;q=0.9, */*;q=0.1"
_TYPES = frozenset({"text/html", "application/xhtml+xml"})
_ALIKE = 0.5  # of a title's words, found in its page: fewer, and it is a login, a consent form or the home page
_TELLING = 4  # letters: "the" and "in" stand on every page
_WORD = re.compile(r"[^\W_]+")
_TITLES = "//title | //h1 | //meta[@property='og:title' or @name='twitter:title']/@content"
_FEW_TITLES = 20  # looked at: a page may repeat any


@dataclass(frozen=True, slots=True)
class Page:
    """The article of a page: plain paragraphs, one a line, cleaned and bounded; the page's language if it says one."""

    text: str
    language: str | None = None


def wanted(may_fetch: Callable[[URL], Awaitable[None]]) -> Wanted:
    """Return how to ask for a page; `may_fetch` forbids an address by raising SourceError."""
    return Wanted(_ACCEPT, _TYPES, may_fetch)


def read_page(body: bytes, content_type: str | None, title: str, summary: str) -> Page:
    """Return the article in a page that the feed announced with this title and summary.

    Raises SourceError of kind "not-an-article" where the page would tell less than the feed does, or of something else.
    """
    tree = _tree(only_characters(decode(body, content_type)))
    if tree is None:
        raise SourceError(SourceFault.PAGE_UNREADABLE)
    titles = [_text_of(one) for one in tree.xpath(_TITLES)[:_FEW_TITLES]]
    language = language_code(tree.get("lang"))
    text = shorten(clean_body(title, _article(tree)), MAX_SUMMARY)
    if len(text) <= len(summary):
        raise SourceError(SourceFault.PAGE_ADDS_NOTHING)
    if not is_about(title or summary, [*titles, text]):
        raise SourceError(SourceFault.PAGE_OF_SOMETHING_ELSE)
    return Page(text, language)


def is_about(title: str, texts: Iterable[str]) -> bool:
    """Return whether `texts`, a page's titles and its article, have half of the words of `title` that tell anything."""
    words = set(_words(title))
    wanted = {word for word in words if len(word) >= _TELLING or _is_apart(word)} or words
    return len(wanted & {word for text in texts for word in _words(text)}) >= _ALIKE * len(wanted)


def _words(text: str) -> Iterator[str]:
    """Yield the words of a text, folded; of scripts without spaces, each two characters that stand together."""
    for word in _WORD.findall(unicodedata.normalize("NFKC", text).casefold()):
        if _is_apart(word):
            yield from (word[at : at + 2] for at in range(max(len(word) - 1, 1)))
        else:
            yield word


def _is_apart(word: str) -> bool:
    """Return whether a word is of a script that sets none apart, or of one of those beside them."""
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
    from trafilatura import bare_extraction  # noqa: PLC0415 - only who reads pages pays for it
    from trafilatura.settings import Document  # noqa: PLC0415

    logging.getLogger("trafilatura").setLevel(logging.CRITICAL)  # an empty page is no event
    found = bare_extraction(tree, include_comments=False)
    return found.text or "" if isinstance(found, Document) else ""
