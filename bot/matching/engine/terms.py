"""Term index: the words that queries require, and a look-up of an article's words among them.

In: keys of terms (`TermKey`: a word and the rule by which it matches). Out: for a word as written in an article, the
terms that match it: by its folded form, an inflection in the article's language, a plural, a prefix, or a close
spelling. Not here: what a query requires (`bot.matching.engine.plan`), and places, whose names
`bot.matching.engine.document` finds.

Every way to find a term leads over a dictionary (by folded form, by inflection key of one language, by sounds), and
`MatchRule.matches` decides for each term found there: it is the one definition. Results for a word are cached, since
most words of an article occurred before; a term added later is compared with a cached result when that is next read. A
third of the new forms are known words in other capitals, so results that do not depend on case are cached as well.

A word that is its own stem is in the first dictionary only, and a field of a term that is mostly empty or has one value
needs no container (`bot.matching.engine.compact`): a million queries are two million terms.

One thread may look up while another adds and removes (see `bot.matching.engine.compact`). The dictionary of a language
is made when its first article comes, and filled in small steps under the lock that writers take; so is the vocabulary
of close spellings.
"""

import threading
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple, TypeAlias

from bot.matching.engine.compact import CompactMap, CompactSet, discard, put, values_of
from bot.matching.engine.spelling import Vocabulary, is_near, is_spelling
from bot.matching.text.analysis import (
    KEY,
    NAMES_INFLECT,
    Case,
    fresh_wanted_keys,
    keys,
    language_of,
    name_keys,
    read_form,
    read_language,
    wanted_keys,
)

JOINED = "+"  # begins the form of a compound written as one word: "+alsisi"
MOST_CHANGES = 256  # new terms compared with cached results one by one; beyond, the cache is dropped
MOST_CACHED = 1 << 18  # forms, of all languages
STEP = 500  # terms added to a language's dictionary, or to the vocabulary, at a time
REMOVAL_STEP = 50  # names removed from the vocabulary at a time: each is searched among all that sound alike
MOST_COMPARED = 2_000_000  # names compared with the new words of one field: two seconds, at worst
NEVER_ADDED = -1  # `uses` of a term that was removed before its name reached the vocabulary


class TermType(IntEnum):
    """The type of a term: a word, the initial of a name, the beginning of a word, or a key (a place, a source, …)."""

    WORD = 0
    INITIAL = 1
    PREFIX = 2
    KEY = 3


class MatchRule(NamedTuple):
    """The rule by which a term matches words.

    `close`: 0 no other spelling, 1 any spelling of a name, 2 misspellings too. `is_name`: typed with a capital, so it
    does not inflect as words do. `needs_case`: only a capital tells it from another word (Turkey). `upper`: typed in
    capitals.
    """

    type: TermType = TermType.WORD
    exact: bool = False
    is_name: bool = False
    needs_case: bool = False
    upper: bool = False
    close: int = 0

    def matches(self, wanted: str, folded: str, case: Case, language: str) -> bool:
        """Return whether a term `wanted` matches a word (folded, and its case) of an article in `language`.

        With `needs_case`, the rest of the article may still decide otherwise (`Document.certainty`).
        """
        if not self.allows_case(folded, case):
            return False
        if self.matches_any_case(wanted, folded, language):
            return True
        return case is not Case.LOWER and self.matches_spelling(wanted, folded)

    def allows_case(self, folded: str, case: Case) -> bool:
        """Return whether a word may be written in this case: with `needs_case`, neither "us" nor "Us" is the US."""
        if self.type is TermType.INITIAL:
            return case is Case.TITLE
        if not self.needs_case:
            return True
        return case is not Case.LOWER and not (self.upper and case is Case.TITLE and len(folded) > 1)

    def matches_any_case(self, wanted: str, folded: str, language: str) -> bool:
        """Return whether a term `wanted` matches a word, whatever its case."""
        if self.type is TermType.PREFIX:
            return folded.startswith(wanted)
        if folded == wanted:
            return True
        if self.exact or self.type is not TermType.WORD:
            return False
        if self.is_name and folded in plurals(wanted):
            return True
        if self.close > 1 and is_near(wanted, folded):
            return True
        inflections = name_keys if self.is_name else wanted_keys
        return not set(inflections(wanted, language)).isdisjoint(keys(folded, language))

    @property
    def has_middle(self) -> bool:
        """Whether a middle name may follow: the term is a word of a person's name, or its initial."""
        return self.type is TermType.INITIAL or (self.is_name and not self.exact)

    def matches_spelling(self, wanted: str, folded: str) -> bool:
        """Return whether a word is another spelling of the name `wanted`, provided that it is written as a name."""
        return self.close == 1 and is_spelling(wanted, folded)


