"""Article index: finds the stored articles that a new query matches; the percolator reversed.

In: articles, each under a number, then queries. Out: for a query, the numbers of all articles it matches.
An article is listed under its words as written, its places, names of aliases, compounds, source and language. A part
of a query has a plan (`bot.matching.engine.plan`) of terms; the words in the index that match a term lead to articles,
and these are combined as sets: And is the intersection, Or the union, Not the difference. Where the plan is exact, that
is the result; else each article that may match is judged in full, by its stored words. Hypothesis compares the result
with judging every article (tests/search/test_article_index.py).

An article's text is not kept, only its words (one object each, however many articles have it), so a match comes without
its terms. Only one thread at a time may use an index. The verdicts of recent queries are cached: the article under a
number never changes.
"""

from array import array
from collections import Counter, OrderedDict
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.document import PLACE, Document
from bot.matching.engine.evaluate import is_match
from bot.matching.engine.field import DocumentField
from bot.matching.engine.plan import LANGUAGE, SOURCE, Bigram, Plan, plan
from bot.matching.engine.spelling import near, skeleton
from bot.matching.engine.terms import JOINED, TermKey, TermType, plurals
from bot.matching.query.ast import And, Corroborated, Expr, Field, Near, Not, Or
from bot.matching.text.analysis import CASE, Case, Token, keys, name_keys, read_form, wanted_keys
from bot.matching.text.transliteration import bridges
from bot.models import Article

MOST_VERDICTS = 100_000  # cached, of all queries together: some ten megabytes
SLICE = 10_000  # words of the articles judged without a pause: some hundredths of a second
WASTE = 0.25  # share of removed articles above which their numbers are deleted from the lists

Numbers: TypeAlias = "array[int]"  # of articles


class Maybe(NamedTuple):
    """Articles that may match a part of a query, and the subset that surely does."""

    may: set[int]
    surely: set[int]


class IndexMatches(NamedTuple):
    """Articles that match a query, and the number of articles that may match but were not judged, to save time."""

    numbers: set[int]
    left: int

    @property
    def is_whole(self) -> bool:
        """Whether all articles were judged: there are no other matches."""
        return not self.left


@dataclass(slots=True)
class IndexSearch:
    """A search under way: `numbers` match, those `waiting` (the newest last) are to be judged, `left` never are."""

    expr: Expr
    numbers: set[int]
    waiting: list[int]
    left: int

    def matches(self) -> IndexMatches:
        """Return what was found by now."""
        return IndexMatches(self.numbers, self.left + len(self.waiting))


class _Verdicts:
    """A cache of whether articles matched, for the most recent queries."""

    def __init__(self) -> None:
        self._by_query: OrderedDict[Expr, dict[int, bool]] = OrderedDict()
        self._count = 0

    def of(self, query: Expr) -> dict[int, bool]:
        """Return whether the query matched, by article number; the caller adds to it."""
        if query not in self._by_query:
            self._by_query[query] = {}
            self._count += 1
        self._by_query.move_to_end(query)
        return self._by_query[query]

    def added(self, count: int) -> None:
        """Count new verdicts, and drop the queries used longest ago if there are too many; each counts as one, too."""
        self._count += count
        while self._count > MOST_VERDICTS:
            __, oldest = self._by_query.popitem(last=False)
            self._count -= 1 + len(oldest)

    def clear(self) -> None:
        """Drop all verdicts."""
        self._by_query.clear()
        self._count = 0


class _Lists:
    """Numbers of articles, by language and form of a word, and by key."""

    def __init__(self) -> None:
        self.words: dict[str, dict[str, Numbers]] = {}
        self.keys: dict[str, Numbers] = {}

    def add(self, number: int, language: str, forms: Iterable[str], found: Iterable[str]) -> None:
        """Add an article whose words have these forms, and which has these keys."""
        words = self.words.setdefault(language, {})
        for table, names in ((words, forms), (self.keys, found)):
            for name in names:
                numbers = table.get(name)
                if numbers is None:
                    table[name] = array("I", (number,))
                else:
                    numbers.append(number)

    def keep_only(self, live: Collection[int]) -> None:
        """Delete the numbers that are not `live`, and words and keys without numbers."""
        self.keys = _cleared(self.keys, live)
        self.words = {language: cleared for language, table in self.words.items() if (cleared := _cleared(table, live))}


