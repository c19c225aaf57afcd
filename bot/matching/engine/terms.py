"""The words that queries wait for, and which of them a word of an article is.

In: words queries want, each with how it is wanted. Out: for a word as it stands in an article, the `Term`s it
satisfies: by its folded form, an inflection in the article's language, a plural, a prefix, or a close spelling.
Not here: what a query makes of its terms.

Every way to find a term leads over a dictionary (by folded form, by inflection key of one language, by sounds),
and `Kind.says` judges each term found so: it is the one definition. The answer for a word is kept, since most
words of an article were met before; a new term is held against a kept answer when that is asked for again. A third of
the words that are new are known in another case: what a word means whatever its case is kept too.

A word that is its own stem stands in the first dictionary alone, and what most terms have none or one of costs no
container (`bot.matching.engine.compact`): a million queries are two million terms.

One thread may ask while another adds and removes: see `bot.matching.engine.compact`; and the dictionary of a language,
made when its first article comes, is filled in small steps under the lock that writers take. So are the spellings of
names.
"""

import threading
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from enum import IntEnum
from functools import lru_cache
from typing import NamedTuple

from bot.matching.engine.compact import Bag, Table, each, put, take
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

JOINED = "+"  # begins the form of a compound written as one: "+alsisi"
MOST_CHANGES = 256  # new terms held against kept answers one by one; beyond, the answers are made anew
MOST_ANSWERS = 1 << 18  # kept, of all languages
STEP = 500  # terms added to a language's dictionary at a time
STEP_BACK = 50  # names forgotten at a time: each is looked for among all that sound alike
MOST_LOOKED = 2_000_000  # names that the new words of one field are compared with: two seconds, at worst
NEVER = -1  # uses of a term that went before the vocabulary learnt its name


class Sort(IntEnum):
    """What kind of thing is wanted: a word, a name's initial, a word's beginning, or a key (a place, a source …)."""

    WORD = 0
    INITIAL = 1
    PREFIX = 2
    KEY = 3


class Kind(NamedTuple):
    """How a word is wanted.

    `close`: 0 as it is, 1 in any spelling of a name, 2 misspelt too. `is_name`: typed with a capital, so it does not
    inflect as words do. `needs_case`: a capital must tell it from another word (Turkey). `upper`: typed in capitals.
    """

    sort: Sort = Sort.WORD
    exact: bool = False
    is_name: bool = False
    needs_case: bool = False
    upper: bool = False
    close: int = 0

    def says(self, wanted: str, folded: str, case: Case, language: str) -> bool:
        """Return whether a word (folded, and its case) of an article in `language` is what is wanted.

        Where `needs_case`, the rest of the article may still say otherwise.
        """
        if not self.allows(folded, case):
            return False
        return self.means(wanted, folded, language) or (case is not Case.LOWER and self.is_named(wanted, folded))

    def allows(self, folded: str, case: Case) -> bool:
        """Return whether a word may be written so: where its case decides, "us" is not the US, nor is "Us"."""
        if self.sort is Sort.INITIAL:
            return case is Case.TITLE
        if not self.needs_case:
            return True
        return case is not Case.LOWER and not (self.upper and case is Case.TITLE and len(folded) > 1)

    def means(self, wanted: str, folded: str, language: str) -> bool:
        """Return whether a word is what is wanted, whatever its case."""
        if self.sort is Sort.PREFIX:
            return folded.startswith(wanted)
        if folded == wanted:
            return True
        if self.exact or self.sort is not Sort.WORD:
            return False
        if self.is_name and folded in plurals(wanted):
            return True
        if self.close > 1 and is_near(wanted, folded):
            return True
        inflections = name_keys if self.is_name else wanted_keys
        return not set(inflections(wanted, language)).isdisjoint(keys(folded, language))

    @property
    def has_middle(self) -> bool:
        """Whether another word of the same name may stand beside it: it is one of a person's, or the initial of one."""
        return self.sort is Sort.INITIAL or (self.is_name and not self.exact)

    def is_named(self, wanted: str, folded: str) -> bool:
        """Return whether a word is another spelling of the name that is wanted, if by its case it is a name."""
        return self.close == 1 and is_spelling(wanted, folded)


