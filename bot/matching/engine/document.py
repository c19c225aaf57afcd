"""An article read once for all queries: which words stand where, under which keys, and which places they name.

Of 39 words two name a place, in the mean, and what stands around these two costs as much as to find the words: so the
cheap question is asked first (a word of the list? a capital?), and what concerns the whole field, like its capitals or
where each word stands in the text, only when an answer hangs on it.
"""

from bisect import bisect_right
from collections.abc import Iterable
from copy import copy
from functools import cached_property, lru_cache
from itertools import zip_longest
from operator import itemgetter
from typing import TYPE_CHECKING, Any, NamedTuple

from bot.matching.engine.spelling import skeleton
from bot.matching.engine.terms import JOINED
from bot.matching.gazetteer import namesakes, places
from bot.matching.text import transliteration
from bot.matching.text.analysis import Case, Text, Token, guess_language, keys, tokens
from bot.models import Article

if TYPE_CHECKING:  # it is made of needles, and these of readings
    from bot.matching.engine.aliases import Aliases

PLACE = "@"  # begins the key of a concept: "@SY", "@in:SY"
LONGEST_COMPOUND = 4  # words
GLANCES = 16  # words compared in C, or passed over, cost what one does that is looked at


class Span(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a field; not `sure` where only capitals that say nothing speak for it."""

    start: int
    end: int
    sure: bool = True


Where = tuple["FieldReading", places.PlaceMention]


class Reading:
    """An article's title and text, analysed. `language` is its own, or guessed.

    `work` counts the words looked at to judge queries in full (where some are only glanced at, GLANCES make one).
    """

    work = 0

    def __init__(self, article: Article, aliases: "Aliases | None" = None) -> None:
        given = (article.language or "").split("-")[0].casefold()
        self.language = given or guess_language(f"{article.title}\n{article.text}")
        self.title = FieldReading(article.title, self.language)
        self.text = FieldReading(article.text, self.language)
        self.source = _words_of_source(article.source)
        for part, named in self._name_places():
            part.named = [(mention.start, mention.end) for mention in named]
            if aliases:
                self._name_aliases(part, aliases)

    @property
    def fields(self) -> tuple[tuple[str, "FieldReading"], ...]:
        """The fields by name, the one that counts most first."""
        return (("title", self.title), ("text", self.text))

    def set_aliases(self, aliases: "Aliases") -> None:
        """Find the names of other aliases than before."""
        for _name, part in self.fields:
            for key, gone in part.aliased.items():
                left = [span for span in part.spans.pop(key) if span not in gone]
                if left:
                    part.spans[key] = left
            part.aliased = {}
            self._name_aliases(part, aliases)

    def pare(self) -> None:
        """Let go of the texts, for whoever keeps many: it can be judged, but not quoted."""
        self.title, self.text = self.title.pared(), self.text.pared()

    @cached_property
    def found(self) -> dict[tuple[object, ...], Any]:
        """What judging has found already, for it is asked again: a crowd of queries differs in what it excludes."""
        return {}

    def copy(self) -> "Reading":
        """Return this reading without what was worked out about it: what judging it makes goes with the copy."""
        same = copy(self)
        same.title, same.text = copy(self.title), copy(self.text)
        return same

    def certainty(self, folded: str, part: "FieldReading", position: int) -> bool | None:
        """Return whether the word at `position` is a name: True, False, or None without evidence.

        Inside a sentence its own capital decides. At the beginning of one, or in a headline where
        everything has a capital, the rest of the article does.
        """
        token = part.tokens[position]
        if token.case in (Case.LOWER, Case.NONE):
            return token.case is Case.NONE
        if part.speaks(position):
            return True
        cases = {case for _name, other in self.fields for case in other.cases_inside(folded)}
        if cases and Case.LOWER not in cases:
            return True
        return False if cases == {Case.LOWER} else None

    def _name_places(self) -> list[tuple["FieldReading", list[places.PlaceMention]]]:
        """Record which places each field names, without what is only named after one; return what is named."""
        by_field = [(part, part.mentions(self.language)) for part in (self.title, self.text)]
        named = [(part, mention) for part, mentions in by_field for mention in mentions]
        if named:
            self._record(named)
        return by_field

    def _record(self, named: list[Where]) -> None:
        """Record those of the places named that are meant."""
        is_state = any(m.concepts[0] == "GE" for _part, m in named) and _is_american(m for _part, m in named)
        doubtful = [part.is_doubtful(mention) for part, mention in named]
        sure_of = {
            concept
            for (_part, mention), doubt in zip(named, doubtful, strict=True)
            if not doubt and not mention.either
            for concept in mention.concepts
        }
        people = self._people(named)
        for (part, mention), doubt in zip(named, doubtful, strict=True):
            if doubt and mention.concepts[0] not in sure_of and not part.is_where(mention):
                continue
            sure = self._is_place(part, mention, people)
            if sure is False:
                continue
            span = Span(mention.start, mention.end, sure is not None)
            is_georgia = is_state and part.tokens[mention.start].folded == places.GEORGIA
            for concept in (places.GEORGIA_OF_AMERICA,) if is_georgia else _meant(mention, sure_of):
                for key in _keys_of_place(concept):
                    part.spans.setdefault(key, []).append(span)

    def _name_aliases(self, part: "FieldReading", aliases: "Aliases") -> None:
        """Record the names of aliases, but not those that are part of a place's longer name."""
        added: dict[str, set[Span]] = {}
        for alias in aliases.mentions(part, self.language):
            if part.is_within_name(alias.start, alias.end):
                continue
            if alias.end - alias.start == 1 and self._is_word(part, alias.start):
                continue
            is_place = places.is_reviewed(alias.concept)
            for key in _keys_of_place(alias.concept) if is_place else (PLACE + alias.concept,):
                added.setdefault(key, set()).add(Span(alias.start, alias.end))
        for key, spans in added.items():
            known = part.spans.setdefault(key, [])
            stand = {(span.start, span.end) for span in known}
            part.aliased[key] = {span for span in spans if (span.start, span.end) not in stand}
            known += sorted(part.aliased[key])

    def _is_word(self, part: "FieldReading", position: int) -> bool:
        """Return whether a word that begins a sentence is written small in the rest: no name, then."""
        token = part.tokens[position]
        return token.case is Case.TITLE and self.certainty(token.folded, part, position) is False

    def _people(self, named: list[Where]) -> set[str]:
        """Return the names of places (one word, folded) that are a person's in this article."""
        single = [(part, m.start, part.tokens[m.start].folded) for part, m in named if m.end - m.start == 1]
        sure = {folded for part, start, folded in single if self._is_person(part, start)}
        who = {folded for part, start, folded in single if namesakes.is_before_who(part.text, start)}
        if who:
            full = {folded for part, start, folded in single if namesakes.has_forename(part.text, start)}
            sure |= who & full
        return sure

    def _is_person(self, part: "FieldReading", start: int) -> bool:
        """Return whether a place's name of one word is a person's here: by a name or title before it, or a surname
        after it that stands alone elsewhere."""
        if namesakes.is_person(part.text, start):
            return True
        surname = namesakes.surname_after(part.text, start)
        if not surname or part.is_loud or places.is_name(surname):
            return False
        return any(other.has_alone(surname) for _name, other in self.fields)

    def _is_place(self, part: "FieldReading", mention: places.PlaceMention, people: set[str]) -> bool | None:
        if part.is_namesake(mention):
            return False
        start, folded = mention.start, part.tokens[mention.start].folded
        if mention.end - start == 1:
            is_unsure = not places.is_reviewed(mention.concepts[0]) and not part.is_loud
            if is_unsure and namesakes.has_forename(part.text, start):
                return False  # Scott Draper is no town of America
            if folded in people:
                is_where = namesakes.is_location(part.text, start, mention.end)
                if not is_where or self._is_person(part, start):
                    return False
            if folded in places.WORDS_TOO:
                return self.certainty(folded, part, start)
        if mention.capitals and part.is_loud:
            return True if any(o is not part and not o.is_loud and folded in o.folded for _, o in self.fields) else None
        return True


@lru_cache(1 << 12)
def _words_of_source(source: str) -> frozenset[str]:
    return frozenset([token.folded for token in tokens(source)])


@lru_cache(1 << 12)
def _keys_of_place(concept: str) -> tuple[str, str]:
    """Return the keys under which a place is found: its own, and that of its country."""
    return PLACE + concept, f"{PLACE}in:{places.country_of(concept)}"


def _meant(mention: places.PlaceMention, sure_of: set[str]) -> tuple[str, ...]:
    """Return the concepts of a mention: of a name of two places, those whose country the article names otherwise."""
    if not mention.either:
        return mention.concepts
    countries = {places.country_of(concept) for concept in sure_of}
    return tuple(c for c in mention.concepts if places.country_of(c) in countries) or mention.concepts


def _is_american(mentions: Iterable[places.PlaceMention]) -> bool:
    """Return whether an article is set in America and not in the Caucasus, by the places it names: Georgia is there."""
    concepts = {mention.concepts[0] for mention in mentions}
    inside = any(concept.startswith("US/") and concept not in places.OF_THE_WORLD for concept in concepts)
    return inside and not any(places.country_of(concept) in places.NEAR_GEORGIA for concept in concepts - {"GE"})


class FieldReading:
    """One field: its tokens, and where each folded form, inflection key, compound and place stands."""

    def __init__(self, text: str, language: str) -> None:
        self.text = Text(text)
        self.tokens: list[Token] = self.text.tokens
        self.spans: dict[str, list[Span]] = {}
        self._language = language
        self.named: list[tuple[int, int]] = []  # where places are named, or what is only named after one
        self.aliased: dict[str, set[Span]] = {}  # the spans that aliases added, by key
        self._is_table = False
        self._starts: frozenset[int] = frozenset()  # where the name of a place begins
        self._ends: frozenset[int] = frozenset()
        for start, end in self.text.runs:
            self._join(start, end)

    def pared(self) -> "FieldReading":
        """Return it without its text, and without what was worked out about it."""
        same = FieldReading("", self._language)
        same.tokens = same.text.tokens = self.tokens
        same.spans = self.spans
        same.named, same.aliased = self.named, self.aliased
        return same

    def mentions(self, language: str) -> list[places.PlaceMention]:
        """Return the places that are named here, and what may be only named after one."""
        found = places.mentions(self.tokens, language)
        cities = [mention.end for mention in found if mention.is_city]
        if cities:
            pairs = zip_longest(found, found[1:])
            found = [one for one, then in pairs if not (one.is_city and self._is_elsewhere(one, then))]
            cities = [mention.end for mention in found if mention.is_city]
            self._is_table = len(cities) >= namesakes.TABLE and namesakes.is_table(self.text, cities)
        if found:
            self._starts = frozenset([mention.start for mention in found])
            self._ends = frozenset([mention.end for mention in found])
        return found

    def is_within_name(self, start: int, end: int) -> bool:
        """Return whether the words `start` to `end` (exclusive) are part of a place's longer name. (Those stand in
        order, none over another.)"""
        at = bisect_right(self.named, start, key=itemgetter(0))
        return at > 0 and end <= self.named[at - 1][1] and self.named[at - 1] != (start, end)

    def _is_elsewhere(self, town: places.PlaceMention, then: places.PlaceMention | None) -> bool:
        """Return whether an American state follows the name of a place elsewhere: "Paris, Texas"."""
        if places.country_of(town.concepts[0]) == "US":
            return False
        is_next = then is not None and then.start == town.end and self.text.gaps.get(then.start, "").strip() == ","
        if is_next and then is not None and places.is_american_state(then.concepts[0]):
            return True
        return namesakes.is_in_a_state(self.text, town.end)

    def is_doubtful(self, mention: places.PlaceMention) -> bool:
        """Return whether an Arabic word may as well be another: what stands around it, or the article, must tell."""
        if self.tokens[mention.start].case is not Case.NONE or mention.end - mention.start > 1:
            return False
        return bool(mention.doubtful) or namesakes.is_arabic_surname(self.text, mention.start)

    def is_where(self, mention: places.PlaceMention) -> bool:
        """Return whether a doubtful word stands where a place does: after "in", or beside another and an "and"."""
        if not mention.doubtful:
            return False
        if namesakes.is_arabic_location(self.text, mention.start, mention.doubtful):
            return True
        folded = self.tokens[mention.start].folded
        if folded not in (mention.doubtful, "و" + mention.doubtful):
            return False
        if mention.start in self._ends and folded.startswith("و"):
            return True
        return mention.end in self._starts and self.tokens[mention.end].folded.startswith("و")

    def is_namesake(self, mention: places.PlaceMention) -> bool:
        """Return whether what is named is another thing (no person) with the place's name."""
        is_city = mention.is_city
        first = self.tokens[mention.start]
        ends_in_ya = first.case is Case.NONE and first.folded.endswith("ي")
        if ends_in_ya and namesakes.is_another_spelling(self.text, mention.start, mention.end):
            return True
        if is_city and self._is_table and namesakes.is_in_table(self.text, mention.start, mention.end):
            return True
        return namesakes.is_other_thing(self.text, mention.start, mention.end, is_city=is_city)

    def quote(self, start: int, end: int) -> tuple[str, int, int]:
        """Return what tokens `start` to `end` (exclusive) are in the text as given, and where it stands."""
        first, last = self.text.span(start, end)
        return self.text.source[first:last], first, last

    @cached_property
    def folded(self) -> dict[str, list[int]]:
        """Where each folded form stands, by token."""
        found: dict[str, list[int]] = {}
        for position, token in enumerate(self.tokens):
            found.setdefault(token.folded, []).append(position)
        return found

    @cached_property
    def keys(self) -> dict[str, list[int]]:
        """Where each inflection key stands, by token."""
        found: dict[str, list[int]] = {}
        for folded, positions in self.folded.items():
            for key in keys(folded, self._language):
                found.setdefault(key, []).extend(positions)
        return found

    @cached_property
    def sounds(self) -> dict[str, list[str]]:
        """The folded forms by what their spellings share."""
        found: dict[str, list[str]] = {}
        for folded in self.folded:
            found.setdefault(skeleton(folded), []).append(folded)
        return found

    @cached_property
    def bridges(self) -> dict[str, list[str]]:
        """The folded forms by what their spellings in Arabic and in Latin letters share."""
        found: dict[str, list[str]] = {}
        for folded in self.folded:
            for bridge in transliteration.bridges(folded):
                found.setdefault(bridge, []).append(folded)
        return found

    @property
    def is_loud(self) -> bool:
        """Whether capitals say nothing here."""
        return self.text.is_loud

    def speaks(self, position: int) -> bool:
        """Return whether a capital at `position` says something: inside a sentence, among small letters."""
        return not self.is_loud and not self.tokens[position].begins

    def cases_inside(self, folded: str) -> set[Case]:
        """Return how a word is written where its case says something; found out once, however often it is asked."""
        known = self._cases.get(folded)
        if known is None:
            known = {self.tokens[p].case for p in self.folded.get(folded, ()) if self.speaks(p)}
            self._cases[folded] = known
        return known

    @cached_property
    def _cases(self) -> dict[str, set[Case]]:
        return {}

    def has_alone(self, folded: str) -> bool:
        """Return whether a word stands somewhere as a surname does; found out once, too."""
        known = self._alone.get(folded)
        if known is None:
            known = any(namesakes.is_alone(self.text, p) for p in self.folded.get(folded, ()))
            self._alone[folded] = known
        return known

    @cached_property
    def _alone(self) -> dict[str, bool]:
        return {}

    def _join(self, first: int, last: int) -> None:
        """Record every compound of up to LONGEST_COMPOUND words within the words glued together, `last` exclusive."""
        for start in range(first, last - 1):
            text = self.tokens[start].folded
            for end in range(start + 1, min(last, start + LONGEST_COMPOUND)):
                text += self.tokens[end].folded
                self.spans.setdefault(JOINED + text, []).append(Span(start, end + 1))
