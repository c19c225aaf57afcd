"""Parser: turns the text of a query into a tree. docs/queries.md describes the language.

In: text as typed. Out: an `Expr`, or a `QueryError` with a sentence that says what to change and the position of the
mistake. Not here: the text of a tree (`bot.matching.query.printer`).
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from bot.errors import QueryError
from bot.locales import Words, words
from bot.matching.gazetteer import places
from bot.matching.query.ast import (
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
    leaves,
    walk,
)
from bot.matching.query.printer import format_query
from bot.matching.text.analysis import tokens, word_set

LONGEST = 100  # characters
MOST_TERMS = 10
DEEPEST = 10
SHORTEST_PREFIX = 4  # letters: a shorter prefix is in every article
FARTHEST = 100  # words, for NEAR
PUBLISHERS = range(2, 10)  # that min: can wait for
ENGLISH = words("en")

_DASHES = "-‐‑‒–—―−"
_QUOTES = '"“”„‟«»＂'
_SPACE = re.compile(r"\s+")
_TOKEN = re.compile(
    rf"(?P<quote>[{_QUOTES}])"
    r"|(?P<bracket>[()|])"
    r"|(?P<near>NEAR(?:/(?P<words>\d*))?(?=[\s(]|$))"
    r"|(?P<operator>(?:AND|OR|NOT)(?=[\s()|]|$))"
    r"|(?P<field>(?i:title|source|lang|in):(?=\S))"
    r"|(?P<minimum>(?i:min):(?=\S)[^\s()|" + _QUOTES + r"]*)"
    rf"|(?P<dash>[{_DASHES}]+)"
    r"|(?P<plus>\+(?=\s|$)|\+(?=\w))"
    r"|=+(?P<exact>[^\s()|" + _QUOTES + r"]+)"
    r"|(?P<word>[^\s()|" + _QUOTES + r"]+)"
)
_INSIDE = re.compile(r"(?<=.)[‒–—―−]|(?<=\w)\+(?=\w)|(?<=.)[-‐‑]+$")  # ends a word: Egypt–Russia, Egypt+Russia
_NOT_IN_NAMES = re.compile(r"[:*~=<>]+")
_AND_SIGNS = "&＆"
_HYPHEN_OR_AND = re.compile(rf"\s*[-‐‑{_AND_SIGNS}]\s*")
_SIMPLE_WORD = r"(?!(?:AND|OR|NOT|NEAR)\b)[A-Za-z]+"
_SIMPLE_NAME = rf"{_SIMPLE_WORD}(?: {_SIMPLE_WORD})*~?"
_SIMPLE = re.compile(rf"{_SIMPLE_NAME}(?: (?:AND|OR|NOT) {_SIMPLE_NAME})*")
_OPERATORS = frozenset(["AND", "OR", "NOT", "NEAR"])
TOO_COMMON = word_set("a an and are as at be but by for from has he in is it its of on or that the this to was with")
_SEPARATOR = re.compile(r"[,،、;]|\n")


@dataclass(frozen=True, slots=True)
class _Token:
    """A token of a query: `kind` is "word", "close", "exact", "prefix", "field", a bracket or an operator."""

    kind: str
    text: str
    position: int


def parse(text: str, words: Words = ENGLISH) -> Expr:
    """Return the tree of a query. Raises QueryError, with its sentence in the language of `words`.

    Text has at most LONGEST characters; canonical text may be a little longer, as it spells operators out.
    """
    simple = _read_simple(text) if len(text) <= LONGEST else None
    return simple or _read(text, words)


def _read(text: str, words: Words) -> Expr:
    _ = words.gettext
    text = unicodedata.normalize("NFC", text)
    if len(text) > 4 * LONGEST:
        raise _too_long(words)
    expr = _QueryParser(text, words).query()
    if len(leaves(expr)) > MOST_TERMS:
        raise QueryError(_("Use at most {most} terms in one query.").format(most=MOST_TERMS), len(text))
    if len(text) > LONGEST and not _is_canonical(text, expr):
        raise _too_long(words)
    return expr


def _read_simple(text: str) -> Expr | None:
    """Return the tree of a query of plain words joined by AND, OR and NOT only, or None for any other query.

    A shortcut: most queries are of this kind, and a million of them are parsed when the bot starts.
    """
    if not _SIMPLE.fullmatch(text):
        return None
    if " " not in text:
        name = _simple_name(text)
        return None if name.text in TOO_COMMON else name
    branches = [_read_simple_branch(branch) for branch in text.split(" OR ")]
    refused = any(isinstance(branch, Name) and branch.text in TOO_COMMON for branch in branches)
    expr = _flat(Or, branches)
    return None if refused or len(leaves(expr)) > MOST_TERMS else expr


def _read_simple_branch(text: str) -> Expr:
    items: list[Expr] = []
    for part in text.split(" AND "):
        wanted, *unwanted = part.split(" NOT ")
        items.append(_simple_name(wanted))
        items += [Not(_simple_name(name)) for name in unwanted]
    return _flat(And, items)


def _simple_name(text: str) -> Name:
    return Name(text[:-1], close=True) if text.endswith("~") else Name(text)


def split_queries(text: str) -> list[str]:
    """Return the parts of `text` between commas and other separators, as in `/subscribe Syria, Idlib`.

    A separator inside quotes, parentheses or a known name ("Washington, D.C.") is part of a query.
    """
    parts: list[str] = []
    start = nesting = 0
    quoted = False
    for position, character in enumerate(text):
        if character in _QUOTES:
            quoted = not quoted
        elif character in "()" and not quoted:
            nesting = max(0, nesting + (1 if character == "(" else -1))
        elif _SEPARATOR.match(character) and not (quoted or nesting) and not _in_known_name(text, start, position):
            parts.append(text[start:position])
            start = position + 1
    parts.append(text[start:])
    return [part.strip() for part in parts if part.strip()]


# --- parsing ----------------------------------------------------------------------------------------


class _QueryParser:
    """A recursive descent parser: OR, then AND, then NOT, then NEAR, then a term or a group."""

    def __init__(self, text: str, words: Words) -> None:
        self.text = text
        self.words = words
        self._ = words.gettext
        self.tokens = list(_tokens(text, words))
        self.index = 0
        self.nesting = 0
        self.minimum: _Token | None = None

    def query(self) -> Expr:
        if not self.tokens:
            raise QueryError(self._("Write the words to look for, as in Syria or Egypt AND Russia."), 0)
        expr = self.any_of()
        if self.kind() == ")":
            raise self.error(self._("Take this “)” away, or open it with “(” before."))
        self.refuse_common(expr)
        return Corroborated(expr, int(self.minimum.text)) if self.minimum else expr

    def any_of(self) -> Expr:
        items = [self.all_of()]
        while self.kind() == "or":
            self.index += 1
            items.append(self.all_of())
        if len(items) > 1 and self.minimum and not self.nesting:
            raise self.misplaced(self.minimum)
        return _flat(Or, items)

    def all_of(self) -> Expr:
        start = self.position()
        items = self.part()
        while self.kind() not in ("", ")", "or"):
            self.index += self.kind() == "and"
            items += self.part()
        if all(isinstance(item, Not) for item in items):
            raise QueryError(self._("Say what to look for as well, as in Syria -football."), start)
        return _flat(And, items)

    def part(self) -> list[Expr]:
        """Parse one part of an AND: none for min:, which is of the whole query."""
        if self.kind() != "minimum":
            return [self.excluded()]
        token = self.tokens[self.index]
        if self.nesting:
            raise self.misplaced(token)
        if self.minimum:
            raise self.error(self._("Write min: once in a query."))
        self.minimum = token
        self.index += 1
        return []

    def misplaced(self, token: _Token) -> QueryError:
        message = self._("min: is for the whole query: put all else in parentheses, as in (Syria OR Iraq) min:3.")
        return QueryError(message, token.position)

    def excluded(self) -> Expr:
        if self.kind() != "not":
            return self.near()
        self.index += 1
        if self.kind() == "not":
            raise self.error(self._("Exclude it once: take this second “not” away."))
        return Not(self.near())

    def near(self) -> Expr:
        start = self.position()
        left = self.term()
        if self.kind() != "near":
            return left
        token = self.tokens[self.index]
        self.index += 1
        right_start = self.position()
        right = self.term()
        self.refuse_near(left, start)
        self.refuse_near(right, right_start)
        if self.kind() == "near":
            raise self.error(self._("Put one NEAR between two names; join another with AND."))
        return Near(left, right, int(token.text))

    def term(self) -> Expr:
        kind = self.kind()
        token = self.tokens[self.index] if kind else _Token("", "", len(self.text))
        if kind == "(":
            return self.group(token)
        if kind == "field":
            return self.field(token)
        if kind in ("word", "close"):
            return self.name()
        if kind == "exact":
            self.index += 1
            return Exact(token.text)
        if kind == "prefix":
            self.index += 1
            return Prefix(token.text)
        if kind == "minimum":
            raise self.misplaced(token)
        if not kind or kind == ")":
            raise QueryError(self._("Write a word here: something is missing."), token.position)
        raise QueryError(self._("Write a word before and after “{sign}”.").format(sign=token.text), token.position)

    def group(self, opening: _Token) -> Expr:
        self.index += 1
        self.nesting += 1
        if self.nesting > DEEPEST:
            message = self._("Use at most {most} levels of parentheses.").format(most=DEEPEST)
            raise QueryError(message, opening.position)
        expr = self.any_of()
        if self.kind() != ")":
            raise QueryError(self._("Close this “(” with a “)”."), opening.position)
        self.index += 1
        self.nesting -= 1
        return expr

    def field(self, token: _Token) -> Expr:
        self.index += 1
        start = self.position()
        if token.text == "in":
            return self.within()
        if token.text == "lang":
            return self.language()
        item = self.name(most=1) if token.text == "source" and self.kind() in ("word", "close") else self.term()
        if _has_field(item):
            raise QueryError(self._("Use one field at a time: take the inner one out of this group."), start)
        return Field(token.text, item)

    def within(self) -> Expr:
        """Parse in:…, with as many of the next words as form the name of a country."""
        start = self.position()
        run = self.run()
        named = [_tidy(" ".join(token.text for token in run[:count])) for count in range(len(run), 0, -1)]
        for count, name in zip(range(len(run), 0, -1), named, strict=True):
            if place := places.land(name):
                self.index += count
                return Within(place.name)
        if any(map(places.concepts, named)):
            raise QueryError(self._("in: takes a country; leave it out for a region or a city."), start)
        raise QueryError(self._("I do not know this country; write its usual name, as in in:Syria."), start)

    def language(self) -> Expr:
        code = self.tokens[self.index].text.casefold() if self.kind() == "word" else ""
        if not re.fullmatch(r"[a-z]{2,3}", code):
            raise self.error(self._("Write a language as two letters, as in lang:ar."))
        self.index += 1
        return Language(code)

    def run(self) -> list[_Token]:
        """Return the adjacent words from here, without advancing; a quotation counts as one word."""
        end = self.index
        if self.kind() == "exact":
            return [self.tokens[end]]
        while end < len(self.tokens) and self.tokens[end].kind in ("word", "close"):
            end += 1
        return self.tokens[self.index : end]

    def name(self, most: int | None = None) -> Expr:
        """Parse adjacent words (at most `most`) as one name, or as several joined by a hyphen or "&"."""
        run = self.run()[:most]
        self.index += len(run)
        close = any(token.kind == "close" for token in run)
        text = _tidy(" ".join(token.text for token in run))
        if not text:
            raise QueryError(self._("Write a word with letters or digits here."), run[0].position)
        return _several(text, close) or Name(text, close)

    def refuse_near(self, side: Expr, position: int) -> None:
        """Refuse a side of NEAR, which compares positions of words, unless it is a name or an alternative of names."""
        sides = side.items if isinstance(side, Or) else (side,)
        if not all(isinstance(item, Name | Exact | Prefix | Within) for item in sides):
            raise QueryError(self._("Put a name on each side of NEAR, as in Egypt NEAR/8 Russia."), position)

    def refuse_common(self, expr: Expr) -> None:
        for item in expr.items if isinstance(expr, Or) else (expr,):
            if isinstance(item, Name | Exact) and item.text in TOO_COMMON:
                message = self._("“{word}” is in nearly every article: add a word to it.")
                raise QueryError(message.format(word=item.text), max(0, self.text.find(item.text)))

    def kind(self) -> str:
        return self.tokens[self.index].kind if self.index < len(self.tokens) else ""

    def position(self) -> int:
        return self.tokens[self.index].position if self.index < len(self.tokens) else len(self.text)

    def error(self, message: str) -> QueryError:
        return QueryError(message, self.position())


def _tokens(text: str, words: Words) -> Iterator[_Token]:
    position = 0
    while position < len(text):
        if space := _SPACE.match(text, position):
            position = space.end()
            continue
        token, position = _next_token(text, position, words)
        if token:
            yield token


def _next_token(text: str, position: int, words: Words) -> tuple[_Token | None, int]:
    """Return the token at `position` (None for an empty one) and the position of the next."""
    found = _TOKEN.match(text, position)
    assert found, "every character that is no space begins a token"
    value = found.group(found.lastgroup or 0)
    match found.lastgroup:
        case "quote":
            return _quoted(text, position, words)
        case "bracket":
            return _Token("or" if value == "|" else value, value, position), found.end()
        case "operator":
            return _Token(value.casefold(), value, position), found.end()
        case "near" | "words":
            return _near(found, position, words), found.end()
        case "field":
            return _Token("field", value[:-1].casefold(), position), found.end()
        case "minimum":
            return _minimum(value, position, words), found.end()
        case "dash":
            return _dash(text, found, position), found.end()
        case "plus":
            return (_Token("and", "+", position) if text[:position].strip() else None), found.end()
    return _word(text, found, words)


def _near(found: re.Match[str], position: int, words: Words) -> _Token:
    distance = found["words"] or ""
    if not distance or len(distance) > 3 or int(distance) > FARTHEST:
        message = words.gettext("Say how many words may stand between, up to {most}, as in NEAR/8.")
        raise QueryError(message.format(most=FARTHEST), position)
    return _Token("near", str(int(distance)), position)


def _minimum(value: str, position: int, words: Words) -> _Token:
    number = value[len("min:") :]
    if number not in map(str, PUBLISHERS):
        message = words.gettext("Write a number from {least} to {most} after min:, as in Syria min:3.")
        raise QueryError(message.format(least=PUBLISHERS[0], most=PUBLISHERS[-1]), position)
    return _Token("minimum", number, position)


def _dash(text: str, found: re.Match[str], position: int) -> _Token:
    """Return NOT for a dash with a space (or nothing) before it and none after, else AND."""
    opens = position == 0 or text[position - 1].isspace() or text[position - 1] in "(|"
    excludes = opens and not text[found.end() : found.end() + 1].isspace() and found.end() < len(text)
    return _Token("not" if excludes else "and", found.group(), position)


def _quoted(text: str, position: int, words: Words) -> tuple[_Token, int]:
    closing = re.compile(f"[{_QUOTES}]").search(text, position + 1)
    if not closing:
        raise QueryError(words.gettext('Close this quotation with another “"”.'), position)
    inside = text[position + 1 : closing.start()]
    return _exact(inside, position, words), closing.end()


def _exact(text: str, position: int, words: Words) -> _Token:
    if not tokens(text):
        raise QueryError(words.gettext("Write a word with letters or digits here."), position)
    return _Token("exact", " ".join(text.split()), position)


def _word(text: str, found: re.Match[str], words: Words) -> tuple[_Token | None, int]:
    position, end = found.span(found.lastgroup or 0)
    cut = _INSIDE.search(text, position, end)
    end = cut.start() if cut else end
    value = text[position:end]
    if found.lastgroup == "exact":
        return _exact(value, position, words), end
    if value.endswith("*") and value.strip("*"):
        return _prefix(value, position, words), end
    close = value.endswith("~")
    return _Token("close" if close else "word", value, position), end


def _prefix(value: str, position: int, words: Words) -> _Token:
    found = tokens(value)
    plain = len(found) == 1 and found[0].end == len(value.rstrip("*")) and found[0].start == 0
    if not plain or "*" in value[:-1] or len(found[0].folded) < SHORTEST_PREFIX:
        message = words.gettext("Write one word of at least four letters before “*”, as in terror*.")
        raise QueryError(message, position)
    return _Token("prefix", value[:-1], position)


def _tidy(text: str) -> str:
    """Return a name's words without operators and signs of the language, and without punctuation around them."""
    kept = []
    for word in _NOT_IN_NAMES.sub(" ", text).split():
        found = [token for token in tokens(word) if word[token.start] not in _AND_SIGNS]
        if word[0] in _AND_SIGNS:
            kept.append("&")
        if found:
            inner = word[found[0].start : found[-1].end]
            kept.append(inner.casefold() if inner in _OPERATORS or inner.startswith("NEAR/") else inner)
        if len(word) > 1 and word[-1] in _AND_SIGNS:
            kept.append("&")
    return re.sub(r"(?<=& )(?:& )+|^(?:& ?)+|(?: ?&)+$", "", " ".join(kept))


