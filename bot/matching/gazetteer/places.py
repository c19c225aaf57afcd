"""Places: finds countries, their peoples and adjectives, regions and cities in texts, by all their names.

In: the words of an article. Out: the places they name, in any language and inflection. Names are resolved once, in the
article, so that a query for a place is a single term however many names the place has. The longest name wins: Sudan is
not found in South Sudan, nor Mexico in New Mexico.

The tables in `data/` are reviewed by hand. Countries' names in other languages come from CLDR (`territories.tsv`);
those in Latin script count only in articles in their own language ("Island" is Iceland in Swedish alone). Smaller
cities come from GeoNames (`cities.xz`) and are not reviewed, so a query for one matches the name as typed and its other
names as well. `tools/places.py` builds both files. (Reading CLDR's names with Babel took 35 MiB:
it keeps every language it loads.)

The names that may begin with a word are looked up once for each spelling: "US" begins names, "us" does not, and "to"
begins no city. Of 39 words, about six begin a name, and only these need the words after them.
"""

import lzma
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Generic, NamedTuple, TypeVar

from bot.matching.gazetteer.demonyms import inflected
from bot.matching.gazetteer.namesakes import given_names
from bot.matching.text.analysis import ZWNJ, Case, Token, fold, keys, read_form, script, tokens, word_set

SCRIPT_LANGUAGES = ("ar", "ru", "uk", "fa", "ur", "he", "zh", "zh_Hant", "ja", "ko", "hi", "el", "th", "bg", "sr")
LATIN_LANGUAGES = ("fr", "es", "de", "it", "pt", "nl", "sv", "da", "no", "fi", "hu", "ro", "ca", "tr", "pl", "cs")
CLDR_LANGUAGES = SCRIPT_LANGUAGES + LATIN_LANGUAGES  # the columns of territories.tsv

# Names that are also words: places only with a capital. Reviewed by hand.
WORDS_TOO = word_set(
    "turkey chad jordan georgia china chile guinea mali niger cuba togo polish pole poles swede swedes dane danes "
    "scot scots brits brit finn finns lao thai car nice reading mobile bath orange lima hama aden homs goma palmyra "
    "medina emirates america soviet soviets مالي"
)
# Arabic names that are also other words ("financial", "Roman"): places only if the words around them show it.
DOUBTFUL = word_set("مالي ماليه ماليون ماليين ماليات ماليو روماني رومانيه رومانيون رومانيين رومانيات رومانيو")
# CLDR names that are usually words or other names.
NOT_PLACES = word_set("island maurice dominique man fas katar mali oman togo guinea samoa jordan jersey 印 中 日 韓")


class PlaceName(NamedTuple):
    """A name of places. `capitals`: only in capitals (US); `people`: an adjective or the name of a people.

    A name may have several concepts: the Security Council is the United Nations too, though a query for it means the
    first only. With `either`, the rest of an article decides which of them is meant (Congo), and without evidence all
    are. `doubtful`: see DOUBTFUL.
    """

    concepts: tuple[str, ...]
    capitals: bool = False
    people: bool = False
    either: bool = False
    doubtful: bool = False


class PlaceMention(NamedTuple):
    """An occurrence of a place's name at tokens `start` to `end` (exclusive); the rest as in PlaceName. `doubtful`: the
    name as written if it is doubtful, else ""."""

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
    """A place or organisation. `name`: its main name; `is_land`: a country or land; `is_main`: a country, capital or
    large city; `country`: the concept of its country, its own for a country."""

    concept: str
    name: str
    is_land: bool
    is_main: bool
    country: str


Names = dict[tuple[str, ...], PlaceName]


Value = TypeVar("Value")


class Branch(NamedTuple, Generic[Value]):
    """The values whose names begin with one word: `own` if that is the whole name, the others in `longer` by the second
    word, each with the words after that, the longest name first."""

    own: Value | None
    longer: dict[str, list[tuple[tuple[str, ...], Value]]]


Named = tuple[tuple[str, ...], Value]  # the words of a name after the first, and its value
Table = dict[str, list[Named[PlaceName]]]  # by the first word


class City(NamedTuple):
    """A city of GeoNames; `is_main`: the name is the main name of a city above 500,000 people."""

    concept: str
    is_main: bool


class Beginning(NamedTuple):
    """The names that may begin with a word as written: names of the tables by the form of the word, and cities."""

    names: tuple[tuple[str, Branch[PlaceName]], ...]
    cities: tuple[Branch[City], ...]


