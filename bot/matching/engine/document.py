"""Document: an article analysed once for all queries.

In: an `Article`, and optionally a `NameFinder` (the aliases). Out: for each field its tokens, and the spans of places,
aliases and compounds by key ("@SY" Syria, "@in:SY" anything in Syria, "+alsisi" two words that may be written as one).
Not here: terms and queries.

On average, two of 39 words name a place, and checking the words around these two costs as much as finding the words. So
the cheap tests come first (is the word in a list? has it a capital?), and anything computed from a whole field, such as
its capitals or the positions of its words, is computed only when a result depends on it.
"""

from collections.abc import Iterable
from copy import copy
from functools import cached_property, lru_cache
from typing import Any, NamedTuple, Protocol, TypeAlias

from bot.matching.engine.field import DocumentField, Span
from bot.matching.gazetteer import namesakes, places
from bot.matching.text.analysis import Case, guess_language, tokens
from bot.models import Article

PLACE = "@"  # begins the key of a concept: "@SY", "@in:SY"
WORDS_PER_UNIT = 16  # words compared in C, or skipped, that cost as much as evaluating one in Python: a unit of work


class AliasMention(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a field are a name of `concept`."""

    concept: str
    start: int
    end: int


class NameFinder(Protocol):
    """Finds names that an administrator declared to be one (`bot.matching.engine.aliases`)."""

    def mentions(self, field: "DocumentField", language: str) -> Iterable[AliasMention]:
        """Yield the names that occur in a field, in order; two overlap only if they are the same tokens."""


FieldMention: TypeAlias = tuple["DocumentField", places.PlaceMention]


class Document:
    """An analysed article: its language (given or guessed), title, text and the words of its source.

    `work` counts units of work done to evaluate queries in full: a word evaluated in Python is one, as are
    WORDS_PER_UNIT words compared in C.
    """

    work = 0

    def __init__(self, article: Article, aliases: NameFinder | None = None) -> None:
        given = (article.language or "").split("-")[0].casefold()
        self.language = given or guess_language(f"{article.title}\n{article.text}")
        self.title = DocumentField(article.title, self.language)
        self.text = DocumentField(article.text, self.language)
        self.source = _words_of_source(article.source)
        for field, mentions in self._add_places():
            field.named = [(mention.start, mention.end) for mention in mentions]
            if aliases:
                self._add_aliases(field, aliases)

    @property
    def fields(self) -> tuple[tuple[str, "DocumentField"], ...]:
        """The fields with their names, the most important first."""
        return (("title", self.title), ("text", self.text))

    def spend(self, units: int) -> None:
        """Count units of work."""
        self.work += units

    def set_aliases(self, aliases: NameFinder) -> None:
        """Replace the spans of the aliases given before with those of `aliases`."""
        for _name, field in self.fields:
            for key, added in field.aliased.items():
                left = [span for span in field.spans.pop(key) if span not in added]
                if left:
                    field.spans[key] = left
            field.aliased = {}
            self._add_aliases(field, aliases)

    def drop_text(self) -> None:
        """Drop the texts, to save memory where many documents are stored: queries can still be evaluated, but their
        terms not quoted."""
        self.title, self.text = self.title.without_text(), self.text.without_text()

    @cached_property
    def results(self) -> dict[tuple[object, ...], Any]:
        """Cached results of leaves, by leaf and fields: queries of a crowd often differ only in their exclusions."""
        return {}

    def copy(self) -> "Document":
        """Return a copy without computed tables, to evaluate a query on: the tables made by that go with the copy."""
        same = copy(self)
        same.title, same.text = copy(self.title), copy(self.text)
        return same

    def certainty(self, folded: str, field: "DocumentField", position: int) -> bool | None:
        """Return whether the word at `position` is a name: True, False, or None without evidence.

        Inside a sentence its own capital decides. At the beginning of one, or in a headline where
        everything has a capital, the rest of the article does.
        """
        token = field.tokens[position]
        if token.case in (Case.LOWER, Case.NONE):
            return token.case is Case.NONE
        if field.is_telling(position):
            return True
        cases = {case for _name, other in self.fields for case in other.cases_inside(folded)}
        if cases and Case.LOWER not in cases:
            return True
        return False if cases == {Case.LOWER} else None

    def _add_places(self) -> list[tuple["DocumentField", list[places.PlaceMention]]]:
        """Add the spans of places to each field, without things only named after one; return all mentions by field."""
        by_field = [(field, field.mentions(self.language)) for field in (self.title, self.text)]
        mentions = [(field, mention) for field, in_field in by_field for mention in in_field]
        if mentions:
            self._add_spans(mentions)
        return by_field

    def _add_spans(self, mentions: list[FieldMention]) -> None:
        """Add the spans of those mentions that do mean a place."""
        is_state = any(m.concepts[0] == "GE" for _field, m in mentions) and _is_american(m for _field, m in mentions)
        doubtful = [field.is_doubtful(mention) for field, mention in mentions]
        certain = {
            concept
            for (_field, mention), doubt in zip(mentions, doubtful, strict=True)
            if not doubt and not mention.either
            for concept in mention.concepts
        }
        people = self._people(mentions)
        for (field, mention), doubt in zip(mentions, doubtful, strict=True):
            if doubt and mention.concepts[0] not in certain and not field.is_where(mention):
                continue
            sure = self._is_place(field, mention, people)
            if sure is False:
                continue
            span = Span(mention.start, mention.end, sure is not None)
            is_georgia = is_state and field.tokens[mention.start].folded == places.GEORGIA
            for concept in (places.GEORGIA_OF_AMERICA,) if is_georgia else _concepts(mention, certain):
                for key in _keys_of_place(concept):
                    field.spans.setdefault(key, []).append(span)

    def _add_aliases(self, field: "DocumentField", aliases: NameFinder) -> None:
        """Add the spans of aliases, except those that are part of a place's longer name."""
        added: dict[str, set[Span]] = {}
        for alias in aliases.mentions(field, self.language):
            if field.is_within_name(alias.start, alias.end):
                continue
            if alias.end - alias.start == 1 and self._is_word(field, alias.start):
                continue
            is_place = places.is_reviewed(alias.concept)
            for key in _keys_of_place(alias.concept) if is_place else (PLACE + alias.concept,):
                added.setdefault(key, set()).add(Span(alias.start, alias.end))
        for key, spans in added.items():
            known = field.spans.setdefault(key, [])
            occupied = {(span.start, span.end) for span in known}
            field.aliased[key] = {span for span in spans if (span.start, span.end) not in occupied}
            known += sorted(field.aliased[key])

    def _is_word(self, field: "DocumentField", position: int) -> bool:
        """Return whether a capitalised word that begins a sentence is in small letters elsewhere: then it is no
        name."""
        token = field.tokens[position]
        return token.case is Case.TITLE and self.certainty(token.folded, field, position) is False

    def _people(self, mentions: list[FieldMention]) -> set[str]:
        """Return the names of places (one word, folded) that are a person's in this article."""
        single = [(field, m.start, field.tokens[m.start].folded) for field, m in mentions if m.end - m.start == 1]
        people = {folded for field, start, folded in single if self._is_person(field, start)}
        maybe = {folded for field, start, folded in single if namesakes.is_before_who(field.text, start)}
        if maybe:
            full = {folded for field, start, folded in single if namesakes.has_forename(field.text, start)}
            people |= maybe & full
        return people

    def _is_person(self, field: "DocumentField", start: int) -> bool:
        """Return whether a place's name of one word is a person's here: by a forename or title before it, or by a
        surname after it that also occurs alone."""
        if namesakes.is_person(field.text, start):
            return True
        surname = namesakes.surname_after(field.text, start)
        if not surname or field.is_loud or places.is_name(surname):
            return False
        return any(other.has_alone(surname) for _name, other in self.fields)

    def _is_place(self, field: "DocumentField", mention: places.PlaceMention, people: set[str]) -> bool | None:
        """Return whether a mention means the place: True, False, or None without evidence."""
        if field.is_namesake(mention):
            return False
        start, folded = mention.start, field.tokens[mention.start].folded
        if mention.end - start == 1:
            is_unsure = not places.is_reviewed(mention.concepts[0]) and not field.is_loud
            if is_unsure and namesakes.has_forename(field.text, start):
                return False  # Scott Draper is no town of America
            if folded in people:
                is_where = namesakes.is_location(field.text, start, mention.end)
                if not is_where or self._is_person(field, start):
                    return False
            if folded in places.WORDS_TOO:
                return self.certainty(folded, field, start)
        if mention.capitals and field.is_loud:
            quiet = (other for _name, other in self.fields if other is not field and not other.is_loud)
            return True if any(folded in other.folded for other in quiet) else None
        return True


@lru_cache(1 << 12)
def _words_of_source(source: str) -> frozenset[str]:
    return frozenset([token.folded for token in tokens(source)])


@lru_cache(1 << 12)
def _keys_of_place(concept: str) -> tuple[str, str]:
    """Return the span keys of a place: its own, and that of anything in its country."""
    return PLACE + concept, f"{PLACE}in:{places.country_of(concept)}"


def _concepts(mention: places.PlaceMention, certain: set[str]) -> tuple[str, ...]:
    """Return the concepts of a mention. Of a name of two places, only those in a country that the article also names
    in a certain way, if there is one."""
    if not mention.either:
        return mention.concepts
    countries = {places.country_of(concept) for concept in certain}
    return tuple(c for c in mention.concepts if places.country_of(c) in countries) or mention.concepts


def _is_american(mentions: Iterable[places.PlaceMention]) -> bool:
    """Return whether, by the places it names, an article is set in America and not in the Caucasus: then Georgia is the
    American state."""
    concepts = {mention.concepts[0] for mention in mentions}
    inside = any(concept.startswith("US/") and concept not in places.OF_THE_WORLD for concept in concepts)
    return inside and not any(places.country_of(concept) in places.NEAR_GEORGIA for concept in concepts - {"GE"})