def _cleared(table: dict[str, Numbers], live: Collection[int]) -> dict[str, Numbers]:
    cleared = {name: array("I", (number for number in numbers if number in live)) for name, numbers in table.items()}
    return {name: numbers for name, numbers in cleared.items() if numbers}


class _Vocabulary:
    """The words of all articles, by the keys they share with their other spellings and inflections."""

    def __init__(self) -> None:
        self.folded: dict[str, None] = {}
        self.stems: dict[str, dict[str, list[str]]] = {}
        self.sounds: dict[str, list[str]] = {}
        self.bridges: dict[str, list[str]] = {}

    def add(self, form: str, language: str) -> None:
        """Add a word that is new in articles in a language."""
        folded, _case = read_form(form)
        stems = self.stems.setdefault(language, {})
        for key in keys(folded, language):
            _put(stems, key, folded)
        if folded not in self.folded:
            self.folded[folded] = None
            _put(self.sounds, skeleton(folded), folded)
            for bridge in bridges(folded):
                _put(self.bridges, bridge, folded)

    def candidates(self, term: TermKey) -> Iterator[str]:
        """Yield all words that the term matches, and a few that it may not."""
        folded, rule = term
        if rule.type is TermType.PREFIX:
            yield from (word for word in self.folded if word.startswith(folded))
            return
        yield folded
        if rule.type is not TermType.WORD or rule.exact:
            return
        if rule.is_name:
            yield from plurals(folded)
        for language, stems in self.stems.items():
            for key in (name_keys if rule.is_name else wanted_keys)(folded, language):
                yield from stems.get(key, ())
        if rule.close:
            yield from self.sounds.get(skeleton(folded), ())
            for bridge in bridges(folded):
                yield from self.bridges.get(bridge, ())
        if rule.close > 1:
            yield from near(folded, self.folded)


def _put(table: dict[str, list[str]], key: str, word: str) -> None:
    words = table.setdefault(key, [])
    if word not in words:
        words.append(word)


