"""Checks of a candidate: whether it matches, decided from the terms that each word of the article matches.

In: an `Expr`, compiled once to a `Check` (`compile_check`), then articles as `DocumentTerms`. Out: True, False, or None
where the text must be scanned to decide. `bot.matching.engine.evaluate` is the definition; a check gives the same
result without tables of an article's words. A term in the row of a word (`TermIndex.rows`) means that the term's word
occurs there (`Word.positions`), so a phrase is its terms in successive rows, and if a capital decides, it is tested for
that word alone. Anything else (NEAR, several words of a source) is evaluated in full (`FullCheck`).
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol, TypeAlias

from bot.matching.engine.document import PLACE, WORDS_PER_UNIT, Document
from bot.matching.engine.evaluate import is_match
from bot.matching.engine.field import DocumentField
from bot.matching.engine.leaf import LeafMatcher, Words, make_leaf_matcher, may_have_initials
from bot.matching.engine.plan import Plan, initial_key, plan, special_key, word_key
from bot.matching.engine.terms import JOINED, QueryTerm, TermKey
from bot.matching.query.ast import And, Corroborated, Expr, Field, Language, Leaf, Near, Not, Or, Prefix, walk
from bot.matching.text.analysis import Case

Row: TypeAlias = tuple[QueryTerm, ...]  # the terms that a word matches
Rows: TypeAlias = list[Row]  # of a field, one for each word
FieldTerms: TypeAlias = list[tuple[DocumentField, Rows, list[QueryTerm]]]  # the last: terms of places and compounds
TermLookup: TypeAlias = Callable[[TermKey], QueryTerm]


class DocumentTerms:
    """A document and the terms it has: by field and word in `fields`, all together in `present`.

    `evaluated` counts the parts of queries that were evaluated in full.
    """

    __slots__ = ("_title", "document", "evaluated", "fields", "present")

    def __init__(self, document: Document, fields: FieldTerms, about: list[QueryTerm]) -> None:
        """`about` has the terms of no field: of the language and the source."""
        self.document = document
        self.fields = fields
        self.present = {term for _field, rows, _keys in fields for row in rows for term in row}
        self.present.update(about, *[keys for _field, _rows, keys in fields])
        self.evaluated = 0
        self._title: DocumentTerms | None = None

    @property
    def title(self) -> "DocumentTerms":
        """The terms of the title alone."""
        if self._title is None:
            self._title = DocumentTerms(self.document, self.fields[:1], [])
        return self._title

    def is_certain(self, term: QueryTerm, field: DocumentField, at: int) -> bool:
        """Return whether the word at `at`, which has a term, is the term's word by its case too, if that decides."""
        if not term.rule.needs_case:
            return True
        return self.document.certainty(field.tokens[at].folded, field, at) is not False


class Check(Protocol):
    """A compiled query, or a part of one."""

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """Return True or False if the article's terms decide; None if its text must be scanned and `scan` is False."""


class HasAny(NamedTuple):
    """Any of these terms is in the article, wherever."""

    terms: tuple[QueryTerm, ...]

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        return not terms.present.isdisjoint(self.terms)


