"""Close spellings: whether two words are the same name spelt differently, and an index of names by spelling.

In: folded words. Out: whether one is another spelling of the other (`is_spelling`) or a misspelling of it (`is_near`);
of the many names in a `Vocabulary`, those of which a word is one, found without comparing it with all.

A name transcribed from another script has many spellings (Shoigu, Shoygu, Шойгу). They share their consonants, in
order; vowels, doubled letters and y/i/j differ. So a name is *close* to another when both have the same skeleton of
consonant sounds and their romanised forms are a letter or two apart. A reader who types "Pedersen~" also gets plain
misspellings, by edit distance (rapidfuzz).

A word that is itself the name of a known place is never a close spelling of another: Austria is not Australia.
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

SHORTEST_NAME = 6  # letters: shorter names have close spellings in their own script only with "~"
SHORTEST_MISSPELT = 4  # letters of a word that may be misspelt, with "~"
LONG = 8  # letters from which two misspelt ones are allowed, else one
MOST_MISSPELT = 2
LONG_SOUNDS = 7  # the same as LONG for romanised sounds, which have no doubled letters: Mohammed, Muhammad
PREFIX = 7  # first letters by which misspellings are looked up
SPELLING_SLOTS = 1 << 18  # at a million names, eight numbers in each
MISSPELT_SLOTS = 1 << 18  # at 100,000 names that may be misspelt, two numbers in each
LONG_SLOTS = 1 << 20  # at as many, two in each
ACROSS = 10  # names compared in the time that one in another script is
LONGEST = 255  # letters: longer names count as this long
ENTRY_SIZE = 4  # bytes
TAG = 0xFF << 24  # the bits of an entry that are part of its key's hash
NUMBERS = ~TAG & 0xFFFFFFFF  # the others: a number
MOST_NAMES = NUMBERS + 1

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
_COARSE = str.maketrans("Czg", "Ssk")  # sounds that are the same letter in some languages
_ARABIC_LOOK = re.compile("q|dh|gh|kh|dd")  # in a name, lets a k be a g: Gaddafi, Kadhafi
_VOWELS = frozenset("aeiouh")
_UNVOICED = str.maketrans(dict.fromkeys(_VOWELS, ""))


@lru_cache(1 << 15)
def romanised(folded: str) -> str:
    """Return a Latin or Cyrillic name as its sounds in Latin letters; capitals stand for sh, ch and zh."""
    return _romanised(folded)


def _romanised(folded: str) -> str:
    """Return the same for one name, or for many, each on a line."""
    latin = folded if folded.isascii() else folded.translate(_CYRILLIC)
    return transliteration.undoubled(_SOUNDS(latin))


def skeleton(folded: str) -> str:
    """Return the first sound of a name and its consonants, which all its spellings share."""
    return _skeleton(romanised(folded))


def skeletons(names: Sequence[str]) -> list[str]:
    """Return the skeleton of each name: quicker than one by one, and nothing is cached."""
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
    is_ascii, word_sounds = word.isascii(), romanised(word)
    for name in names:
        if name == word:
            continue
        if name.isascii() != is_ascii and transliteration.is_same(name, word):
            found.append(name)
        elif not name.isascii() or len(name) >= SHORTEST_NAME:
            sounds = romanised(name)
            most = 2 if min(len(sounds), len(word_sounds)) >= LONG_SOUNDS else 1
            if OSA.distance(sounds, word_sounds, score_cutoff=most) <= most and _agree(name, word, sounds, word_sounds):
                found.append(name)
    return found


def _agree(name: str, word: str, sounds: str, word_sounds: str) -> bool:
    """Return whether a name and a word have the same skeleton (of their sounds), and in it the same consonants, except
    one that languages write differently."""
    if _skeleton(sounds) != _skeleton(word_sounds):
        return False
    pairs = zip(_consonants(sounds), _consonants(word_sounds), strict=True)
    differ = [first + second for first, second in pairs if first != second]
    if len(differ) > 1:
        return False
    if not differ or differ[0] not in ("gk", "kg"):
        return True
    return bool(_ARABIC_LOOK.search(name) or _ARABIC_LOOK.search(word))


def is_near(name: str, word: str) -> bool:
    """Return whether `word` is `name` misspelt: a letter wrong, missing, added or swapped (two in a long name)."""
    if name == word or is_known(word):
        return False
    return OSA.distance(name, word, score_cutoff=MOST_MISSPELT) <= _most_misspelt(name) or is_spelling(name, word)


def near(name: str, words: Iterable[str]) -> list[str]:
    """Return the words that are `name` misspelt, or another spelling of it at most MOST_MISSPELT letters apart."""
    close = process.extract_iter(name, list(words), scorer=OSA.distance, score_cutoff=MOST_MISSPELT)
    return [word for word, _distance, _number in close if is_near(name, word)]


@lru_cache(1 << 15)
def is_known(word: str) -> bool:
    """Return whether a folded word is itself the name or people of a known place."""
    return places.is_known(word)


class Vocabulary:
    """An index of the names that queries match in any spelling: a word of an article finds its neighbours at once.

    Spellings are looked up by skeleton, and those in the other script by a bridge that both share
    (`bot.matching.text.transliteration`); misspellings by deletion keys, which are the first letters without one or two
    of them (two words that are near have such a key in common). Names that may be misspelt ("Pedersen~") have tables of
    their own: most words of an article are no names, and can only match one of these.

    One thread may look up while another adds and removes: a name found under a number that was reused meanwhile is
    compared with the word like any other.
    """

    def __init__(self) -> None:
        self._compared_across = 0
        self._names = NameTable()
        self._by_spelling = Slots(SPELLING_SLOTS)
        self._misspelt = NameTable()
        self._misspelt_by_key = Slots(MISSPELT_SLOTS)  # by spelling, and short names by deletion key too
        self._long_by_key = Slots(LONG_SLOTS)  # long names that may be misspelt, by deletion key

    def __len__(self) -> int:
        return len(self._names) + len(self._misspelt)

    @property
    def compared(self) -> int:
        """The number of comparisons of a word with a name so far; one in another script counts more (ACROSS)."""
        tables = self._by_spelling.read + self._misspelt_by_key.read + self._long_by_key.read
        return self._compared_across + tables

    def add(self, names: Sequence[str], *, misspelt: bool) -> None:
        """Add names, again those that are there already; `misspelt`: misspellings match too."""
        table = self._misspelt if misspelt else self._names
        for name, keys in zip(names, _keys_of(names), strict=True):
            number = table.add(name)
            if number is None:
                return  # the table is full: these names match as they are, and inflected
            for slots, slot_keys in self._slots_of(name, keys, misspelt=misspelt):
                slots.put(slot_keys, number)

    def remove(self, name: str, *, misspelt: bool) -> None:
        """Remove a name that was added, once; one that was not added is no error."""
        table, by_key = (self._misspelt, self._misspelt_by_key) if misspelt else (self._names, self._by_spelling)
        (keys,) = _keys_of((name,))
        number = next((n for n in by_key.find_all(keys) if table.texts[n] == name), None)
        if number is None:
            return
        for slots, slot_keys in self._slots_of(name, keys, misspelt=misspelt):
            slots.remove(slot_keys, number)
        table.remove(number)

    def _slots_of(self, name: str, keys: set[str], *, misspelt: bool) -> list[tuple["Slots", set[str]]]:
        """Return the tables that have a name, each with its keys there."""
        if not misspelt:
            return [(self._by_spelling, keys)]
        if len(name) < LONG:
            return [(self._misspelt_by_key, keys | _short_deletions(name))]
        return [(self._misspelt_by_key, keys), (self._long_by_key, _long_deletions(name))]

    def spellings(self, word: str) -> list[str]:
        """Return the names, of those that may not be misspelt, of which `word` is another spelling."""
        if not word.isalpha():  # as all names are
            return []
        return spelt_as(word, self._texts(self._by_spelling.find_all(self._keys(word)), self._names, word))

    def misspellings(self, word: str) -> set[str]:
        """Return the names, of those that may be misspelt, of which `word` is another spelling or a misspelling."""
        if not self._misspelt_by_key or is_known(word) or (not word.isalpha() and _is_far_from_letters(word)):
            return set()
        spelt = self._texts(self._misspelt_by_key.find_all(self._keys(word)), self._misspelt, word)
        names = {name for name in spelt if is_near(name, word)}
        if len(word) <= LONG:
            names.update(self._near(word, self._misspelt_by_key.find_all(_short_deletions(word)), 1))
        if len(word) + MOST_MISSPELT >= LONG and self._long_by_key:
            names.update(self._near(word, self._long_by_key.find_all(_long_deletions(word)), MOST_MISSPELT))
        return names

    def _texts(self, numbers: set[int], table: "NameTable", word: str) -> set[str]:
        """Return the names with these numbers, and count their comparison with a word."""
        is_ascii = word.isascii()
        found = {table.texts[number] for number in numbers}
        self._compared_across += ACROSS * sum([name.isascii() != is_ascii for name in found])
        return found

    def _keys(self, word: str) -> set[str]:
        """Return the keys of the names of which a word may be another spelling."""
        is_latin_only = word.isascii() and not self._names.foreign and not self._misspelt.foreign
        bridges = () if is_latin_only else transliteration.bridges(word)
        return {skeleton(word), *[_other_side(word, bridge) for bridge in bridges]}

    def _near(self, word: str, numbers: set[int], most: int) -> list[str]:
        """Return the names with these numbers that differ from a word in up to `most` letters."""
        texts, lengths, distance = self._misspelt.texts, self._misspelt.lengths, OSA.distance
        shortest, longest = len(word) - most, min(len(word), LONGEST - most) + most
        names = [texts[number] for number in numbers if shortest <= lengths[number] <= longest]
        return [name for name in names if 0 < distance(name, word, score_cutoff=most) <= most]


class NameTable:
    """Names by number. `lengths` are in letters, so that names of another length need not be read; `foreign` counts the
    names in other than Latin letters."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.lengths = bytearray()
        self.foreign = 0
        self._free: list[int] = []  # numbers of removed names

    def __len__(self) -> int:
        return len(self.texts) - len(self._free)

    def add(self, name: str) -> int | None:
        """Add a name and return its number, or None if no number is left."""
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
        """Remove a name; its number is reused."""
        self.foreign -= not self.texts[number].isascii()
        self.texts[number] = ""
        self._free.append(number)


