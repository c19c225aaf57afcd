"""Fields of a document: the analysed title or text of an article, with its words, places and spans."""

from bisect import bisect_right
from functools import cached_property
from itertools import zip_longest
from operator import itemgetter
from typing import NamedTuple

from bot.matching.engine.spelling import skeleton
from bot.matching.engine.terms import JOINED
from bot.matching.gazetteer import namesakes, places
from bot.matching.text import transliteration
from bot.matching.text.analysis import Case, Text, Token, keys

LONGEST_COMPOUND = 4  # words


class Span(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a field. Not `sure` where the only evidence is a capital that every word
    has there."""

    start: int
    end: int
    sure: bool = True


class DocumentField:
    """A field of a document: its tokens, and the positions of each folded form, inflection key, compound and place.

    `spans` has places, aliases and compounds by key. `named` lists the tokens (`start`, `end`) that name a place or
    something named after one, in order and without overlap. `aliased` has those spans that only aliases added.
    """

    def __init__(self, text: str, language: str) -> None:
        self.text = Text(text)
        self.tokens: list[Token] = self.text.tokens
        self.spans: dict[str, list[Span]] = {}
        self._language = language
        self.named: list[tuple[int, int]] = []
        self.aliased: dict[str, set[Span]] = {}
        self._is_table = False
        self._starts: frozenset[int] = frozenset()  # first tokens of places' names
        self._ends: frozenset[int] = frozenset()  # tokens after places' names
        for start, end in self.text.runs:
            self._join(start, end)

    def without_text(self) -> "DocumentField":
        """Return a copy without the text and without computed tables."""
        same = DocumentField("", self._language)
        same.tokens = same.text.tokens = self.tokens
        same.spans = self.spans
        same.named, same.aliased = self.named, self.aliased
        return same

    def mentions(self, language: str) -> list[places.PlaceMention]:
        """Return the mentions of places, including things that may only be named after one."""
        found = places.mentions(self.tokens, language)
        cities = [mention.end for mention in found if mention.is_city]
        if cities:
            pairs = zip_longest(found, found[1:])
            found = [
                mention for mention, after in pairs if not (mention.is_city and self._is_elsewhere(mention, after))
            ]
            cities = [mention.end for mention in found if mention.is_city]
            self._is_table = len(cities) >= namesakes.TABLE and namesakes.is_table(self.text, cities)
        if found:
            self._starts = frozenset([mention.start for mention in found])
            self._ends = frozenset([mention.end for mention in found])
        return found

    def is_within_name(self, start: int, end: int) -> bool:
        """Return whether the tokens `start` to `end` (exclusive) are part of a place's longer name."""
        at = bisect_right(self.named, start, key=itemgetter(0))
        return at > 0 and end <= self.named[at - 1][1] and self.named[at - 1] != (start, end)

    def _is_elsewhere(self, town: places.PlaceMention, after: places.PlaceMention | None) -> bool:
        """Return whether an American state follows the name of a place elsewhere: "Paris, Texas"."""
        if places.country_of(town.concepts[0]) == "US":
            return False
        is_next = after is not None and after.start == town.end and self.text.gaps.get(after.start, "").strip() == ","
        if is_next and after is not None and places.is_american_state(after.concepts[0]):
            return True
        return namesakes.is_in_a_state(self.text, town.end)

    def is_doubtful(self, mention: places.PlaceMention) -> bool:
        """Return whether an Arabic word may be another word: the words around it, or the article, must decide."""
        if self.tokens[mention.start].case is not Case.NONE or mention.end - mention.start > 1:
            return False
        return bool(mention.doubtful) or namesakes.is_arabic_surname(self.text, mention.start)

    def is_where(self, mention: places.PlaceMention) -> bool:
        """Return whether a doubtful word is in the position of a place: after "in", or next to a place and an "and"."""
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
        """Return whether a mention is another thing (no person) with the place's name."""
        is_city = mention.is_city
        first = self.tokens[mention.start]
        ends_in_ya = first.case is Case.NONE and first.folded.endswith("ي")
        if ends_in_ya and namesakes.is_another_spelling(self.text, mention.start, mention.end):
            return True
        if is_city and self._is_table and namesakes.is_in_table(self.text, mention.start, mention.end):
            return True
        return namesakes.is_other_thing(self.text, mention.start, mention.end, is_city=is_city)

    def quote(self, start: int, end: int) -> tuple[str, int, int]:
        """Return the original text of tokens `start` to `end` (exclusive), and its first and last offset there."""
        first, last = self.text.span(start, end)
        return self.text.source[first:last], first, last

    @cached_property
    def folded(self) -> dict[str, list[int]]:
        """The positions of tokens by folded form."""
        found: dict[str, list[int]] = {}
        for position, token in enumerate(self.tokens):
            found.setdefault(token.folded, []).append(position)
        return found

    @cached_property
    def keys(self) -> dict[str, list[int]]:
        """The positions of tokens by inflection key."""
        found: dict[str, list[int]] = {}
        for folded, positions in self.folded.items():
            for key in keys(folded, self._language):
                found.setdefault(key, []).extend(positions)
        return found

    @cached_property
    def sounds(self) -> dict[str, list[str]]:
        """The folded forms by skeleton, which their spellings share."""
        found: dict[str, list[str]] = {}
        for folded in self.folded:
            found.setdefault(skeleton(folded), []).append(folded)
        return found

    @cached_property
    def bridges(self) -> dict[str, list[str]]:
        """The folded forms by bridge, which their spellings in Arabic and in Latin letters share."""
        found: dict[str, list[str]] = {}
        for folded in self.folded:
            for bridge in transliteration.bridges(folded):
                found.setdefault(bridge, []).append(folded)
        return found

    @property
    def is_loud(self) -> bool:
        """Whether so many words have capitals here that a capital is no evidence."""
        return self.text.is_loud

    def is_telling(self, position: int) -> bool:
        """Return whether a capital at `position` is evidence: inside a sentence, among small letters."""
        return not self.is_loud and not self.tokens[position].begins

    def cases_inside(self, folded: str) -> set[Case]:
        """Return the cases of a word at positions where its case is evidence. Cached, for many queries need it."""
        known = self._cases.get(folded)
        if known is None:
            known = {self.tokens[p].case for p in self.folded.get(folded, ()) if self.is_telling(p)}
            self._cases[folded] = known
        return known

    @cached_property
    def _cases(self) -> dict[str, set[Case]]:
        return {}

    def has_alone(self, folded: str) -> bool:
        """Return whether a word occurs somewhere alone, as a surname does. Cached too."""
        known = self._alone.get(folded)
        if known is None:
            known = any(namesakes.is_alone(self.text, p) for p in self.folded.get(folded, ()))
            self._alone[folded] = known
        return known

    @cached_property
    def _alone(self) -> dict[str, bool]:
        return {}

    def _join(self, first: int, last: int) -> None:
        """Add the spans of all compounds of up to LONGEST_COMPOUND words in the tokens `first` to `last` (exclusive),
        which are written together."""
        for start in range(first, last - 1):
            text = self.tokens[start].folded
            for end in range(start + 1, min(last, start + LONGEST_COMPOUND)):
                text += self.tokens[end].folded
                self.spans.setdefault(JOINED + text, []).append(Span(start, end + 1))
