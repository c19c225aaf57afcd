"""Other forms of a query: each one step away, each as it could be typed."""

import pytest
from hypothesis import given, settings

from bot.matching.query.ast import Expr
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.search.variants import narrower, wider
from tests.matching.strategies import queries


def texts(exprs: list[Expr]) -> list[str]:
    return [format_query(expr) for expr in exprs]


@pytest.mark.parametrize(
    ("query", "forms"),
    [
        ("Pedersen", ["Pedersen~"]),
        ("UN", []),
        ("title:dam", ["dam"]),
        ('"dam river"', ["dam river"]),
        ("dam NEAR/3 river", ["dam AND river"]),
        ("Idlib", ["Idlib~", "Syria"]),
        ("dam -river", ["dam"]),
        ("Idlib bakery", ["Idlib bakery~", "Idlib AND bakery", "bakery", "Idlib"]),
        ("Egypt AND dam", ["Egypt~ AND dam", "dam", "Egypt", "Egypt OR dam"]),
    ],
)
def test_wider_forms_the_nearest_first(query: str, forms: list[str]) -> None:
    assert texts(wider(parse(query))) == forms


def test_narrower_forms() -> None:
    assert texts(narrower(parse("Syria"), ["Russia", "Assad"])) == [
        "title:Syria",
        "Syria AND Russia",
        "Syria AND Assad",
    ]
    assert texts(narrower(parse("title:dam"), ["Nile"])) == ["title:dam AND Nile"]
    assert texts(narrower(parse("joint committee"), [])) == ["title:joint committee", '"joint committee"']


@settings(max_examples=200, deadline=None)
@given(queries)
def test_every_form_can_be_typed_and_is_another(expr: Expr) -> None:
    for form in [*wider(expr), *narrower(expr, ["Russia", "Aden", "Nile"])]:
        assert form != expr
        assert parse(format_query(form)) == form
