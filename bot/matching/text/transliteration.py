"""Transliteration: recognises a Latin name in Arabic letters, as القذافي for Gaddafi, Qaddafi and Kadhafi.

In: two folded words. Out: whether they are the same name, and keys that such pairs share, so that few are compared.
Arabic writes consonants and long vowels, so each of its letters must represent a part of the Latin name, in order;
short vowels occur in Latin only. Short words agree by chance, so only longer words are compared, and common Arabic
words never.
"""

import re
from collections.abc import Sequence
from functools import cache, lru_cache
from importlib.resources import files

from bot.matching.text.analysis import arabic_forms, fold, script

SHORTEST_ARABIC = 5  # letters of an Arabic word without its clitics …
SHORTEST_CONSONANTS = 4  # … or so many, if all are consonants (محمد)
SHORTEST_LATIN = 5
UNWRITTEN, UNWRITTEN_LONG = 1, 3  # most vowels of a Latin name that Arabic omits; the second with SHORTEST_CONSONANTS


class Respelling:
    """A table that replaces letters and groups of letters; the first match in the table wins."""

    def __init__(self, table: dict[str, str]) -> None:
        self._table = table
        self._all = re.compile("|".join(table))
        self._groups = re.compile("|".join(letters for letters in table if len(letters) > 1))
        self._letters = str.maketrans({letter: sound for letter, sound in table.items() if len(letter) == 1})

    def __call__(self, text: str) -> str:
        """Return a text with the replacements. (Most words have no groups, and single letters are faster.)"""
        if self._groups.search(text):
            return self._all.sub(lambda found: self._table[found.group()], text)
        return text.translate(self._letters)


_SOUND = {
    "tch": "C", "sch": "S", "sh": "S", "chr": "kr", "ch": "C", "kh": "x", "gh": "G", "th": "T", "dh": "D", "ph": "f",
    "zh": "j", "dj": "j", "ck": "k", "x": "ks", "ce": "se", "ci": "si", "cy": "sy", "c": "k",
}  # fmt: skip
_SOUNDS = Respelling(_SOUND)
_DOUBLED = re.compile(r"(.)\1+")
_MUTE = re.compile("(?<=[aeiou])h(?=[bcdfgklmnprstvz])")  # John
# Arabic consonants, and the sounds above that each may represent
_LETTERS = {
    "ب": "bp", "پ": "pb", "ت": "tT", "ث": "Tt", "ج": "jg", "چ": "C", "ح": "h", "خ": "xjC", "د": "d", "ذ": "Ddz",
    "ر": "r", "ز": "zs", "ژ": "jz", "س": "s", "ش": "SC", "ص": "s", "ض": "dD", "ط": "t", "ظ": "zD", "غ": "Gg",
    "ف": "fv", "ڤ": "vf", "ق": "qkg", "ك": "k", "گ": "gk", "ل": "l", "م": "m", "ن": "n", "ه": "h",
}  # fmt: skip
# Long vowels, and the Latin vowels that each may represent: within a word, and at its beginning
_VOWELS = {
    "اي": "i y ai ei ay ey ie", "او": "o ou ow au aw u", "ا": "a aa", "و": "o oo u ou w eu",
    "ي": "i y e ee ei ie ey ea ai j", "ى": "a",
}  # fmt: skip
_FIRST = {
    "او": "o ou u au aw", "اي": "i ai ay ei ey e", "ا": "a e i o u ai ei ou", "ع": "a e i o u ai ei ou aa",
    "ي": "y yi ye", "و": "w wi wa we",
}  # fmt: skip
_GROUPS = {letter: tuple(groups.split()) for letter, groups in _VOWELS.items()}
_FIRST_GROUPS = {letter: tuple(groups.split()) for letter, groups in _FIRST.items()}
_SHORT = re.compile("ou|[aeiou]")
_BEGINS = {"ا": "a", "ع": "a", "ح": "h", "ه": "h", "و": "w", "ي": "y"}
_CLASSES = str.maketrans(
    {
        "p": "b", "v": "f", "T": "t", "D": "d", "z": "s", "C": "S", "q": "k", "g": "k", "G": "k", "x": "k", "j": "k",
        **dict.fromkeys("aeiouhwy", ""),
    }
)  # fmt: skip
_ARABIC_CLASSES = str.maketrans(
    {
        "پ": "b", "ب": "b", "ت": "t", "ث": "t", "ط": "t", "ج": "k", "خ": "k", "غ": "k", "ق": "k", "ك": "k", "گ": "k",
        "چ": "S", "د": "d", "ذ": "d", "ض": "d", "ظ": "d", "ر": "r", "ز": "s", "ژ": "k", "س": "s", "ص": "s", "ش": "S",
        "ف": "f", "ڤ": "f", "ل": "l", "م": "m", "ن": "n", **dict.fromkeys("اويعءهحئؤ", ""),
    }
)  # fmt: skip


@lru_cache(1 << 14)
def sounds(latin: str) -> str:
    """Return a Latin name's sounds, one letter each."""
    return _sounds(latin)


def _sounds(latin: str) -> str:
    """Return the same for one name, or for many, one on each line."""
    return _MUTE.sub("", undoubled(_SOUNDS(latin)))