# Names of two places: the rest of an article decides which is meant.
EITHER = {
    "Congo Congolese Конго الكونغو كونغو كونغولي كونغولية كونغوليون كونغوليين Kongo": ("CD", "CG"),
    "عمان": ("OM", "JO/Amman"),
}
PEOPLES = ("ar", "ru", "fr", "es", "de", "tr")  # the columns of peoples.tsv

# Georgia is a country, and a state where an article names places of America but none near the country.
GEORGIA, GEORGIA_OF_AMERICA = "georgia", "US/Georgia, U.S."
NEAR_GEORGIA = word_set("GE RU AM AZ TR UA")
OF_THE_WORLD = ("US/Washington", "US/New York")  # named in news from everywhere

LETTERS_WRITTEN_ON = {"ARABIC": "ar", "HEBREW": "he"}  # scripts in which small words are attached to a name
MOST_KNOWN = 1 << 17  # words whose beginnings are cached
SLOTS = 1 << 19  # for the cities' first words: four times their number, so that most other words hit an empty slot
LAST_SLOT = SLOTS - 1
NUMBER = 4  # bytes
_BEGUN_ALIKE = re.compile(rb"^([^\t\n ]+)[\t ].*(?:\n\1[\t ].*)*", re.MULTILINE)  # lines with one first word
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
    """Return the place whose name, in any language of the tables, is `text`, or None. Adjectives do not count."""
    words = tuple(token.folded for token in tokens(text))
    if not words or (len(words) == 1 and words[0] in NOT_PLACES and words not in _reviewed_names()):
        return None
    return _lookup(words, text) or _city(words, text)


def _lookup(words: tuple[str, ...], text: str) -> Place | None:
    name = _anywhere().get(" ".join(words))
    if name is None or (name.capitals and text.upper() != text):
        return None
    return _places().get(name.concepts[0])


@cache
def _anywhere() -> dict[str, PlaceName]:
    """Return every name of a place in any language, without peoples and adjectives; keys are words joined by spaces."""
    every = (item for language in ("", *LATIN_LANGUAGES) for item in _names(language).items())
    found: dict[str, PlaceName] = {}
    for words, name in every:
        if name.concepts and not name.people:
            found.setdefault(" ".join(words), name)
    return found


def _city(words: tuple[str, ...], text: str) -> Place | None:
    """Return the city of GeoNames with this name, or None."""
    if not _cities().has(" ".join(words)):  # most names belong to no city, and many cities begin alike: Al, San
        return None
    city = next(city for rest, city in _cities().begun_by(words[0]) if rest == words[1:])
    known = _places().get(city.concept)
    return known or Place(city.concept, text if city.is_main else "", False, city.is_main, city.concept.split("/")[0])


def is_name(folded: str) -> bool:
    """Return whether folded words, joined by spaces, may be the name of a place. Faster than `lookup`."""
    return folded in _anywhere() or _cities().has(folded)


def is_everywhere(words: tuple[str, ...]) -> bool:
    """Return whether a name (folded words) counts in articles in any language."""
    return words in _names("")


def is_reviewed(concept: str) -> bool:
    """Return whether a place is in the tables reviewed by hand, so that its names alone are sufficient evidence."""
    return concept in _places()


def reviewed(text: str) -> str | None:
    """Return the concept with this name in the reviewed tables, or None."""
    name = _reviewed_names().get(tuple(token.folded for token in tokens(text)))
    return name.concepts[0] if name and name.concepts and not name.people else None


def is_taken(words: tuple[str, ...]) -> bool:
    """Return whether a name (folded words) has another meaning in any language; the builder of `cities.xz` uses it."""
    if " ".join(words) in _anywhere() or words in _reviewed_names():
        return True
    return len(words) == 1 and any(words[0] in known for known in (WORDS_TOO, NOT_PLACES, given_names()))


def concepts(text: str) -> tuple[str, ...]:
    """Return the concepts of which `text` is a name: both Congos for "Congo"; empty if it is no place."""
    words = tuple(token.folded for token in tokens(text))
    place = lookup(text)
    name = _names("").get(words) if place else None
    if place and name and name.either:
        return name.concepts
    return (place.concept,) if place else ()


def land(text: str) -> Place | None:
    """Return the country or land with the name `text`, or None."""
    place = lookup(text)
    return place if place and place.is_land else None


def is_land(text: str) -> bool:
    """Return whether `text` is a country or land, whose people and adjectives match too."""
    return land(text) is not None


