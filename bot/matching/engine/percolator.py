"""Percolator: an index of queries that returns those an article matches, without evaluating them all.

In: queries (id, Expr), then articles. Out: the queries that match, each with its terms, rules and score.
An article's words are looked up once among the terms of all queries (`bot.matching.engine.terms`), its places once
among the concepts (`bot.matching.gazetteer.places`). A query is filed under a term in one of three ways
(`bot.matching.engine.plan`):

- a word, or a place: in `queries` of the term itself. Where the term is, the query matches, and nothing is verified;
- several words of an article: in `pairs` of the rarest of them, a dictionary by another one. The terms that are both in
  the dictionary and in the article are one intersection, made in C;
- a name of two words: in `bigrams` of the first, a dictionary by the second, read with the next word of the text.

If that does not decide, each candidate is verified (`bot.matching.engine.verify`): excluded terms by the terms of the
article, capitals and longer phrases by the terms of each word; the rest (NEAR, for example) is evaluated in full,
within a budget for each article that counts units of work. Candidates that share their trigger with few others come
first, so that a crowd cannot use up the budget; `Matches.unjudged` lists those that were left. Terms and score of a
match are made when they are read.

Found by profiling, on a title and 60 words (`make bench ARGS=matching`):

- Analysing an article costs as much as looking its words up, and half of that is its places. Both cache results by form
  of a word; a word never read before costs a hundred times as much, most of it for close spellings.
- Evaluating one query in full costs as much as looking up forty words, and the first one of an article makes tables of
  all its words. Most queries do not need it: the look-up has found where the words of a phrase are. That is twenty
  times as cheap.
- Candidates cost more than terms: no list of queries is walked that one set operation can cut.
- A query of one word is stored as its term, and a name as its text: a million records of them would be 50 MiB more.
- At a million queries a look-up waits for memory. Objects are few and small (`bot.matching.engine.compact`): of 1.75
  GB, a third was containers with one value, another third the deletion keys by which misspellings are looked up.

`match` may run in a worker thread while `add` and `remove` run in the event loop: a compact set is replaced as a whole
or is a dict changed a key at a time, and each look-up in it (or its intersection with a set, as terms are compared by
identity) is atomic in CPython. A query that is added meanwhile and needs a check is evaluated in full, because a term
it excludes may be new. So a match sees each query either with or without a change that happens meanwhile, never half of
it. `add` and `remove` must not run in two threads at once.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TypeAlias, cast

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.compact import CompactSet, FilledMap, with_entry, with_value, without_entry, without_value
from bot.matching.engine.document import PLACE, Document
from bot.matching.engine.evaluate import match_document
from bot.matching.engine.field import DocumentField
from bot.matching.engine.leaf import is_simple, simple_word
from bot.matching.engine.plan import LANGUAGE, SOURCE, name_of, plan, word_key
from bot.matching.engine.terms import JOINED, Posting, QueryTerm, TermIndex, TermKey
from bot.matching.engine.verify import Check, DocumentTerms, FullCheck, Row, Rows, compile_check, remaining_check
from bot.matching.query.ast import Expr, Name, article_query
from bot.matching.text.analysis import Case, Token
from bot.models import Article, Match

MOST_WORK = 1_000_000  # units of work to evaluate queries in full for one article, and to list their terms: seconds
FEW = 1_000  # candidates of one article that are checked in any order: they rarely need all the work

# For a query removed meanwhile, or when the budget is spent; or should look-up and evaluation ever disagree
UNEXPLAINED = Match(0.1, ())


class FilteredQuery:
    """A query whose candidates must be verified: no term of `excluded` may occur and `check` must match.

    `trigger` is the first term it is filed under; `sequence` numbers the queries in the order they were added.
    """

    __slots__ = ("check", "excluded", "id", "sequence", "trigger")

    def __init__(
        self, query_id: int, sequence: int, trigger: QueryTerm, excluded: tuple[QueryTerm, ...], check: Check | None
    ) -> None:
        self.id = query_id
        self.sequence = sequence
        self.trigger = trigger
        self.excluded = excluded
        self.check = check

    def matches(self, terms: DocumentTerms, *, scan: bool) -> bool | None:
        """Return whether an article that is a candidate matches; None if its text must be scanned and `scan` is
        False."""
        if not terms.present.isdisjoint(self.excluded):
            return False
        return self.check is None or self.check.matches(terms, scan=scan)


StoredQuery: TypeAlias = Expr | QueryTerm | str  # a simple name is stored as its text, or as its only term
Candidate: TypeAlias = int | FilteredQuery  # the id of a query that needs no check, or one that does


@dataclass(slots=True)
class Statistics:
    """Totals of a percolator. `judged` counts parts of queries evaluated in full, `overruns` articles whose budget was
    spent."""

    articles: int = 0
    candidates: int = 0
    judged: int = 0
    matches: int = 0
    overruns: int = 0


class Matches(Mapping[int, Match]):
    """The queries an article matches, by id; terms and score of each are made when it is read, while there is time.

    `unjudged` lists candidates that were not verified because the budget was spent; `unspelt` counts the article's
    words whose close spellings were not searched for the same reason.
    """

    def __init__(
        self,
        matching: list[int],
        expr_of: Callable[[int], Expr | None],
        document: Document,
        unjudged: tuple[int, ...] = (),
        unspelt: int = 0,
    ) -> None:
        self.unjudged = unjudged
        self.unspelt = unspelt
        self._matches: dict[int, Match | None] = dict.fromkeys(matching)
        self._expr_of = expr_of
        self._document = document
        self._limit = document.work + MOST_WORK

    def __getitem__(self, query_id: int) -> Match:
        match = self._matches[query_id]
        if match is None:
            expr = self._expr_of(query_id) if self._document.work < self._limit else None
            match = (match_document(expr, self._document) if expr is not None else None) or UNEXPLAINED
            self._matches[query_id] = match
        return match

    def __iter__(self) -> Iterator[int]:
        return iter(self._matches)

    def __len__(self) -> int:
        return len(self._matches)


class Percolator:
    """An index of queries, to match articles against."""

    def __init__(self, aliases: Aliases | None = None) -> None:
        self._queries: dict[int, StoredQuery] = {}
        self._filtered: dict[int, FilteredQuery] = {}
        self._sequence = 0  # number of queries added so far
        self.aliases = aliases or Aliases()
        self._terms = TermIndex()
        self.statistics = Statistics()

    def __len__(self) -> int:
        return len(self._queries)

    def add(self, query_id: int, expr: Expr) -> None:
        """Add a query; one with the same id is replaced."""
        if query_id in self._queries:
            self.remove(query_id)
        expr = article_query(expr)
        if self.aliases:
            expr = self.aliases.bind(expr)
        acquire = self._terms.acquire
        if isinstance(expr, Name) and is_simple(expr.text):
            word = simple_word(expr.text, close=expr.close)
            if not word.needs_case:
                term = self._queries[query_id] = acquire(word_key(word))
                term.queries = with_value(term.queries, query_id)
                return
        query_plan = plan(expr)
        self._queries[query_id] = expr.text if isinstance(expr, Name) and not expr.close else expr
        candidate: Candidate = query_id
        if query_plan.needs_check:
            excluded, check = remaining_check(compile_check(expr, acquire), query_plan)
            trigger = acquire(query_plan.trigger)
            candidate = FilteredQuery(query_id, self._sequence + 1, trigger, excluded, check)
            self._filtered[query_id] = candidate
        for key in query_plan.single:
            term = acquire(key)
            term.queries = with_value(term.queries, candidate)
        for key, required in query_plan.pairs:
            term = acquire(key)
            term.pairs = with_entry(term.pairs, acquire(required), candidate)
        for key, following, _gap in query_plan.bigrams:
            term = acquire(key)
            term.bigrams = with_entry(term.bigrams, acquire(following), candidate)
        self._sequence += 1  # last: a match that reads it from here on sees all terms of the query in an article

    def remove(self, query_id: int) -> None:
        """Remove a query; an unknown id is no error."""
        stored = self._queries.pop(query_id, None)
        if isinstance(stored, QueryTerm):
            stored.queries = without_value(stored.queries, query_id)
            self._terms.release(stored)
        elif stored is not None:
            self._remove(query_id, _expr_of(stored))

    def _remove(self, query_id: int, expr: Expr) -> None:
        """Remove a query. The terms it excludes go last: until then it may be a candidate and needs them."""
        query_plan = plan(expr)
        find, release = self._terms.find, self._terms.release
        candidate: Candidate = self._filtered.pop(query_id, query_id)
        for key in query_plan.single:
            term = find(key)
            term.queries = without_value(term.queries, candidate)
            release(term)
        for key, required_key in query_plan.pairs:
            term, required = find(key), find(required_key)
            term.pairs = without_entry(term.pairs, required, candidate)
            release(term)
            release(required)
        for key, following_key, _gap in query_plan.bigrams:
            term, following = find(key), find(following_key)
            term.bigrams = without_entry(term.bigrams, following, candidate)
            release(term)
            release(following)
        if query_plan.needs_check:
            release(find(query_plan.trigger))
            compile_check(expr, self._release_key)  # names each term that the check of `add` acquired

    def _release_key(self, key: TermKey) -> QueryTerm:
        term = self._terms.find(key)
        self._terms.release(term)
        return term

    def set_aliases(self, aliases: Aliases) -> None:
        """Replace the aliases, and file again each query whose names they change.

        Not while another thread matches, adds or removes.
        """
        self.aliases = aliases
        for query_id, stored in list(self._queries.items()):
            expr = _expr_of(stored)
            bound = aliases.bind(expr)
            if bound is not expr and bound != expr:
                self.add(query_id, bound)

    def _expr(self, query_id: int) -> Expr | None:
        """Return a query, or None if it was removed meanwhile."""
        stored = self._queries.get(query_id)
        return None if stored is None else _expr_of(stored)

    def match(self, article: Article) -> Matches:
        """Return the queries that the article matches."""
        sequence, unspelt = self._sequence, self._terms.unspelt
        document = Document(article, self.aliases)
        language = document.language
        fields = [
            (field, self._rows(field, language), self._span_terms(field, language)) for _name, field in document.fields
        ]
        terms = DocumentTerms(document, fields, self._about(document))
        candidates = _candidates(terms.present)
        for field, rows, _keys in fields:
            _add_bigrams(field.tokens, rows, candidates)
        typed = cast("set[Candidate]", candidates)  # a posting of the percolator's terms is a candidate
        return self._verify(typed, terms, sequence, self._terms.unspelt - unspelt)

    def _rows(self, field: DocumentField, language: str) -> Rows:
        """Return the terms that each word of a field matches."""
        return self._terms.rows([token.form for token in field.tokens], language)

    def _span_terms(self, field: DocumentField, language: str) -> list[QueryTerm]:
        """Return the terms that the places, aliases and compounds of a field match."""
        found = [term for key in field.spans if key[0] == PLACE for term in self._terms.with_key(key)]
        for row in self._terms.rows([key for key in field.spans if key[0] == JOINED], language):
            found += row
        return found

    def _about(self, document: Document) -> list[QueryTerm]:
        """Return the terms that belong to no field: of the language and the source."""
        found = list(self._terms.with_key(LANGUAGE + document.language))
        for row in self._terms.rows([SOURCE + word for word in document.source], document.language):
            found += row
        return found

    def _verify(self, candidates: set[Candidate], terms: DocumentTerms, sequence: int, unspelt: int) -> Matches:
        """Return the candidates that match, as far as the budget allows to verify them."""
        matching: list[int] = []
        filtered: list[FilteredQuery] = []
        for candidate in candidates:
            if isinstance(candidate, FilteredQuery):
                filtered.append(candidate)
            else:
                matching.append(candidate)
        verified = 0
        words = sum([len(rows) for _field, rows, _keys in terms.fields])
        if len(filtered) > FEW or len(filtered) * words > MOST_WORK // 10:
            filtered = self._in_order(filtered, terms, sequence)
        for query in filtered:
            if terms.document.work > MOST_WORK:
                break
            verified += 1
            if self._is_match(query, terms, sequence):
                matching.append(query.id)
        unjudged = tuple([query.id for query in filtered[verified:]])
        self.statistics.overruns += bool(unjudged or unspelt)
        self.statistics.articles += 1
        self.statistics.candidates += len(candidates)
        self.statistics.judged += terms.evaluated
        self.statistics.matches += len(matching)
        return Matches(matching, self._expr, terms.document, unjudged, unspelt)

    def _in_order(self, filtered: list[FilteredQuery], terms: DocumentTerms, sequence: int) -> list[FilteredQuery]:
        """Return the queries that may match: those that match without a scan first, then as `_least_crowded`."""
        results = [query.matches(terms, scan=False) if query.sequence <= sequence else None for query in filtered]
        sure = [query for query, result in zip(filtered, results, strict=True) if result]
        return sure + _least_crowded([query for query, result in zip(filtered, results, strict=True) if result is None])

    def _is_match(self, query: FilteredQuery, terms: DocumentTerms, sequence: int) -> bool:
        """Return whether a candidate matches. One added since `sequence` is evaluated in full."""
        if query.sequence <= sequence:
            return query.matches(terms, scan=True) is True
        expr = self._expr(query.id)
        return expr is not None and FullCheck(expr).matches(terms, scan=True) is True


def _expr_of(stored: StoredQuery) -> Expr:
    if isinstance(stored, QueryTerm):
        return name_of(stored.folded, stored.rule)
    return Name(stored) if isinstance(stored, str) else stored


def _least_crowded(filtered: list[FilteredQuery]) -> list[FilteredQuery]:
    """Return queries ordered so that no crowd can use up the budget: first those that share their trigger with few."""
    crowds = Counter(query.trigger for query in filtered)
    return sorted(filtered, key=lambda query: (crowds[query.trigger], query.id))


def _candidates(present: set[QueryTerm]) -> set[Posting]:
    """Return the queries filed under a term of the article, or under two of them."""
    candidates: set[Posting] = set()
    for term in present:
        queries = term.queries
        if queries is not None:  # `_add` inlined: so frequent that one call less counts
            if type(queries) is dict:
                candidates.update(queries)
            else:
                candidates.add(queries)  # type: ignore[arg-type]  # no dict: `type(…) is` narrows one branch only
        if term.pairs is not None:
            _add_pairs(term.pairs, present, candidates)
    return candidates


def _add(queries: CompactSet[Posting], candidates: set[Posting]) -> None:
    """Add a set of queries to the candidates."""
    if isinstance(queries, dict):
        candidates.update(queries)
    elif queries is not None:
        candidates.add(queries)


def _add_pairs(table: FilledMap[QueryTerm, Posting], present: set[QueryTerm], candidates: set[Posting]) -> None:
    """Add the queries of a map whose other term is in the article."""
    if isinstance(table, tuple):
        if table[0] in present:
            _add(table[1], candidates)
    else:
        for other in table.keys() & present:
            _add(table.get(other), candidates)


def _add_bigrams(tokens: list[Token], rows: Rows, candidates: set[Posting]) -> None:
    """Add the queries for two adjacent words of a field, or for two words of a name with one word between."""
    for after, row in enumerate(rows[:-1], 1):
        for term in row:
            table = term.bigrams
            if table is None or tokens[after].breaks:
                continue
            if isinstance(table, tuple):  # `_add_following` inlined
                if table[0] in rows[after]:
                    _add(table[1], candidates)
            else:
                for other in rows[after]:
                    if other in table:
                        _add(table.get(other), candidates)
            if tokens[after].case > Case.LOWER and term.rule.has_middle:
                _add_following(table, _after_middle(tokens, rows, after + 1), candidates)


def _after_middle(tokens: list[Token], rows: Rows, at: int) -> Row:
    """Return those terms of the word after a middle name that may continue the name."""
    if at == len(rows) or tokens[at].breaks:
        return ()
    return tuple([term for term in rows[at] if term.rule.has_middle])


def _add_following(table: FilledMap[QueryTerm, Posting], row: Row, candidates: set[Posting]) -> None:
    """Add the queries of a map whose other term is among the terms of a word."""
    if isinstance(table, tuple):
        if table[0] in row:
            _add(table[1], candidates)
    else:
        for other in row:
            if other in table:
                _add(table.get(other), candidates)