class Want(NamedTuple):
    """A word or key that a query waits for."""

    folded: str
    kind: Kind


@lru_cache(1 << 12)
def plurals(folded: str) -> tuple[str, ...]:
    """Return the plural of a name, where it is no other name: Houthi, Houthis; but Hamas is not Hama."""
    plural = len(folded) > 3 and folded[-1] not in "asxz" and folded.isascii() and folded.isalpha()
    return (folded + "s",) if plural else ()


class Term:
    """A `Want` of at least one query, and the queries that wait there.

    `queries` match, or may match, where the term is. `pairs` are those for which another term must be in the article
    too; `nexts` those for which another must stand beside it (where both are of a person's name, with a middle name
    between). `uses` counts how often it is wanted: 0 once it is gone, or less.
    """

    __slots__ = ("folded", "kind", "nexts", "pairs", "queries", "uses")

    def __init__(self, folded: str, kind: Kind) -> None:
        self.folded = folded
        self.kind = kind
        self.uses = 1
        self.queries: Bag = None
        self.pairs: Table = None
        self.nexts: Table = None


class Answer(NamedTuple):
    """The terms that a form says, as of the first `changes` changes."""

    changes: int
    terms: tuple[Term, ...]


class Sense(NamedTuple):
    """The terms that a word says, but for its case, as of the first `changes` changes.

    It `means` some in whatever case; it may be another spelling of those that are `named` where it is written as a
    name (None while nobody asked, for most words never are).
    """

    changes: int
    means: tuple[Term, ...]
    named: tuple[Term, ...] | None


Lane = dict[str, Bag]  # of terms


@dataclass(slots=True)
class Memory:
    """Kept answers by language and form, what they were made of by language and word, and the terms that were new
    since the first of them."""

    changes: list[Term] = field(default_factory=list)
    answers: dict[str, dict[str, Answer]] = field(default_factory=dict)
    senses: dict[str, dict[str, Sense]] = field(default_factory=dict)

    def clear(self) -> None:
        """Forget what is kept, but for the changes: whoever reads holds answers as of some of them."""
        for answers in list(self.answers.values()):
            answers.clear()
        for senses in list(self.senses.values()):
            senses.clear()

    def of(self, language: str) -> tuple[dict[str, Answer], dict[str, Sense]]:
        """Return what is kept for a language."""
        if language not in self.answers:
            self.answers[language], self.senses[language] = {}, {}
        return self.answers[language], self.senses[language]


