"""Which queries an article matches, without trying them all.

In: queries (id, Expr), then articles. Out: the queries that match, each with its terms, rules and score.
Every query waits under the keys of the one part of it that is needed and rarest (the longest word); an
article's keys give the candidates, and each candidate is verified in full. `matches` is the same judgement
for one query, without the index.

`match` may run in a worker thread while `add` and `remove` run in the event loop: every bucket is a tuple
that is replaced as a whole, and each look-up in a dict is atomic in CPython. So a match sees each query
either with or without a change that happens meanwhile, never half of it. `add` and `remove` must not run
in two threads at once.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from bot.matching.analysis import fold, tokens
from bot.matching.expr import And, Exact, Expr, Field, Language, Leaf, Name, Near, Not, Or, Prefix, Within, leaves
from bot.matching.fuzzy import Vocabulary, take
from bot.matching.needle import BEGINS, CLOSE, PREFIX_KEY, Hit, Rule, needle
from bot.matching.reading import FieldReading, Reading
from bot.models import Article, Match, Term

MOST_CANDIDATES = 200_000  # queries verified for one article; beyond, `overruns` counts
MOST_TERMS = 20  # kept of one match
LEDE = 40  # words of the text that count as its beginning
SOURCE = "source:"
LANGUAGE = "lang:"

_RULE_WEIGHT = {
    Rule.EXACT: 1.0,
    Rule.INFLECTION: 0.95,
    Rule.ALIAS: 0.9,
    Rule.SPELLING: 0.7,
    Rule.UNCERTAIN_CASE: 0.4,
}
_TITLE_WEIGHT, _LEDE_WEIGHT, _BODY_WEIGHT, _UNSEEN_WEIGHT = 1.0, 0.7, 0.4, 0.3


class Needed(NamedTuple):
    """The keys of which an article must have one; `weight` is high where that says much."""

    weight: int
    keys: frozenset[str]


class Found(NamedTuple):
    """That a part of a query matched: its hits by field, and its score (None where it only filters)."""

    hits: tuple[tuple[str, Hit], ...]
    score: float | None


@dataclass(slots=True)
class Statistics:
    """What the percolator did so far."""

    articles: int = 0
    candidates: int = 0
    matches: int = 0
    overruns: int = 0


class Percolator:
    """Queries waiting for articles."""

    def __init__(self) -> None:
        self._queries: dict[int, Expr] = {}
        self._by_key: dict[str, tuple[int, ...]] = {}
        self._prefixes: dict[str, tuple[int, ...]] = {}
        self._names = Vocabulary()
        self.statistics = Statistics()

    def __len__(self) -> int:
        return len(self._queries)

    def add(self, query_id: int, expr: Expr) -> None:
        """Let a query wait for articles; one with the same id is replaced."""
        if query_id in self._queries:
            self.remove(query_id)
        self._queries[query_id] = expr
        for key in needed(expr).keys:
            table = self._table(key)
            table[key] = (*table.get(key, ()), query_id)
        for name, asked in _close_names(expr):
            self._names.add(name, asked=asked)

    def remove(self, query_id: int) -> None:
        """Forget a query; an unknown id is no error."""
        expr = self._queries.pop(query_id, None)
        if expr is None:
            return
        for key in needed(expr).keys:
            take(self._table(key), key, query_id)
        for name, asked in _close_names(expr):
            self._names.remove(name, asked=asked)

    def match(self, article: Article) -> dict[int, Match]:
        """Return the queries that the article matches."""
        reading = Reading(article)
        candidates = {query_id for key in self._keys(reading) for query_id in self._by_key.get(key, ())}
        candidates |= self._prefix_candidates(reading)
        self.statistics.articles += 1
        self.statistics.candidates += len(candidates)
        if len(candidates) > MOST_CANDIDATES:
            self.statistics.overruns += 1
            candidates = set(sorted(candidates)[:MOST_CANDIDATES])
        matched = {}
        for query_id in candidates:
            expr = self._queries.get(query_id)
            if expr is not None and (found := judge(expr, reading)):
                matched[query_id] = found
        self.statistics.matches += len(matched)
        return matched

    def _table(self, key: str) -> dict[str, tuple[int, ...]]:
        return self._prefixes if key.startswith(BEGINS) else self._by_key

    def _keys(self, reading: Reading) -> Iterator[str]:
        yield LANGUAGE + reading.language
        for word in reading.source:
            yield SOURCE + word
            yield SOURCE + BEGINS + word[:PREFIX_KEY]
        for _name, part in reading.fields:
            yield from part.folded
            yield from part.keys
            yield from part.spans
            part.spell(self._names)
            yield from (CLOSE + name for name, _asked in part.spelt or ())

    def _prefix_candidates(self, reading: Reading) -> set[int]:
        if not self._prefixes:
            return set()
        keys = {BEGINS + folded[:PREFIX_KEY] for _name, part in reading.fields for folded in part.folded}
        return {query_id for key in keys for query_id in self._prefixes.get(key, ())}


def matches(expr: Expr, article: Article) -> Match | None:
    """Return how one query matches an article, or None."""
    return judge(expr, Reading(article))


def judge(expr: Expr, reading: Reading) -> Match | None:
    """Return how a query matches an article that was read, or None."""
    found = _find(expr, reading, ("title", "text"))
    if found is None:
        return None
    terms = sorted({_term(name, hit, reading) for name, hit in found.hits}, key=_in_order)
    score = _UNSEEN_WEIGHT if found.score is None else found.score
    return Match(round(score, 4), tuple(terms[:MOST_TERMS]))


# --- what an article must have ----------------------------------------------------------------------


def needed(expr: Expr) -> Needed:
    """Return the keys of which every article that matches has at least one: of the most telling part."""
    match expr:
        case And(items):
            return max((needed(item) for item in items if not isinstance(item, Not)), key=_telling)
        case Or(items):
            parts = [needed(item) for item in items]
            return Needed(min(part.weight for part in parts), frozenset().union(*(part.keys for part in parts)))
        case Near(left, right, _):
            return max(needed(left), needed(right), key=_telling)
        case Field("source", item):
            return Needed(1, frozenset(key for leaf in leaves(item) for key in _source_keys(leaf)))
        case Field(_, item):
            return needed(item)
        case Language(code):
            return Needed(0, frozenset([LANGUAGE + code]))
        case Name() | Exact() | Prefix() | Within():
            made = needle(expr)
            return Needed(made.weight, made.keys)
        case Not():
            raise ValueError("an exclusion alone needs nothing")


def _telling(part: Needed) -> int:
    return part.weight


def _close_names(expr: Expr) -> Iterator[tuple[str, bool]]:
    """Yield the names of a query that are looked for in any spelling, once each."""
    found = {
        (word.folded, word.close == 2)
        for leaf in leaves(expr)
        if not isinstance(leaf, Language)
        for way in needle(leaf).ways
        for word in way
        if word.close
    }
    yield from sorted(found)


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
        case Name() | Exact() | Prefix() | Within():
            return _found([(n, hit) for n, part in _parts(reading, fields) for hit in needle(expr).hits(part, reading)])


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
    return _found(found)


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
        case Name(text) | Exact(text) | Within(text):
            return all(token.folded in reading.source for token in tokens(text))
    raise TypeError(f"not for a source: {expr!r}")


def _source_keys(leaf: Leaf) -> Iterator[str]:
    match leaf:
        case Prefix(text):
            yield SOURCE + BEGINS + fold(text)[:PREFIX_KEY]
        case Name(text) | Exact(text) | Within(text):
            yield from (SOURCE + token.folded for token in tokens(text))


def _parts(reading: Reading, fields: tuple[str, ...]) -> list[tuple[str, FieldReading]]:
    return [(name, part) for name, part in reading.fields if name in fields]


def _found(hits: list[tuple[str, Hit]]) -> Found | None:
    return Found(tuple(hits), max(_score(name, hit) for name, hit in hits)) if hits else None


def _score(field: str, hit: Hit) -> float:
    place = _TITLE_WEIGHT if field == "title" else _LEDE_WEIGHT if hit.start < LEDE else _BODY_WEIGHT
    return place * _RULE_WEIGHT[hit.rule]


def _term(field: str, hit: Hit, reading: Reading) -> Term:
    part = reading.title if field == "title" else reading.text
    start, end = part.tokens[hit.start].start, part.tokens[hit.end - 1].end
    return Term(part.source[start:end], field, start, end, hit.rule.label)


def _in_order(term: Term) -> tuple[bool, int, int, str]:
    return term.field != "title", term.start, term.end, term.rule