class Sequence(NamedTuple):
    """Words one after the other, or one word whose case decides.

    `initial` may replace the first word of a person's name, which may also have one middle name more (see
    `LeafMatcher`). `compound` is the key of the compounds that are a single word.
    """

    terms: tuple[QueryTerm, ...]
    initial: QueryTerm | None = None
    compound: str = ""

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        first, *others = self.terms
        present = terms.present
        if not present.issuperset(others) or not (first in present or self.initial in present):
            return False
        return self._occurs(terms) if scan else None

    def _occurs(self, terms: DocumentTerms) -> bool:
        first, initial = self.terms[0], self.initial
        for field, rows, _keys in terms.fields:
            if self.compound in field.spans:
                return True
            terms.document.spend(len(rows) // WORDS_PER_UNIT)
            for at, row in enumerate(rows):
                begins = (first in row and terms.is_certain(first, field, at)) or initial in row
                if begins and self._continues(1, at + 1, field, rows, terms):
                    return True
        return False

    def _continues(
        self, index: int, at: int, field: DocumentField, rows: Rows, terms: DocumentTerms, *, whole: bool = True
    ) -> bool:
        """Return whether the words from `index` on occur from position `at` on; `whole`: no middle name so far."""
        if index == len(self.terms):
            return True
        if at >= len(rows) or field.tokens[at].breaks:
            return False
        term = self.terms[index]
        is_here = term in rows[at] and terms.is_certain(term, field, at)
        if is_here and self._continues(index + 1, at + 1, field, rows, terms, whole=whole):
            return True
        if self.initial is None or not whole or field.tokens[at].case <= Case.LOWER:
            return False
        return self._continues(index, at + 1, field, rows, terms, whole=False)


class FullCheck(NamedTuple):
    """A part that is evaluated in full."""

    expr: Expr

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        if not scan:
            return None
        terms.evaluated += 1
        return is_match(self.expr, terms.document)


class InTitle(NamedTuple):
    """A part that the title must match."""

    part: Check

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        return self.part.matches(terms.title, scan=scan)


class NoneOf(NamedTuple):
    """The negation of a part."""

    part: Check

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        result = self.part.matches(terms, scan=scan)
        return None if result is None else not result


class AllOf(NamedTuple):
    """All of several parts. The simple ones are stored apart, for most queries that need a check have no others.

    One term of each of `required` is in the article, none of `excluded` is, and all of `parts` match.
    """

    required: tuple[tuple[QueryTerm, ...], ...]
    excluded: tuple[QueryTerm, ...]
    parts: tuple[Check, ...]

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        for alternatives in self.required:
            if terms.present.isdisjoint(alternatives):
                return False
        if not terms.present.isdisjoint(self.excluded):
            return False
        whole: bool | None = True
        for part in self.parts:
            result = part.matches(terms, scan=scan)
            if result is None:
                whole = None
            elif not result:
                return False
        return whole


class AnyOf(NamedTuple):
    """Any of several parts."""

    parts: tuple[Check, ...]

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """See `Check.matches`."""
        whole: bool | None = False
        for part in self.parts:
            result = part.matches(terms, scan=scan)
            if result is None:
                whole = None
            elif result:
                return True
        return whole


def compile_check(expr: Expr, lookup: TermLookup) -> Check:
    """Compile a query. `lookup` is called for each use of a term, as often as the query uses it."""
    match expr:
        case And(items):
            return _all_of([compile_check(item, lookup) for item in items])
        case Or(items):
            return AnyOf(tuple([compile_check(item, lookup) for item in items]))
        case Not(item):
            return NoneOf(compile_check(item, lookup))
        case Corroborated(item):
            return compile_check(item, lookup)
        case Near(left, right, _):
            return _all_of([_necessary(left, lookup), _necessary(right, lookup), FullCheck(expr)])
        case Field("title", item) if _has_names_only(item):
            return InTitle(compile_check(item, lookup))
        case Field() | Language() | Prefix():
            necessary = _necessary(expr, lookup)
            return _all_of([necessary, FullCheck(expr)]) if plan(expr).needs_check else necessary
        case _:
            return _compile_leaf(expr, lookup)


def remaining_check(check: Check, query_plan: Plan) -> tuple[tuple[QueryTerm, ...], Check | None]:
    """Return the part of a check that the look-up by a plan does not decide: excluded terms, and the rest or None."""
    if not isinstance(check, AllOf):
        return (), check
    decided = () if query_plan.bigrams else (query_plan.triggers, query_plan.required)
    required = tuple(
        [terms for terms in check.required if tuple([(term.folded, term.rule) for term in terms]) not in decided]
    )
    return check.excluded, AllOf(required, (), check.parts) if required or check.parts else None


def _all_of(parts: list[Check]) -> AllOf:
    required = tuple([part.terms for part in parts if isinstance(part, HasAny)])
    negated = [part.part for part in parts if isinstance(part, NoneOf)]
    excluded = tuple([term for part in negated if isinstance(part, HasAny) for term in part.terms])
    return AllOf(required, excluded, tuple([part for part in parts if not _is_simple(part)]))


def _is_simple(part: Check) -> bool:
    return isinstance(part.part if isinstance(part, NoneOf) else part, HasAny)


def _has_names_only(expr: Expr) -> bool:
    return not any(isinstance(node, Near | Field | Language) for node in walk(expr))


def _necessary(expr: Expr, lookup: TermLookup) -> HasAny:
    """Return a check for the terms of which each matching article has at least one."""
    return HasAny(tuple([lookup(key) for key in plan(expr).necessary]))


def _compile_leaf(leaf: Leaf, lookup: TermLookup) -> Check:
    matcher = make_leaf_matcher(leaf)
    terms = [lookup(special_key(key)) for key in matcher.span_keys if key[0] == PLACE]
    sequences = []
    for words in matcher.sequences:
        if len(words) > 1 or words[0].needs_case:
            sequences.append(_sequence(words, matcher, lookup))
        else:
            terms.append(lookup(word_key(words[0])))
    parts: list[Check] = [HasAny(tuple(terms)), *sequences] if terms else [*sequences]
    return parts[0] if len(parts) == 1 else AnyOf(tuple(parts))


def _sequence(words: Words, matcher: LeafMatcher, lookup: TermLookup) -> Sequence:
    terms = tuple([lookup(word_key(word)) for word in words])
    initial = lookup(initial_key(words)) if may_have_initials(words) else None
    compound = JOINED + words[0].folded
    return Sequence(terms, initial, compound if len(words) == 1 and compound in matcher.span_keys else "")