def _several(text: str, close: bool) -> Expr | None:
    """Return the And of "Egypt-Russia" if the whole is not a known name and each side is a well-known place."""
    sides = _HYPHEN_OR_AND.split(text)
    if len(sides) < 2 or places.lookup(text) or not all(places.is_main(side) for side in sides):
        return None
    return _flat(And, [Name(side, close) for side in sides])


def _flat(kind: type[And] | type[Or], items: list[Expr]) -> Expr:
    if len(items) == 1:
        return items[0]
    flat: list[Expr] = []
    for item in items:
        flat += item.items if isinstance(item, kind) else (item,)
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def _has_field(expr: Expr) -> bool:
    return any(isinstance(node, Field | Language | Within) for node in walk(expr))


# --- limits ----------------------------------------------------------------------------------------


def _is_canonical(text: str, expr: Expr) -> bool:
    letters = sum(len(getattr(leaf, "text", "")) for leaf in leaves(expr))
    return letters <= LONGEST and format_query(expr) == text


def _too_long(words: Words) -> QueryError:
    message = words.gettext("Keep a query within {most} characters, or make two of it.")
    return QueryError(message.format(most=LONGEST), LONGEST)


def _in_known_name(text: str, start: int, comma: int) -> bool:
    """Return whether the comma is part of a known name, which ends before the next separator."""
    rest = _SEPARATOR.split(text[comma + 1 :], maxsplit=1)[0]
    return bool(rest.strip()) and places.lookup(text[start:comma] + "," + rest) is not None
