"""Trees of queries: walked and rebuilt without losing a node."""

import re
from typing import get_args

from hypothesis import given

from bot.matching.query.ast import Expr, Leaf, Name, children, leaves, map_children, walk
from tests.matching.strategies import queries

_NODES = re.compile(rf"\b({'|'.join(node.__name__ for node in get_args(Expr))})\(")


@given(queries)
def test_a_walk_meets_every_node_once_and_parents_first(expr: Expr) -> None:
    assert [type(node).__name__ for node in walk(expr)] == _NODES.findall(repr(expr))


@given(queries)
def test_leaves_are_the_nodes_without_children(expr: Expr) -> None:
    assert leaves(expr) == [node for node in walk(expr) if not children(node)]


@given(queries)
def test_a_tree_rebuilt_as_it_was_is_equal(expr: Expr) -> None:
    def rebuilt(node: Expr) -> Expr:
        return map_children(node, rebuilt)

    assert rebuilt(expr) == expr


@given(queries)
def test_rebuilding_changes_nothing_but_what_it_is_asked_to(expr: Expr) -> None:
    """Leaves taken out and put back in their order give the same tree: depth, distances and fields are kept."""
    originals = iter(leaves(expr))

    def emptied(node: Expr) -> Expr:
        return Name("") if isinstance(node, Leaf) else map_children(node, emptied)

    def refilled(node: Expr) -> Expr:
        return next(originals) if isinstance(node, Leaf) else map_children(node, refilled)

    empty = emptied(expr)
    assert set(leaves(empty)) == {Name("")}
    assert refilled(empty) == expr