class Slots:
    """A compact hash multimap from keys to numbers: for millions of entries, in a fifth of a dictionary's memory.

    A key is hashed to one of `size` slots (a power of two). A slot is the entries of its keys, four bytes each: three
    of the number, and one of another part of the key's hash, by which most entries of other keys in the slot are
    skipped. The keys themselves are not stored, so a number found must be verified. A slot is replaced as a whole: a
    reader in another thread sees the old or the new one.
    """

    def __init__(self, size: int) -> None:
        self._last = size - 1
        self._slots: list[bytes] = []
        self._entries = 0
        self.read = 0  # entries read so far

    def __len__(self) -> int:
        return self._entries

    def put(self, keys: Collection[str], number: int) -> None:
        """Add a number, below MOST_NAMES, under each of the keys."""
        if not self._slots:
            self._slots = [b""] * (self._last + 1)
        slots, last = self._slots, self._last
        for hashed in map(hash, keys):
            slots[hashed & last] += (hashed & TAG | number).to_bytes(ENTRY_SIZE, sys.byteorder)
        self._entries += len(keys)

    def remove(self, keys: Collection[str], number: int) -> None:
        """Remove a number from each of the keys. Raises ValueError where it is not."""
        for hashed in map(hash, keys):
            slot = self._slots[hashed & self._last]
            entry = (hashed & TAG | number).to_bytes(ENTRY_SIZE, sys.byteorder)
            at = slot.index(entry)
            while at % ENTRY_SIZE:  # the end of an entry and the beginning of the next
                at = slot.index(entry, at + 1)
            self._slots[hashed & self._last] = slot[:at] + slot[at + ENTRY_SIZE :]
        self._entries -= len(keys)

    def find_all(self, keys: Collection[str]) -> set[int]:
        """Return the numbers of all the keys, and now and then of another: tags are compared with those of any of the
        keys, all at once, which is quicker."""
        if not self._slots:
            return set()
        hashes = [hash(key) for key in keys]
        slots, last = self._slots, self._last
        packed = b"".join([slots[hashed & last] for hashed in hashes])
        self.read += len(packed) // ENTRY_SIZE
        tags = {hashed & TAG for hashed in hashes}
        return {entry & NUMBERS for entry in memoryview(packed).cast("I") if entry & TAG in tags}


