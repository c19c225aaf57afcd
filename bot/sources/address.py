"""Web addresses: checks which may be a source, and normalises them so that equal ones can be compared.

Pure and syntactic: the guard decides at connect time whether the address may be reached. yarl parses addresses both
for the check and for the connection, so that the two never read one differently.
"""

import ipaddress
import re
from functools import lru_cache
from urllib.parse import unquote

from yarl import URL

from bot.errors import SourceError, SourceFault

MAX_LENGTH = 2048

_FORBIDDEN = re.compile(r"[\x00-\x20\x7f-\xa0\\\u2028\u2029\ud800-\udfff]|%0[0ad]", re.IGNORECASE)
_HOST_AND_PORT = re.compile(r"[\w.-]+:\d+(?:[/?#]|$)")
_SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:", re.IGNORECASE)
_HOST_NAME = re.compile(r"[a-z0-9_-]+(?:\.[a-z0-9_-]+)*\.?", re.IGNORECASE)
_NUMERIC_LABEL = re.compile(r"\d+|0x[0-9a-f]*", re.IGNORECASE)

# Parameters that identify where a reader came from, not the document.
_TRACKING = re.compile(
    r"utm_\w+|at_(?:medium|campaign|custom\d|link_\w+|format|bbc_team|ptr_name|ptr_type)|ns_(?:mchannel|source|campaign)"
    r"|(?:fb|g|d|tt|tw|y)clid|msclkid|gbraid|wbraid|_openstat|mc_[ce]id|igsh(?:id)?|cmpid|phpsessid|jsessionid",
    re.IGNORECASE,
)


def check_url(text: str) -> URL:
    """Return the http(s) address in `text`, as typed by a person or named by a document.

    `feed:` is read as https, and so is an address without a scheme. Raises SourceError of kind "url" for
    anything that is no plain web address: other schemes, a user name or password, a backslash, spaces, an odd host.
    """
    text = text.strip()
    if not text:
        raise SourceError(SourceFault.NO_ADDRESS)
    if len(text) > MAX_LENGTH:
        raise SourceError(SourceFault.LONG_ADDRESS, characters=MAX_LENGTH)
    if _FORBIDDEN.search(text):
        raise SourceError(SourceFault.CHARACTERS_IN_ADDRESS)
    try:
        url = URL(_with_scheme(text))
    except ValueError as error:
        raise SourceError(SourceFault.NOT_AN_ADDRESS) from error
    _check_parts(url)
    return url


def canonical_url(text: str) -> str:
    """Return the canonical spelling of a source's address: lower-case host, no default port, no fragment.

    Two addresses with the same spelling are one source; the query keeps its order, for a feed's may matter.
    Raises SourceError as `check_url` does.
    """
    return str(_plain(check_url(text)))


@lru_cache(maxsize=4096)  # each link of a document is needed twice, and again at the next reading
def canonical_link(text: str) -> str | None:
    """Return the canonical spelling of an article's address, to compare articles, or None if it is no web address.

    As `canonical_url`, without tracking parameters, the others sorted. Applying it twice changes nothing.
    """
    try:
        url = _plain(check_url(text))
        query = sorted((name, value) for name, value in url.query.items() if not _TRACKING.fullmatch(name))
        return str(url.with_query(query or None))
    except (SourceError, ValueError):
        return None


@lru_cache(maxsize=4096)
def absolute_link(base: str, link: str | None) -> str | None:
    """Return the absolute http(s) address of `link` in a document found at `base`, or None if it is not one.

    White space around and line breaks within are ignored, as browsers do; other spaces are percent-encoded.
    """
    link = re.sub(r"[\t\r\n]", "", link or "").strip()
    if not link:
        return None
    try:
        return str(check_url(str(URL(base).join(URL(link)))))
    except (SourceError, ValueError):
        return None


def _with_scheme(text: str) -> str:
    if text[:5].lower() == "feed:":
        text = text[5:]
    if text.startswith("//"):
        return f"https:{text}"
    if _SCHEME.match(text) and not _HOST_AND_PORT.match(text):
        return text
    return f"https://{text}"


def _check_parts(url: URL) -> None:
    if url.scheme not in {"http", "https"}:
        raise SourceError(SourceFault.OTHER_SCHEME)
    if url.raw_user is not None or url.raw_password is not None:
        raise SourceError(SourceFault.USER_IN_ADDRESS)
    if not url.raw_host or url.port == 0:
        raise SourceError(SourceFault.NO_HOST)
    _check_host(url.raw_host)


def _check_host(host: str) -> None:
    """Refuse hosts that parsers interpret differently: `0x7f.1`, `2130706433`, `%31.0.0.1`, a zone index."""
    try:
        ipaddress.ip_address(host.rstrip(".") if ":" not in host else host)
    except ValueError:
        labels = host.rstrip(".").split(".")
        if ":" in host or not _HOST_NAME.fullmatch(host) or _NUMERIC_LABEL.fullmatch(labels[-1]):
            raise SourceError(SourceFault.ODD_HOST) from None
    if "%" in host:
        raise SourceError(SourceFault.ODD_HOST)


def _plain(url: URL) -> URL:
    """Return `url` with a lower-case host without a final dot, no default port, no fragment, and "/" for no path."""
    host = (url.host or "").lower().rstrip(".")
    plain = url.with_host(host).with_fragment(None)
    if unquote(plain.path) in {"", "/"}:
        plain = plain.with_path("/", encoded=True).with_query(url.query_string or None)
    return plain
