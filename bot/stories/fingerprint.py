"""Fingerprint: a headline as comparable words, in any script, and the comparisons of two headlines.

*Same text* suppresses alerts, so it is nearly an identity: the same words in the same order, except for articles,
endings and the publisher's name. A different number, name or "not" makes another text.
*Same event* only groups, and a mistake hides nothing, so likeness is enough.
"""

import math
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from bot.stories.vocabulary import ARTICLES, COMMON, PRESS
from bot.stories.weights import stem, weight

LEDE = 400  # characters of the body that are compared
SHORT_LEDE = 60  # characters: a shorter lede is no evidence
FULL_LEDE = 120  # characters: so many that are equal make two texts the same
TITLE = 512  # characters of a title that are compared
LONG_HEAD = 5  # words before a dash or bar that make the rest a mere addition
LONG_TITLE = 4  # telling words with which equal titles mean the same text
SHORT_TITLE = 3  # telling words with which they do unless the texts contradict
SAME_WORDS = 0.1  # least share of common words, of the shorter of two ledes about the same event
GRAINS = 16  # of weight 1: whole numbers add up exactly, in whatever order, and take a byte
NAME, NUMBER, TOPIC = 1.5, 0.6, 0.5  # factors of their weights
LABEL = 3  # most words before a colon that name a topic, as in "Coronavirus: …"
LONG_ENOUGH = 3  # letters: shorter words are small in Headlines of Any Kind
SMALL = 0.4  # least share of words in small letters where a capital means a name
ALIKE = 70  # least likeness of the titles of the same text

_TAIL = re.compile(r"^(?P<head>.{15,}?)\s*(?:\s[-–—|]\s|\s::\s|\s?\|\s?)(?P<tail>[^-–—|:]{2,40})$", re.DOTALL)
_BRACKET = re.compile(r"^(?P<head>.{15,}?)\s*[(\[](?P<tail>[^()\[\]]{1,30})[)\]]$", re.DOTALL)
_LEAD = re.compile(
    r"^(?:\W*(?:(?:breaking(?:\snews)?|just\sin|exclusive|watch|video|live|photos?|pictures|urgent|flash|recap|"
    r"عاجل|срочно|eilmeldung|alerte\sinfo|urgente)\s*[:|\-–—!]\s*|update\s\d{1,2}\s*[-:–]\s*|wrapup\s\d{1,2}\s*[-:–]\s*))+",
    re.IGNORECASE,
)
_MARKS = "".join(  # re's \w leaves out combining marks, which are letters in Hindi, Thai and others; above are none
    chr(point) for point in range(0x20000) if unicodedata.category(chr(point)) in ("Mn", "Mc")
)
_WORD = re.compile(rf"[$€£¥]?[\w{_MARKS}]+(?:[.,:]\d+)*%?")
_ASCII_WORD = re.compile(r"\$?[a-z0-9]+(?:[.,:]\d+)*%?")
_CASED = re.compile(r"[^\W\d_]+")
_POSSESSIVE = re.compile(r"['’ʼ`´](?:s\b)?")
_SPACELESS = re.compile(  # scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
# Optional marks; in other scripts marks are letters and stay.
_LOOSE_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u2060]"
)
_ALIKE = str.maketrans("أإآٱىیةکığðøłđßæœ’", "ااااييهكigdoldsao'")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A headline in comparable form, small, since many are kept.

    `words`: folded, in order, without articles and the publisher's name. `head`: the same without any addition after a
    dash or bar at the end; equal to `words` if there is none. `stems`: the different stems of the words that may
    identify an event, and `weights` theirs, in GRAINS. `names`: which of `words` are names by their capital, as bits;
    -1 where capitals mean nothing, as In a Headline Like This. `lede`: the folded start of the text, "" if too short.
    """

    words: tuple[str, ...]
    head: tuple[str, ...]
    stems: tuple[str, ...]
    weights: bytes
    names: int
    norm: float
    lede: str

    @property
    def telling(self) -> frozenset[str]:
        """The words that may identify an event."""
        return frozenset(filter(is_telling, self.words))

    @property
    def weight(self) -> float:
        """The evidence in the title (see `weigh`)."""
        return weigh(self.telling)

    @property
    def key(self) -> str:
        """The sorted words, for likeness."""
        return " ".join(sorted(self.words))

    def is_name(self, position: int) -> bool:
        """Return whether the word at a position is a name by its capital."""
        return self.names > 0 and bool(self.names >> position & 1)


def fingerprint(title: str, text: str = "", language: str | None = None) -> Fingerprint:
    """Return the fingerprint of a title and the start of a text."""
    title = title[:TITLE]
    bare = _without_publisher(_LEAD.sub("", fold(title)))
    words = _content(bare)
    tail = _TAIL.match(bare)
    head = _content(tail["head"]) if tail and not _has_digit(tail["tail"]) else words
    names = _names(title, words)
    label, colon, said = bare.partition(": ")
    labels = len(_content(label)) if colon and len(label.split()) <= LABEL < len(said.split()) else 0
    vector = _vector(words, names, labels, language)
    lede = " ".join(split_words(fold(text[: 2 * LEDE])))[:LEDE] if text else ""
    return Fingerprint(
        words=words,
        head=head if len(head) >= LONG_HEAD else words,
        stems=tuple(vector),
        weights=bytes(vector.values()),
        names=names,
        norm=math.sqrt(sum(grains * grains for grains in vector.values())),
        lede=lede if len(lede) >= SHORT_LEDE else "",
    )


def is_telling(word: str) -> bool:
    """Return whether a word may identify an event."""
    return word not in COMMON and (len(word) > 1 or word.isdigit())


def _vector(words: tuple[str, ...], names: int, labels: int, language: str | None) -> dict[str, int]:
    """Return the weight of each stem, in GRAINS; the first `labels` words are a topic before a colon."""
    vector: dict[str, int] = {}
    for position, word in enumerate(words):
        if not is_telling(word):
            continue
        root = stem(word, language)
        if word.isascii() and word.isalpha():
            factor = NAME if names > 0 and names >> position & 1 else 1.0
        else:
            factor = NUMBER if _has_digit(word) else weigh([word])
        if position < labels:
            factor *= TOPIC
        grains = int(GRAINS * factor * weight(root))
        vector[root] = max(vector.get(root, 0), grains)
    return vector


def _names(title: str, words: tuple[str, ...]) -> int:
    """Return which words have a capital that makes them names, as bits; -1 where capitals mean nothing."""
    if not title.isascii():
        title = unicodedata.normalize("NFC", title)
    written = _CASED.findall(title)
    capital = {word.lower() for word in written[1:] if word[0].isupper()}
    small = sum(1 for word in written if len(word) > LONG_ENOUGH and word[0].islower())
    if small < SMALL * sum(1 for word in written if len(word) > LONG_ENOUGH):
        return -1
    return sum(1 << position for position, word in enumerate(words) if word in capital)


def fold(text: str) -> str:
    """Return `text` without case, accents and vowel marks, and with one letter for each group of similar letters."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _LOOSE_MARKS.sub("", decomposed)).translate(_ALIKE)


