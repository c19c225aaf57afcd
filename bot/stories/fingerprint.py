"""A headline as words that can be compared, in any script, and the two questions asked of a pair of them.

*Same text* is for suppressing, so it is nearly an identity: the same words in the same order, articles, endings
and the mark of a publisher aside. A number, a name or a "not" that differs makes it another text.
*Same event* is for grouping, where a mistake hides nothing, so likeness is enough.
"""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from rapidfuzz import fuzz

from bot.stories.vocabulary import ARTICLES, COMMON, PRESS

LEDE = 400  # characters of the body that are compared
SHORT_LEDE = 60  # characters: less than this says nothing about two texts
FULL_LEDE = 120  # characters: as much, equal to the letter, makes two texts one
TITLE = 512  # characters of a title that are compared
LONG_HEAD = 5  # words left before a dash or bar, for what follows it to be a mere addition
LONG_TITLE = 4  # telling words that make a title its own proof
SHORT_TITLE = 3  # telling words that do, unless the texts contradict it
SAME_WORDS = 0.1  # share of the words of the shorter of two ledes that the other has too, if they tell of the same
ALIKE = 70  # likeness of the titles of one and the same text

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
_POSSESSIVE = re.compile(r"['’ʼ`´](?:s\b)?")
_SPACELESS = re.compile(  # scripts written without spaces: Thai, Lao, Burmese, Khmer, kana, Han
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]+"
)
# Marks that writers leave out or put in at will; in other scripts a mark is a letter and stays.
_LOOSE_MARKS = re.compile(
    "[\u0300-\u036f\u0591-\u05c7\u0610-\u061a\u0640\u064b-\u065f\u0670\u06d6-\u06ed\u200b-\u200f\u2060]"
)
_ALIKE = str.maketrans("أإآٱىیةکığðøłđßæœ’", "ااااييهكigdoldsao'")


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """A headline made comparable.

    `words` are in order, folded, without articles and the publisher's mark; `head` leaves out whatever else hangs
    behind a dash or bar at the end, or equals `words`. `telling` are the words that may identify an event; `key` is
    the title to compare by likeness: its words, sorted. `lede` is the folded start of the text, "" if too short.
    """

    words: tuple[str, ...]
    head: tuple[str, ...]
    telling: frozenset[str]
    key: str
    lede: str

    @property
    def weight(self) -> float:
        """How much the title says: its telling words, a pair of letters from a spaceless script counting half."""
        return weigh(self.telling)


def fingerprint(title: str, text: str = "") -> Fingerprint:
    """Return what `title` and the start of `text` are compared by."""
    bare = _without_publisher(_LEAD.sub("", fold(title[:TITLE])))
    words = _content(bare)
    tail = _TAIL.match(bare)
    head = _content(tail["head"]) if tail and not _has_digit(tail["tail"]) else words
    telling = frozenset(word for word in words if word not in COMMON and (len(word) > 1 or word.isdigit()))
    lede = " ".join(split_words(fold(text[: 2 * LEDE])))[:LEDE]
    return Fingerprint(
        words=words,
        head=head if len(head) >= LONG_HEAD else words,
        telling=telling,
        key=" ".join(sorted(words)),
        lede=lede if len(lede) >= SHORT_LEDE else "",
    )


def fold(text: str) -> str:
    """Return `text` without case, accents, vowel marks, or the choice between letters that are written alike."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text).casefold()
    return unicodedata.normalize("NFC", _LOOSE_MARKS.sub("", decomposed)).translate(_ALIKE)


def split_words(folded: str) -> list[str]:
    """Return the words of a folded text; a run of a script without spaces becomes its overlapping pairs of letters."""
    plain = _POSSESSIVE.sub("", folded)
    if plain.isascii():
        return _ASCII_WORD.findall(plain)
    spaced = _SPACELESS.sub(lambda run: f" {' '.join(_pairs(run[0]))} ", plain)
    return _WORD.findall(spaced)


def weigh(words: Iterable[str]) -> float:
    """Return how much evidence `words` are: 1 each, a pair of letters from a spaceless script one half."""
    return sum(0.5 if len(word) == 2 and _SPACELESS.match(word) else 1.0 for word in words)


def same_text(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether what was sent for `one` need not be sent for `other`: nearly an identity, for this suppresses."""
    if _same_words(one.words, other.words) or one.words == other.head or one.head == other.words:
        return _vouched(one, other)
    return _same_lede(one, other) and _numbers(one) == _numbers(other) and likeness(one, other) >= ALIKE


def likeness(one: Fingerprint, other: Fingerprint) -> float:
    """Return how alike two titles are, 0 to 100, whatever the order of their words."""
    return fuzz.ratio(one.key, other.key)


def containment(one: Fingerprint, other: Fingerprint) -> float:
    """Return how far one title is contained in the other, 0 to 100, whatever the order of their words."""
    return fuzz.token_set_ratio(one.key, other.key)


def contradict(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether the texts, where both are there, have too few words in common to tell of the same thing."""
    if not one.lede or not other.lede:
        return False
    first, second = (set(lede.split()) - COMMON for lede in (one.lede, other.lede))
    return len(first & second) < SAME_WORDS * min(len(first), len(second))


def _vouched(one: Fingerprint, other: Fingerprint) -> bool:
    """Whether equal titles mean equal texts: a short one ("Business highlights") may head another text each day."""
    if one.weight >= LONG_TITLE or _same_lede(one, other):
        return True
    return one.weight >= SHORT_TITLE and not contradict(one, other)


def _same_lede(one: Fingerprint, other: Fingerprint) -> bool:
    return len(one.lede) >= FULL_LEDE and one.lede == other.lede


def _same_words(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return one == other or (len(one) == len(other) and all(map(_variants, one, other)))


def _variants(one: str, other: str) -> bool:
    """Whether two words differ by an ending or one typing error near the end at most ("raises", "raised").

    Both start with the same five letters and three quarters of the longer: Hama is not Hamas, Iran not Iraq.
    """
    if one == other:
        return True
    longer = max(len(one), len(other))
    stem = max(5, -(-3 * longer // 4))
    return one.isalpha() and other.isalpha() and len(one) >= stem and one[:stem] == other[:stem]


def _numbers(headline: Fingerprint) -> list[str]:
    return sorted(word for word in headline.words if _has_digit(word))


def _has_digit(text: str) -> bool:
    return any(map(str.isdigit, text))


def _content(folded: str) -> tuple[str, ...]:
    return tuple(_without_al(word) for word in split_words(folded) if word not in ARTICLES)


def _without_al(word: str) -> str:
    """Return an Arabic word without its article, which is written as part of it."""
    return word[2:] if len(word) > 4 and word.startswith("\u0627\u0644") else word


def _without_publisher(folded: str) -> str:
    """Return a folded title without a publisher's name in brackets or behind a dash or bar at its end, or both."""
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