def undoubled(sounds: str) -> str:
    """Return sounds without doubled letters. (A search is faster than a substitution, and most have none.)"""
    return _DOUBLED.sub(r"\1", sounds) if _DOUBLED.search(sounds) else sounds


@lru_cache(1 << 15)
def bridges(folded: str) -> tuple[str, ...]:
    """Return the keys that a word shares with its spellings in the other script; none for a short word."""
    return all_bridges((folded,))[0]


def all_bridges(words: Sequence[str]) -> list[tuple[str, ...]]:
    """Return the keys of each word: faster than each alone, and without a cache."""
    if not words:
        return []
    latin = [word if _is_latin(word) else "" for word in words]
    classes = undoubled(_sounds("\n".join(latin)).translate(_CLASSES)).split("\n")
    return [
        (_begins(word) + rest,) if name else _arabic_bridges(word)
        for word, name, rest in zip(words, latin, classes, strict=True)
    ]


def _is_latin(word: str) -> bool:
    return word.isascii() and len(word) >= SHORTEST_LATIN and word.isalpha()


def _begins(latin: str) -> str:
    return latin[0] if latin[0] in "hwy" else "a" if latin[0] in "aeiou" else ""


def _arabic_bridges(word: str) -> tuple[str, ...]:
    if script(word) != "ARABIC":
        return ()
    return tuple({_arabic_key(form) for form in _long_forms(word)})


def _arabic_key(form: str) -> str:
    classes = undoubled(form.replace("تش", "ش").translate(_ARABIC_CLASSES))
    return _BEGINS.get(form[0], "") + classes


@lru_cache(1 << 14)
def is_same(first: str, second: str) -> bool:
    """Return whether the words are one name, once in Arabic and once in Latin letters."""
    if first.isascii() == second.isascii():
        return False
    latin, arabic = (first, second) if first.isascii() else (second, first)
    if script(arabic) != "ARABIC" or len(latin) < SHORTEST_LATIN:
        return False
    if is_common(arabic):
        return False
    written = sounds(latin)
    return any(
        len(form) <= len(written) + 1 and _reads(form, 0, written, 0, _omitted(form)) for form in _long_forms(arabic)
    )


def _omitted(form: str) -> int:
    """Return the number of vowels of a Latin name that an Arabic word may omit."""
    consonants = sum(letter in _LETTERS for letter in form)
    return UNWRITTEN_LONG if consonants >= SHORTEST_CONSONANTS else UNWRITTEN


@lru_cache(1 << 14)
def _long_forms(arabic: str) -> list[str]:
    """Return the long enough forms of an Arabic word, with and without clitics. A final ة mostly marks a noun."""
    forms = [form for form in arabic_forms(arabic) if form == arabic or not form.startswith("ال")]
    long = [form for form in forms if _is_long(form) and (not form.endswith("ه") or form.endswith("الله"))]
    return [undoubled(form) for form in long]


def _is_long(form: str) -> bool:
    consonants = sum(letter in _LETTERS for letter in form)
    return len(form) >= SHORTEST_ARABIC or (len(form) == consonants >= SHORTEST_CONSONANTS)


def _reads(arabic: str, at: int, latin: str, done: int, left: int) -> bool:
    """Return whether an Arabic word from `at` on matches the Latin sounds from `done` on.

    `left`: the number of short Latin vowels that may still be omitted.
    """
    if at == len(arabic):
        return done == len(latin)
    letter = arabic[at]
    if letter in "اويعئءؤ" and _reads_vowel(arabic, at, latin, done, left):
        return True
    if arabic.startswith("تش", at) and latin[done : done + 1] == "C" and _reads(arabic, at + 2, latin, done + 1, left):
        return True
    sound = latin[done : done + 1]
    if sound and sound in _LETTERS.get(letter, "") and _reads(arabic, at + 1, latin, done + 1, left):
        return True
    short = _SHORT.match(latin, done) if left and at else None
    if short is None or (short.end() == len(latin) and short.group() != "e"):  # only a final mute "e" is omitted
        return False
    return _reads(arabic, at, latin, short.end(), left - 1)


def _reads_vowel(arabic: str, at: int, latin: str, done: int, left: int) -> bool:
    """Return whether the rest matches, one or two letters being a vowel. ع and a hamza have no sound of their own."""
    if at and arabic[at] in "عئءؤ":
        return _reads(arabic, at + 1, latin, done, left)
    groups = _GROUPS if at else _FIRST_GROUPS
    return any(
        latin.startswith(group, done) and _reads(arabic, at + len(letters), latin, done + len(group), left)
        for letters in (arabic[at : at + 2], arabic[at])
        for group in groups.get(letters, ())
    )


@lru_cache(1 << 14)
def is_common(arabic: str) -> bool:
    """Return whether a folded Arabic word, with or without clitics, is a common word and so not a name."""
    return not common_words().isdisjoint(arabic_forms(arabic))


@cache
def common_words() -> frozenset[str]:
    """Return the common Arabic words that look like a name."""
    lines = files("bot.matching.text").joinpath("data", "arabic_words.txt").read_text(encoding="utf-8").splitlines()
    return frozenset(fold(word) for line in lines if not line.startswith("#") for word in line.split())
