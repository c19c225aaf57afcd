"""Close spellings: which words are the same name written differently, and how to find them without comparing all.

A name that went through another script comes back in many spellings (Shoigu, Shoygu, Шойгу). They share their
consonants, in order; vowels, doubled letters and y/i/j differ. So a name is *close* to another when both have
the same skeleton of consonant sounds and their romanised forms are a letter or two apart. A reader who asks
for close spellings ("Pedersen~") also gets plain misspellings, by edit distance (rapidfuzz).

A word that is itself the name of a place we know is never a close spelling of another: Austria is not Australia.
"""

import re
import sys
from collections.abc import Collection, Iterable, Iterator, Sequence
from functools import lru_cache
from itertools import combinations

from rapidfuzz import process
from rapidfuzz.distance import OSA

from bot.matching.gazetteer import places
from bot.matching.text import transliteration

SHORTEST_NAME = 6  # letters: shorter names have close spellings in their own script only when asked for
SHORTEST_ASKED = 4
LONG = 8  # letters from which two misspelt ones are allowed, else one
MOST_MISSPELT = 2
PREFIX = 7  # letters that misspellings are looked up by
NAMED_SLOTS = 1 << 18  # at a million names, eight numbers to each
ASKED_SLOTS = 1 << 18  # at 100,000 names that are asked for misspelt, two numbers to each
LONG_SLOTS = 1 << 20  # two
ACROSS = 10  # names that are looked at in the time that one is read in another script
LONGEST = 255  # letters that are told apart
NUMBER = 4  # bytes
TAG = 0xFF << 24  # of a number in a slot, what tells its key from others
NUMBERS = ~TAG & 0xFFFFFFFF  # the rest of it
MOST_NAMES = NUMBERS + 1
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
_SOUNDS = transliteration.Respelling(_SOUND)
_COARSE = str.maketrans("Czg", "Ssk")  # sounds that another language's letters confuse
_ARABIC_LOOK = re.compile("q|dh|gh|kh|dd")  # in a name, lets a k be a g: Gaddafi, Kadhafi
_VOWELS = frozenset("aeiouh")
_UNVOICED = str.maketrans(dict.fromkeys(_VOWELS, ""))


@lru_cache(1 << 15)
def romanised(folded: str) -> str:
    """Return a Latin or Cyrillic name as its sounds in Latin letters; capitals stand for sh, ch and zh."""
    return _romanised(folded)


def _romanised(folded: str) -> str:
    """Return the same of one name, or of many, a line each."""
    latin = folded if folded.isascii() else folded.translate(_CYRILLIC)
    return transliteration.undoubled(_SOUNDS(latin))


def skeleton(folded: str) -> str:
    """Return the consonants of a name, and its first sound: what its spellings share."""
    return _skeleton(romanised(folded))


def skeletons(names: Sequence[str]) -> list[str]:
    """Return the skeleton of each name: quicker than one by one, and nothing is kept."""
    if not names:
        return []
    sounds = _romanised("\n".join(names))
    consonants = sounds.translate(_UNVOICED).translate(_COARSE)
    lines = zip(sounds.split("\n"), consonants.split("\n"), strict=True)
    return [line[0] + rest if line[:1] in _VOWELS else rest for line, rest in lines]


def _skeleton(sounds: str) -> str:
    return _consonants(sounds).translate(_COARSE)


def _consonants(sounds: str) -> str:
    """Return the first sound of a name, and the consonants after it."""
    return sounds[:1] + sounds[1:].translate(_UNVOICED)


def is_spelling(name: str, word: str) -> bool:
    """Return whether `word` is another spelling of `name` (both folded), in Arabic and Latin letters too."""
    return bool(spelt_as(word, (name,)))


def spelt_as(word: str, names: Iterable[str]) -> list[str]:
    """Return the names of which `word` is another spelling."""
    if is_known(word):
        return []
    found = []
    is_ascii, two = word.isascii(), romanised(word)
    for name in names:
        if name == word:
            continue
        if name.isascii() != is_ascii and transliteration.is_same(name, word):
            found.append(name)
        elif not name.isascii() or len(name) >= SHORTEST_NAME:
            one = romanised(name)
            most = 2 if min(len(one), len(two)) >= LONG_SOUNDS else 1
            if OSA.distance(one, two, score_cutoff=most) <= most and _agree(name, word, one, two):
                found.append(name)
    return found


def _agree(name: str, word: str, one: str, two: str) -> bool:
    """Return whether two words have the same skeleton (`one` and `two` are their sounds), and in it the same
    consonants, but for one that languages write otherwise."""
    if _skeleton(one) != _skeleton(two):
        return False
    differ = [ours + theirs for ours, theirs in zip(_consonants(one), _consonants(two), strict=True) if ours != theirs]
    if len(differ) > 1:
        return False
    if not differ or differ[0] not in ("gk", "kg"):
        return True
    return bool(_ARABIC_LOOK.search(name) or _ARABIC_LOOK.search(word))


