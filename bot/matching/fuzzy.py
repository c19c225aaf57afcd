"""Close spellings: which words are the same name written differently, and how to find them without comparing all.

A name that went through another script comes back in many spellings (Shoigu, Shoygu, Шойгу). They share their
consonants, in order; vowels, doubled letters and y/i/j differ. So a name is *close* to another when both have
the same skeleton of consonant sounds and their romanised forms are a letter or two apart. A reader who asks
for close spellings ("Pedersen~") also gets plain misspellings, by edit distance (rapidfuzz).

A word that is itself the name of a place we know is never a close spelling of another: Austria is not Australia.
"""

import re
from functools import lru_cache
from typing import TypeVar

from rapidfuzz.distance import OSA

from bot.matching import places

Key = TypeVar("Key")
Value = TypeVar("Value")

SHORTEST_NAME = 6  # letters: shorter names have close spellings only when asked for
SHORTEST_ASKED = 4
LONG = 8  # letters from which two misspelt ones are allowed, else one
PREFIX = 7  # letters that misspellings are looked up by
LONG_SOUNDS = 7  # the same for the sounds of spellings, which have no doubled letters: Mohammed, Muhammad

_CYRILLIC = str.maketrans(
    {
        "а": "a", "б": "b", "в": "v", "г": "g", "ґ": "g", "д": "d", "е": "e", "є": "e", "ж": "zh", "з": "z", "и": "i",
        "і": "i", "й": "i", "к": "k", "л": "l", "м": "m", "н": "n", "о": "o", "п": "p", "р": "r", "с": "s", "т": "t",
        "у": "u", "ф": "f", "х": "kh", "ц": "ts", "ч": "ch", "ш": "sh", "щ": "sh", "ъ": "", "ы": "i", "ь": "", "э": "e",
        "ю": "iu", "я": "ia",
    }
)  # fmt: skip
_SOUNDS = re.compile("sch|sh|tch|ch|kh|gh|dh|th|ph|zh|ck|tz|[cqxyjw]")
_SOUND = {
    "sch": "S", "sh": "S", "tch": "C", "ch": "C", "kh": "k", "gh": "g", "dh": "d", "th": "t", "ph": "f", "zh": "Z",
    "ck": "k", "tz": "ts", "c": "k", "q": "k", "x": "ks", "y": "i", "j": "i", "w": "u",
}  # fmt: skip
_DOUBLED = re.compile(r"(.)\1+")
_VOWELS = re.compile(r"(?<=.)[aeiouh]+")


@lru_cache(1 << 17)
def romanised(folded: str) -> str:
    """Return a Latin or Cyrillic name as its sounds in Latin letters; capitals stand for sh, ch and zh."""
    sounds = _SOUNDS.sub(lambda found: _SOUND[found.group()], folded.translate(_CYRILLIC))
    return _DOUBLED.sub(r"\1", sounds)


@lru_cache(1 << 17)
def skeleton(folded: str) -> str:
    """Return the consonants of a name, and its first sound: what its spellings share."""
    return _VOWELS.sub("", romanised(folded))


def is_spelling(name: str, word: str) -> bool:
    """Return whether `word` is another spelling of `name` (both folded)."""
    if name == word or skeleton(name) != skeleton(word) or is_known(word):
        return False
    one, two = romanised(name), romanised(word)
    return OSA.distance(one, two, score_cutoff=2) <= (2 if min(len(one), len(two)) >= LONG_SOUNDS else 1)


def is_near(name: str, word: str) -> bool:
    """Return whether `word` is `name` misspelt: a letter wrong, missing, added or swapped (two in a long name)."""
    if name == word or is_known(word):
        return False
    return OSA.distance(name, word, score_cutoff=2) <= _misspelt(name) or is_spelling(name, word)


@lru_cache(1 << 16)
def is_known(word: str) -> bool:
    """Return whether a folded word is itself the name or people of a place we know."""
    return places.is_known(word)


class Vocabulary:
    """The names that queries want in any spelling, so that a word of an article finds its neighbours at once.

    Spellings are looked up by skeleton, misspellings by what is left of the first letters when one or two are
    deleted (two words that are near share such a rest). Values are tuples replaced as a whole: a reader in
    another thread sees the old or the new one.
    """

    def __init__(self) -> None:
        self._by_skeleton: dict[str, tuple[str, ...]] = {}
        self._by_rest: dict[str, tuple[str, ...]] = {}  # of the names that are asked for misspelt too

    def __len__(self) -> int:
        return sum(map(len, self._by_skeleton.values())) + sum(map(len, self._by_rest.values()))

    def add(self, name: str, *, asked: bool) -> None:
        """Add a name, once for each kind of term that has it."""
        put(self._by_skeleton, skeleton(name), name)
        for rest in rests(name, _misspelt(name)) if asked else ():
            put(self._by_rest, rest, name)

    def remove(self, name: str, *, asked: bool) -> None:
        """Take away what one `add` added."""
        take(self._by_skeleton, skeleton(name), name)
        for rest in rests(name, _misspelt(name)) if asked else ():
            take(self._by_rest, rest, name)

    def candidates(self, word: str) -> set[str]:
        """Return the names that `word` may be a spelling of: all that it is one of, and a few more."""
        found = set(self._by_skeleton.get(skeleton(word), ()))
        if self._by_rest and len(word) >= SHORTEST_ASKED - 1:
            for rest in rests(word, 2):
                found.update(self._by_rest.get(rest, ()))
        return found


@lru_cache(1 << 15)
def rests(word: str, most: int) -> frozenset[str]:
    """Return the first PREFIX letters of a word without none, one … `most` of them."""
    found = level = {word[:PREFIX]}
    for _ in range(most):
        level = {rest[:i] + rest[i + 1 :] for rest in level for i in range(len(rest))}
        found = found | level
    return frozenset(found)


def _misspelt(name: str) -> int:
    """Return how many letters of a name may be misspelt."""
    return 2 if len(name) >= LONG else 1


def put(table: dict[Key, tuple[Value, ...]], key: Key, value: Value) -> None:
    """Add `value` to the tuple at `key`."""
    values = table.get(key)
    table[key] = (value,) if values is None else (*values, value)


def take(table: dict[Key, tuple[Value, ...]], key: Key, value: Value) -> None:
    """Take `value` once out of the tuple at `key`, and the key away with its last value."""
    values = list(table[key])
    values.remove(value)
    if values:
        table[key] = tuple(values)
    else:
        del table[key]
