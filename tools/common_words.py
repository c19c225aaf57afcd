"""Build `bot/stories/data/common_words.txt` from the word lists of wordfreq: `python tools/common_words.py WHEEL`.

WHEEL is the package file of wordfreq 3.1.1, which need not be installed; msgpack must be. A line of the result is a
Zipf frequency in tenths (the logarithm of how often a word comes in a thousand million) and the stems so frequent. Of a
stem that several languages have the most frequent counts.
"""

import gzip
import math
import sys
import zipfile
from collections import defaultdict
from pathlib import Path

import msgpack

from bot.stories.fingerprint import fold, split_words
from bot.stories.weights import stem

LEAST = {"en": 3.2, "ar": 4.0, "de": 4.2, "es": 4.2, "fr": 4.2, "it": 4.4, "pt": 4.4, "ru": 4.0, "tr": 4.2}
FOREIGN = 0.5  # off the frequency of a word of another language than English: half the feeds are English
TARGET = Path(__file__).parent.parent / "bot" / "stories" / "data" / "common_words.txt"
HEADING = (
    "# Frequencies of word stems, from wordfreq 3.1.1 (CC BY-SA 4.0, see NOTICE); built by tools/common_words.py.\n"
)


def main(wheel: Path) -> None:
    """Write the table."""
    found: dict[str, float] = {}
    for language, least in LEAST.items():
        for word, zipf in stems(wheel, language).items():
            if zipf >= least:
                found[word] = max(found.get(word, 0.0), zipf - (0 if language == "en" else FOREIGN))
    lines = defaultdict(list)
    for word, zipf in found.items():
        lines[round(zipf * 10)].append(word)
    text = "".join(f"{zipf} {' '.join(sorted(lines[zipf]))}\n" for zipf in sorted(lines, reverse=True))
    TARGET.write_text(HEADING + text, encoding="utf-8")


def stems(wheel: Path, language: str) -> dict[str, float]:
    """Return the Zipf frequency of each stem of a language, that of all its forms together."""
    with zipfile.ZipFile(wheel) as package:
        packed = package.read(f"wordfreq/data/small_{language}.msgpack.gz")
    shares: defaultdict[str, float] = defaultdict(float)
    for below, words in enumerate(msgpack.unpackb(gzip.decompress(packed))[1:]):  # each list a centibel rarer
        for word in words:
            for part in split_words(fold(word)):
                shares[stem(part, language)] += 10 ** (-below / 100)
    return {word: math.log10(share) + 9 for word, share in shares.items()}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