def is_main(text: str) -> bool:
    """Return whether `text` is the main name of a country, or of a capital or city above 500,000 people."""
    place = lookup(text)
    return place is not None and place.is_main and fold(place.name) == fold(text.strip())


def mentions(words: Sequence[Token], language: str) -> list[PlaceMention]:
    """Return the places that `words` name, in order and without overlaps; the longest name wins. Not here: whether the
    name belongs to another thing (`bot.matching.gazetteer.namesakes`)."""
    begins = _beginnings(language if language in LATIN_LANGUAGES else "")
    found = []
    end = 0
    for position, beginning in enumerate(map(begins.__getitem__, [word.form for word in words])):
        if beginning is not None and position >= end:
            mention = _longest(beginning, words, position)
            if mention is not None:
                end = mention.end
                if mention.concepts:
                    found.append(mention)
    return found


class _Beginnings(dict[str, Beginning | None]):
    """A cache: the names that may begin with each form of a word (see `Token.form`) in a language."""

    def __init__(self, language: str) -> None:
        super().__init__()
        self._tables = [_table(""), _table(language)] if language else [_table("")]

    def __missing__(self, form: str) -> Beginning | None:
        if len(self) > MOST_KNOWN:
            self.clear()
        begins = self[form] = self._find(*read_form(form))
        return begins

    def _find(self, folded: str, case: Case) -> Beginning | None:
        """Return the names that may begin with a word; a word in small letters begins no city."""
        names, cities = [], []
        for form in _forms(folded):
            if named := self._named(form, case):
                names.append((form, _branch(named)))
            if case is not Case.LOWER and (begun := _cities().begun_by(form)):
                cities.append(_branch(begun))
        return Beginning(tuple(names), tuple(cities)) if names or cities else None

    def _named(self, form: str, case: Case) -> list[Named[PlaceName]]:
        """Return the names that begin with a form of a word, in this language or in any."""
        named = [name for table in self._tables if form in table for name in table[form]]
        return [(rest, name) for rest, name in named if case is Case.UPPER or not name.capitals]


def _branch(named: list[Named[Value]]) -> Branch[Value]:
    """Return the branch of these names, which begin with the same word."""
    own = next((value for rest, value in named if not rest), None)
    longer: dict[str, list[Named[Value]]] = {}
    for rest, value in sorted(named, key=lambda item: len(item[0]), reverse=True):
        if rest:
            longer.setdefault(rest[0], []).append((rest[1:], value))
    return Branch(own, longer)


@cache
def _beginnings(language: str) -> _Beginnings:
    return _Beginnings(language)


def is_known(folded: str) -> bool:
    """Return whether a folded word is a reviewed name, people or adjective."""
    return (folded,) in _reviewed_names()


@cache
def is_american_state(concept: str) -> bool:
    """Return whether a concept is a state of the United States."""
    return any(
        concept == _concept(country, names)
        for country, size, names in rows("cities.tsv")
        if (country, size) == ("US", "region")
    )


def name_of(concept: str) -> str | None:
    """Return the main name of a place of the reviewed tables, or None."""
    place = _places().get(concept)
    return place.name if place else None


def country_of(concept: str) -> str:
    """Return the country (or land) of a concept; a country is its own."""
    place = _places().get(concept)
    return place.country if place else concept.split("/", maxsplit=1)[0]


# --- on the article's side --------------------------------------------------------------------------


def _longest(beginning: Beginning, words: Sequence[Token], position: int) -> PlaceMention | None:
    """Return the place with the longest of the names of `beginning` that is at `position`, or None."""
    after = position + 1
    then = words[after] if after < len(words) and not words[after].breaks else None
    names, cities = beginning
    known = _known_at(names, words, position, then) if names else None
    city = _city_at(cities, words, position, then) if cities else None
    return city if known is None or (city and city.end > known.end) else known


def _known_at(
    names: tuple[tuple[str, Branch[PlaceName]], ...], words: Sequence[Token], position: int, then: Token | None
) -> PlaceMention | None:
    """Return the place of the tables with the longest name here. `then` is the next word of the sentence, or None."""
    after = position + 1
    for form, (own, longer) in names:
        for second in _forms(then.folded) if longer and then is not None else ():
            for rest, name in longer.get(second, ()):
                end = after + 1 + len(rest)
                if not rest or _follows(rest, words[after + 1 : end]):
                    return _mention(name, position, end, form)
        if own is not None:
            return _mention(own, position, after, form)
    return None


def _mention(name: PlaceName, start: int, end: int, form: str) -> PlaceMention:
    return PlaceMention(name.concepts, start, end, name.capitals, name.either, form if name.doubtful else "")


