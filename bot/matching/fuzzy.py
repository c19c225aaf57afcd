"""Close spellings: which words are the same name written differently, and how to find them without comparing all.

A name that went through another script comes back in many spellings (Shoigu, Shoygu, Шойгу). They share their
consonants, in order; vowels, doubled letters and y/i/j differ. So a name is *close* to another when both have
the same skeleton of consonant sounds and their romanised forms are a letter or two apart. A reader who asks
for close spellings ("Pedersen~") also gets plain misspellings, by edit distance (rapidfuzz).

A word that is itself the name of a place we know is never a close spelling of another: Austria is not Australia.
"""

import re
import sys
from array import array
from functools import lru_cache
from itertools import combinations
from typing import Generic, TypeVar

from rapidfuzz.distance import OSA

from bot.matching import places, translit

Value = TypeVar("Value")

SHORTEST_NAME = 6  # letters: shorter names have close spellings in their own script only when asked for
SHORTEST_ASKED = 4
LONG = 8  # letters from which two misspelt ones are allowed, else one
MOST_MISSPELT = 2
PREFIX = 7  # letters that misspellings are looked up by
SLOTS = 1 << 20  # of a vocabulary: at 100,000 names that are asked for, three chance neighbours to each
LAST_SLOT = SLOTS - 1
NUMBER = 4  # bytes
LONG_SOUNDS = 7  # the same for the sounds of spellings, which have no doubled letters: Mohammed, Muhammad

_CYRILLIC = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "e", "ж": "zh", "з": "z", "и": "i",
        "і": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ы": "i", "ь": "", "э": "e",
        "ю": "iu", "я": "ia",
    }
)  # fmt: skip
_SOUND = {
    "chr": "kr", "sch": "S", "sh": "S", "tch": "C", "ch": "C", "cz": "C", "wsk": "vsk", "wicz": "viC",
    "ce": "se", "ci": "si",
    "cy": "si", "kh": "k", "gh": "g", "dh": "d", "th": "t", "ph": "f", "zh": "Z",
    "ck": "k", "tz": "ts", "c": "k", "q": "k", "x": "ks", "y": "i", "j": "i", "w": "u",
}  # fmt: skip
_SOUNDS = re.compile("|".join(_SOUND))
_COARSE = str.maketrans("Czg", "Ssk")  # sounds that another language's letters confuse
_ARABIC_LOOK = re.compile("q|dh|gh|kh|dd")  # in a name, lets a k be a g: Gaddafi, Kadhafi
_VOWELS = str.maketrans("", "", "aeiouh")


@lru_cache(1 << 17)
def romanised(folded: str) -> str:
    """Return a Latin or Cyrillic name as its sounds in Latin letters; capitals stand for sh, ch and zh."""
    latin = folded if folded.isascii() else folded.translate(_CYRILLIC)
    sounds = _SOUNDS.sub(lambda found: _SOUND[found.group()], latin)
    return translit.undoubled(sounds)


@lru_cache(1 << 17)
def skeleton(folded: str) -> str:
    """Return the consonants of a name, and its first sound: what its spellings share."""
    return consonants(folded).translate(_COARSE)


@lru_cache(1 << 17)
def consonants(folded: str) -> str:
    """Return the first sound of a name, and the consonants after it."""
    return _without_vowels(romanised(folded))


def fresh_skeleton(name: str) -> str:
    """Return the skeleton without keeping it: what is kept is for the words of articles."""
    return _without_vowels(romanised.__wrapped__(name)).translate(_COARSE)


def _without_vowels(sounds: str) -> str:
    return sounds[:1] + sounds[1:].translate(_VOWELS)


def _agree(name: str, word: str) -> bool:
    """Return whether two words of one skeleton have the same consonants, but for one that languages write otherwise."""
    ours, theirs = consonants(name), consonants(word)
    if ours == theirs:
        return True
    differ = [one + two for one, two in zip(ours, theirs, strict=True) if one != two]
    if len(differ) > 1:
        return False
    return differ[0] not in ("gk", "kg") or bool(_ARABIC_LOOK.search(name) or _ARABIC_LOOK.search(word))


def is_spelling(name: str, word: str) -> bool:
    """Return whether `word` is another spelling of `name` (both folded), in Arabic and Latin letters too."""
    if name == word or is_known(word):
        return False
    if translit.is_same(name, word):
        return True
    if (name.isascii() and len(name) < SHORTEST_NAME) or skeleton(name) != skeleton(word):
        return False
    one, two = romanised(name), romanised(word)
    most = 2 if min(len(one), len(two)) >= LONG_SOUNDS else 1
    return OSA.distance(one, two, score_cutoff=most) <= most and _agree(name, word)


def is_near(name: str, word: str) -> bool:
    """Return whether `word` is `name` misspelt: a letter wrong, missing, added or swapped (two in a long name)."""
    if name == word or is_known(word):
        return False
    return OSA.distance(name, word, score_cutoff=MOST_MISSPELT) <= _misspelt(name) or is_spelling(name, word)


