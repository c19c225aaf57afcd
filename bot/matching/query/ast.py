"""Query tree: a query as frozen records. `bot.matching.query.parser` makes it from text.

Words are stored as typed, except for white space and stray punctuation; `bot.matching.engine.leaf` decides how they
match, so a stored query gains from every later improvement of the matcher.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Name:
    """Adjacent words in this order: "Real Madrid". With `close` ("~") close spellings match too."""

    text: str
    close: bool = False


@dataclass(frozen=True, slots=True)
class Alias:
    """A Name with other names by an administrator's alias. Made by `Aliases.bind`, never parsed or stored.

    `concept` is the key shared by all the names, `also` the other names as written. If only a part of `text` has other
    names (Burma army), `concept` is "", and each of `also` is the whole text with another name (Myanmar army).
    """

    text: str
    close: bool
    concept: str
    also: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Exact:
    """Words that match exactly: "…" or =word."""

    text: str


@dataclass(frozen=True, slots=True)
class Prefix:
    """Words that begin with `text`: terror*."""

    text: str


@dataclass(frozen=True, slots=True)
class Within:
    """A country with its regions and cities: in:Syria. `text` is the main name of the country."""

    text: str


@dataclass(frozen=True, slots=True)
class Language:
    """Articles in a language, by its code of two or three letters: lang:ar."""

    code: str


@dataclass(frozen=True, slots=True)
class Field:
    """An expression that must match in one field: `name` is "title" or "source"."""

    name: str
    item: "Expr"


@dataclass(frozen=True, slots=True)
class Near:
    """Two expressions in one field, in either order, with at most `words` words between them."""

    left: "Expr"
    right: "Expr"
    words: int


@dataclass(frozen=True, slots=True)
class Not:
    """An exclusion: only in an And that also has other items."""

    item: "Expr"


@dataclass(frozen=True, slots=True)
class And:
    """A conjunction of two or more items, none of them an And."""

    items: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Or:
    """An alternative of two or more items, none of them an Or or a Not."""

    items: "tuple[Expr, ...]"


@dataclass(frozen=True, slots=True)
class Corroborated:
    """A whole query of which hits wait until `publishers` independent ones of an event match: Syria AND min:3.

    An article matches it as it matches `item`: publishers are counted where there are stories (`bot.pipeline.match`).
    """

    item: "Expr"
    publishers: int


Leaf: TypeAlias = Name | Alias | Exact | Prefix | Within | Language
Expr: TypeAlias = Leaf | Field | Near | Not | And | Or | Corroborated


def children(expr: Expr) -> tuple[Expr, ...]:
    """Return the nodes directly below a node, in the order they were written; a leaf has none."""
    match expr:
        case And(items) | Or(items):
            return items
        case Not(item) | Field(_, item) | Corroborated(item):
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
        case Corroborated(item, publishers):
            return Corroborated(function(item), publishers)
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
        case And() | Or() | Not() | Field() | Near() | Corroborated():
            return [leaf for child in children(expr) for leaf in leaves(child)]
    return [expr]


def article_query(expr: Expr) -> Expr:
    """Return the part of a query that an article matches: all but the publishers it waits for."""
    return expr.item if isinstance(expr, Corroborated) else expr


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