def is_near(name: str, word: str) -> bool:
    """Return whether `word` is `name` misspelt: a letter wrong, missing, added or swapped (two in a long name)."""
    if name == word or is_known(word):
        return False
    return OSA.distance(name, word, score_cutoff=MOST_MISSPELT) <= _misspelt(name) or is_spelling(name, word)


def near(name: str, words: Iterable[str]) -> list[str]:
    """Return those of some words that are `name` misspelt, or other spellings of it as near."""
    close = process.extract_iter(name, list(words), scorer=OSA.distance, score_cutoff=MOST_MISSPELT)
    return [word for word, _distance, _number in close if is_near(name, word)]


@lru_cache(1 << 15)
def is_known(word: str) -> bool:
    """Return whether a folded word is itself the name or people of a place we know."""
    return places.is_known(word)


class Vocabulary:
    """The names that queries want in any spelling, so that a word of an article finds its neighbours at once.

    Spellings are looked up by skeleton, and those in the other script by what both share (`translit`); misspellings by
    what is left of the first letters when one or two are deleted (two words that are near share such a rest). Names
    that are asked for misspelt stand apart: most words of an article are no names, and may be misspelt ones alone.

    One thread may ask while another adds and removes: what is found by a number that was given anew meanwhile is
    compared with the word as any other.
    """

    def __init__(self) -> None:
        self._looked = 0
        self._named = Names()
        self._named_by = Slots(NAMED_SLOTS)
        self._asked = Names()
        self._asked_by = Slots(ASKED_SLOTS)  # by spellings, and misspelt ones of short names
        self._long_by = Slots(LONG_SLOTS)  # long names of these by misspelt ones

    def __len__(self) -> int:
        return len(self._named) + len(self._asked)

    @property
    def looked(self) -> int:
        """How many names were looked at so far, counted as often as a word led to them, and more in another script."""
        return self._looked + self._named_by.looked + self._asked_by.looked + self._long_by.looked

    def add(self, names: Sequence[str], *, asked: bool) -> None:
        """Add names, once more those that are there; `asked`: to be found misspelt too."""
        held = self._asked if asked else self._named
        for name, keys in zip(names, _keys_of(names), strict=True):
            number = held.add(name)
            if number is None:
                return  # they are found as they are, and inflected
            for slots, some in self._places(name, keys, asked=asked):
                slots.put(some, number)

    def remove(self, name: str, *, asked: bool) -> None:
        """Take away what `add` added once; what was not added is no error."""
        held, by = (self._asked, self._asked_by) if asked else (self._named, self._named_by)
        (keys,) = _keys_of((name,))
        number = next((n for n in by.find_all(keys) if held.texts[n] == name), None)
        if number is None:
            return
        for slots, some in self._places(name, keys, asked=asked):
            slots.take(some, number)
        held.remove(number)

    def _places(self, name: str, keys: set[str], *, asked: bool) -> list[tuple["Slots", set[str]]]:
        """Return where a name is found, and by what."""
        if not asked:
            return [(self._named_by, keys)]
        if len(name) < LONG:
            return [(self._asked_by, keys | _short_rests(name))]
        return [(self._asked_by, keys), (self._long_by, _long_rests(name))]

    def named(self, word: str) -> list[str]:
        """Return the names, of those not asked for misspelt, that `word` is another spelling of."""
        if not word.isalpha():  # as all names are
            return []
        return spelt_as(word, self._texts(self._named_by.find_all(self._keys(word)), self._named, word))

    def asked(self, word: str) -> set[str]:
        """Return the others that `word` is a spelling of, or misspelt."""
        if not self._asked_by or is_known(word) or (not word.isalpha() and _is_far_from_letters(word)):
            return set()
        spelt = self._texts(self._asked_by.find_all(self._keys(word)), self._asked, word)
        names = {name for name in spelt if is_near(name, word)}
        if len(word) <= LONG:
            names.update(self._near(word, self._asked_by.find_all(_short_rests(word)), 1))
        if len(word) + MOST_MISSPELT >= LONG and self._long_by:
            names.update(self._near(word, self._long_by.find_all(_long_rests(word)), MOST_MISSPELT))
        return names

    def _texts(self, numbers: set[int], held: "Names", word: str) -> set[str]:
        """Return the names with some numbers, which a word is to be compared with."""
        is_ascii = word.isascii()
        found = {held.texts[number] for number in numbers}
        self._looked += ACROSS * sum([name.isascii() != is_ascii for name in found])
        return found

    def _keys(self, word: str) -> set[str]:
        """Return what the names that a word may be a spelling of are looked up by."""
        is_alone = word.isascii() and not self._named.foreign and not self._asked.foreign
        bridges = () if is_alone else transliteration.bridges(word)
        return {skeleton(word), *[_other_side(word, bridge) for bridge in bridges]}

    def _near(self, word: str, numbers: set[int], most: int) -> list[str]:
        """Return the names among some that are a word misspelt, `most` letters of it."""
        texts, lengths, distance = self._asked.texts, self._asked.lengths, OSA.distance
        shortest, longest = len(word) - most, min(len(word), LONGEST - most) + most
        some = [texts[number] for number in numbers if shortest <= lengths[number] <= longest]
        return [name for name in some if 0 < distance(name, word, score_cutoff=most) <= most]


