"""Whether a query that was called matches, told from the terms that each word of the article is.

In: an `Expr`, made ready once (`prove`), then articles as they were `Seen`. Out: yes, no, or None where only a closer
look can tell. `bot.matching.engine.evaluate` is the definition, and this says the same without a table of an article's
words: where a term is in a row of `Terms.rows`, there the word stands (`Word.positions`), so a phrase is its terms in
rows that follow one another, and where a capital decides, it is asked for its own word alone. What cannot be told so
(NEAR, several words of a source) is judged in full.
"""

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from bot.matching.engine.document import GLANCES, PLACE, FieldReading, Reading
from bot.matching.engine.evaluate import is_match
from bot.matching.engine.leaf import Needle, Word, may_have_initials, needle
from bot.matching.engine.plan import Plan, initial_of, key_of, plan, want
from bot.matching.engine.terms import JOINED, Term, Want
from bot.matching.query.ast import And, Expr, Field, Language, Leaf, Near, Not, Or, Prefix
from bot.matching.text.analysis import Case

Row: TypeAlias = tuple[Term, ...]  # the terms that a word is
Rows: TypeAlias = list[Row]
Fields: TypeAlias = list[tuple[FieldReading, Rows, list[Term]]]
Use: TypeAlias = Callable[[Want], Term]


class Seen:
    """An article: its reading, of each field the terms that each word is and those of its keys, and all terms it has.

    `judged` counts the parts of queries that were judged in full.
    """

    __slots__ = ("_title", "fields", "judged", "present", "reading")

    def __init__(self, reading: Reading, fields: Fields, about: list[Term]) -> None:
        self.reading = reading
        self.fields = fields
        self.present = {term for _part, rows, _keys in fields for row in rows for term in row}
        self.present.update(about, *[keys for _part, _rows, keys in fields])
        self.judged = 0
        self._title: Seen | None = None

    @property
    def title(self) -> "Seen":
        """The title alone."""
        if self._title is None:
            self._title = Seen(self.reading, self.fields[:1], [])
        return self._title

    def is_meant(self, term: Term, part: FieldReading, at: int) -> bool:
        """Return whether a word that is a term is what was wanted, should its case decide."""
        return not term.kind.needs_case or self.reading.certainty(part.tokens[at].folded, part, at) is not False


class OneOf(NamedTuple):
    """One of these terms is in the article, wherever."""

    terms: tuple[Term, ...]

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        return not seen.present.isdisjoint(self.terms)


class Way(NamedTuple):
    """Words one after the other, or one word whose case decides.

    `initial` stands for the first of a name, which may have one more word in it (see `needle`). `compound` is the key
    of the compounds that are a single word.
    """

    terms: tuple[Term, ...]
    initial: Term | None = None
    compound: str = ""

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        first, *others = self.terms
        present = seen.present
        if not present.issuperset(others) or not (first in present or self.initial in present):
            return False
        return self._stands(seen) if look else None

    def _stands(self, seen: Seen) -> bool:
        first, initial = self.terms[0], self.initial
        for part, rows, _keys in seen.fields:
            if self.compound in part.spans:
                return True
            seen.reading.work += len(rows) // GLANCES
            for at, row in enumerate(rows):
                begins = (first in row and seen.is_meant(first, part, at)) or initial in row
                if begins and self._goes_on(1, at + 1, part, rows, seen):
                    return True
        return False

    def _goes_on(self, index: int, at: int, part: FieldReading, rows: Rows, seen: Seen, *, whole: bool = True) -> bool:
        """Return whether the words from `index` on stand at `at`; where `whole`, no other word stood between yet."""
        if index == len(self.terms):
            return True
        if at >= len(rows) or part.tokens[at].breaks:
            return False
        term = self.terms[index]
        is_here = term in rows[at] and seen.is_meant(term, part, at)
        if is_here and self._goes_on(index + 1, at + 1, part, rows, seen, whole=whole):
            return True
        if self.initial is None or not whole or part.tokens[at].case <= Case.LOWER:
            return False
        return self._goes_on(index, at + 1, part, rows, seen, whole=False)


class Judged(NamedTuple):
    """A part that is judged in full."""

    expr: Expr

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        if not look:
            return None
        seen.judged += 1
        return is_match(self.expr, seen.reading)