def split_words(folded: str) -> list[str]:
    """Return the words of a folded text; in a script without spaces, overlapping pairs of letters."""
    plain = _POSSESSIVE.sub("", folded)
    if plain.isascii():
        return _ASCII_WORD.findall(plain)
    spaced = _SPACELESS.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", plain)
    return _WORD.findall(spaced)


def weigh(words: Iterable[str]) -> float:
    """Return the weight of words as evidence: 1 for each, 0.5 for a pair of letters of a script without spaces."""
    return sum(0.5 if len(word) == 2 and _SPACELESS.match(word) else 1.0 for word in words)


def same_text(first: Fingerprint, second: Fingerprint) -> bool:
    """Return whether two headlines are of the same text, so that only one of them is sent: nearly an identity."""
    if _same_words(first.words, second.words) or first.words == second.head or first.head == second.words:
        return _vouched(first, second)
    return _same_lede(first, second) and _same_report(first, second) and likeness(first, second) >= ALIKE


def likeness(first: Fingerprint, second: Fingerprint) -> float:
    """Return the likeness of two titles, 0 to 100, in any order of words."""
    return fuzz.ratio(first.key, second.key)


def containment(first: Fingerprint, second: Fingerprint) -> float:
    """Return the share of one title that the other contains, 0 to 100, in any order of words."""
    return fuzz.token_set_ratio(first.key, second.key)


def contradict(first: Fingerprint, second: Fingerprint) -> bool:
    """Return whether both texts exist and have too few common words to be about the same event."""
    if not first.lede or not second.lede:
        return False
    words, other_words = (set(lede.split()) - COMMON for lede in (first.lede, second.lede))
    return len(words & other_words) < SAME_WORDS * min(len(words), len(other_words))


def _vouched(first: Fingerprint, second: Fingerprint) -> bool:
    """Return whether equal titles mean the same text: a short title ("Business highlights") may recur every day."""
    if first.weight >= LONG_TITLE or _same_lede(first, second):
        return True
    return first.weight >= SHORT_TITLE and not contradict(first, second)


def _same_report(first: Fingerprint, second: Fingerprint) -> bool:
    """Return whether the titles have the same numbers, and not each a word of its own: that may be a slot of a
    template, over a text that is always the same."""
    mine, theirs = set(first.stems), set(second.stems)
    return _numbers(first) == _numbers(second) and (mine <= theirs or theirs <= mine)


def _same_lede(first: Fingerprint, second: Fingerprint) -> bool:
    return len(first.lede) >= FULL_LEDE and first.lede == second.lede


def _same_words(first: tuple[str, ...], second: tuple[str, ...]) -> bool:
    return first == second or (len(first) == len(second) and all(map(_variants, first, second)))


def _variants(first: str, second: str) -> bool:
    """Return whether two words differ by an ending or a typing error near the end at most ("raises", "raised").

    The first five letters and three quarters of the longer word are equal: Hama is not Hamas, Iran not Iraq.
    """
    if first == second:
        return True
    longer = max(len(first), len(second))
    stem = max(5, -(-3 * longer // 4))
    return first.isalpha() and second.isalpha() and len(first) >= stem and first[:stem] == second[:stem]


def _numbers(headline: Fingerprint) -> list[str]:
    return sorted(word for word in headline.words if _has_digit(word))


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _content(folded: str) -> tuple[str, ...]:
    return tuple(_without_al(word) for word in split_words(folded) if word not in ARTICLES)


def _without_al(word: str) -> str:
    """Return an Arabic word without its article, which is attached to it."""
    return word[2:] if len(word) > 4 and word.startswith("\u0627\u0644") else word


def _without_publisher(folded: str) -> str:
    """Return a folded title without a publisher's name in brackets or after a dash or bar at its end, or both."""
    for pattern in (_TAIL, _BRACKET, _TAIL):
        found = pattern.match(folded)
        if found and _is_publisher(found["tail"]):
            folded = found["head"]
    return folded


def _is_publisher(tail: str) -> bool:
    if _has_digit(tail):  # "Day 12", "(2)"
        return len(tail) == 1
    names = [word for word in re.split(r"[\W_]+", tail) if word and word not in ARTICLES]
    return bool(names) and (names[0] in PRESS or names[-1] in PRESS)


def _pairs(run: str) -> list[str]:
    return [run[at : at + 2] for at in range(len(run) - 1)] or [run]