class TermKey(NamedTuple):
    """The identity of a term: a folded word, or a key such as a place, and the rule by which it matches."""

    folded: str
    rule: MatchRule


@lru_cache(1 << 12)
def plurals(folded: str) -> tuple[str, ...]:
    """Return the plural of a name, unless it is another name: Houthi, Houthis; but Hamas is not Hama."""
    plural = len(folded) > 3 and folded[-1] not in "asxz" and folded.isascii() and folded.isalpha()
    return (folded + "s",) if plural else ()


Posting: TypeAlias = Hashable  # a query filed under a term: its id, or a record that the percolator made of it


class QueryTerm:
    """A term that at least one query uses, and the queries filed under it.

    `queries` are candidates for each article that has the term. Those in `pairs` are candidates if the article also has
    the other term, which is the key; those in `bigrams` if the word of the other term follows at once (or after a
    middle name, where both are words of a person's name). `uses` is the number of references to the term: zero or less
    once it is removed.
    """

    __slots__ = ("bigrams", "folded", "pairs", "queries", "rule", "uses")

    def __init__(self, folded: str, rule: MatchRule) -> None:
        self.folded = folded
        self.rule = rule
        self.uses = 1
        self.queries: CompactSet[Posting] = None
        self.pairs: CompactMap[QueryTerm, Posting] = None
        self.bigrams: CompactMap[QueryTerm, Posting] = None


class CachedTerms(NamedTuple):
    """The terms that match a form, as of the first `changes` changes."""

    changes: int
    terms: tuple[QueryTerm, ...]


class CachedWord(NamedTuple):
    """The terms that match a folded word, as of the first `changes` changes.

    Those in `any_case` match it however it is written. Those in `as_name` are names of which it is another spelling
    where it is written as a name (None until that is needed, for most words never are).
    """

    changes: int
    any_case: tuple[QueryTerm, ...]
    as_name: tuple[QueryTerm, ...] | None


@dataclass(slots=True)
class LookupCache:
    """Cached results by language and form, those they were made from by language and word, and the terms added since
    the first of them."""

    changes: list[QueryTerm] = field(default_factory=list)
    by_form: dict[str, dict[str, CachedTerms]] = field(default_factory=dict)
    by_word: dict[str, dict[str, CachedWord]] = field(default_factory=dict)

    def clear(self) -> None:
        """Drop all results, but not the changes: a reader still has results that are as of some of them."""
        for forms in list(self.by_form.values()):
            forms.clear()
        for words in list(self.by_word.values()):
            words.clear()

    def of(self, language: str) -> tuple[dict[str, CachedTerms], dict[str, CachedWord]]:
        """Return the results of a language, by form and by word."""
        if language not in self.by_form:
            self.by_form[language], self.by_word[language] = {}, {}
        return self.by_form[language], self.by_word[language]


InflectionIndex: TypeAlias = dict[str, CompactSet[QueryTerm]]  # of one language, by inflection key