class Names:
    """Names by number. `lengths` are theirs, in letters, for there are too many names to read those that are too long;
    `foreign` counts those in other letters than Latin ones."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lengths = bytearray()
        self.foreign = 0
        self._free: list[int] = []  # numbers of names that are gone

    def __len__(self) -> int:
        return len(self.texts) - len(self._free)

    def add(self, name: str) -> int | None:
        """Return the number of a name that is added, None where there is none left."""
        length = min(len(name), LONGEST)
        if self._free:
            number = self._free.pop()
            self.texts[number], self.lengths[number] = name, length
        elif len(self.texts) < MOST_NAMES:
            number = len(self.texts)
            self.texts.append(name)
            self.lengths.append(length)
        else:
            return None
        self.foreign += not name.isascii()
        return number

    def remove(self, number: int) -> None:
        """Let go of a name."""
        self.foreign -= not self.texts[number].isascii()
        self.texts[number] = ""
        self._free.append(number)


class Slots:
    """Numbers by what they are looked up by: a dictionary for millions of them, in a fifth of the memory.

    A key is hashed to one of `size` slots (a power of two), and a slot holds its numbers, four bytes each, of which
    one keeps another part of the key's hash: what came to the same slot by chance is passed over. A slot is replaced
    as a whole, so that a reader in another thread sees the old or the new one.
    """

    def __init__(self, size: int) -> None:
        self._last = size - 1
        self._slots: list[bytes] = []
        self._held = 0
        self.looked = 0  # numbers looked at so far

    def __len__(self) -> int:
        return self._held

    def put(self, keys: Collection[str], number: int) -> None:
        """Let a number, below MOST_NAMES, be found by each of some keys."""
        if not self._slots:
            self._slots = [b""] * (self._last + 1)
        slots, last = self._slots, self._last
        for hashed in map(hash, keys):
            slots[hashed & last] += (hashed & TAG | number).to_bytes(NUMBER, sys.byteorder)
        self._held += len(keys)

    def take(self, keys: Collection[str], number: int) -> None:
        """Let it be found no more by the keys that it was put under. Raises ValueError for others."""
        for hashed in map(hash, keys):
            held = self._slots[hashed & self._last]
            gone = (hashed & TAG | number).to_bytes(NUMBER, sys.byteorder)
            at = held.index(gone)
            while at % NUMBER:  # the end of one and the beginning of another
                at = held.index(gone, at + 1)
            self._slots[hashed & self._last] = held[:at] + held[at + NUMBER :]
        self._held -= len(keys)

    def find_all(self, keys: Collection[str]) -> set[int]:
        """Return the numbers of any of some keys, and now and then another: told apart all at once, that is quicker."""
        if not self._slots:
            return set()
        hashes = [hash(key) for key in keys]
        slots, last = self._slots, self._last
        packed = b"".join([slots[hashed & last] for hashed in hashes])
        self.looked += len(packed) // NUMBER
        tags = {hashed & TAG for hashed in hashes}
        return {entry & NUMBERS for entry in memoryview(packed).cast("I") if entry & TAG in tags}


def _this_side(word: str, bridge: str) -> str:
    """Return the key under which a word waits for its spellings in the other script (see `translit`)."""
    return ("<" if word.isascii() else ">") + bridge


def _other_side(word: str, bridge: str) -> str:
    """Return the key under which the spellings of a word in the other script wait."""
    return (">" if word.isascii() else "<") + bridge


def _is_far_from_letters(word: str) -> bool:
    """Return whether a word, a number say, has too many other signs to be near a name: these are letters alone."""
    return sum(not sign.isalpha() for sign in word) > MOST_MISSPELT


def _keys_of(names: Sequence[str]) -> Iterator[set[str]]:
    """Yield what the spellings of each name are looked up by."""
    for name, same, bridges in zip(names, skeletons(names), transliteration.all_bridges(names), strict=True):
        yield {same, *[_this_side(name, bridge) for bridge in bridges]}


def _short_rests(word: str) -> set[str]:
    """Return the first PREFIX letters, and these without any one."""
    first = word[:PREFIX]
    return {first, *_parts(first, len(first) - 1)}


def _long_rests(word: str) -> set[str]:
    """Return the first PREFIX letters without any two.

    Of two words that are two letters apart, or less, the first letters have as many in common, in order.
    """
    return _parts(word[:PREFIX], PREFIX - MOST_MISSPELT)


def _parts(word: str, letters: int) -> set[str]:
    """Return every choice of so many letters, in order."""
    return set(map("".join, combinations(word, letters)))


def _misspelt(name: str) -> int:
    """Return how many letters of a name may be misspelt."""
    return MOST_MISSPELT if len(name) >= LONG else 1