@lru_cache(1 << 16)
def is_known(word: str) -> bool:
    """Return whether a folded word is itself the name or people of a place we know."""
    return places.is_known(word)


class Vocabulary(Generic[Value]):
    """The names that queries want in any spelling, so that a word of an article finds its neighbours at once.

    Spellings are looked up by skeleton, misspellings by what is left of the first letters when one or two are
    deleted (two words that are near share such a rest). A name has up to thirty of these, so they are kept small: each
    is hashed to a slot, and a slot holds the numbers of its names, four bytes each. What has the same slot by chance
    is left to whoever judges the candidates. A slot is replaced as a whole: a reader in another thread sees the old
    or the new one.
    """

    def __init__(self) -> None:
        self._slots: list[bytes] = []
        self._values: list[Value | None] = []
        self._names: list[str] = []
        self._free: list[int] = []  # numbers of names that are gone
        self._lengths = bytearray()  # of the names that are asked for misspelt; of others 0
        self._asked = 0

    def __len__(self) -> int:
        return len(self._values) - len(self._free)

    def add(self, name: str, value: Value, *, asked: bool) -> None:
        """Add what a name stands for, once."""
        if not self._slots:
            self._slots = [b""] * SLOTS
        if not self._free:
            self._free.append(len(self._values))
            self._values.append(None)
            self._names.append("")
            self._lengths.append(0)
        number = self._free.pop()
        self._values[number], self._names[number] = value, name
        self._lengths[number] = min(len(name), 255) if asked else 0
        self._asked += asked
        packed = number.to_bytes(NUMBER, sys.byteorder)
        for slot in _slots_of(name, asked=asked):
            self._slots[slot] += packed

    def remove(self, name: str, value: Value, *, asked: bool) -> None:
        """Take away what one `add` added; what was not added is no error."""
        numbers = memoryview(self._slots[_slot(fresh_skeleton(name))]).cast("I") if self._slots else ()
        number = next((number for number in numbers if self._values[number] is value), None)
        if number is None:
            return
        for slot in _slots_of(name, asked=asked):
            left = [other for other in memoryview(self._slots[slot]).cast("I") if other != number]
            self._slots[slot] = array("I", left).tobytes()
        self._values[number] = None
        self._free.append(number)
        self._asked -= asked

    def candidates(self, word: str, *, named: bool = True) -> list[Value]:
        """Return what `word` may be a spelling of: all that it is one of, and a few more.

        A word that is not `named`, so no name by its case, is one only of the names that are asked for misspelt.
        """
        if not self._slots:
            return []
        lengths = self._lengths
        found = set(memoryview(self._slots[_slot(skeleton(word))]).cast("I"))
        for bridge in translit.bridges(word):
            found.update(memoryview(self._slots[_slot(_other_side(word, bridge))]).cast("I"))
        if not named:
            found = {number for number in found if lengths[number]}
        if self._asked and len(word) >= SHORTEST_ASKED - 1:
            found.update(self._misspelt(word))
        return [value for number in found if (value := self._values[number]) is not None]

    def _misspelt(self, word: str) -> list[int]:
        """Return the numbers of the names that `word` may be misspelt: told apart by length before they are read."""
        lengths, names, distance = self._lengths, self._names, OSA.distance
        shortest, longest = max(1, len(word) - MOST_MISSPELT), len(word) + MOST_MISSPELT
        packed = b"".join([self._slots[hash(rest) & LAST_SLOT] for rest in rests(word, MOST_MISSPELT)])
        return [
            number
            for number in set(memoryview(packed).cast("I"))
            if shortest <= lengths[number] <= longest
            and distance(names[number], word, score_cutoff=MOST_MISSPELT) <= MOST_MISSPELT
        ]


def _slot(rest: str) -> int:
    return hash(rest) & LAST_SLOT


def _this_side(word: str, bridge: str) -> str:
    """Return the key under which a word waits for its spellings in the other script (see `translit`)."""
    return ("<" if word.isascii() else ">") + bridge


def _other_side(word: str, bridge: str) -> str:
    """Return the key under which the spellings of a word in the other script wait."""
    return (">" if word.isascii() else "<") + bridge


def _slots_of(name: str, *, asked: bool) -> set[int]:
    """Return the slots that a name is found by."""
    slots = {_slot(fresh_skeleton(name))}
    slots.update([_slot(_this_side(name, bridge)) for bridge in translit.bridges.__wrapped__(name)])
    if asked:
        slots.update([hash(rest) & LAST_SLOT for rest in rests(name, _misspelt(name))])
    return slots


def rests(word: str, most: int) -> set[str]:
    """Return the first PREFIX letters of a word without none, one … `most` of them."""
    first = word[:PREFIX]
    found = {first}
    for fewer in range(1, min(most, len(first)) + 1):
        found.update(map("".join, combinations(first, len(first) - fewer)))
    return found


def _misspelt(name: str) -> int:
    """Return how many letters of a name may be misspelt."""
    return MOST_MISSPELT if len(name) >= LONG else 1
