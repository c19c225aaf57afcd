"""Variants: queries that match a little more, or a little less, than a given one.

In: an `Expr`, and names that often occur in its articles. Out: other queries, each one change away and each such that
it can be typed, the nearest first. Not here: the articles they find.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence

from bot.errors import QueryError
from bot.matching.engine.spelling import SHORTEST_MISSPELT
from bot.matching.gazetteer import places
from bot.matching.query.ast import And, Corroborated, Exact, Expr, Field, Name, Near, Not, Or
from bot.matching.query.parser import LONGEST, parse
from bot.matching.query.printer import format_query
from bot.matching.text.analysis import tokens

MOST_WIDER = 16  # forms returned


def wider(expr: Expr) -> list[Expr]:
    """Return queries that match the same articles, or similar ones, and more."""
    if isinstance(expr, Corroborated):
        return _corroborated(wider(expr.item), expr.publishers)
    return _typed([*_looser(expr), *_freer(expr)], but=expr)[:MOST_WIDER]


def narrower(expr: Expr, additions: Iterable[str]) -> list[Expr]:
    """Return queries that match a part of the articles; each of the names in `additions` makes one."""
    if isinstance(expr, Corroborated):
        return _corroborated(narrower(expr.item, additions), expr.publishers)
    found: list[Expr] = [Field("title", expr)]
    if isinstance(expr, Name) and len(tokens(expr.text)) > 1:
        found.append(Exact(expr.text))
    found += [_and([expr, Name(name)]) for name in additions]
    return _typed(found, but=expr)


def _corroborated(exprs: Iterable[Expr], publishers: int) -> list[Expr]:
    """Return the queries with the publishers they wait for, as far as they can be typed then."""
    forms: list[Expr] = [Corroborated(expr, publishers) for expr in exprs]
    return [form for form in forms if len(format_query(form)) <= LONGEST]


def _typed(exprs: Iterable[Expr], *, but: Expr) -> list[Expr]:
    """Return the queries that can be typed, as they are parsed, each once and without `but`."""
    found: dict[Expr, None] = {}
    for expr in exprs:
        text = format_query(expr)
        try:
            read = parse(text) if len(text) <= LONGEST else but
        except QueryError:
            continue
        if read == expr != but:
            found[read] = None
    return list(found)


def _looser(expr: Expr) -> Iterator[Expr]:
    """Yield the query with the same words, matched less strictly."""
    match expr:
        case Field("title", item):
            yield item
            yield from (Field("title", looser) for looser in _looser(item))
        case Exact(text):
            yield Name(text)
        case Near(left, right, _):
            yield _and([left, right])
        case Name(text, close):
            letters = [token.folded for token in tokens(text)]
            if not close and all(len(word) >= SHORTEST_MISSPELT and word.isalpha() for word in letters):
                yield Name(text, close=True)
        case And(items) | Or(items):
            join = _and if isinstance(expr, And) else _or
            yield from map(join, _one_changed(items, _looser))


def _freer(expr: Expr) -> Iterator[Expr]:
    """Yield the query with fewer words, or with a country for its town."""
    match expr:
        case And(items):
            nots = [item for item in items if isinstance(item, Not)]
            wanted = [item for item in items if not isinstance(item, Not)]
            yield from (_and([item for item in items if item is not gone]) for gone in nots)
            if len(wanted) > 1:
                yield from (_and([item for item in items if item is not gone]) for gone in wanted)
                yield _and([_or(wanted), *nots])
            yield from map(_and, _one_changed(items, _freer))
        case Or(items):
            yield from (_or([*items, freer]) for item in items for freer in _freer(item))
        case Field("title", item):
            yield from (Field("title", freer) for freer in _freer(item))
        case Name(text, close):
            if country := _country(text):
                yield Name(country)
            words = text.split(" ")
            if len(words) > 1 and not places.concepts(text):
                yield _and([Name(word, close) for word in words])
                yield from (Name(word, close) for word in sorted(words, key=len, reverse=True))


def _one_changed(items: Sequence[Expr], change: Callable[[Expr], Iterable[Expr]]) -> Iterator[list[Expr]]:
    """Yield the items with one of them changed, for each item and each change of it."""
    for position, item in enumerate(items):
        yield from ([*items[:position], changed, *items[position + 1 :]] for changed in change(item))


def _country(text: str) -> str | None:
    """Return the country of a town, or None."""
    for concept in places.concepts(text)[:1]:
        country = places.country_of(concept)
        return places.name_of(country) if country != concept else None
    return None


def _and(items: Sequence[Expr]) -> Expr:
    flat = [part for item in items for part in (item.items if isinstance(item, And) else (item,))]
    flat = list(dict.fromkeys(flat))
    return flat[0] if len(flat) == 1 else And(tuple(sorted(flat, key=lambda item: isinstance(item, Not))))


def _or(items: Sequence[Expr]) -> Expr:
    flat = [part for item in items for part in (item.items if isinstance(item, Or) else (item,))]
    flat = list(dict.fromkeys(flat))
    return flat[0] if len(flat) == 1 else Or(tuple(flat))
