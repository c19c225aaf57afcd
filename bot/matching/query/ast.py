"""What a query says, as a tree of frozen records. `bot.matching.query.parser` reads and writes its text.

Words are kept as typed (white space and stray punctuation aside): how they are matched is decided by
`bot.matching.engine.leaf`, so a stored query gains from every later improvement of the matcher.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    """Words side by side, adjacent and in this order: "Real Madrid". `close` asks for close spellings ("~")."""

    text: str
    close: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """A Name that has other names by an administrator's alias. Never read nor stored: `Aliases.bind` makes it.

    `concept` is what all the names stand for, `also` the others as they were written. Where only a part of `text` has
    other names (Burma army), `concept` is "", and each of `also` is the whole with another (Myanmar army): a name too.
    """

    text: str
    close: bool
    concept: str
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """Exactly these words: "…" or =word."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Words that begin with `text`: terror*."""

    text: str


@dataclass(frozen=True, slots=True)
class Within:
    """A country, its regions and cities: in:Syria. `text` is the place as typed."""

    text: str


@dataclass(frozen=True, slots=True)
class Language:
    """Articles in a language, by its code of two or three letters: lang:ar."""

    code: str


@dataclass(frozen=True, slots=True)
class Field:
    """`item` in one field only: "title" or "source"."""

    name: str
    item: "Expr"


@dataclass(frozen=True, slots=True)
class Near:
    """Both sides in one field, in either order, with at most `words` words between them."""

    left: "Expr"
    right: "Expr"
    words: int


@dataclass(frozen=True, slots=True)
class Not:
    """Without `item`; only stands in an And beside something that is wanted."""

    item: "Expr"


@dataclass(frozen=True, slots=True)
class And:
    """All of the items (two or more), none of them an And."""

    items: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """Any of the items (two or more), none of them an Or or a Not."""

    items: "tuple[Expr, ...]"


Leaf: TypeAlias = Name | Alias | Exact | Prefix | Within | Language
Expr: TypeAlias = Leaf | Field | Near | Not | And | Or


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the nodes directly below a node, in the order they were written; a leaf has none."""
    match expr:
        case And(items) | Or(items):
            return items
        case Not(item) | Field(_, item):
            return (item,)
        case Near(left, right, _):
            return (left, right)
        case Name() | Alias() | Exact() | Prefix() | Within() | Language():
            return ()


def map_children(expr: Expr, function: Callable[[Expr], Expr]) -> Expr:
    """Return the node with `function` applied to each of its children, and nothing else changed; a leaf as it is.

    To rebuild a whole tree, `function` calls `map_children` in its turn. A result is not flattened: where `function`
    puts an And into an And, the caller joins them.
    """
    match expr:
        case And(items):
            return And(tuple(map(function, items)))
        case Or(items):
            return Or(tuple(map(function, items)))
        case Not(item):
            return Not(function(item))
        case Field(name, item):
            return Field(name, function(item))
        case Near(left, right, words):
            return Near(function(left), function(right), words)
        case Name() | Alias() | Exact() | Prefix() | Within() | Language():
            return expr


def walk(expr: Expr) -> Iterator[Expr]:
    """Yield every node of a tree: a parent before its children, these in the order they were written."""
    yield expr
    for child in children(expr):
        yield from walk(child)


def leaves(expr: Expr) -> list[Leaf]:
    """Return the leaves of a tree, in the order they were written."""
    match expr:
        case And() | Or() | Not() | Field() | Near():
            return [leaf for child in children(expr) for leaf in leaves(child)]
    return [expr]


def without_exclusions(expr: Expr) -> tuple[Expr, list[Expr]]:
    """Return the query without its exclusions, and the excluded expressions, each in its field."""
    return _without_not(expr), _excluded(expr)


def _without_not(expr: Expr) -> Expr:
    if isinstance(expr, And):
        items = tuple(_without_not(item) for item in expr.items if not isinstance(item, Not))
        return items[0] if len(items) == 1 else And(items)
    return map_children(expr, _without_not)


def _excluded(expr: Expr) -> list[Expr]:
    """Return the excluded expressions: those of a group before those of the groups inside it."""
    match expr:
        case Not(item):
            return [item]
        case Field(name, item):
            return [Field(name, excluded) for excluded in _excluded(item)]
    in_order = sorted(children(expr), key=lambda child: not isinstance(child, Not))
    return [excluded for child in in_order for excluded in _excluded(child)]