class Terms:
    """All terms, and the look-up of an article's words among them."""

    def __init__(self) -> None:
        self._words: dict[str, Bag] = {}  # of terms
        self._spellings = Vocabulary()
        self._unspelt: list[Term] = []  # names that the vocabulary learns before the next word is looked up
        self._unlearnt: list[Term] = []  # names that it forgets then
        self._prefixes: Counter[int] = Counter()  # of the lengths of prefixes
        self._lanes: dict[str, Lane] = {}
        self._memory = Memory()
        self.unspelt = 0  # words so far whose close spellings there was no time for
        self._filling = threading.Lock()  # one thread at a time fills the dictionary of a language
        self._writing = threading.RLock()

    def __len__(self) -> int:
        self._spell()
        words = sum(len(each(bag)) for bag in self._words.values())
        return words + len(self._spellings) + sum(self._prefixes.values())

    def get(self, want: Want) -> Term | None:
        """Return the term for a want, or None."""
        folded, kind = want
        bag = self._words.get(folded)
        if type(bag) is not dict:
            return bag if bag is not None and bag.kind == kind else None
        return next((term for term in bag if term.kind == kind), None)

    def find(self, want: Want) -> Term:
        """Return the term for a want that is in use. Raises KeyError for another."""
        term = self.get(want)
        if term is None:
            raise KeyError(want)
        return term

    def use(self, want: Want) -> Term:
        """Return the term for a want, made if need be; `release` that as often."""
        term = self.get(want)
        if term is not None:
            term.uses += 1
            return term
        term = Term(*want)
        with self._writing:
            self._add(term)
        return term

    def release(self, term: Term) -> None:
        """Forget a term once it is not used any more."""
        term.uses -= 1
        if not term.uses:
            with self._writing:
                self._remove(term)

    def rows(self, forms: Iterable[str], language: str) -> list[tuple[Term, ...]]:
        """Return the terms that each word, given as a token's `form`, satisfies in an article in `language`.

        The new words of a field have a budget, for whoever fills one with words that sound as ten thousand names do:
        where it is spent, the others are found but for close spellings (`unspelt` counts them), and nothing is kept.
        """
        memory = self._memory
        language = read_language(language)
        known, senses = memory.of(language)
        changes = len(memory.changes)
        last = self._spellings.looked + MOST_LOOKED
        rows = []
        for form in forms:
            answer = known.get(form)
            if answer is None or answer[0] != changes:
                spells = self._spellings.looked < last
                answer = Answer(changes, self._look_up(form, language, senses, memory.changes[:changes], spells=spells))
                if sum(map(len, list(memory.answers.values()))) > MOST_ANSWERS:
                    memory.clear()
                if spells:
                    known[form] = answer
                else:
                    self.unspelt += 1
            rows.append(answer[1])
        return rows

    def key(self, key: str) -> tuple[Term, ...]:
        """Return the terms that a key (a place, a source, a language) satisfies."""
        return tuple([term for term in each(self._words.get(key)) if term.kind.sort is Sort.KEY])

    def _look_up(
        self, form: str, language: str, senses: dict[str, Sense], changes: list[Term], *, spells: bool
    ) -> tuple[Term, ...]:
        folded, case = read_form(form)
        if folded.startswith(JOINED):
            return tuple([term for term in each(self._words.get(folded[1:])) if _may_be_joined(term)])
        named = case is not Case.LOWER
        sense = self._sense(folded, language, senses.get(folded), changes, named=named, spells=spells)
        if spells:
            senses[folded] = sense
        said = sense.means + (sense.named or ()) if named else sense.means
        return tuple([term for term in said if term.kind.allows(folded, case)])

    def _sense(
        self, folded: str, language: str, old: Sense | None, changes: list[Term], *, named: bool, spells: bool
    ) -> Sense:
        """Return what a word says: made out anew, or what is kept held against what changed since. Unless it `spells`,
        names that it is near are not looked for."""
        if old is None:
            old = Sense(len(changes), self._meant(folded, language, spells=spells), None)
        new = dict.fromkeys(changes[old.changes :])
        means = old.means + tuple([t for t in new if t not in old.means and t.kind.means(t.folded, folded, language)])
        if not named:
            return Sense(len(changes), means, None)
        known = old.named
        if known is None:
            known = self._named(folded) if spells else ()
        known += tuple([t for t in new if t.kind.is_named(t.folded, folded)])
        return Sense(len(changes), means, tuple([t for t in dict.fromkeys(known) if t not in means]))

    def _meant(self, folded: str, language: str, *, spells: bool) -> tuple[Term, ...]:
        """Return the terms that a word means, whatever its case."""
        words = self._words
        self._spell()
        asked = self._spellings.asked(folded) if spells else ()
        near = [term for name in asked for term in each(words.get(name)) if term.kind.close > 1]
        found: list[Term] = [*each(words.get(folded))]
        for other in self._other_forms(folded):
            found += each(words.get(other))
        read_as = language_of(folded, language)
        lane = self._lane(read_as) if read_as else {}
        for key in keys(folded, language):
            found += each(words.get(key[1:]))
            found += each(lane.get(key))
        meant = [term for term in dict.fromkeys(found) if term.kind.means(term.folded, folded, language)]
        return tuple(dict.fromkeys([*meant, *near]))

    def _named(self, folded: str) -> tuple[Term, ...]:
        """Return the terms that a name is another spelling of."""
        self._spell()
        found = [term for name in self._spellings.named(folded) for term in each(self._words.get(name))]
        return tuple([term for term in found if term.kind.close == 1])

    def _other_forms(self, folded: str) -> Iterator[str]:
        """Yield what stands for `folded` as a singular, or as one of its beginnings."""
        if folded.endswith("s"):
            yield folded[:-1]
        for length in tuple(self._prefixes):
            if length <= len(folded):
                yield folded[:length]

    def _spell(self) -> None:
        """Let the vocabulary learn the names that came and forget those that went: when the bot started, all came. No
        chat waits for it here."""
        while self._unspelt or self._unlearnt:
            with self._writing:
                if self._unspelt:
                    self._learn(self._unspelt[-STEP:])
                    del self._unspelt[-STEP:]
                else:
                    self._forget(self._unlearnt[-STEP_BACK:])
                    del self._unlearnt[-STEP_BACK:]

    def _learn(self, terms: list[Term]) -> None:
        there = [term for term in terms if term.uses]
        self._spellings.add([term.folded for term in there if term.kind.close == 1], asked=False)
        self._spellings.add([term.folded for term in there if term.kind.close > 1], asked=True)
        for term in terms:
            if not term.uses:
                term.uses = NEVER

    def _forget(self, terms: list[Term]) -> None:
        for term in terms:
            if term.uses != NEVER:  # another with this name may be there
                self._spellings.remove(term.folded, asked=term.kind.close > 1)

    def _lane(self, language: str) -> Lane:
        """Return the dictionary of inflection keys of a language, made when its first article comes."""
        with self._filling:
            lane = self._lanes.get(language)
            return self._fill(language) if lane is None else lane

    def _fill(self, language: str) -> Lane:
        lane: Lane = {}
        with self._writing:  # from here on, new terms come into it by themselves
            held = list(self._words.values())
            self._lanes[language] = lane
        for start in range(0, len(held), STEP):
            with self._writing:
                for bag in held[start : start + STEP]:
                    for term in each(bag):
                        if term.uses > 0:  # it may have gone meanwhile
                            _put_in_lane(lane, term, language)
        return lane

    def _add(self, term: Term) -> None:
        put(self._words, term.folded, term)
        if term.kind.close:
            self._unspelt.append(term)
        if term.kind.sort is Sort.PREFIX:
            self._prefixes[len(term.folded)] += 1
        for language, lane in self._lanes.items():
            _put_in_lane(lane, term, language)
        if self._memory.answers:
            self._memory.changes.append(term)
            if len(self._memory.changes) > MOST_CHANGES:
                self._memory = Memory()

    def _remove(self, term: Term) -> None:
        take(self._words, term.folded, term)
        if term.kind.close:
            self._unlearnt.append(term)
        if term.kind.sort is Sort.PREFIX:
            self._prefixes[len(term.folded)] -= 1
            self._prefixes += Counter()  # without those that are gone
        for language, lane in self._lanes.items():
            for key in _lane_keys(term, language):
                take(lane, key, term)


def _may_be_joined(term: Term) -> bool:
    return term.kind.sort is Sort.WORD and not term.kind.exact


def _lane_keys(term: Term, language: str) -> list[str]:
    """Return the inflection keys under which a term is found, but for its own form, which needs none."""
    kind = term.kind
    inflects = kind.sort is Sort.WORD and not kind.exact and (not kind.is_name or language in NAMES_INFLECT)
    if not inflects or language_of(term.folded, language) != language:
        return []
    own = KEY + term.folded
    return [key for key in fresh_wanted_keys(term.folded, language) if key != own]


def _put_in_lane(lane: Lane, term: Term, language: str) -> None:
    for key in _lane_keys(term, language):
        put(lane, key, term)
