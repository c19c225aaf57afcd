"""Evaluator: whether one query matches one article, where, and how well, without an index. It defines a match.

In: an `Expr` and a `Document`. Out: a `Match`, or None. The percolator uses it for checks that its look-up cannot
decide, and for the terms and the score of the queries that match.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.document import Document
from bot.matching.engine.field import DocumentField
from bot.matching.engine.hit import Hit, HitRule
from bot.matching.engine.leaf import leaf_matcher
from bot.matching.query.ast import (
    Alias,
    And,
    Corroborated,
    Exact,
    Expr,
    Field,
    Language,
    Leaf,
    Name,
    Near,
    Not,
    Or,
    Prefix,
    Within,
    leaves,
)
from bot.matching.text.analysis import fold, tokens
from bot.models import Article, Match, Term

MOST_TERMS = 20  # stored of one match
LEDE = 40  # words of the text that count as its beginning

_RULE_WEIGHT = {
    HitRule.EXACT: 1.0,
    HitRule.INFLECTION: 0.95,
    HitRule.ALIAS: 0.9,
    HitRule.SPELLING: 0.7,
    HitRule.UNCERTAIN_CASE: 0.4,
}
_TITLE_WEIGHT, _LEDE_WEIGHT, _BODY_WEIGHT, _NO_TERM_SCORE = 1.0, 0.7, 0.4, 0.3


class ExprMatch(NamedTuple):
    """A match of a part of a query: its hits, each with the name of its field, and its score (None for a mere
    filter)."""

    hits: tuple[tuple[str, Hit], ...]
    score: float | None


_FILTERED = ExprMatch((), None)


def matches(expr: Expr, article: Article, aliases: Aliases | None = None) -> Match | None:
    """Return the match of a query with an article, or None."""
    return match_document(aliases.bind(expr) if aliases else expr, Document(article, aliases))


def match_document(expr: Expr, document: Document) -> Match | None:
    """Return the match of a query, bound to its aliases, with an analysed article, or None."""
    found = _match(expr, document, ("title", "text"))
    if found is None:
        return None
    terms = sorted({_term(name, hit, document) for name, hit in found.hits}, key=_order)
    score = _NO_TERM_SCORE if found.score is None else found.score
    return Match(round(score, 4), tuple(terms[:MOST_TERMS]))


def is_match(expr: Expr, document: Document) -> bool:
    """Return whether a query matches an analysed article, without its terms."""
    return _match(expr, document, ("title", "text")) is not None


def _match(expr: Expr, document: Document, fields: tuple[str, ...]) -> ExprMatch | None:
    match expr:
        case And(items):
            return _match_all(items, document, fields)
        case Or(items):
            return _match_any(items, document, fields)
        case Not(item):
            return None if _match(item, document, fields) else _FILTERED
        case Near(left, right, distance):
            return _match_near(left, right, distance, document, fields)
        case Corroborated(item):
            return _match(item, document, fields)
        case Field("source", item):
            return _FILTERED if _is_in_source(item, document) else None
        case Field(name, item):
            return _match(item, document, (name,))
        case Language(code):
            return _FILTERED if document.language == code else None
        case Name() | Alias() | Exact() | Prefix() | Within():
            if (expr, fields) not in document.results:
                document.results[expr, fields] = _match_leaf(expr, document, fields)
            found: ExprMatch | None = document.results[expr, fields]
            return found


def _match_leaf(leaf: Leaf, document: Document, fields: tuple[str, ...]) -> ExprMatch | None:
    """Return the match of a leaf with its first MOST_TERMS hits: no more are ever shown."""
    matcher = leaf_matcher(leaf)
    hits = [(name, hit) for name, field in _selected(document, fields) for hit in matcher.hits(field, document)]
    found = _from_hits(hits)
    return found and found._replace(hits=found.hits[:MOST_TERMS])


def _match_all(items: tuple[Expr, ...], document: Document, fields: tuple[str, ...]) -> ExprMatch | None:
    parts = []
    for item in items:
        part = _match(item, document, fields)
        if part is None:
            return None
        parts.append(part)
    scores = [part.score for part in parts if part.score is not None]
    hits = tuple(hit for part in parts for hit in part.hits)
    return ExprMatch(hits, sum(scores) / len(scores) if scores else None)


def _match_any(items: tuple[Expr, ...], document: Document, fields: tuple[str, ...]) -> ExprMatch | None:
    parts = [part for item in items if (part := _match(item, document, fields))]
    if not parts:
        return None
    hits = tuple(hit for part in parts for hit in part.hits)
    return ExprMatch(hits, max((part.score for part in parts if part.score is not None), default=None))


def _match_near(
    left: Expr, right: Expr, distance: int, document: Document, fields: tuple[str, ...]
) -> ExprMatch | None:
    hits: list[tuple[str, Hit]] = []
    for name, field in _selected(document, fields):
        lefts, rights = _hits_of_side(left, field, document), _hits_of_side(right, field, document)
        hits += [(name, hit) for hit in _near(lefts, rights, distance)]
    found = _from_hits(hits)
    return found and found._replace(hits=found.hits[:MOST_TERMS])


def _hits_of_side(expr: Expr, field: DocumentField, document: Document) -> list[Hit]:
    names = [leaf for leaf in leaves(expr) if not isinstance(leaf, Language)]
    return sorted(hit for leaf in names for hit in leaf_matcher(leaf).hits(field, document))


def _near(lefts: list[Hit], rights: list[Hit], distance: int) -> list[Hit]:
    """Return the hits of each side that have a hit of the other at most `distance` words away, in one pass each."""
    return sorted({*_with_neighbour(lefts, rights, distance), *_with_neighbour(rights, lefts, distance)})


def _with_neighbour(hits: list[Hit], neighbours: list[Hit], distance: int) -> Iterator[Hit]:
    starts = [neighbour.start for neighbour in neighbours]
    ends = sorted(neighbour.end for neighbour in neighbours)
    for hit in hits:
        after, before = bisect_left(starts, hit.end), bisect_right(ends, hit.start)
        follows = after < len(starts) and starts[after] - hit.end <= distance
        precedes = before > 0 and hit.start - ends[before - 1] <= distance
        if follows or precedes:
            yield hit


def _is_in_source(expr: Expr, document: Document) -> bool:
    """Return whether the source's title or host has the words, in any order."""
    match expr:
        case And(items):
            return all(_is_in_source(item, document) for item in items)
        case Or(items):
            return any(_is_in_source(item, document) for item in items)
        case Not(item):
            return not _is_in_source(item, document)
        case Prefix(text):
            return any(word.startswith(fold(text)) for word in document.source)
        case Name(text) | Alias(text) | Exact(text) | Within(text):
            return all(token.folded in document.source for token in tokens(text))
    raise TypeError(f"not for a source: {expr!r}")


def _selected(document: Document, fields: tuple[str, ...]) -> list[tuple[str, DocumentField]]:
    return [(name, field) for name, field in document.fields if name in fields]


def _from_hits(hits: list[tuple[str, Hit]]) -> ExprMatch | None:
    return ExprMatch(tuple(hits), max(_score(name, hit) for name, hit in hits)) if hits else None


def _score(field: str, hit: Hit) -> float:
    weight = _TITLE_WEIGHT if field == "title" else _LEDE_WEIGHT if hit.start < LEDE else _BODY_WEIGHT
    return weight * _RULE_WEIGHT[hit.rule]


def _term(name: str, hit: Hit, document: Document) -> Term:
    field = document.title if name == "title" else document.text
    text, start, end = field.quote(hit.start, hit.end)
    return Term(text, name, start, end, hit.rule.label)


def _order(term: Term) -> tuple[bool, int, int, str]:
    """Return the sort key of a term: the title first, then by position."""
    return term.field != "title", term.start, term.end, term.rule
