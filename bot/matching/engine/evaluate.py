"""Whether one query matches one article, where, and how well: the full judgement, without any index.

In: an `Expr` and a `Reading`. Out: a `Match`, or None. The percolator asks it where its look-up leaves a question, and
for the terms and the score of what it found.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from typing import NamedTuple

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.document import FieldReading, Reading
from bot.matching.engine.leaf import Hit, Rule, needle
from bot.matching.query.ast import (
    Alias,
    And,
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

MOST_TERMS = 20  # kept of one match
LEDE = 40  # words of the text that count as its beginning

_RULE_WEIGHT = {
    Rule.EXACT: 1.0,
    Rule.INFLECTION: 0.95,
    Rule.ALIAS: 0.9,
    Rule.SPELLING: 0.7,
    Rule.UNCERTAIN_CASE: 0.4,
}
_TITLE_WEIGHT, _LEDE_WEIGHT, _BODY_WEIGHT, _UNSEEN_WEIGHT = 1.0, 0.7, 0.4, 0.3


class Found(NamedTuple):
    """That a part of a query matched: its hits by field, and its score (None where it only filters)."""

    hits: tuple[tuple[str, Hit], ...]
    score: float | None


def matches(expr: Expr, article: Article, aliases: Aliases | None = None) -> Match | None:
    """Return how one query matches an article, or None."""
    return judge(aliases.bind(expr) if aliases else expr, Reading(article, aliases))


def judge(expr: Expr, reading: Reading) -> Match | None:
    """Return how a query matches an article that was read, or None."""
    found = _find(expr, reading, ("title", "text"))
    if found is None:
        return None
    terms = sorted({_term(name, hit, reading) for name, hit in found.hits}, key=_in_order)
    score = _UNSEEN_WEIGHT if found.score is None else found.score
    return Match(round(score, 4), tuple(terms[:MOST_TERMS]))


def is_match(expr: Expr, reading: Reading) -> bool:
    """Return whether a query matches an article that was read; where, nobody asks."""
    return _find(expr, reading, ("title", "text")) is not None


# --- whether an article has it ----------------------------------------------------------------------


def _find(expr: Expr, reading: Reading, fields: tuple[str, ...]) -> Found | None:
    match expr:
        case And(items):
            return _find_all(items, reading, fields)
        case Or(items):
            return _find_any(items, reading, fields)
        case Not(item):
            return None if _find(item, reading, fields) else Found((), None)
        case Near(left, right, distance):
            return _find_near(left, right, distance, reading, fields)
        case Field("source", item):
            return Found((), None) if _in_source(item, reading) else None
        case Field(name, item):
            return _find(item, reading, (name,))
        case Language(code):
            return Found((), None) if reading.language == code else None
        case Name() | Alias() | Exact() | Prefix() | Within():
            if (expr, fields) not in reading.found:
                reading.found[expr, fields] = _find_leaf(expr, reading, fields)
            found: Found | None = reading.found[expr, fields]
            return found


def _find_leaf(leaf: Leaf, reading: Reading, fields: tuple[str, ...]) -> Found | None:
    """Return where a name stands. Of a match, no more than the first MOST_TERMS are ever shown."""
    made = needle(leaf)
    found = _found([(name, hit) for name, part in _parts(reading, fields) for hit in made.hits(part, reading)])
    return found and found._replace(hits=found.hits[:MOST_TERMS])


def _find_all(items: tuple[Expr, ...], reading: Reading, fields: tuple[str, ...]) -> Found | None:
    parts = []
    for item in items:
        part = _find(item, reading, fields)
        if part is None:
            return None
        parts.append(part)
    scores = [part.score for part in parts if part.score is not None]
    hits = tuple(hit for part in parts for hit in part.hits)
    return Found(hits, sum(scores) / len(scores) if scores else None)


def _find_any(items: tuple[Expr, ...], reading: Reading, fields: tuple[str, ...]) -> Found | None:
    parts = [part for item in items if (part := _find(item, reading, fields))]
    if not parts:
        return None
    hits = tuple(hit for part in parts for hit in part.hits)
    return Found(hits, max((part.score for part in parts if part.score is not None), default=None))


def _find_near(left: Expr, right: Expr, distance: int, reading: Reading, fields: tuple[str, ...]) -> Found | None:
    found: list[tuple[str, Hit]] = []
    for name, part in _parts(reading, fields):
        lefts, rights = _side(left, part, reading), _side(right, part, reading)
        found += [(name, hit) for hit in _near(lefts, rights, distance)]
    near = _found(found)
    return near and near._replace(hits=near.hits[:MOST_TERMS])


def _side(expr: Expr, part: FieldReading, reading: Reading) -> list[Hit]:
    hits = [hit for leaf in leaves(expr) if not isinstance(leaf, Language) for hit in needle(leaf).hits(part, reading)]
    return sorted(hits)


def _near(lefts: list[Hit], rights: list[Hit], distance: int) -> list[Hit]:
    """Return the hits of either side that have one of the other at most `distance` words away, in one pass each."""
    return sorted({*_with_neighbour(lefts, rights, distance), *_with_neighbour(rights, lefts, distance)})


def _with_neighbour(hits: list[Hit], others: list[Hit], distance: int) -> Iterator[Hit]:
    starts = [other.start for other in others]
    ends = sorted(other.end for other in others)
    for hit in hits:
        after, before = bisect_left(starts, hit.end), bisect_right(ends, hit.start)
        follows = after < len(starts) and starts[after] - hit.end <= distance
        precedes = before > 0 and hit.start - ends[before - 1] <= distance
        if follows or precedes:
            yield hit


def _in_source(expr: Expr, reading: Reading) -> bool:
    """Return whether the source's title or host has the words, in any order."""
    match expr:
        case And(items):
            return all(_in_source(item, reading) for item in items)
        case Or(items):
            return any(_in_source(item, reading) for item in items)
        case Not(item):
            return not _in_source(item, reading)
        case Prefix(text):
            return any(word.startswith(fold(text)) for word in reading.source)
        case Name(text) | Alias(text) | Exact(text) | Within(text):
            return all(token.folded in reading.source for token in tokens(text))
    raise TypeError(f"not for a source: {expr!r}")


def _parts(reading: Reading, fields: tuple[str, ...]) -> list[tuple[str, FieldReading]]:
    return [(name, part) for name, part in reading.fields if name in fields]


def _found(hits: list[tuple[str, Hit]]) -> Found | None:
    return Found(tuple(hits), max(_score(name, hit) for name, hit in hits)) if hits else None


def _score(field: str, hit: Hit) -> float:
    place = _TITLE_WEIGHT if field == "title" else _LEDE_WEIGHT if hit.start < LEDE else _BODY_WEIGHT
    return place * _RULE_WEIGHT[hit.rule]


def _term(field: str, hit: Hit, reading: Reading) -> Term:
    part = reading.title if field == "title" else reading.text
    text, start, end = part.quote(hit.start, hit.end)
    return Term(text, field, start, end, hit.rule.label)


def _in_order(term: Term) -> tuple[bool, int, int, str]:
    return term.field != "title", term.start, term.end, term.rule
