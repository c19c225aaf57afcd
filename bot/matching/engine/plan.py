"""Query plan: the terms that make an article a candidate for a query, and whether a candidate must be verified.

In: an `Expr`. Out: a `Plan` of term keys. Most queries are words, names of two words, or pairs of these: for them the
plan is complete, and the look-up alone decides. For the others it names the required part that is rarest (the one with
the longest words), and `bot.matching.engine.verify` checks the rest of each candidate.
"""

from functools import lru_cache
from typing import NamedTuple, TypeAlias

from bot.matching.engine.document import PLACE
from bot.matching.engine.leaf import Word, Words, is_simple, make_leaf_matcher, may_have_initials, simple_word
from bot.matching.engine.terms import MatchRule, TermKey, TermType
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
from bot.matching.text.analysis import Case, fold, tokens

SOURCE = "\x03source:"  # has a character that no word has, so no prefix of a word begins it
LANGUAGE = "lang:"
LONGEST = 1_000  # letters
PLACE_SELECTIVITY = 4  # a place is about as rare as a word of so many letters

_INITIAL = MatchRule(TermType.INITIAL)
_PREFIX = MatchRule(TermType.PREFIX)
_KEY = MatchRule(TermType.KEY)

TermKeys: TypeAlias = tuple[TermKey, ...]  # alternatives: any of them is enough


class Bigram(NamedTuple):
    """Two adjacent words, in this order; with `gap`, one word with a capital may stand between (a middle name)."""

    first: TermKey
    second: TermKey
    gap: bool


class Plan(NamedTuple):
    """The conditions under which an article is a candidate for a query.

    An article with any of `triggers`, or any adjacent pair in `bigrams`, is a candidate if it also has one of
    `required` (where there are any; only beside `triggers`). `needs_check`: a candidate must still be verified.
    `selectivity`: higher for longer, rarer triggers.
    """

    triggers: TermKeys
    bigrams: tuple[Bigram, ...] = ()
    required: TermKeys = ()
    needs_check: bool = False
    selectivity: int = 0

    @property
    def necessary(self) -> TermKeys:
        """Terms of which each matching article has at least one."""
        return (*self.triggers, *(bigram.first for bigram in self.bigrams))

    @property
    def trigger(self) -> TermKey:
        """The first term that makes an article a candidate."""
        return self.triggers[0] if self.triggers else self.bigrams[0].first

    @property
    def single(self) -> TermKeys:
        """The triggers that suffice alone."""
        return () if self.required else self.triggers

    @property
    def pairs(self) -> tuple[tuple[TermKey, TermKey], ...]:
        """Each trigger with each required term: both must be in the article."""
        return tuple((trigger, required) for trigger in self.triggers for required in self.required)


def plan(expr: Expr) -> Plan:
    """Return the plan of a query. Raises ValueError for a mere exclusion, which has no triggers."""
    match expr:
        case Name() | Alias() | Exact() | Prefix() | Within():
            return _plan_leaf(expr)
        case And(items):
            return _plan_all(items)
        case Or(items):
            return _plan_any(items)
        case Near(left, right, _):
            return _plan_all((left, right))._replace(needs_check=True)
        case Field("source", item):
            return _plan_source(item)
        case Field(_, item):
            return plan(item)._replace(needs_check=True)
        case Corroborated(item):
            return plan(item)
        case Language(code):
            return Plan((special_key(LANGUAGE + code),))
        case Not():
            raise ValueError("an exclusion alone needs nothing")
    raise TypeError(f"no query: {expr!r}")


def _plan_all(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items if not isinstance(item, Not)]
    first = max(plans, key=lambda part: part.selectivity)
    rest = sorted((part for part in plans if part is not first), key=lambda part: -part.selectivity)
    if not rest:
        return first._replace(needs_check=True)
    is_pair = len(items) == len(plans) == 2 and not any(p.needs_check or p.bigrams or p.required for p in plans)
    return first._replace(required=first.required or rest[0].necessary, needs_check=not is_pair)


