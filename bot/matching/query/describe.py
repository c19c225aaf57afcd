"""Description: puts a query into plain words, as in "Egypt and Russia, in the same article"."""

from babel import Locale, UnknownLocaleError
from markupsafe import Markup

from bot.locales import Words
from bot.matching.gazetteer import places
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
from bot.matching.query.parser import ENGLISH


def describe(expr: Expr, words: Words = ENGLISH) -> Markup:
    """Return a query in plain words: "<b>Egypt</b> <i>and</i> <b>Russia</b>, in the same article"."""
    if isinstance(expr, Corroborated):
        return words.say_many(
            "{query}, once {number} publisher has the event",
            "{query}, once {number} publishers have the event",
            expr.publishers,
            query=describe(expr.item, words),
        )
    if isinstance(expr, Name) and places.is_land(expr.text):
        return words.say("<b>{name}</b>, its people and adjectives", name=expr.text)
    text = _describe(expr, words)
    if isinstance(expr, And) and sum(not isinstance(item, Not) for item in expr.items) > 1:
        return words.say("{query}, in the same article", query=text)
    return text


def _describe(expr: Expr, words: Words) -> Markup:
    match expr:
        case Name(text, close=True):
            return words.say("<b>{name}</b> and close spellings", name=text)
        case Name(text):
            return words.say("<b>{name}</b>", name=text)
        case Alias(text, close, _, also):
            others = words.say(", ").join(words.isolate(name) for name in also)
            return words.say("{name}, also as {others}", name=_describe(Name(text, close), words), others=others)
        case Exact(text):
            return words.say("exactly “<b>{words}</b>”", words=text)
        case Prefix(text):
            return words.say("words that begin with <b>{letters}</b>", letters=text)
        case Within(text):
            return words.say("<b>{place}</b>, its regions and cities", place=text)
        case Language(code):
            return words.say("in {language}", language=_language_name(code, words.locale))
        case _:
            return _describe_operator(expr, words)


def _describe_operator(expr: Field | Near | Not | And | Or | Corroborated, words: Words) -> Markup:
    match expr:
        case Field("title", item):
            return words.say("in the title: {query}", query=_inner(item, words))
        case Field(_, item):
            return words.say("from sources named {query}", query=_inner(item, words))
        case Near(left, right, distance):
            return words.say_many(
                "{left} <i>and</i> {right}, at most {number} word apart",
                "{left} <i>and</i> {right}, at most {number} words apart",
                distance,
                left=_inner(left, words),
                right=_inner(right, words),
            )
        case Not(item):
            return words.say("<i>without</i> {query}", query=_inner(item, words))
        case Corroborated(item):
            return _describe(item, words)
        case And(items):
            return _describe_and(items, words)
        case Or(items):
            return words.say(" <i>or</i> ").join(_inner(item, words) for item in items)


def _describe_and(items: tuple[Expr, ...], words: Words) -> Markup:
    wanted = words.say(" <i>and</i> ").join(_inner(item, words) for item in items if not isinstance(item, Not))
    return Markup(", ").join([wanted, *(_inner(item, words) for item in items if isinstance(item, Not))])


def _inner(expr: Expr, words: Words) -> Markup:
    text = _describe(expr, words)
    return Markup("({})").format(text) if isinstance(expr, And | Or) else text


def _language_name(code: str, locale: str) -> str:
    try:
        names = Locale.parse(locale).languages
    except (UnknownLocaleError, ValueError):
        return code
    return str(names.get(code, code))