def _this_side(word: str, bridge: str) -> str:
    """Return the key of a name by a bridge, for words in the other script (see `bot.matching.text.transliteration`)."""
    return ("<" if word.isascii() else ">") + bridge


def _other_side(word: str, bridge: str) -> str:
    """Return the key that names in the other script, of which a word may be a spelling, have by a bridge."""
    return (">" if word.isascii() else "<") + bridge


def _is_far_from_letters(word: str) -> bool:
    """Return whether a word (a number, for example) has too many other signs to be near a name, which is letters
    only."""
    return sum(not sign.isalpha() for sign in word) > MOST_MISSPELT


def _keys_of(names: Sequence[str]) -> Iterator[set[str]]:
    """Yield the keys of each name by which its spellings find it."""
    for name, same, bridges in zip(names, skeletons(names), transliteration.all_bridges(names), strict=True):
        yield {same, *[_this_side(name, bridge) for bridge in bridges]}


def _short_deletions(word: str) -> set[str]:
    """Return the deletion keys of a short name: its first PREFIX letters, and these without any one of them."""
    first = word[:PREFIX]
    return {first, *_subsequences(first, len(first) - 1)}


def _long_deletions(word: str) -> set[str]:
    """Return the deletion keys of a long name: its first PREFIX letters without any two of them.

    Two words at most two letters apart have that many of their first letters in common, in order.
    """
    return _subsequences(word[:PREFIX], PREFIX - MOST_MISSPELT)


def _subsequences(word: str, letters: int) -> set[str]:
    """Return every choice of so many letters of a word, in order."""
    return set(map("".join, combinations(word, letters)))


def _most_misspelt(name: str) -> int:
    """Return the number of letters of a name that may be misspelt."""
    return MOST_MISSPELT if len(name) >= LONG else 1