def _plan_any(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items]
    return Plan(
        triggers=tuple(dict.fromkeys(key for part in plans for key in part.triggers)),
        bigrams=tuple(dict.fromkeys(bigram for part in plans for bigram in part.bigrams)),
        needs_check=any(part.needs_check or part.required for part in plans),
        selectivity=min(part.selectivity for part in plans),
    )


def _plan_source(expr: Expr) -> Plan:
    """Return the plan for a part of a source's title or host: any of its words is a trigger. A single word needs no
    check."""
    keys = tuple(key for leaf in leaves(expr) for key in _source_keys(leaf))
    simple = isinstance(expr, Name | Alias | Exact | Within) and len(keys) == 1
    return Plan(tuple(dict.fromkeys(keys)), needs_check=not simple, selectivity=1)


def _source_keys(leaf: Leaf) -> list[TermKey]:
    match leaf:
        case Prefix(text):
            return [TermKey(SOURCE + fold(text), _PREFIX)]
        case Name(text) | Alias(text) | Exact(text) | Within(text):
            return [special_key(SOURCE + token.folded) for token in tokens(text)]
    return []


def _plan_leaf(leaf: Leaf) -> Plan:
    if isinstance(leaf, Name) and is_simple(leaf.text):
        word = simple_word(leaf.text, close=leaf.close)
        return Plan((word_key(word),), (), (), word.needs_case, len(word.folded))
    if isinstance(leaf, Prefix):
        folded = tokens(leaf.text)[0].folded
        return Plan((TermKey(folded, _PREFIX),), selectivity=len(folded))
    matcher = make_leaf_matcher(leaf)  # not the cached one: a leaf is planned once, the cache is for evaluation
    triggers = [special_key(key) for key in matcher.span_keys if key[0] == PLACE]
    bigrams: list[Bigram] = []
    needs_check = False
    selectivity = LONGEST if matcher.sequences else PLACE_SELECTIVITY
    for words in matcher.sequences:
        if len(words) == 1:
            triggers.append(word_key(words[0]))
        else:
            bigrams += _bigrams(words)
        needs_check = needs_check or len(words) > 2
        longest = 0
        for word in words:
            longest = max(longest, len(word.folded))
            needs_check = needs_check or word.needs_case
        selectivity = min(selectivity, longest)
    several = tuple(dict.fromkeys(triggers)) if len(triggers) > 1 else tuple(triggers)
    return Plan(several, tuple(bigrams), (), needs_check, selectivity)


def _bigram_at(words: Words) -> int:
    """Return the index of the word that begins the bigram of a name: its last two words if it may be a person's, else
    the longest two."""
    last = len(words) - 2
    if not last or may_have_initials(words):
        return last
    return max(range(last + 1), key=lambda i: len(words[i].folded) + len(words[i + 1].folded))


def _bigrams(words: Words) -> list[Bigram]:
    """Return the bigram of a name, and for a person's name of two words the one with an initial."""
    is_name = may_have_initials(words)
    at = _bigram_at(words)
    first, second = word_key(words[at]), word_key(words[at + 1])
    found = [Bigram(first, second, is_name)]
    if is_name and at == 0:
        found.append(Bigram(initial_key(words), second, is_name))
    return found


def name_of(folded: str, rule: MatchRule) -> Name:
    """Return a name whose plan is the term with this key: a simple word that needs no capitals."""
    return Name(folded.capitalize() if rule.is_name else folded, rule.close > 1)


def special_key(key: str) -> TermKey:
    """Return the key of a term that is no word of a text: a place, a word of a source, a language."""
    return TermKey(key, _KEY)


def initial_key(words: Words) -> TermKey:
    """Return the key of the term that may replace the first word of a person's name."""
    return TermKey(words[0].folded[0], _INITIAL)


def word_key(word: Word) -> TermKey:
    """Return the key of the term that matches the same words as a word of a query."""
    upper = word.needs_case and word.case is Case.UPPER
    return TermKey(word.folded, _rule(word.exact, word.is_name, word.needs_case, upper, word.close))


@lru_cache(1 << 7)
def _rule(exact: bool, is_name: bool, needs_case: bool, upper: bool, close: int) -> MatchRule:
    """Return a rule, the same object for all equal ones: millions of terms share it."""
    return MatchRule(TermType.WORD, exact, is_name, needs_case, upper, close)
