"""Which queries an article matches, without trying them all.

In: queries (id, Expr), then articles. Out: the queries that match, each with its terms, rules and score.
An article's words are looked up once among the terms of all queries (`bot.matching.engine.terms`), its places once
among the concepts (`bot.matching.gazetteer.places`). A query then waits at a term in one of three ways
(`bot.matching.engine.plan`):

- a word, or a place: at the term itself. Where the term is, the query matches, and nothing is verified;
- several words of an article: at the rarest of them, in a dictionary by another one. What two terms have in common with
  the article is one intersection, made in C;
- a name of two words: at the first, in a dictionary by the second, asked for what follows in the text.

What that cannot tell is asked of each query that was called (`bot.matching.engine.verify`): exclusions of the article's
terms, capitals and longer phrases of the terms that each word is; the rest (NEAR, say) is judged in full, within a
budget for each article that counts words looked at. Where it is spent, what few others are called with was judged
first, and `Matches.unjudged` names the rest. Terms and score of a match are made when they are asked for.

What profiling taught, of a title and 60 words (`make bench ARGS=matching`):

- Reading an article costs as much as looking its words up, and half of that is its places. Both keep what they know of
  each form of a word; what nobody read before costs a hundred times as much, most of it for close spellings.
- Judging one query in full costs as much as looking up forty words, and the first one of an article makes tables of all
  its words. Most need it not: where the words of a phrase stand, the look-up has found out. That is twenty times as
  cheap.
- Candidates cost more than terms: no list of queries is walked that one set operation can cut.
- A query of one word is kept as its term, and a name as its text: a million records of them would be 50 MiB more.
- At a million queries a look-up waits for memory. Objects are few and small (`bot.matching.engine.compact`): of 1.75
  GB, a third was containers with one value, another third the rests that misspellings are looked up by.

`match` may run in a worker thread while `add` and `remove` run in the event loop: a bag that is not replaced as a whole
is a dict, changed a key at a time, and each look-up in it (or its intersection with a set, as terms are compared by
identity) is atomic in CPython. A query that comes meanwhile and asks (what it excludes may be a new term) is judged in
full. So a match sees each query either with or without a change that happens meanwhile, never half of it. `add` and
`remove` must not run in two threads at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.compact import Bag, Table, with_entry, with_value, without_entry, without_value
from bot.matching.engine.document import PLACE, FieldReading, Reading
from bot.matching.engine.evaluate import judge
from bot.matching.engine.leaf import is_simple, simple_word
from bot.matching.engine.plan import LANGUAGE, SOURCE, name_of, plan, want
from bot.matching.engine.terms import JOINED, Term, Terms, Want
from bot.matching.engine.verify import Judged, Proof, Row, Rows, Seen, left_to_ask, prove
from bot.matching.query.ast import Expr, Name
from bot.matching.text.analysis import Case, Token
from bot.models import Article, Match

MOST_WORK = 1_000_000  # words looked at to judge queries in full for one article, and to say how they match: seconds
FEW = 1_000  # queries that one article may ask to be judged in any order: they rarely need all the work

# Of a query that went meanwhile, or after too much was looked at; or should look-up and judgement ever disagree
UNEXPLAINED = Match(0.1, ())


class Asked:
    """A query of which something is left to ask once it is called: that none of `without` is there, and the `rest`.

    `call` is what calls it, `number` grows with each that comes.
    """

    __slots__ = ("call", "id", "number", "rest", "without")

    def __init__(self, query_id: int, number: int, call: Term, without: tuple[Term, ...], rest: Proof | None) -> None:
        self.id = query_id
        self.number = number
        self.call = call
        self.without = without
        self.rest = rest

    def says(self, seen: Seen, *, look: bool) -> bool | None:
        """Return whether an article that calls it matches; None, where a closer `look` must tell."""
        if not seen.present.isdisjoint(self.without):
            return False
        return self.rest is None or self.rest.says(seen, look=look)


Kept: TypeAlias = Expr | Term | str  # a name is kept as its text, or as the one term it waits at
Waiter: TypeAlias = int | Asked  # the id of a query that matches once it is called, or one with questions


@dataclass(slots=True)
class Statistics:
    """What the percolator did so far. `overruns` are articles that had not all they asked for."""

    articles: int = 0
    candidates: int = 0
    judged: int = 0
    matches: int = 0
    overruns: int = 0


class Matches(Mapping[int, Match]):
    """The queries an article matches, by id; how each matches is made out when it is asked for, while there is time.

    `unjudged` are those that may match, but the budget was spent; `unspelt` counts the article's words whose close
    spellings there was no time for.
    """

    def __init__(
        self,
        found: list[int],
        expr: Callable[[int], Expr | None],
        reading: Reading,
        unjudged: tuple[int, ...] = (),
        unspelt: int = 0,
    ) -> None:
        self.unjudged = unjudged
        self.unspelt = unspelt
        self._found: dict[int, Match | None] = dict.fromkeys(found)
        self._expr = expr
        self._reading = reading
        self._last = reading.work + MOST_WORK

    def __getitem__(self, query_id: int) -> Match:
        known = self._found[query_id]
        if known is None:
            expr = self._expr(query_id) if self._reading.work < self._last else None
            known = (judge(expr, self._reading) if expr is not None else None) or UNEXPLAINED
            self._found[query_id] = known
        return known

    def __iter__(self) -> Iterator[int]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class Percolator:
    """Queries waiting for articles."""

    def __init__(self, aliases: Aliases | None = None) -> None:
        self._queries: dict[int, Kept] = {}
        self._asked: dict[int, Asked] = {}
        self._came = 0
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
        use = self._terms.use
        if isinstance(expr, Name) and is_simple(expr.text):
            word = simple_word(expr.text, close=expr.close)
            if not word.needs_case:
                term = self._queries[query_id] = use(want(word))
                term.queries = with_value(term.queries, query_id)
                return
        waits = plan(expr)
        self._queries[query_id] = expr.text if isinstance(expr, Name) and not expr.close else expr
        waiter: Waiter = query_id
        if waits.asks:
            without, rest = left_to_ask(prove(expr, use), waits)
            waiter = self._asked[query_id] = Asked(query_id, self._came + 1, use(waits.call), without, rest)
        for one in waits.alone:
            term = use(one)
            term.queries = with_value(term.queries, waiter)
        for one, other in waits.pairs:
            term = use(one)
            term.pairs = with_entry(term.pairs, use(other), waiter)
        for one, other, _gap in waits.besides:
            term = use(one)
            term.nexts = with_entry(term.nexts, use(other), waiter)
        self._came += 1  # now that all its terms are there: whoever matches from here on sees them in an article

    def remove(self, query_id: int) -> None:
        """Forget a query; an unknown id is no error."""
        kept = self._queries.pop(query_id, None)
        if isinstance(kept, Term):
            kept.queries = without_value(kept.queries, query_id)
            self._terms.release(kept)
        elif kept is not None:
            self._remove(query_id, _expr_of(kept))

    def _remove(self, query_id: int, expr: Expr) -> None:
        """Forget a query. What it excludes goes last: until then it is called, and asked for that."""
        waits = plan(expr)
        find, release = self._terms.find, self._terms.release
        waiter = self._asked.pop(query_id, query_id)
        for one in waits.alone:
            term = find(one)
            term.queries = without_value(term.queries, waiter)
            release(term)
        for one, other in waits.pairs:
            term, beside = find(one), find(other)
            term.pairs = without_entry(term.pairs, beside, waiter)
            release(term)
            release(beside)
        for one, other, _gap in waits.besides:
            term, beside = find(one), find(other)
            term.nexts = without_entry(term.nexts, beside, waiter)
            release(term)
            release(beside)
        if waits.asks:
            release(find(waits.call))
            prove(expr, self._give_back)

    def _give_back(self, wanted: Want) -> Term:
        term = self._terms.find(wanted)
        self._terms.release(term)
        return term

    def set_aliases(self, aliases: Aliases) -> None:
        """Let names be one from now on as `aliases` says: each query whose names it concerns waits anew.

        Not while another thread matches, adds or removes.
        """
        self.aliases = aliases
        for query_id, kept in list(self._queries.items()):
            expr = _expr_of(kept)
            bound = aliases.bind(expr)
            if bound is not expr and bound != expr:
                self.add(query_id, bound)

    def _expr(self, query_id: int) -> Expr | None:
        """Return a query, or None where it has gone meanwhile."""
        kept = self._queries.get(query_id)
        return None if kept is None else _expr_of(kept)

    def match(self, article: Article) -> Matches:
        """Return the queries that the article matches."""
        came, unspelt = self._came, self._terms.unspelt
        reading = Reading(article, self.aliases)
        language = reading.language
        fields = [(part, self._rows(part, language), self._keys(part, language)) for _name, part in reading.fields]
        seen = Seen(reading, fields, self._about(reading))
        called = _called(seen.present)
        for part, rows, _keys in fields:
            _call_beside(part.tokens, rows, called)
        return self._answer(called, seen, came, self._terms.unspelt - unspelt)

    def _rows(self, part: FieldReading, language: str) -> Rows:
        """Return the terms that each word of a field is."""
        return self._terms.rows([token.form for token in part.tokens], language)

    def _keys(self, part: FieldReading, language: str) -> list[Term]:
        """Return the terms of a field that are no single words: places and compounds."""
        found = [term for key in part.spans if key[0] == PLACE for term in self._terms.key(key)]
        for row in self._terms.rows([key for key in part.spans if key[0] == JOINED], language):
            found += row
        return found

    def _about(self, reading: Reading) -> list[Term]:
        """Return the terms that are not of its fields: the language and the source."""
        found = list(self._terms.key(LANGUAGE + reading.language))
        for row in self._terms.rows([SOURCE + word for word in reading.source], reading.language):
            found += row
        return found

    def _answer(self, called: set[Waiter], seen: Seen, came: int, unspelt: int) -> Matches:
        """Return what matches of the queries that were called."""
        found: list[int] = []
        asked: list[Asked] = []
        for waiter in called:
            if isinstance(waiter, Asked):
                asked.append(waiter)
            else:
                found.append(waiter)
        judged = 0
        if len(asked) > FEW or len(asked) * sum([len(rows) for _part, rows, _keys in seen.fields]) > MOST_WORK // 10:
            asked = self._in_turn(asked, seen, came)
        for query in asked:
            if seen.reading.work > MOST_WORK:
                break
            judged += 1
            if self._holds(query, seen, came):
                found.append(query.id)
        unjudged = tuple([query.id for query in asked[judged:]])
        self.statistics.overruns += bool(unjudged or unspelt)
        self.statistics.articles += 1
        self.statistics.candidates += len(called)
        self.statistics.judged += seen.judged
        self.statistics.matches += len(found)
        return Matches(found, self._expr, seen.reading, unjudged, unspelt)

    def _in_turn(self, asked: list[Asked], seen: Seen, came: int) -> list[Asked]:
        """Return the queries that may match: those that need no closer look, then the others, as `_least_crowded`."""
        said = [query.says(seen, look=False) if query.number <= came else None for query in asked]
        sure = [query for query, one in zip(asked, said, strict=True) if one]
        return sure + _least_crowded([query for query, one in zip(asked, said, strict=True) if one is None])

    def _holds(self, query: Asked, seen: Seen, came: int) -> bool:
        """Return whether a query that was called matches; one that came meanwhile is judged in full."""
        if query.number <= came:
            return query.says(seen, look=True) is True
        expr = self._expr(query.id)
        return expr is not None and Judged(expr).says(seen, look=True) is True


def _expr_of(kept: Kept) -> Expr:
    if isinstance(kept, Term):
        return name_of(kept.folded, kept.kind)
    return Name(kept) if isinstance(kept, str) else kept


def _least_crowded(asked: list[Asked]) -> list[Asked]:
    """Return queries in an order that no crowd can fill: those first that few others are called with."""
    crowds = Counter(query.call for query in asked)
    return sorted(asked, key=lambda query: (crowds[query.call], query.id))


def _called(present: set[Term]) -> set[Waiter]:
    """Return the queries that wait at the terms of an article, or at two of them."""
    called: set[Waiter] = set()
    for term in present:
        bag = term.queries
        if bag is not None:  # as `_call` has it: so often that a call less counts
            if type(bag) is dict:
                called.update(bag)
            else:
                called.add(bag)
        if term.pairs is not None:
            _call_present(term.pairs, present, called)
    return called


def _call(bag: Bag, called: set[Waiter]) -> None:
    """Add a bag of queries to those that are called."""
    if type(bag) is dict:
        called.update(bag)
    elif bag is not None:
        called.add(bag)


def _call_present(table: Table, present: set[Term], called: set[Waiter]) -> None:
    """Call the queries of a table whose other term is in the article."""
    if type(table) is tuple:
        if table[0] in present:
            _call(table[1], called)
    else:
        for other in table.keys() & present:
            _call(table.get(other), called)


def _call_beside(tokens: list[Token], rows: Rows, called: set[Waiter]) -> None:
    """Call the queries for two words that stand side by side here, or a name's with one word between."""
    for after, row in enumerate(rows[:-1], 1):
        for term in row:
            table = term.nexts
            if table is None or tokens[after].breaks:
                continue
            if type(table) is tuple:  # as `_call_in_row` has it
                if table[0] in rows[after]:
                    _call(table[1], called)
            else:
                for other in rows[after]:
                    if other in table:
                        _call(table.get(other), called)
            if tokens[after].case > Case.LOWER and term.kind.has_middle:
                _call_in_row(table, _after_middle(tokens, rows, after + 1), called)


def _after_middle(tokens: list[Token], rows: Rows, at: int) -> Row:
    """Return the terms of a word that goes on with a name, after its middle name."""
    if at == len(rows) or tokens[at].breaks:
        return ()
    return tuple([term for term in rows[at] if term.kind.has_middle])


def _call_in_row(table: Table, row: Row, called: set[Waiter]) -> None:
    """Call the queries of a table whose other term is what a word of the article says."""
    if type(table) is tuple:
        if table[0] in row:
            _call(table[1], called)
    else:
        for other in row:
            if other in table:
                _call(table.get(other), called)
