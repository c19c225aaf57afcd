"""Places and what they are called: every name of a country, its people and adjectives, and of larger cities.

In: the words of an article. Out: which of them name a place, however it is written there. Names are resolved
on the article's side, once, so that a query for a place is one term however many names the place has. The
longest name wins, so Sudan is not found in South Sudan, nor Mexico in New Mexico.

The tables in `data/` are reviewed by hand; countries' names in other languages come from Babel (CLDR), those
in Latin script for articles in their own language only ("Island" is Iceland in Swedish alone). Smaller cities come
from `cities.xz`, which `tools/places.py` builds from GeoNames: they are not reviewed, so what a reader typed is looked
for as any name is, and these names beside it.
"""

import lzma
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files
from typing import NamedTuple

from babel import Locale

from bot.matching.analysis import ZWNJ, Case, Token, fold, keys, script, tokens, word_set
from bot.matching.namesakes import given_names
from bot.matching.peoples import inflected

SCRIPT_LANGUAGES = ("ar", "ru", "uk", "fa", "ur", "he", "zh", "zh_Hant", "ja", "ko", "hi", "el", "th", "bg", "sr")
LATIN_LANGUAGES = ("fr", "es", "de", "it", "pt", "nl", "sv", "da", "no", "fi", "hu", "ro", "ca", "tr", "pl", "cs")

# Names that are also words: only a capital makes them a place. Reviewed by hand.
WORDS_TOO = word_set(
    "turkey chad jordan georgia china chile guinea mali niger cuba togo polish pole poles swede swedes dane danes "
    "scot scots brits brit finn finns lao thai car nice reading mobile bath orange lima hama aden homs goma palmyra "
    "medina emirates america soviet soviets مالي"
)
# Arabic words that are another word too ("financial", "Roman"): what stands around them must speak for the place.
DOUBTFUL = word_set("مالي ماليه ماليون ماليين ماليات ماليو روماني رومانيه رومانيون رومانيين رومانيات رومانيو")
# CLDR names that are words, or other names, where they would be met.
NOT_PLACES = word_set("island maurice dominique man fas katar mali oman togo guinea samoa jordan jersey 印 中 日 韓")


class Name(NamedTuple):
    """What a name stands for. `capitals`: it counts only in capitals (US); `people`: it is an adjective or a people.

    With `either`, the rest of an article says which of the concepts is meant, if any does (Congo), else each of them
    is: the Security Council is the United Nations too, but who asks for it asks for the first alone. `doubtful`: it is
    another word too (see DOUBTFUL).
    """

    concepts: tuple[str, ...]
    capitals: bool = False
    people: bool = False
    either: bool = False
    doubtful: bool = False