class InTitle(NamedTuple):
    """A part that the title has."""

    part: "Proof"

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        return self.part.says(seen.title, look=look)


class No(NamedTuple):
    """Without a part."""

    part: "Proof"

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        said = self.part.says(seen, look=look)
        return None if said is None else not said


class Every(NamedTuple):
    """All of the parts; the simple ones are told apart, for most queries that ask have no others.

    `rows`: one term of each is there. `without`: none of these is.
    """

    rows: tuple[tuple[Term, ...], ...]
    without: tuple[Term, ...]
    parts: "tuple[Proof, ...]"

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        for row in self.rows:
            if seen.present.isdisjoint(row):
                return False
        if not seen.present.isdisjoint(self.without):
            return False
        whole: bool | None = True
        for part in self.parts:
            said = part.says(seen, look=look)
            if said is None:
                whole = None
            elif not said:
                return False
        return whole


class Some(NamedTuple):
    """Any of the parts."""

    parts: "tuple[Proof, ...]"

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether it is so; None, where a closer `look` must tell."""
        whole: bool | None = False
        for part in self.parts:
            said = part.says(seen, look=look)
            if said is None:
                whole = None
            elif said:
                return True
        return whole


Proof: TypeAlias = OneOf | Way | Judged | InTitle | No | Every | Some


def prove(expr: Expr, use: Use) -> Proof:
    """Return what a query asks of an article; `use` gives the term of each want, as often as it is named."""
    match expr:
        case And(items):
            return _every([prove(item, use) for item in items])
        case Or(items):
            return Some(tuple([prove(item, use) for item in items]))
        case Not(item):
            return No(prove(item, use))
        case Near(left, right, _):
            return _every([_signs(left, use), _signs(right, use), Judged(expr)])
        case Field("title", item) if _is_of_names(item):
            return InTitle(prove(item, use))
        case Field() | Language() | Prefix():
            return _every([_signs(expr, use), Judged(expr)]) if plan(expr).asks else _signs(expr, use)
        case _:
            return _prove_leaf(expr, use)


def left_to_ask(proof: Proof, waits: Plan) -> tuple[tuple[Term, ...], Proof | None]:
    """Return what of a query is left to ask once it was called as planned: what must not be there, and the rest."""
    if not isinstance(proof, Every):
        return (), proof
    known = () if waits.besides else (waits.ones, waits.others)
    rows = tuple([row for row in proof.rows if tuple([(term.folded, term.kind) for term in row]) not in known])
    return proof.without, Every(rows, (), proof.parts) if rows or proof.parts else None


def _every(parts: list[Proof]) -> Every:
    rows = tuple([part.terms for part in parts if isinstance(part, OneOf)])
    gone = [part.part for part in parts if isinstance(part, No)]
    without = tuple([term for part in gone if isinstance(part, OneOf) for term in part.terms])
    return Every(rows, without, tuple([part for part in parts if not _is_simple(part)]))


def _is_simple(part: Proof) -> bool:
    return isinstance(part.part if isinstance(part, No) else part, OneOf)


def _is_of_names(expr: Expr) -> bool:
    match expr:
        case And(items) | Or(items):
            return all(_is_of_names(item) for item in items)
        case Not(item):
            return _is_of_names(item)
    return not isinstance(expr, Near | Field | Language)


def _signs(expr: Expr, use: Use) -> OneOf:
    """Return what an article has one of, if the query matches it."""
    return OneOf(tuple([use(one) for one in plan(expr).callers]))


def _prove_leaf(leaf: Leaf, use: Use) -> Proof:
    made = needle.__wrapped__(leaf)
    sure = [use(key_of(key)) for key in made.spans if key[0] == PLACE]
    ways = []
    for way in made.ways:
        if len(way) > 1 or way[0].needs_case:
            ways.append(_way(way, made, use))
        else:
            sure.append(use(want(way[0])))
    parts: list[Proof] = [OneOf(tuple(sure)), *ways] if sure else [*ways]
    return parts[0] if len(parts) == 1 else Some(tuple(parts))


def _way(way: tuple[Word, ...], made: Needle, use: Use) -> Way:
    terms = tuple([use(want(word)) for word in way])
    initial = use(initial_of(way)) if may_have_initials(way) else None
    compound = JOINED + way[0].folded
    return Way(terms, initial, compound if len(way) == 1 and compound in made.spans else "")
