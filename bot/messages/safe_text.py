"""Other people's text made safe to show: clean, bounded, inert, and in its own direction.

Telegram links "@name", "/command", "#tag", "$TICKER", "site.com" and "tg://…" wherever it finds them in a text, and
drops or obeys invisible characters. A headline must do none of that: it is words.
"""

import re
import unicodedata
from urllib.parse import urlsplit

ELLIPSIS = "…"
SECOND_LEVEL = frozenset(["info", "press", "media", "news", "asso", "gouv"])  # besides those of up to three letters
LONGEST_URL = 2048  # longer ones are shown without a link
JOINER = "\u2060"  # WORD JOINER: shows nothing, breaks no line, and ends a name for Telegram's entity finder

# Bidi controls, which could turn what follows them; and marks that are ours to set.
_UNWANTED = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff]")
_CONTROL = re.compile("[\x00-\x1f\x7f-\x9f\u2028\u2029]")
_ACTIVE = re.compile(r"(?<!\w)[@/#](?=\w)|(?<!\w)\$(?=[^\W\d])|(?<=\w)\.(?=[^\W\d_]{2})|:(?=//)")


def clean(text: str) -> str:
    """Return `text` on one line without controls and direction marks; "" if nothing of it can be seen."""
    line = " ".join(_CONTROL.sub(" ", _UNWANTED.sub("", text)).split())
    return line if any(unicodedata.category(letter)[0] in "LNPS" for letter in line) else ""


def clip(text: str, limit: int) -> str:
    """Return `text` in at most `limit` code points, cut between words if that leaves half of it."""
    if len(text) <= limit:
        return text
    cut = text[: limit - 1]
    shorter = cut.rpartition(" ")[0]
    return (shorter if len(shorter) > limit // 2 else cut).rstrip(" ,;:-–—\u200d") + ELLIPSIS


def inert(text: str) -> str:
    """Return `text` so that nothing in it can be tapped: a word joiner stands after each character that would start it.

    It looks the same. Copied, it carries the joiner along, which most programs ignore. (A zero-width non-joiner would
    not do: Telegram takes that for a part of a name in an address.)
    """
    return _ACTIVE.sub(rf"\g<0>{JOINER}", text)


def link(url: str | None) -> str | None:
    """Return `url` if it may be linked: http(s), with a host and no user name, of bearable length; else None."""
    if url is None or len(url) > LONGEST_URL or not url.isprintable() or " " in url:
        return None
    try:
        parts = urlsplit(url)
        return url if parts.scheme in ("http", "https") and host(url) and "@" not in parts.netloc else None
    except ValueError:  # a bracket that is no IPv6 address, a port that is no number
        return None


def host(url: str) -> str:
    """Return the host of a URL as it is looked up, in ASCII (xn--…) so that it cannot look like another; "" if none."""
    name = (urlsplit(url).hostname or "").removeprefix("www.")
    try:
        return name if name.isascii() else name.encode("idna").decode("ascii")
    except UnicodeError:
        return ""


def registrable_domain(name: str) -> str:
    """Return the part of a host name that somebody registered: bbc.co.uk of feeds.bbc.co.uk; an IP address whole.

    By a rule instead of the Public Suffix List (publicsuffix.org): under a country, a label of up to three letters
    ("co", "com", "ac") or one of SECOND_LEVEL is no name.
    """
    labels = name.rstrip(".").split(".")
    if labels[-1].isdigit() or ":" in name:
        return name
    is_second_level = len(labels[-1]) == 2 and len(labels) > 2 and (len(labels[-2]) <= 3 or labels[-2] in SECOND_LEVEL)
    return ".".join(labels[-3 if is_second_level else -2 :])


def publisher(url: str | None, source_url: str) -> str:
    """Return who publishes an article: the registrable domain of its own address, or else of its source's."""
    try:
        name = host(url) if url else ""
    except ValueError:  # no address
        name = ""
    return registrable_domain(name or host(source_url))


def vouches(name: str, source: str) -> bool:
    """Whether a host name says what the source's title says ("bbc.co.uk", "BBC News"), so one of them is enough.

    Compared is the label people register: under "evil.com", "bbc.evil.com" says evil.
    """
    registered = registrable_domain(name).split(".")[0]
    letters = "".join(filter(str.isalnum, source.casefold()))
    return bool(letters) and letters.startswith(registered.replace("-", "")) and len(registered) > 2