class Mention(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a text name `concepts`; the rest as in Name. `doubtful`: the name,
    if it is."""

    concepts: tuple[str, ...]
    start: int
    end: int
    capitals: bool
    either: bool = False
    doubtful: str = ""

    @property
    def is_city(self) -> bool:
        """Whether it is a city or region, not a country."""
        return "/" in self.concepts[0]


@dataclass(frozen=True, slots=True)
class Place:
    """A place or organisation of the tables: its concept, main name, whether it is a country (or land) or a large
    city, and the country it belongs to (itself for a country)."""

    concept: str
    name: str
    is_land: bool
    is_main: bool
    country: str


Names = dict[tuple[str, ...], Name]


class Branch(NamedTuple):
    """The names that begin with a word: the one that is no more, and the others by their second word, longest first."""

    own: list[Name]
    longer: dict[str, list[tuple[tuple[str, ...], Name]]]


Table = dict[str, Branch]  # by the first word

# Names of two places, of which the rest of an article says which is meant.
EITHER = {
    "Congo Congolese Конго الكونغو كونغو كونغولي كونغولية كونغوليون كونغوليين Kongo": ("CD", "CG"),
    "عمان": ("OM", "JO/Amman"),
}
PEOPLES = ("ar", "ru", "fr", "es", "de", "tr")  # the columns of peoples.tsv

# Georgia is a country, and a state where an article names places of America but none near the country.
GEORGIA, GEORGIA_OF_AMERICA = "georgia", "US/Georgia, U.S."
NEAR_GEORGIA = word_set("GE RU AM AZ TR UA")
OF_THE_WORLD = ("US/Washington", "US/New York")  # what news from everywhere names

LETTERS_WRITTEN_ON = {"ARABIC": "ar", "HEBREW": "he"}  # scripts in which small words are written on before a name
MOST_KNOWN = 1 << 17  # words of which is kept whether they begin a name
_SHORTEST_DERIVED = 4  # letters of a Russian name whose cases are formed by rule
_RUSSIAN_ENDINGS = (
    ("ия", ("ии", "ию", "ией")),
    ("а", ("ы", "и", "е", "у", "ой")),
    ("я", ("и", "е", "ю", "ей")),
    ("й", ("я", "ю", "ем", "е")),
    ("ь", ("я", "ю", "ем", "е", "и", "ью")),
    ("о", ()),
    ("е", ()),
    ("и", ()),
    ("у", ()),
    ("ы", ("", "ов", "ам", "ах", "ами")),
    ("", ("а", "у", "ом", "е")),
)


def lookup(text: str) -> Place | None:
    """Return the place whose name (in any language we know) is the whole of `text`, or None. Not its adjectives."""
    words = tuple(token.folded for token in tokens(text))
    if not words or (len(words) == 1 and words[0] in NOT_PLACES and words not in _reviewed_names()):
        return None
    return _lookup(words, text) or _city(words, text)


def _lookup(words: tuple[str, ...], text: str) -> Place | None:
    name = _anywhere().get(words)
    if name is None or (name.capitals and text.upper() != text):
        return None
    return _places().get(name.concepts[0])


@cache
def _anywhere() -> Names:
    """Return every name of a place in any language, but for its people and adjectives."""
    found: Names = {}
    for language in ("", *LATIN_LANGUAGES):
        for words, name in _names(language).items():
            if name.concepts and not name.people:
                found.setdefault(words, name)
    return found


def _city(words: tuple[str, ...], text: str) -> Place | None:
    """Return the city that GeoNames knows by this name, or None."""
    city = _cities().of(words[0]).named.get(words[1:])
    if city is None:
        return None
    known = _places().get(city.concept)
    return known or Place(city.concept, text if city.is_main else "", False, city.is_main, city.concept.split("/")[0])


def is_name(folded: str) -> bool:
    """Return whether folded words, a space between, as a whole may name a place. Quicker than `lookup`."""
    if " " not in folded:
        return folded in _single_names()
    return tuple(folded.split(" ")) in _anywhere() or _cities().has(folded)


@cache
def _single_names() -> frozenset[str]:
    return frozenset([words[0] for words in _anywhere() if len(words) == 1]) | _cities().single_names()


def is_everywhere(words: tuple[str, ...]) -> bool:
    """Return whether a name (folded words) counts in articles in any language."""
    return words in _names("")


def is_reviewed(concept: str) -> bool:
    """Return whether a place is of the tables reviewed by hand: its names are sure enough to stand for themselves."""
    return concept in _places()


def reviewed(text: str) -> str | None:
    """Return the concept that the reviewed tables know by this name, or None."""
    name = _reviewed_names().get(tuple(token.folded for token in tokens(text)))
    return name.concepts[0] if name and name.concepts and not name.people else None


def is_taken(words: tuple[str, ...]) -> bool:
    """Return whether a name (folded words) means something else in some language: for the builder of `cities.xz`."""
    if words in _anywhere() or words in _reviewed_names():
        return True
    return len(words) == 1 and any(words[0] in known for known in (WORDS_TOO, NOT_PLACES, given_names()))


def concepts(text: str) -> tuple[str, ...]:
    """Return what `text` as a whole can stand for: both Congos for "Congo"; empty for no place."""
    words = tuple(token.folded for token in tokens(text))
    place = lookup(text)
    name = _names("").get(words) if place else None
    if place and name and name.either:
        return name.concepts
    return (place.concept,) if place else ()


def land(text: str) -> Place | None:
    """Return the country or land called `text`, or None."""
    place = lookup(text)
    return place if place and place.is_land else None


def is_land(text: str) -> bool:
    """Return whether `text` is a country or land, which brings its people and adjectives."""
    return land(text) is not None


def is_main(text: str) -> bool:
    """Return whether `text` is the main name of a country, or of a capital or city above 500,000 people."""
    place = lookup(text)
    return place is not None and place.is_main and fold(place.name) == fold(text.strip())


def mentions(words: Sequence[Token], language: str) -> Iterator[Mention]:
    """Yield the places that `words` name, the longest name first, never two over the same words. Whether a name is
    another thing's where it stands, `bot.matching.namesakes` says."""
    table = _table(language if language in LATIN_LANGUAGES else "")
    begins = _beginnings(language if language in LATIN_LANGUAGES else "")
    end = 0
    for position in [position for position, word in enumerate(words) if begins[word.folded]]:
        found = _longest(table, words, position) if position >= end else None
        if found is not None:
            end = found.end
            if found.concepts:
                yield found


class _Beginnings(dict[str, bool]):
    """Whether a word may begin the name of a place; found out once for each."""

    def __init__(self, table: Table) -> None:
        super().__init__()
        self._table = table

    def __missing__(self, folded: str) -> bool:
        if len(self) > MOST_KNOWN:
            self.clear()
        forms = _forms(folded)
        begins = self[folded] = any(form in self._table or bool(_cities().of(form).named) for form in forms)
        return begins


@cache
def _beginnings(language: str) -> _Beginnings:
    return _Beginnings(_table(language))


def is_known(folded: str) -> bool:
    """Return whether one folded word is a reviewed name, people or adjective."""
    return (folded,) in _reviewed_names()


@cache
def is_american_state(concept: str) -> bool:
    """Return whether a concept is a state of the United States."""
    return any(
        concept == _concept(country, names)
        for country, size, names in _rows("cities.tsv")
        if (country, size) == ("US", "region")
    )


def name_of(concept: str) -> str | None:
    """Return the main name of a place of the reviewed tables, or None."""
    place = _places().get(concept)
    return place.name if place else None


def country_of(concept: str) -> str:
    """Return the country (or land) that a concept is, or belongs to."""
    place = _places().get(concept)
    return place.country if place else concept.split("/", maxsplit=1)[0]


# --- on the article's side --------------------------------------------------------------------------


def _longest(table: Table, words: Sequence[Token], position: int) -> Mention | None:
    known, city = _known_at(table, words, position), _city_at(words, position)
    return city if known is None or (city and city.end > known.end) else known


def _known_at(table: Table, words: Sequence[Token], position: int) -> Mention | None:
    """Return the place of the reviewed tables that is named here, the longest name."""
    after = position + 1
    seconds = _forms(words[after].folded) if after < len(words) and not words[after].breaks else ()
    for form in _forms(words[position].folded):
        branch = table.get(form)
        if branch is None:
            continue
        for second in seconds if branch.longer else ():
            for rest, name in branch.longer.get(second, ()):
                end = after + len(rest)
                if end <= len(words) and _follows(rest, words[after:end]) and _in_capitals(name, words[position]):
                    return _mention(name, position, end, form)
        for name in branch.own:
            if _in_capitals(name, words[position]):
                return _mention(name, position, after, form)
    return None


def _mention(name: Name, start: int, end: int, form: str) -> Mention:
    return Mention(name.concepts, start, end, name.capitals, name.either, form if name.doubtful else "")


def _city_at(words: Sequence[Token], position: int) -> Mention | None:
    """Return the city of GeoNames that is named here, the longest name; not in small letters."""
    if words[position].case is Case.LOWER:
        return None
    for form in _forms(words[position].folded):
        cities = _cities().of(form)
        for length in cities.lengths:
            after = words[position + 1 : position + 1 + length]
            city = cities.named.get(tuple(word.folded for word in after))
            if city and len(after) == length and not any(word.breaks for word in after):
                return Mention((city.concept,), position, position + 1 + length, capitals=False)
    return None


def _follows(rest: tuple[str, ...], words: Sequence[Token]) -> bool:
    return all(not word.breaks and part in _forms(word.folded) for part, word in zip(rest, words, strict=True))


def _in_capitals(name: Name, word: Token) -> bool:
    return not name.capitals or word.case == Case.UPPER


def _forms(folded: str) -> tuple[str, ...]:
    """Return the forms under which a word of a text may stand in a table: as it is, then without its endings."""
    if folded.isascii():
        return (folded,)
    kind = script(folded)
    if kind in LETTERS_WRITTEN_ON:
        return (folded, *(key[1:] for key in keys(folded, LETTERS_WRITTEN_ON[kind]) if key[1:] != folded))
    return (folded, *keys(folded, "ru")) if kind == "CYRILLIC" else (folded,)


# --- the tables -------------------------------------------------------------------------------------


class City(NamedTuple):
    """A city as GeoNames knows it; `is_main`: this is the main name of one above 500,000 people."""

    concept: str
    is_main: bool


class Cities(NamedTuple):
    """The cities whose names begin with a word, by the words after it, and how many these are, the most first."""

    named: dict[tuple[str, ...], City]
    lengths: tuple[int, ...]


class _Cities:
    """The cities of GeoNames: sorted lines, looked up by halving."""

    def __init__(self) -> None:
        packed = files("bot.matching").joinpath("data", "cities.xz").read_bytes()
        self._lines = lzma.decompress(packed).decode().split("\n")

    def has(self, name: str) -> bool:
        """Return whether folded words, a space between, are the whole name of a city."""
        begin = name + "\t"
        at = bisect_left(self._lines, begin)
        return at < len(self._lines) and self._lines[at].startswith(begin)

    def single_names(self) -> frozenset[str]:
        """Return the names of one word."""
        names = (line.split("\t", 1)[0] for line in self._lines)
        return frozenset([name for name in names if " " not in name])

    @lru_cache(MOST_KNOWN)  # noqa: B019 - there is one object, which lives as long as the process
    def of(self, first: str) -> Cities:
        """Return the cities whose name begins with the word `first`, by the words after it."""
        found: dict[tuple[str, ...], City] = {}
        for at in range(bisect_left(self._lines, first + "\t"), len(self._lines)):  # a tab is before a space
            line = self._lines[at]
            if not line.startswith((first + "\t", first + " ")):
                break
            name, concept, sign = line.split("\t")
            found[tuple(name.split(" ")[1:])] = City(concept, sign == "*")
        return Cities(found, tuple(sorted({len(rest) for rest in found}, reverse=True)))


@cache
def _cities() -> _Cities:
    return _Cities()


@cache
def _table(language: str) -> Table:
    table: Table = {}
    for words, name in sorted(_names(language).items(), key=lambda item: -len(item[0])):
        branch = table.setdefault(words[0], Branch([], {}))
        if len(words) == 1:
            branch.own.append(name)
        else:
            branch.longer.setdefault(words[1], []).append((words[1:], name))
    return table


@cache
def _names(language: str) -> Names:
    """Return every name that counts in articles in `language` ("" for the names that count in all)."""
    names = dict(_names("") if language else _reviewed_names())
    for other in (language,) if language else SCRIPT_LANGUAGES:
        for of, code, texts in _rows("names.tsv"):
            for text in texts.split("|") if of == other else ():
                _add(names, text, code)
        for code, text in _cldr_names(other):
            _add(names, text, code)
    for other in (language,) if language else SCRIPT_LANGUAGES:
        _add_peoples(names, other)
    return names


def _add_peoples(names: Names, language: str) -> None:
    """Add what a language calls the people of each country, and what is theirs."""
    if language not in PEOPLES:
        return
    column = 1 + PEOPLES.index(language)
    for row in _rows("peoples.tsv"):
        for word in _listed(row[column]):
            for form in inflected(word, language):
                _add(names, form, row[0], people=True)


@cache
def _reviewed_names() -> Names:
    names: Names = {}
    for code, countries, people, _capital in _rows("countries.tsv"):
        for text in countries.split("|"):
            _add(names, text, code)
        for text in _listed(people):
            _add(names, text.replace("_", " "), code, people=True)
    for country, _size, cities in _rows("cities.tsv"):
        for text in cities.split("|"):
            _add(names, text, _city_in(country, cities))
    for code, _countries, _people, capital in _rows("countries.tsv"):
        for text in _listed(capital, "|"):
            _add(names, text, _city_in(code, capital))
    for (text,) in _rows("others.txt"):
        _add(names, text, "!")
    for words, codes in EITHER.items():
        for word in words.split():
            names[(fold(word),)] = Name(codes, either=True)
    return names


@cache
def _places() -> dict[str, Place]:
    places = {}
    for codes, countries, _people, _capital in _rows("countries.tsv"):
        code = codes.split("+")[0]
        places[code] = Place(code, countries.split("|")[0], is_land=True, is_main=True, country=code)
    for country, size, cities in _rows("cities.tsv"):
        concept = _concept(country, cities)
        places[concept] = Place(concept, cities.split("|")[0], is_land=False, is_main=size == "city", country=country)
    for code, _countries, _people, capital in _rows("countries.tsv"):
        concept = _concept(code, capital)
        places.setdefault(concept, Place(concept, capital, is_land=False, is_main=True, country=code))
    return places


def _concept(country: str, names: str) -> str:
    return f"{country}/{names.split('|', maxsplit=1)[0]}"


def _city_in(country: str, names: str) -> str:
    """Return the concept of a city, and its country's where its name begins with that: Mexico City, Kuwait City."""
    concept = _concept(country, names)
    known = next((row[1].split("|") for row in _countries() if row[0].split("+")[0] == country), [])
    return f"{concept}+{country}" if any(names.startswith(name + " ") for name in known) else concept


@cache
def _countries() -> list[list[str]]:
    return list(_rows("countries.tsv"))


def _listed(cell: str, separator: str = " ") -> list[str]:
    return [] if cell == "-" else cell.split(separator)


def _rows(name: str) -> Iterator[list[str]]:
    text = files("bot.matching").joinpath("data", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))


