"""What a query waits for: the terms that call it, and what is left to ask once they are in an article.

In: an `Expr`. Out: a `Plan`. Most queries are words, names of two words, or pairs of these; for them the plan says
all there is to know, so that the look-up itself answers. For the others it names the part that is needed and rarest
(the longest word), and what is found by it is judged in full (`bot.matching.judge`).
"""

from functools import lru_cache
from typing import NamedTuple

from bot.matching.analysis import Case, fold, tokens
from bot.matching.expr import (
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
from bot.matching.needle import Word, is_simple, may_have_initials, needle, simple_word
from bot.matching.reading import PLACE
from bot.matching.terms import Kind, Sort, Want

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
    """A query is called by any of `ones` or `besides`; the rest is asked then.

    Every one of `needs` must be in the article, and none of `without`. Where `verify`, that is not all, and the
    query is judged in full; and where any of `doubts` is there. `weight` is high where the call says much.
    """

    ones: Wants
    besides: tuple[Beside, ...] = ()
    needs: tuple[Wants, ...] = ()
    without: tuple[Wants, ...] = ()
    verify: bool = False
    weight: int = 0
    doubts: Wants = ()

    @property
    def is_plain(self) -> bool:
        """Whether it says no more than "any of these terms"."""
        return not (self.besides or self.needs or self.without or self.doubts)

    @property
    def callers(self) -> Wants:
        """What an article has one of, if the query matches it."""
        return (*self.ones, *(beside.first for beside in self.besides))

    @property
    def asks(self) -> bool:
        """Whether something is left to ask once the query is called."""
        one_pair = len(self.needs) == 1 and not self.besides
        return self.verify or bool(self.without or self.doubts) or not (one_pair or not self.needs)

    @property
    def call(self) -> Want:
        """The first that calls it."""
        return self.ones[0] if self.ones else self.besides[0].first

    @property
    def alone(self) -> Wants:
        """Where the query waits by itself."""
        return () if self.needs else self.ones

    @property
    def pairs(self) -> tuple[tuple[Want, Want], ...]:
        """Where it waits for two terms at once: one that calls it, and one that is needed."""
        return tuple((one, other) for one in self.ones for other in self.needs[0]) if self.needs else ()

    @property
    def wants(self) -> tuple[Want, ...]:
        """Every want of the above, as often as it is used."""
        asked = ((self.call,), *self.needs, *self.without, self.doubts) if self.asks else ()
        twos = (*self.pairs, *((first, second) for first, second, _gap in self.besides))
        return (*self.alone, *(want for wants in (*asked, *twos) for want in wants))


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
            return _plan_all((left, right))._replace(verify=True)
        case Field("source", item):
            return _plan_source(item)
        case Field(_, item):
            return plan(item)._replace(without=(), doubts=(), verify=True)
        case Language(code):
            return Plan((Want(LANGUAGE + code, _KEY),))
        case Not():
            raise ValueError("an exclusion alone needs nothing")
    raise TypeError(f"no query: {expr!r}")


def _plan_all(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items if not isinstance(item, Not)]
    unwanted = [plan(item.item) for item in items if isinstance(item, Not)]
    call = max(plans, key=lambda one: one.weight)
    others = sorted((one for one in plans if one is not call), key=lambda one: -one.weight)
    needs = tuple(one.callers for one in others)
    without = tuple(one.ones for one in unwanted if one.is_plain and not one.verify)
    doubts = tuple(want for one in unwanted if one.verify or not one.is_plain for want in one.callers)
    return call._replace(
        needs=call.needs + needs,
        without=call.without + without,
        doubts=call.doubts + doubts,
        verify=any(one.verify for one in plans) or not all(one.is_plain for one in others),
    )


def _plan_any(items: tuple[Expr, ...]) -> Plan:
    plans = [plan(item) for item in items]
    return Plan(
        ones=tuple(dict.fromkeys(want for one in plans for want in one.ones)),
        besides=tuple(dict.fromkeys(beside for one in plans for beside in one.besides)),
        verify=any(one.verify or one.needs or one.without or one.doubts for one in plans),
        weight=min(one.weight for one in plans),
    )


def _plan_source(expr: Expr) -> Plan:
    """A source is called by any word of the part; a single word is all there is to ask."""
    wants = tuple(want for leaf in leaves(expr) for want in _source_wants(leaf))
    simple = isinstance(expr, Name | Alias | Exact | Within) and len(wants) == 1
    return Plan(tuple(dict.fromkeys(wants)), verify=not simple, weight=1)


def _source_wants(leaf: Leaf) -> list[Want]:
    match leaf:
        case Prefix(text):
            return [Want(SOURCE + fold(text), _PREFIX)]
        case Name(text) | Alias(text) | Exact(text) | Within(text):
            return [Want(SOURCE + token.folded, _KEY) for token in tokens(text)]
    return []


# --- leaves -----------------------------------------------------------------------------------------


def _plan_leaf(leaf: Leaf) -> Plan:
    if isinstance(leaf, Name) and is_simple(leaf.text):
        word = simple_word(leaf.text, close=leaf.close)
        return Plan((want(word),), (), (), (), word.needs_case, len(word.folded))
    if isinstance(leaf, Prefix):
        folded = tokens(leaf.text)[0].folded
        return Plan((Want(folded, _PREFIX),), weight=len(folded))
    made = needle.__wrapped__(leaf)  # each once: what is kept is for queries that are judged
    ones = [Want(key, _KEY) for key in made.spans if key[0] == PLACE]
    besides: list[Beside] = []
    verify = False
    weight = LONGEST if made.ways else PLACE_WEIGHT
    for way in made.ways:
        if len(way) == 1:
            ones.append(want(way[0]))
        else:
            besides += _besides(way)
        verify = verify or len(way) > 2
        longest = 0
        for word in way:
            longest = max(longest, len(word.folded))
            verify = verify or word.needs_case
        weight = min(weight, longest)
    several = tuple(dict.fromkeys(ones)) if len(ones) > 1 else tuple(ones)
    longer = [way for way in made.ways if len(way) > 1]
    needs = _others(longer[0], several) if len(longer) == 1 and len(longer[0]) > 2 else ()
    return Plan(several, tuple(besides), needs, (), verify, weight)


def _others(way: tuple[Word, ...], ones: Wants) -> tuple[Wants, ...]:
    """Return the words of a name that do not call it: each must be there, unless the whole is by another name."""
    at = _call_at(way)
    wants = [(want(word), *ones) for word in way]
    if may_have_initials(way):
        wants[0] = (Want(way[0].folded[0], _INITIAL), *wants[0])
    return tuple(tuple(dict.fromkeys(one)) for one in wants[:at] + wants[at + 2 :])


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
        found.append(Beside(Want(first.folded[0], _INITIAL), second, is_name))
    return found


def want(word: Word) -> Want:
    """Return what an article must have for a word of a query to be there."""
    upper = word.needs_case and word.case is Case.UPPER
    return Want(word.folded, _kind(word.exact, word.is_name, word.needs_case, upper, word.close))


@lru_cache(1 << 7)
def _kind(exact: bool, is_name: bool, needs_case: bool, upper: bool, close: int) -> Kind:
    """Return a Kind, the same object for every word that is wanted so."""
    return Kind(Sort.WORD, exact, is_name, needs_case, upper, close)
