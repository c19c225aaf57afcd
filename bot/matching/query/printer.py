"""Printer: writes a query tree as its canonical text."""

from bot.matching.query.ast import (
    Alias,
    And,
    Corroborated,
    Exact,
    Expr,
    Field,
    Language,
    Name,
    Near,
    Not,
    Or,
    Prefix,
    Within,
)


def format_query(expr: Expr) -> str:
    """Return the canonical text of a query, so that `parse(format_query(expr)) == expr`."""
    match expr:
        case Name(text, close) | Alias(text, close):
            return text + "~" if close else text
        case Exact(text):
            return f'"{text}"'
        case Prefix(text):
            return text + "*"
        case Within(text) | Language(text):
            return f"in:{text}" if isinstance(expr, Within) else f"lang:{text}"
        case Field(name, item):
            several_words = name == "source" and isinstance(item, Name) and " " in item.text
            return f"{name}:({format_query(item)})" if several_words else f"{name}:{_operand(item, (And, Or, Near))}"
        case Near(left, right, distance):
            return f"{_operand(left, (Or,))} NEAR/{distance} {_operand(right, (Or,))}"
        case Not(item):
            return f"NOT {_operand(item, (And, Or, Near))}"
        case And(items):
            return " AND ".join(_operand(item, (Or,)) for item in items).replace(" AND NOT ", " NOT ")
        case Corroborated(item, publishers):
            return f"{_operand(item, (Or,))} AND min:{publishers}"
        case Or(items):
            return " OR ".join(map(format_query, items))


def _operand(expr: Expr, grouped: tuple[type, ...]) -> str:
    text = format_query(expr)
    return f"({text})" if isinstance(expr, grouped) else text
