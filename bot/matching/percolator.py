"""Which queries an article matches, without trying them all.

In: queries (id, Expr), then articles. Out: the queries that match, each with its terms, rules and score.
An article's words are looked up once among the terms of all queries (`bot.matching.terms`), its places once among the
concepts (`bot.matching.places`). A query then waits at a term in one of three ways (`bot.matching.plan`):

- a word, or a place: at the term itself. Where the term is, the query matches, and nothing is verified;
- several words of an article: at the rarest of them, in a dictionary by another one. What two terms have in common with
  the article is one intersection, made in C;
- a name of two words: at the first, in a dictionary by the second, asked for what follows in the text.

What that cannot tell (capitals, longer phrases, NEAR, fields) is judged in full, at most MOST_JUDGED times an article.
Terms and score of a match are made when they are asked for.

What profiling taught: reading an article costs as much as looking it up, so both keep what they know of each form of
a word (`tokens`, `Terms.row`); candidates cost more than terms, so no list of queries is walked that one set operation
can cut; and objects are kept few and small, since at a million queries a look-up waits for memory.

`match` may run in a worker thread while `add` and `remove` run in the event loop: every bucket is a tuple that is
replaced as a whole, and each look-up in a dict (or its intersection with a set, as terms are compared by identity) is
atomic in CPython. So a match sees each query either with or without a change that happens meanwhile, never half of
it. `add` and `remove` must not run in two threads at once.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import NamedTuple

from bot.matching.aliases import Aliases
from bot.matching.analysis import Case, Token
from bot.matching.expr import Expr
from bot.matching.fuzzy import put, take
from bot.matching.judge import judge
from bot.matching.plan import LANGUAGE, SOURCE, plan
from bot.matching.reading import PLACE, FieldReading, Reading
from bot.matching.terms import JOINED, Term, Terms
from bot.models import Article, Match

MOST_JUDGED = 20_000  # queries judged in full for one article; beyond, `overruns` counts

Row = tuple[Term, ...]


class Ask(NamedTuple):
    """What is left to ask about a query that was called (see `Plan`)."""

    needs: tuple[Row, ...] = ()
    without: tuple[Row, ...] = ()
    verify: bool = True

    def allows(self, present: set[Term]) -> bool:
        """Return whether an article with these terms may match."""
        for row in self.needs:
            if present.isdisjoint(row):
                return False
        return all(present.isdisjoint(row) for row in self.without)


VERIFY = Ask()


@dataclass(slots=True)
class Statistics:
    """What the percolator did so far. `overruns` are articles for which not every candidate could be judged."""

    articles: int = 0
    candidates: int = 0
    judged: int = 0
    matches: int = 0
    overruns: int = 0


class Query:
    """A query that waits; `ask` is None where to be called is to match. `gapped`: a middle name may stand within."""

    __slots__ = ("ask", "expr", "gapped", "id")

    def __init__(self, query_id: int, expr: Expr, ask: Ask | None, gapped: bool) -> None:
        self.id, self.expr, self.ask, self.gapped = query_id, expr, ask, gapped

    @property
    def verify(self) -> bool:
        """Whether it must be judged in full."""
        return self.ask is not None and self.ask.verify


class Matches(Mapping[int, Match]):
    """The queries an article matches, by id; how each matches is made out when it is asked for."""

    def __init__(self, found: dict[int, Query], judged: dict[int, Match], reading: Reading) -> None:
        self._found = found
        self._judged = judged
        self._reading = reading

    def __getitem__(self, query_id: int) -> Match:
        known = self._judged.get(query_id)
        if known is None:
            known = judge(self._found[query_id].expr, self._reading)
            assert known is not None, "the look-up and the judgement agree"  # tests/matching/test_percolator.py
            self._judged[query_id] = known
        return known

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Percolator:
    """Queries waiting for articles."""

    def __init__(self, aliases: Aliases | None = None) -> None:
        self._queries: dict[int, Query] = {}
        self.aliases = aliases or Aliases()
        self._terms = Terms()
        self.statistics = Statistics()

    def __len__(self) -> int:
        return len(self._queries)

    def add(self, query_id: int, expr: Expr) -> None:
        """Let a query wait for articles; one with the same id is replaced."""
        if query_id in self._queries:
            self.remove(query_id)
        if self.aliases:
            expr = self.aliases.bind(expr)
        waits = plan(expr)
        use = self._terms.use
        ask = None
        if waits.asks:
            needs, without = (tuple(tuple(map(use, wants)) for wants in part) for part in (waits.needs, waits.without))
            ask = Ask(needs, without, waits.verify) if needs or without else VERIFY
        query = Query(query_id, expr, ask, any(beside.gap for beside in waits.besides))
        self._queries[query_id] = query
        for one in waits.alone:
            term = use(one)
            term.queries = (*term.queries, query)
        for one, other in waits.pairs:
            put(use(one).pair_table(), use(other), query)
        for one, other, _gap in waits.besides:
            put(use(one).next_table(), use(other), query)

    def remove(self, query_id: int) -> None:
        """Forget a query; an unknown id is no error."""
        query = self._queries.pop(query_id, None)
        if query is None:
            return
        waits = plan(query.expr)
        find = self._terms.find
        for one in waits.alone:
            term = find(one)
            term.queries = tuple(other for other in term.queries if other is not query)
        for one, other in waits.pairs:
            take(find(one).pair_table(), find(other), query)
        for one, other, _gap in waits.besides:
            take(find(one).next_table(), find(other), query)
        for want in waits.wants:
            self._terms.release(want)

    def set_aliases(self, aliases: Aliases) -> None:
        """Let names be one from now on as `aliases` says: each query whose names it concerns waits anew.

        Not while another thread matches, adds or removes.
        """
        self.aliases = aliases
        for query in list(self._queries.values()):
            if aliases.bind(query.expr) != query.expr:
                self.add(query.id, query.expr)

    def match(self, article: Article) -> Matches:
        """Return the queries that the article matches."""
        reading = Reading(article, self.aliases)
        rows = [self._rows(part, reading.language) for _name, part in reading.fields]
        present = {term for field_rows in rows for row in field_rows for term in row}
        present.update(self._keys(reading))
        called: set[Query] = set()
        for term in present:
            if term.queries:
                called.update(term.queries)
            if term.pairs:
                for other in term.pairs.keys() & present:
                    called.update(term.pairs.get(other, ()))
        for (_name, part), field_rows in zip(reading.fields, rows, strict=True):
            called.update(self._beside(part, field_rows))
        return self._answer(called, present, reading)

    def _rows(self, part: FieldReading, language: str) -> list[Row]:
        """Return the terms that each word of a field is."""
        return self._terms.rows([token.form for token in part.tokens], language)

    def _keys(self, reading: Reading) -> Iterator[Term]:
        """Yield the terms that are no single words: places, compounds, the source, the language."""
        yield from self._terms.key(LANGUAGE + reading.language)
        keys = [key for _name, part in reading.fields for key in part.spans]
        for key in keys:
            if key[0] == PLACE:
                yield from self._terms.key(key)
        forms = [SOURCE + word for word in reading.source] + [key for key in keys if key[0] == JOINED]
        for row in self._terms.rows(forms, reading.language):
            yield from row

    def _beside(self, part: FieldReading, rows: list[Row]) -> Iterator[Query]:
        """Yield the queries for two words that stand side by side here, or a name's with one word between."""
        tokens = part.tokens
        for before, row in enumerate(rows[:-1]):
            for term in row:
                if term.nexts and not tokens[before + 1].breaks:
                    yield from self._after(term.nexts, before + 1, tokens, rows)

    def _after(
        self, nexts: dict[Term, tuple[Query, ...]], at: int, tokens: list[Token], rows: list[Row]
    ) -> Iterator[Query]:
        for other in rows[at]:
            if other in nexts:
                yield from nexts.get(other, ())
        after = at + 1
        if after < len(rows) and tokens[at].case is not Case.LOWER and not tokens[after].breaks:
            for other in rows[after]:
                if other in nexts:
                    yield from (query for query in nexts.get(other, ()) if query.gapped)

    def _answer(self, called: set[Query], present: set[Term], reading: Reading) -> Matches:
        """Return what matches of the queries that were called."""
        found = {query.id: query for query in called if query.ask is None}
        judged: dict[int, Match] = {}
        if len(found) < len(called):
            allowed = [query for query in called if query.ask is not None and query.ask.allows(present)]
            found |= {query.id: query for query in allowed if not query.verify}
            self._judge([query for query in allowed if query.verify], reading, found, judged)
        self.statistics.articles += 1
        self.statistics.candidates += len(called)
        self.statistics.matches += len(found)
        return Matches(found, judged, reading)

    def _judge(self, asked: list[Query], reading: Reading, found: dict[int, Query], judged: dict[int, Match]) -> None:
        """Judge queries in full, and add those that match to `found` and `judged`."""
        if len(asked) > MOST_JUDGED:
            asked = sorted(asked, key=lambda query: query.id)[:MOST_JUDGED]
            self.statistics.overruns += 1
        self.statistics.judged += len(asked)
        for query in asked:
            match = judge(query.expr, reading)
            if match is not None:
                found[query.id] = query
                judged[query.id] = match
