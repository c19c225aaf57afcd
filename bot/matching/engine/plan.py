"""What a query waits for: the terms that call it, and what is left to ask once they are in an article.

In: an `Expr`. Out: a `Plan`. Most queries are words, names of two words, or pairs of these; for them the plan says
all there is to know, so that the look-up itself answers. For the others it names the part that is needed and rarest
(the longest word), and what is found by it is asked the rest (`bot.matching.engine.verify`).
"""

from functools import lru_cache
from typing import NamedTuple

from bot.matching.engine.document import PLACE
from bot.matching.engine.leaf import Word, is_simple, may_have_initials, needle, simple_word
from bot.matching.engine.terms import Kind, Sort, Want
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
from bot.matching.text.analysis import Case, fold, tokens

SOURCE = "\x03source:"  # cannot stand in a word, so no prefix of one begins it
LANGUAGE = "lang:"
LONGEST = 1_000  # letters
PLACE_WEIGHT = 4  # a place is about as telling as a word of so many letters

_INITIAL = Kind(Sort.INITIAL)
_PREFIX = Kind(Sort.PREFIX)
_KEY = Kind(Sort.KEY)

Wants = tuple[Want, ...]  # any of them will do


class Beside(NamedTuple):
    """Two words side by side, in this order; `gap`: one word with a capital may stand between (a middle name)."""

    first: Want
    second: Want
    gap: bool


class Plan(NamedTuple):
    """A query is called by any of `ones` or `besides`; where it `asks`, the rest is asked then
    (`bot.matching.engine.verify`).

    `others`: one of these must be in the article too. `weight` is high where the call says much.
    """

    ones: Wants
    besides: tuple[Beside, ...] = ()
    others: Wants = ()
    asks: bool = False
    weight: int = 0

    @property
    def callers(self) -> Wants:
        """What an article has one of, if the query matches it."""
        return (*self.ones, *(beside.first for beside in self.besides))

    @property
    def call(self) -> Want:
        """The first that calls it."""
        return self.ones[0] if self.ones else self.besides[0].first

    @property
    def alone(self) -> Wants:
        """Where the query waits by itself."""
        return () if self.others else self.ones

    @property
    def pairs(self) -> tuple[tuple[Want, Want], ...]:
        """Where it waits for two terms at once: one that calls it, and one that is needed."""
        return tuple((one, other) for one in self.ones for other in self.others)


def plan(expr: Expr) -> Plan:
    """Return what a query waits for. Raises ValueError for an exclusion alone."""
    match expr:
        case Name() | Alias() | Exact() | Prefix() | Within():
            return _plan_leaf(expr)
        case And(items):
            return _plan_all(items)
        case Or(items):
            return _plan_any(items)
        case Near(left, right, _):
            return _plan_all((left, right))._replace(asks=True)
        case Field("source", item):
            return _plan_source(item)
        case Field(_, item):
            return plan(item)._replace(asks=True)
        case Language(code):
            return Plan((key_of(LANGUAGE + code),))
        case Not():
            raise ValueError("an exclusion alone needs nothing")
    raise TypeError(f"no query: {expr!r}")


def _plan_all(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items if not isinstance(item, Not)]
    call = max(plans, key=lambda one: one.weight)
    others = sorted((one for one in plans if one is not call), key=lambda one: -one.weight)
    if not others:
        return call._replace(asks=True)
    is_pair = len(items) == len(plans) == 2 and not any(one.asks or one.besides or one.others for one in plans)
    return call._replace(others=call.others or others[0].callers, asks=not is_pair)


def _plan_any(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items]
    return Plan(
        ones=tuple(dict.fromkeys(want for one in plans for want in one.ones)),
        besides=tuple(dict.fromkeys(beside for one in plans for beside in one.besides)),
        asks=any(one.asks or one.others for one in plans),
        weight=min(one.weight for one in plans),
    )


def _plan_source(expr: Expr) -> Plan:
    """A source is called by any word of the part; a single word is all there is to ask."""
    wants = tuple(want for leaf in leaves(expr) for want in _source_wants(leaf))
    simple = isinstance(expr, Name | Alias | Exact | Within) and len(wants) == 1
    return Plan(tuple(dict.fromkeys(wants)), asks=not simple, weight=1)


def _source_wants(leaf: Leaf) -> list[Want]:
    match leaf:
        case Prefix(text):
            return [Want(SOURCE + fold(text), _PREFIX)]
        case Name(text) | Alias(text) | Exact(text) | Within(text):
            return [key_of(SOURCE + token.folded) for token in tokens(text)]
    return []


# --- leaves -----------------------------------------------------------------------------------------


def _plan_leaf(leaf: Leaf) -> Plan:
    if isinstance(leaf, Name) and is_simple(leaf.text):
        word = simple_word(leaf.text, close=leaf.close)
        return Plan((want(word),), (), (), word.needs_case, len(word.folded))
    if isinstance(leaf, Prefix):
        folded = tokens(leaf.text)[0].folded
        return Plan((Want(folded, _PREFIX),), weight=len(folded))
    made = needle.__wrapped__(leaf)  # each once: what is kept is for queries that are judged
    ones = [key_of(key) for key in made.spans if key[0] == PLACE]
    besides: list[Beside] = []
    asks = False
    weight = LONGEST if made.ways else PLACE_WEIGHT
    for way in made.ways:
        if len(way) == 1:
            ones.append(want(way[0]))
        else:
            besides += _besides(way)
        asks = asks or len(way) > 2
        longest = 0
        for word in way:
            longest = max(longest, len(word.folded))
            asks = asks or word.needs_case
        weight = min(weight, longest)
    several = tuple(dict.fromkeys(ones)) if len(ones) > 1 else tuple(ones)
    return Plan(several, tuple(besides), (), asks, weight)


def _call_at(way: tuple[Word, ...]) -> int:
    """Return where the two words of a name stand that call it: the last ones of a person's, else the longest."""
    last = len(way) - 2
    if not last or may_have_initials(way):
        return last
    return max(range(last + 1), key=lambda i: len(way[i].folded) + len(way[i + 1].folded))


def _besides(way: tuple[Word, ...]) -> list[Beside]:
    """Return two words of a name that stand side by side."""
    is_name = may_have_initials(way)
    at = _call_at(way)
    first, second = want(way[at]), want(way[at + 1])
    found = [Beside(first, second, is_name)]
    if is_name and at == 0:
        found.append(Beside(initial_of(way), second, is_name))
    return found


def name_of(folded: str, kind: Kind) -> Name:
    """Return a name of one simple word that is wanted so, and whose case does not decide."""
    return Name(folded.capitalize() if kind.is_name else folded, kind.close > 1)


def key_of(key: str) -> Want:
    """Return the want of what is no word of a text: a place, a source's word, a language."""
    return Want(key, _KEY)


def initial_of(way: tuple[Word, ...]) -> Want:
    """Return what may stand for the first word of a person's name."""
    return Want(way[0].folded[0], _INITIAL)


def want(word: Word) -> Want:
    """Return what an article must have for a word of a query to be there."""
    upper = word.needs_case and word.case is Case.UPPER
    return Want(word.folded, _kind(word.exact, word.is_name, word.needs_case, upper, word.close))


@lru_cache(1 << 7)
def _kind(exact: bool, is_name: bool, needs_case: bool, upper: bool, close: int) -> Kind:
    """Return a Kind, the same object for every word that is wanted so."""
    return Kind(Sort.WORD, exact, is_name, needs_case, upper, close)