class TermIndex:
    """All terms, and the look-up of an article's words among them."""

    def __init__(self) -> None:
        self._words: dict[str, CompactSet[QueryTerm]] = {}
        self._spellings = Vocabulary()
        self._names_to_add: list[QueryTerm] = []  # to the vocabulary, before the next word is looked up in it
        self._names_to_remove: list[QueryTerm] = []
        self._prefixes: Counter[int] = Counter()  # number of prefixes by length
        self._inflections: dict[str, InflectionIndex] = {}  # by language
        self._cache = LookupCache()
        self.unspelt = 0  # words so far whose close spellings were not searched for lack of time
        self._filling = threading.Lock()  # one thread at a time fills the dictionary of a language
        self._writing = threading.RLock()

    def __len__(self) -> int:
        self._update_vocabulary()
        words = sum(len(values_of(terms)) for terms in self._words.values())
        return words + len(self._spellings) + sum(self._prefixes.values())

    def get(self, key: TermKey) -> QueryTerm | None:
        """Return the term with a key, or None."""
        folded, rule = key
        terms = self._words.get(folded)
        if type(terms) is dict:
            return next((term for term in terms if term.rule == rule), None)
        term: QueryTerm | None = terms  # type: ignore[assignment]  # no dict: `type(…) is` narrows one branch only
        return term if term is not None and term.rule == rule else None

    def find(self, key: TermKey) -> QueryTerm:
        """Return the term with a key. Raises KeyError where no query uses it."""
        term = self.get(key)
        if term is None:
            raise KeyError(key)
        return term

    def acquire(self, key: TermKey) -> QueryTerm:
        """Return the term with a key, made if needed. The caller must `release` it as often."""
        term = self.get(key)
        if term is not None:
            term.uses += 1
            return term
        term = QueryTerm(*key)
        with self._writing:
            self._add(term)
        return term

    def release(self, term: QueryTerm) -> None:
        """Drop one use of a term, and remove it with the last."""
        term.uses -= 1
        if not term.uses:
            with self._writing:
                self._remove(term)

    def rows(self, forms: Iterable[str], language: str) -> list[tuple[QueryTerm, ...]]:
        """Return, for each word (given as a token's `form`) of an article in `language`, the terms that match it.

        The new words of a field have a budget (MOST_COMPARED), against an article filled with words that sound like ten
        thousand names: where it is spent, close spellings of the others are not searched (`unspelt` counts these
        words), and their results are not cached.
        """
        cache = self._cache
        language = read_language(language)
        by_form, by_word = cache.of(language)
        changes = len(cache.changes)
        limit = self._spellings.compared + MOST_COMPARED
        rows = []
        for form in forms:
            cached = by_form.get(form)
            if cached is None or cached[0] != changes:
                spells = self._spellings.compared < limit
                cached = CachedTerms(
                    changes, self._look_up(form, language, by_word, cache.changes[:changes], spells=spells)
                )
                if sum(map(len, list(cache.by_form.values()))) > MOST_CACHED:
                    cache.clear()
                if spells:
                    by_form[form] = cached
                else:
                    self.unspelt += 1
            rows.append(cached[1])
        return rows

    def with_key(self, key: str) -> tuple[QueryTerm, ...]:
        """Return the terms of type KEY that are `key` (a place, a source, a language)."""
        return tuple([term for term in values_of(self._words.get(key)) if term.rule.type is TermType.KEY])

    def _look_up(
        self, form: str, language: str, by_word: dict[str, CachedWord], changes: list[QueryTerm], *, spells: bool
    ) -> tuple[QueryTerm, ...]:
        folded, case = read_form(form)
        if folded.startswith(JOINED):
            return tuple([term for term in values_of(self._words.get(folded[1:])) if _may_be_joined(term)])
        is_name = case is not Case.LOWER
        word = self._look_up_word(folded, language, by_word.get(folded), changes, is_name=is_name, spells=spells)
        if spells:
            by_word[folded] = word
        terms = word.any_case + (word.as_name or ()) if is_name else word.any_case
        return tuple([term for term in terms if term.rule.allows_case(folded, case)])

    def _look_up_word(
        self,
        folded: str,
        language: str,
        cached: CachedWord | None,
        changes: list[QueryTerm],
        *,
        is_name: bool,
        spells: bool,
    ) -> CachedWord:
        """Return the terms that match a word: new, or the cached ones brought up to date with `changes`. Close
        spellings are searched only with `spells`."""
        if cached is None:
            cached = CachedWord(len(changes), self._matching_any_case(folded, language, spells=spells), None)
        added = dict.fromkeys(changes[cached.changes :])
        any_case = cached.any_case + tuple(
            [t for t in added if t not in cached.any_case and t.rule.matches_any_case(t.folded, folded, language)]
        )
        if not is_name:
            return CachedWord(len(changes), any_case, None)
        as_name = cached.as_name
        if as_name is None:
            as_name = self._matching_as_name(folded) if spells else ()
        as_name += tuple([t for t in added if t.rule.matches_spelling(t.folded, folded)])
        return CachedWord(len(changes), any_case, tuple([t for t in dict.fromkeys(as_name) if t not in any_case]))

    def _matching_any_case(self, folded: str, language: str, *, spells: bool) -> tuple[QueryTerm, ...]:
        """Return the terms that match a word whatever its case."""
        words = self._words
        self._update_vocabulary()
        names = self._spellings.misspellings(folded) if spells else ()
        near = [term for name in names for term in values_of(words.get(name)) if term.rule.close > 1]
        found: list[QueryTerm] = [*values_of(words.get(folded))]
        for form in self._other_forms(folded):
            found += values_of(words.get(form))
        read_as = language_of(folded, language)
        inflections = self._inflections_of(read_as) if read_as else {}
        for key in keys(folded, language):
            found += values_of(words.get(key[1:]))
            found += values_of(inflections.get(key))
        matching = [term for term in dict.fromkeys(found) if term.rule.matches_any_case(term.folded, folded, language)]
        return tuple(dict.fromkeys([*matching, *near]))

    def _matching_as_name(self, folded: str) -> tuple[QueryTerm, ...]:
        """Return the terms of names of which a word is another spelling."""
        self._update_vocabulary()
        found = [term for name in self._spellings.spellings(folded) for term in values_of(self._words.get(name))]
        return tuple([term for term in found if term.rule.close == 1])

    def _other_forms(self, folded: str) -> Iterator[str]:
        """Yield the singular of a word that ends in "s", and its beginnings that are as long as a prefix of a query."""
        if folded.endswith("s"):
            yield folded[:-1]
        for length in tuple(self._prefixes):
            if length <= len(folded):
                yield folded[:length]

    def _update_vocabulary(self) -> None:
        """Add new names to the vocabulary and remove old ones; after a start, these are all names. It is done before a
        look-up, so that a chat that subscribes need not wait for it."""
        while self._names_to_add or self._names_to_remove:
            with self._writing:
                if self._names_to_add:
                    self._add_names(self._names_to_add[-STEP:])
                    del self._names_to_add[-STEP:]
                else:
                    self._remove_names(self._names_to_remove[-REMOVAL_STEP:])
                    del self._names_to_remove[-REMOVAL_STEP:]

    def _add_names(self, terms: list[QueryTerm]) -> None:
        used = [term for term in terms if term.uses]
        self._spellings.add([term.folded for term in used if term.rule.close == 1], misspelt=False)
        self._spellings.add([term.folded for term in used if term.rule.close > 1], misspelt=True)
        for term in terms:
            if not term.uses:
                term.uses = NEVER_ADDED

    def _remove_names(self, terms: list[QueryTerm]) -> None:
        for term in terms:
            if term.uses != NEVER_ADDED:  # else the vocabulary has this name from another term only
                self._spellings.remove(term.folded, misspelt=term.rule.close > 1)

    def _inflections_of(self, language: str) -> InflectionIndex:
        """Return the dictionary of inflection keys of a language, made when its first article comes."""
        with self._filling:
            index = self._inflections.get(language)
            return self._fill(language) if index is None else index

    def _fill(self, language: str) -> InflectionIndex:
        index: InflectionIndex = {}
        with self._writing:  # from here on, `_add` puts new terms into it
            words = list(self._words.values())
            self._inflections[language] = index
        for start in range(0, len(words), STEP):
            with self._writing:
                for terms in words[start : start + STEP]:
                    for term in values_of(terms):
                        if term.uses > 0:  # it may have been removed meanwhile
                            _put_inflections(index, term, language)
        return index

    def _add(self, term: QueryTerm) -> None:
        put(self._words, term.folded, term)
        if term.rule.close:
            self._names_to_add.append(term)
        if term.rule.type is TermType.PREFIX:
            self._prefixes[len(term.folded)] += 1
        for language, index in self._inflections.items():
            _put_inflections(index, term, language)
        if self._cache.by_form:
            self._cache.changes.append(term)
            if len(self._cache.changes) > MOST_CHANGES:
                self._cache = LookupCache()

    def _remove(self, term: QueryTerm) -> None:
        discard(self._words, term.folded, term)
        if term.rule.close:
            self._names_to_remove.append(term)
        if term.rule.type is TermType.PREFIX:
            self._prefixes[len(term.folded)] -= 1
            self._prefixes += Counter()  # drops lengths with a count of zero
        for language, index in self._inflections.items():
            for key in _inflection_keys(term, language):
                discard(index, key, term)


def _may_be_joined(term: QueryTerm) -> bool:
    return term.rule.type is TermType.WORD and not term.rule.exact


def _inflection_keys(term: QueryTerm, language: str) -> list[str]:
    """Return the inflection keys of a term, except its own form, under which `_words` has it."""
    rule = term.rule
    inflects = rule.type is TermType.WORD and not rule.exact and (not rule.is_name or language in NAMES_INFLECT)
    if not inflects or language_of(term.folded, language) != language:
        return []
    own = KEY + term.folded
    return [key for key in fresh_wanted_keys(term.folded, language) if key != own]


def _put_inflections(index: InflectionIndex, term: QueryTerm, language: str) -> None:
    for key in _inflection_keys(term, language):
        put(index, key, term)