def _city_at(
    cities: tuple[Branch[City], ...], words: Sequence[Token], position: int, then: Token | None
) -> PlaceMention | None:
    """Return the city of GeoNames with the longest name here."""
    after = position + 1
    for own, longer in cities:
        for rest, city in longer.get(then.folded, ()) if longer and then is not None else ():
            end = after + 1 + len(rest)
            if not rest or _is_same(rest, words[after + 1 : end]):
                return PlaceMention((city.concept,), position, end, capitals=False)
        if own is not None:
            return PlaceMention((own.concept,), position, after, capitals=False)
    return None


def _follows(rest: tuple[str, ...], words: Sequence[Token]) -> bool:
    """Return whether the words equal the rest of a name, each in any of its forms."""
    if len(words) < len(rest):
        return False
    return all(not word.breaks and part in _forms(word.folded) for part, word in zip(rest, words, strict=True))


def _is_same(rest: tuple[str, ...], words: Sequence[Token]) -> bool:
    """Return whether the words equal the rest of a name as they are."""
    return tuple([word.folded for word in words]) == rest and not any(word.breaks for word in words)


def _forms(folded: str) -> tuple[str, ...]:
    """Return the forms in which a word of a text may be in a table: as it is, then without clitics or endings."""
    if folded.isascii():
        return (folded,)
    kind = script(folded)
    if kind in LETTERS_WRITTEN_ON:
        return (folded, *(key[1:] for key in keys(folded, LETTERS_WRITTEN_ON[kind]) if key[1:] != folded))
    return (folded, *keys(folded, "ru")) if kind == "CYRILLIC" else (folded,)


# --- the tables -------------------------------------------------------------------------------------


class _Cities:
    """The cities of GeoNames: sorted lines in one string of bytes, and a hash table from first words to positions.

    They take an eighth of the memory of a list of lines and a set of names.
    """

    def __init__(self) -> None:
        packed = files("bot.matching.gazetteer").joinpath("data", "cities.xz").read_bytes()
        self._lines = b"\n" + lzma.decompress(packed) + b"\n"
        self._starts = array("I", bytes(NUMBER * SLOTS))  # 0 for none
        self._longest = 0  # bytes of lines that begin with the same word
        for begun in _BEGUN_ALIKE.finditer(self._lines):
            slot = hash(begun[1]) & LAST_SLOT
            while self._starts[slot]:
                slot = (slot + 1) & LAST_SLOT
            start, end = begun.span()
            self._starts[slot] = start
            self._longest = max(self._longest, end - start)

    def has(self, name: str) -> bool:
        """Return whether folded words, joined by spaces, are the name of a city."""
        first, space, _rest = name.partition(" ")
        at = self._at(first.encode())
        if not at or not space:  # a name of one word comes before the longer names
            return at > 0 and self._lines.startswith(first.encode() + b"\t", at)
        return self._lines.find(b"\n%b\t" % name.encode(), at - 1, at + self._longest) >= 0

    def begun_by(self, first: str) -> list[Named[City]]:
        """Return the cities whose name begins with the word `first`."""
        word = first.encode()
        begins = word + b"\t", word + b" "
        found: list[Named[City]] = []
        at = self._at(word)
        while at and self._lines.startswith(begins, at):
            end = self._lines.index(b"\n", at)
            name, concept, sign = self._lines[at:end].decode().split("\t")
            found.append((tuple(name.split(" ")[1:]), City(concept, sign == "*")))
            at = end + 1
        return found

    def _at(self, first: bytes) -> int:
        """Return the position of the first line that begins with a word, or 0."""
        slot = hash(first) & LAST_SLOT
        while at := self._starts[slot]:
            if self._lines.startswith((first + b"\t", first + b" "), at):
                break
            slot = (slot + 1) & LAST_SLOT
        return at


@cache
def _cities() -> _Cities:
    return _Cities()


@cache
def _table(language: str) -> Table:
    table: Table = {}
    for words, name in _names(language).items():
        table.setdefault(words[0], []).append((words[1:], name))
    return table


@cache
def _names(language: str) -> Names:
    """Return the names that count in articles in any language (""), or the additional names in `language`."""
    names = {} if language else dict(_reviewed_names())
    languages = (language,) if language else SCRIPT_LANGUAGES
    for code in languages:
        for name_language, country, texts in rows("names.tsv"):
            for text in texts.split("|") if name_language == code else ():
                _add(names, text, country)
        for country, text in _cldr_names(code):
            _add(names, text, country)
    for code in languages:
        _add_peoples(names, code)
    everywhere = _names("") if language else {}
    return {words: name for words, name in names.items() if words not in everywhere}