class Index:
    """An index of articles by number, read with a set of aliases."""

    def __init__(self, aliases: Aliases | None = None) -> None:
        self.aliases = aliases or Aliases()
        self._articles: dict[int, Document] = {}
        self._whole = _Lists()
        self._titles = _Lists()
        self._vocabulary = _Vocabulary()
        self._verdicts = _Verdicts()
        self._removed = 0
        self.words = 0  # in all articles together

    def __len__(self) -> int:
        return len(self._articles)

    def __contains__(self, number: object) -> bool:
        return number in self._articles

    def add(self, number: int, article: Article) -> None:
        """Add an article under a number never used before; a newer article has a higher number."""
        document = Document(article, self.aliases)
        document.drop_text()
        self._articles[number] = document
        self.words += _size(document)
        for part in (document.title, document.text):
            self._add_words(part, document.language)
        self._list(number, document)

    def remove(self, numbers: Iterable[int]) -> None:
        """Remove articles; unknown numbers are ignored."""
        for number in numbers:
            removed = self._articles.pop(number, None)
            if removed is not None:
                self._removed += 1
                self.words -= _size(removed)
        if self._removed > WASTE * len(self._articles):
            self._whole.keep_only(self._articles)
            self._titles.keep_only(self._articles)
            self._removed = 0
            self._verdicts.clear()
            self._vocabulary = _Vocabulary()
            for language, forms in self._whole.words.items():
                for form in forms:
                    self._vocabulary.add(form, language)

    def set_aliases(self, aliases: Aliases) -> None:
        """Replace the aliases, and find their names in all articles."""
        self.aliases = aliases
        self._verdicts.clear()
        for lists in (self._whole, self._titles):
            lists.keys = {key: numbers for key, numbers in lists.keys.items() if key[0] != PLACE}
        for number, document in self._articles.items():
            document.set_aliases(aliases)
            title, text = (_place_keys(part) for part in (document.title, document.text))
            self._titles.add(number, document.language, (), title)
            self._whole.add(number, document.language, (), title | text)

    def find(self, expr: Expr, *, most: int | None = None, among: Collection[int] | None = None) -> IndexMatches:
        """Return the articles that a query matches, as `begin` and `judge` do, in one piece."""
        search = self.begin(expr, most=most, among=among)
        while search.waiting:
            self.judge(search)
        return search.matches()

    def begin(self, expr: Expr, *, most: int | None = None, among: Collection[int] | None = None) -> IndexSearch:
        """Return the search for a query, among all articles or those of these numbers: what is certain is found.

        With `most`, at most so many of the others wait to be judged, the newest; verdicts in the cache do not count.
        """
        bound = self.aliases.bind(expr)
        found = self._find(bound, self._whole)
        live = self._articles if among is None else self._articles.keys() & among
        verdicts = self._verdicts.of(bound)
        uncertain = [number for number in found.may - found.surely if number in live]
        new = sorted(number for number in uncertain if number not in verdicts)
        sure = {number for number in found.surely if number in live}
        waiting = new if most is None else new[max(0, len(new) - most) :]
        self._verdicts.added(0)  # a query that nothing is judged for takes a place, too
        return IndexSearch(
            bound, sure | {number for number in uncertain if verdicts.get(number)}, waiting, len(new) - len(waiting)
        )

    def judge(self, search: IndexSearch) -> None:
        """Judge the next articles of a search, the newest, until they have SLICE words together.

        Between two slices articles may have gone: they are passed over.
        """
        verdicts, words, judged = self._verdicts.of(search.expr), 0, 0
        while search.waiting and words < SLICE:
            document = self._articles.get(number := search.waiting.pop())
            if document is None:
                continue
            words += _size(document)
            judged += 1
            verdicts[number] = is_match(search.expr, document.copy())
            if verdicts[number]:
                search.numbers.add(number)
        self._verdicts.added(judged)

    def companions(self, numbers: Iterable[int]) -> Counter[str]:
        """Return the places (as keys of spans) in these articles, with the number of articles that name each."""
        return Counter(key for number in numbers for key in self._keys_of(number))

    def _keys_of(self, number: int) -> set[str]:
        document = self._articles.get(number)
        return _place_keys(document.title) | _place_keys(document.text) if document else set()

    def names(self, numbers: Iterable[int]) -> Counter[tuple[str, Case]]:
        """Return the words with a capital inside a sentence, with the number of these articles that have each."""
        return Counter(word for number in numbers for word in self._names_of(number))

    def _names_of(self, number: int) -> set[tuple[str, Case]]:
        document = self._articles.get(number)
        parts = (document.title, document.text) if document else ()
        return {
            (token.folded, token.case)
            for part in parts
            if not part.is_loud
            for token in part.tokens
            if token.case > Case.LOWER and not token.begins
        }

    def _add_words(self, part: DocumentField, language: str) -> None:
        known = self._whole.words.get(language, {})
        for token in part.tokens:
            if token.form not in known:
                self._vocabulary.add(token.form, language)

    def _list(self, number: int, document: Document) -> None:
        title, text = ({token.form for token in part.tokens} for part in (document.title, document.text))
        about = (LANGUAGE + document.language, *(SOURCE + word for word in document.source))
        self._titles.add(number, document.language, title, document.title.spans)
        self._whole.add(number, document.language, title | text, {*document.title.spans, *document.text.spans, *about})

    # --- queries ---

    def _find(self, expr: Expr, lists: _Lists) -> Maybe:
        match expr:
            case And(items):
                return self._find_all(items, lists)
            case Or(items):
                found = [self._find(item, lists) for item in items]
                return Maybe(set().union(*(part.may for part in found)), set().union(*(part.surely for part in found)))
            case Corroborated(item):
                return self._find(item, lists)
            case Near(left, right, _):
                return Maybe(self._find(left, lists).may & self._find(right, lists).may, set())
            case Field("source", _):
                return self._planned(plan(expr), self._whole)
            case Field(_, item):
                return self._find(item, self._titles)
        return self._planned(plan(expr), lists)

    def _find_all(self, items: tuple[Expr, ...], lists: _Lists) -> Maybe:
        wanted = [self._find(item, lists) for item in items if not isinstance(item, Not)]
        unwanted = [self._find(item.item, lists) for item in items if isinstance(item, Not)]
        may = set.intersection(*(part.may for part in wanted))
        surely = set.intersection(*(part.surely for part in wanted))
        for part in unwanted:
            may -= part.surely
            surely -= part.may
        return Maybe(may, surely)

    def _planned(self, query_plan: Plan, lists: _Lists) -> Maybe:
        """Return the articles that have a term of the plan."""
        may = set().union(*(self._having(term, lists) for term in query_plan.triggers))
        may = may.union(*(self._side_by_side(bigram, lists) for bigram in query_plan.bigrams))
        return Maybe(may, set() if query_plan.needs_check else set(may))

    def _having(self, term: TermKey, lists: _Lists) -> set[int]:
        """Return the articles that have a word or key that the term matches."""
        folded, rule = term
        if rule.type is TermType.KEY:
            return set(lists.keys.get(folded, ()))
        if folded.startswith(SOURCE):  # a prefix of a source's word
            return set().union(*(numbers for key, numbers in lists.keys.items() if key.startswith(folded)))
        found = set().union(*(numbers for _language, _form, numbers in self._forms(term, lists)))
        if rule.type is TermType.WORD and not rule.exact:
            found.update(lists.keys.get(JOINED + folded, ()))
        return found

    def _side_by_side(self, bigram: Bigram, lists: _Lists) -> set[int]:
        """Return the articles that have the two words one after the other."""
        sides = []
        for term in (bigram.first, bigram.second):
            forms: dict[str, set[str]] = {}
            having: set[int] = set()
            for language, form, numbers in self._forms(term, lists):
                forms.setdefault(language, set()).add(form)
                having.update(numbers)
            sides.append((forms, having))
        (firsts, with_first), (seconds, with_second) = sides
        found = set()
        for number in with_first & with_second & self._articles.keys():
            document = self._articles[number]
            parts = (document.title,) if lists is self._titles else (document.title, document.text)
            here = firsts.get(document.language, set()), seconds.get(document.language, set())
            if any(_follow(part.tokens, *here, gap=bigram.gap) for part in parts):
                found.add(number)
        return found

    def _forms(self, term: TermKey, lists: _Lists) -> Iterator[tuple[str, str, Numbers]]:
        """Yield each language and form that the term matches, and the articles that have it."""
        folded, rule = term
        for word in set(self._vocabulary.candidates(term)):
            for case in Case:
                form = word if case is Case.LOWER else f"{word}{CASE}{case:d}"
                for language, table in lists.words.items():
                    numbers = table.get(form)
                    if numbers is not None and rule.matches(folded, word, case, language):
                        yield language, form, numbers


def _follow(words: list[Token], firsts: set[str], seconds: set[str], *, gap: bool) -> bool:
    """Return whether one of the `seconds` follows one of the `firsts`; with `gap`, a name may come between."""
    for at in [at for at, word in enumerate(words[:-1], 1) if word.form in firsts]:
        if words[at].breaks:
            continue
        if words[at].form in seconds:
            return True
        after = words[at + 1] if gap and at + 1 < len(words) and words[at].case > Case.LOWER else None
        if after is not None and not after.breaks and after.form in seconds:
            return True
    return False


def _place_keys(part: DocumentField) -> set[str]:
    return {key for key in part.spans if key[0] == PLACE}


def _size(document: Document) -> int:
    return len(document.title.tokens) + len(document.text.tokens)