def _add(names: Names, text: str, concept: str, *, people: bool = False) -> None:
    """Add a name unless it already is one of something else: the tables are in order of weight."""
    words = tuple(token.folded for token in tokens(text))
    capitals = len(text) <= 5 and text == text.upper() != text.lower()
    if words:
        doubtful = len(words) == 1 and words[0] in DOUBTFUL
        name = Name(() if concept == "!" else tuple(concept.split("+")), capitals, people, doubtful=doubtful)
        stems = [(key,) for key in keys(words[0], "ru")] if people and script(words[0]) == "CYRILLIC" else []
        for form in (words, *(stems or _russian_cases(words))):
            names.setdefault(form, name)


def _cldr_names(language: str) -> Iterator[tuple[str, str]]:
    """Yield (country, its name) in `language`, without a trailing remark in parentheses."""
    territories = Locale.parse(language).territories
    for code, *_rest in _rows("countries.tsv"):
        text = str(territories.get(code, "")).split("(")[0].split("（")[0].strip()
        if text and fold(text) not in NOT_PLACES:
            yield from ((code, way) for way in dict.fromkeys((text, text.replace(ZWNJ, ""))))


def _russian_cases(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the cases of a Russian name of one word: Сирии, Идлибе. (A stem would also find other words.)"""
    word = words[0]
    if len(words) > 1 or len(word) < _SHORTEST_DERIVED or script(word) != "CYRILLIC":
        return
    for final, endings in _RUSSIAN_ENDINGS:
        if word.endswith(final):
            base = word.removesuffix(final)
            yield from ((base + ending,) for ending in endings)
            return