def _add_peoples(names: Names, language: str) -> None:
    """Add the peoples and adjectives of each country in a language."""
    if language not in PEOPLES:
        return
    column = 1 + PEOPLES.index(language)
    for row in rows("peoples.tsv"):
        for word in _listed(row[column]):
            for form in inflected(word, language):
                _add(names, form, row[0], people=True)


@cache
def _reviewed_names() -> Names:
    names: Names = {}
    for code, countries, people, _capital in rows("countries.tsv"):
        for text in countries.split("|"):
            _add(names, text, code)
        for text in _listed(people):
            _add(names, text.replace("_", " "), code, people=True)
    for country, _size, cities in rows("cities.tsv"):
        for text in cities.split("|"):
            _add(names, text, _city_in(country, cities))
    for code, _countries, _people, capital in rows("countries.tsv"):
        for text in _listed(capital, "|"):
            _add(names, text, _city_in(code, capital))
    for (text,) in rows("others.txt"):
        _add(names, text, "!")
    for words, codes in EITHER.items():
        for word in words.split():
            names[(fold(word),)] = PlaceName(codes, either=True)
    return names


@cache
def _places() -> dict[str, Place]:
    places = {}
    for codes, countries, _people, _capital in rows("countries.tsv"):
        code = codes.split("+")[0]
        places[code] = Place(code, countries.split("|")[0], is_land=True, is_main=True, country=code)
    for country, size, cities in rows("cities.tsv"):
        concept = _concept(country, cities)
        places[concept] = Place(concept, cities.split("|")[0], is_land=False, is_main=size == "city", country=country)
    for code, _countries, _people, capital in rows("countries.tsv"):
        concept = _concept(code, capital)
        places.setdefault(concept, Place(concept, capital, is_land=False, is_main=True, country=code))
    return places


def _concept(country: str, names: str) -> str:
    return f"{country}/{names.split('|', maxsplit=1)[0]}"


def _city_in(country: str, names: str) -> str:
    """Return the concept of a city, with its country's if its name begins with the country: Mexico City."""
    concept = _concept(country, names)
    known = next((row[1].split("|") for row in _countries() if row[0].split("+")[0] == country), [])
    return f"{concept}+{country}" if any(names.startswith(name + " ") for name in known) else concept


@cache
def _countries() -> list[list[str]]:
    return list(rows("countries.tsv"))


def _listed(cell: str, separator: str = " ") -> list[str]:
    return [] if cell == "-" else cell.split(separator)


def rows(name: str) -> Iterator[list[str]]:
    """Return the cells of each line of a table of `data/`."""
    text = files("bot.matching.gazetteer").joinpath("data", name).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.splitlines() if line and not line.startswith("#"))


def _add(names: Names, text: str, concept: str, *, people: bool = False) -> None:
    """Add a name unless it already has a meaning: the tables are read in order of weight."""
    words = tuple(token.folded for token in tokens(text))
    capitals = len(text) <= 5 and text == text.upper() != text.lower()
    if words:
        doubtful = len(words) == 1 and words[0] in DOUBTFUL
        name = PlaceName(() if concept == "!" else tuple(concept.split("+")), capitals, people, doubtful=doubtful)
        stems = [(key,) for key in keys(words[0], "ru")] if people and script(words[0]) == "CYRILLIC" else []
        for form in (words, *(stems or russian_cases(words))):
            names.setdefault(form, name)


def _cldr_names(language: str) -> Iterator[tuple[str, str]]:
    """Yield the code of each country and its names in `language`."""
    column = 1 + CLDR_LANGUAGES.index(language)
    for row in _territories():
        text = row[column]
        if text and fold(text) not in NOT_PLACES:
            yield from ((row[0], way) for way in dict.fromkeys((text, text.replace(ZWNJ, ""))))


@cache
def _territories() -> list[list[str]]:
    return list(rows("territories.tsv"))


def russian_cases(words: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """Yield the cases of a Russian name of one word: Сирии, Идлибе. (A stem would match other words too.)"""
    word = words[0]
    if len(words) > 1 or len(word) < _SHORTEST_DERIVED or script(word) != "CYRILLIC":
        return
    for final, endings in _RUSSIAN_ENDINGS:
        if word.endswith(final):
            base = word.removesuffix(final)
            yield from ((base + ending,) for ending in endings)
            return
