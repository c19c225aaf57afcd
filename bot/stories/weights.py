"""Weights: stems of words, and how much each says about an event: the rarer, the more.

In: folded words. Out: stems, and weights from 1 to RAREST. The frequencies are of the language at large
(`data/common_words.txt`, built by `tools/common_words.py`), not of the news: in a week that has one topic, frequencies
of the week would call its name common and part what belongs together. They never change, so a headline weighs the same
before and after a restart.
"""

import threading
from functools import cache, lru_cache
from importlib.resources import files

import Stemmer

RAREST = 9.0  # the weight of a word that the table does not have
EVERYWHERE = 7.0  # the Zipf frequency of "the" is 7.7: from here on a word says next to nothing
FACTOR = 2.3  # natural logarithm of 10: weights are logarithms of frequencies, as in TF-IDF
KNOWN_WORDS = 100_000  # stems kept

_LANGUAGES = {"ar": "arabic", "de": "german", "es": "spanish", "fr": "french", "it": "italian", "pt": "portuguese"}
_LANGUAGES |= {"nl": "dutch", "ru": "russian", "tr": "turkish", "en": "english"}
_stemming = threading.Lock()  # PyStemmer's objects are not thread-safe


@lru_cache(KNOWN_WORDS)
def stem(word: str, language: str | None = None) -> str:
    """Return the stem of a folded word; the script decides where it can, and Latin script is English in doubt."""
    if not word.isalpha():
        return word
    if not word.isascii():
        language = "ru" if "а" <= word[0] <= "я" else "ar" if "ء" <= word[0] <= "ي" else language
    stemmer = _stemmer(_LANGUAGES.get(language or "en"))
    if stemmer is None:
        return word
    with _stemming:
        return str(stemmer.stemWord(word))


@cache
def _stemmer(name: str | None) -> Stemmer.Stemmer | None:
    return Stemmer.Stemmer(name, 0) if name else None


def weight(stem_of_word: str) -> float:
    """Return the weight of a stem."""
    return _weights().get(stem_of_word, RAREST)


@cache
def _weights() -> dict[str, float]:
    text = files("bot.stories").joinpath("data", "common_words.txt").read_text(encoding="utf-8")
    weights: dict[str, float] = {}
    for line in text.splitlines():
        if not line.startswith("#"):
            zipf, *stems = line.split()
            value = min(RAREST, max(1.0, FACTOR * (EVERYWHERE - int(zipf) / 10)))
            weights |= dict.fromkeys(stems, value)
    return weights
