"""Aliases: names that whoever runs the bot says are one.

In: groups of names. Out: queries bound to what their names stand for, and where an article has any of the names.
Names are found on the article's side, once, as places are: a query is one term however many names it has. A name is
found in its inflections, its spellings and however it is joined, the longest of several first, and never within a
place's longer name. A longer name of a query that has one in it (Burma army) is looked for with each of the others too.
An alias only adds: what a query finds without it, it finds with it too. So a name of a place that stands within an
alias's name (Georgia in Georgia Tech) is still found there.

A group with a known place is that place: its other names become names of the place.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from bot.errors import QueryError, UserError
from bot.locales import Words, words
from bot.matching.engine.document import FieldReading
from bot.matching.engine.leaf import make_word, of_name
from bot.matching.engine.plan import want
from bot.matching.engine.terms import Term, Terms
from bot.matching.gazetteer import places
from bot.matching.query.ast import Alias, And, Expr, Field, Name, Near, Not, Or
from bot.matching.query.parser import parse, split_queries
from bot.matching.text.analysis import Case, Token, is_small_word, script, tokens, word_set

MOST_ALIASES = 1000  # of the file and made in chat, together
MOST_NAMES = 20  # of one alias
LONGEST = 60  # characters of a name
MOST_WORDS = 8  # of a name
SHORTEST = 3  # letters of a name of one word, unless it is an acronym
COMMON = word_set(  # in news of any kind; the commonest of all are known by `is_small_word`
    "about after all also and any before been but can could day days did do first for from get government had have "
    "he her here him his how into its just last like made make many more most much new news not now off one only other "
    "our out over people police president said say says she some than their them then there they this those time today "
    "two under until up very was week were what when where which who why will with would year years you your"
)
OWN = "="  # begins the concept of names that are no known place
ENGLISH = words("en")

Group = tuple[str, ...]  # the names of one thing, the main one first


class Mention(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a text are a name of `concept`."""

    concept: str
    start: int
    end: int


class _Spelling(NamedTuple):
    """A name as a text may have it: the terms of its words."""

    terms: tuple[Term, ...]
    concept: str


class Aliases:
    """Groups of names that hold together. Never changed: a change makes new ones."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self.groups = tuple(groups)
        self._group_of: dict[tuple[str, ...], Group] = {}
        self._terms = Terms()
        self._begun_by: dict[Term, list[_Spelling]] = {}
        self._joined: dict[str, str] = {}  # concepts by the key of a name that is joined in a text (Covid-19)
        self._within: dict[str, set[tuple[str, ...]]] = {}  # keys of names by their first word
        for group in self.groups:
            for name in group:
                self._add(name, group)
        for spellings in self._begun_by.values():
            spellings.sort(key=lambda one: -len(one.terms))

    def __bool__(self) -> bool:
        return bool(self.groups)

    def _add(self, name: str, group: Group) -> None:
        key = _key(name)
        self._group_of[key] = group
        self._within.setdefault(key[0], set()).add(key)
        if places.reviewed(name) == concept_of(group):
            return  # found as the place is, where it is no person or team
        made = of_name(name)
        for way in made.ways:
            wanted = way
            if len(way) == 1 and way[0].is_name:  # "Apple" is no apple
                wanted = (way[0]._replace(needs_case=True),)
            terms = tuple(self._terms.use(want(word)) for word in wanted)
            self._begun_by.setdefault(terms[0], []).append(_Spelling(terms, concept_of(group)))
        self._joined |= dict.fromkeys(made.spans, concept_of(group))

    def group_of(self, name: str) -> Group | None:
        """Return the group that has this name, in any capitals and accents (but "us" is not the US), or None."""
        key = _key(name)
        group = self._group_of.get(key)
        return None if group and name.islower() and len(key) == 1 and is_small_word(key[0]) else group

    def bind(self, expr: Expr) -> Expr:
        """Return a query that knows the other names of its names; one that was bound before is bound anew."""
        match expr:
            case Name(text, close) | Alias(text, close):
                group = self.group_of(text)
                if group:
                    return Alias(text, close, concept_of(group), _others(group, text))
                if also := self._with_others_within(text):
                    return Alias(text, close, "", also)
                return expr if isinstance(expr, Name) else Name(text, close)
            case And(items):
                return And(tuple(map(self.bind, items)))
            case Or(items):
                return Or(tuple(map(self.bind, items)))
            case Not(item):
                return Not(self.bind(item))
            case Near(left, right, distance):
                return Near(self.bind(left), self.bind(right), distance)
            case Field(name, item) if name != "source":
                return Field(name, self.bind(item))
        return expr

    def _with_others_within(self, text: str) -> tuple[str, ...]:
        """Return a name with the other names of the longest that is a part of it (Myanmar army for Burma army), those
        in a script it is written in. Part of a place's name is no name: South Sudan."""
        words = _key(text)
        runs = [
            (len(key), at)
            for at, word in enumerate(words)
            for key in self._within.get(word, ())
            if len(key) < len(words) and words[at : at + len(key)] == key
        ]
        if not runs or places.concepts(text):
            return ()
        length, at = max(runs, key=lambda run: (run[0], -run[1]))
        found = tokens(text)
        start, end = found[at].start, found[at + length - 1].end
        name = text[start:end]
        group = self.group_of(name)
        if group is None or (length == 1 and name.islower() and name not in group and concept_of(group)[0] == OWN):
            return ()  # apple pie
        scripts = {script(token.folded) for token in found}
        others = [other for other in _others(group, name) if {script(t.folded) for t in tokens(other)} <= scripts]
        return tuple(text[:start] + other + text[end:] for other in others)

    def mentions(self, part: FieldReading, language: str) -> Iterator[Mention]:
        """Yield where a field has one of the names, the longest first, never two over the same words."""
        text = part.tokens
        rows = self._terms.rows([token.form for token in text], language)
        joined = self._joined_in(part)
        end = 0
        for start, row in enumerate(rows):
            if start < end or not (row or start in joined):
                continue
            found = [one for term in row for one in self._begun_by.get(term, ()) if _is_at(one, start, rows, text)]
            here = [*joined.get(start, ()), *(Mention(one.concept, start, start + len(one.terms)) for one in found)]
            end = max((mention.end for mention in here), default=end)
            yield from dict.fromkeys(mention for mention in here if mention.end == end)

    def _joined_in(self, part: FieldReading) -> dict[int, list[Mention]]:
        """Return the names of one word that a field joins of several, by where they begin."""
        found: dict[int, list[Mention]] = {}
        for key in self._joined.keys() & part.spans.keys():
            for span in part.spans[key]:
                found.setdefault(span.start, []).append(Mention(self._joined[key], span.start, span.end))
        return found


def _is_at(one: _Spelling, start: int, rows: Sequence[tuple[Term, ...]], text: Sequence[Token]) -> bool:
    """Return whether a name that begins at `start` goes on there."""
    if start + len(one.terms) > len(rows):
        return False
    for offset in range(1, len(one.terms)):
        if text[start + offset].breaks or one.terms[offset] not in rows[start + offset]:
            return False
    return True


def _key(name: str) -> tuple[str, ...]:
    if name.isascii() and name.replace(" ", "").isalnum():
        return tuple(name.lower().split())
    return _key_of_any(name)


@lru_cache(1 << 16)  # more than all the names of a file and of as many aliases made in chat
def _key_of_any(name: str) -> tuple[str, ...]:
    return tuple(token.folded for token in tokens(name))


def _others(group: Group, name: str) -> tuple[str, ...]:
    return tuple(one for one in group if _key(one) != _key(name))


def _is_acronym(name: str) -> bool:
    found = tokens(name)
    return len(found) == 1 and found[0].case is Case.UPPER and make_word(found[0]).needs_case


@lru_cache(1 << 12)
def concept_of(group: Group) -> str:
    """Return what the names of a group stand for: a place that is known by one of them, or a concept of their own."""
    return next((place for name in group if (place := place_of(name))), OWN + " ".join(_key(group[0])))


def place_of(name: str) -> str | None:
    """Return the place whose name, as the reviewed tables have it, this is, or None."""
    found = places.concepts(name)
    return found[0] if len(found) == 1 and places.is_reviewed(found[0]) else None


# --- what whoever runs the bot wrote ---------------------------------------------------------------


def read(text: str, words: Words = ENGLISH) -> Group:
    """Return the names of an alias as it is written: Myanmar = Burma, Бирма. UserError says what is wrong."""
    main, sign, rest = text.partition("=")
    if not sign or not main.strip() or not rest.strip():
        raise UserError(words.gettext("Write a name, “=” and its other names, like this: Myanmar = Burma, Бирма"))
    if "=" in rest:
        raise UserError(words.gettext("Write “=” once, and commas between the other names: Myanmar = Burma, Бирма"))
    typed = [main.strip(), *split_queries(rest)]
    found: dict[tuple[str, ...], str] = {}
    for one in typed:
        name = _name(one, words)
        found.setdefault(_key(name), name)
    names = tuple(found.values())
    if len(names) < 2:
        raise UserError(words.gettext("Those are one and the same name already."))
    return check(names, words)


def check(names: Group, words: Words = ENGLISH) -> Group:
    """Return the names if they can be one; UserError if not."""
    if len(names) > MOST_NAMES:
        raise UserError(words.gettext("An alias has {most} names at most.").format(most=MOST_NAMES))
    first = place_of(names[0])
    for name in names[1:]:
        found = places.concepts(name)
        if not found or not places.is_reviewed(found[0]) or found == (first,):
            continue
        if first is None:
            sentence = words.gettext("“{name}” is a place I know: write it first, as in {name} = {other}")
            raise UserError(sentence.format(name=name, other=names[0]))
        sentence = words.gettext("“{one}” and “{other}” are two places: an alias has the names of one.")
        raise UserError(sentence.format(one=names[0], other=name))
    if first is None and len(places.concepts(names[0])) > 1:
        raise UserError(words.gettext("“{name}” is more than one place: write which.").format(name=names[0]))
    return names


def place_first(names: Group) -> Group:
    """Return the names as `read` wants them written: that of the place, if there is one, before the others."""
    return tuple(sorted(names, key=lambda name: place_of(name) is None))


def _name(typed: str, words: Words) -> str:
    """Return one name as it is kept; UserError if it cannot be one."""
    _ = words.gettext
    shown = typed[:LONGEST]
    try:
        expr = parse(typed, words) if len(typed) <= LONGEST else None
    except QueryError as error:
        raise UserError(_("“{name}” cannot be a name. {reason}").format(name=shown, reason=error)) from error
    if not isinstance(expr, Name) or expr.close or len(expr.text) > LONGEST or split_queries(expr.text) != [expr.text]:
        message = _("“{name}” cannot be a name: write up to {most} letters, without signs of a query.")
        raise UserError(message.format(name=shown, most=LONGEST))
    found = tokens(expr.text)
    if len(found) > MOST_WORDS and any(map(_is_spaced, found)):
        raise UserError(_("“{name}” is too long: a name has {most} words at most.").format(name=shown, most=MOST_WORDS))
    if not any(c.isalpha() for token in found for c in token.folded):
        raise UserError(_("“{name}” has no letters.").format(name=shown))
    if len(found) == 1 and _is_too_short(found[0]):
        raise UserError(_("“{name}” is too short: it would be found everywhere.").format(name=shown))
    if all(token.folded in COMMON or is_small_word(token.folded) for token in found) and not _is_acronym(expr.text):
        raise UserError(_("“{name}” is in nearly every article.").format(name=shown))
    return expr.text


def _is_too_short(token: Token) -> bool:
    shortest = SHORTEST if _is_spaced(token) and token.case is not Case.UPPER else SHORTEST - 1
    return len(token.folded) < shortest


def _is_spaced(token: Token) -> bool:
    """Return whether a word is of a script that writes spaces between words."""
    return script(token.folded) in ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "ARMENIAN", "DEVANAGARI")


def read_lines(text: str) -> tuple[list[Group], list[str]]:
    """Return the aliases of a file, one a line, and what is wrong with it. A line that begins with "#" is a remark."""
    groups: list[Group] = []
    lines: dict[tuple[str, ...], int] = {}
    problems: list[str] = []
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        try:
            group = read(line)
            for name in group:
                if before := lines.get(_key(name)):
                    raise UserError(f"“{name}” stands in line {before} too: write all its names in one line")
        except UserError as error:
            problems.append(f"line {number}: {error}")
        else:
            groups.append(group)
            lines |= dict.fromkeys(map(_key, group), number)
    if len(groups) > MOST_ALIASES:
        problems.append(f"has more than {MOST_ALIASES} aliases")
    return groups, problems


def write_lines(groups: Iterable[Group]) -> str:
    """Return a file of these groups, as `read_lines` reads it."""
    lines = (f"{main} {OWN} {', '.join(others)}\n" for main, *others in map(place_first, groups))
    return "".join(lines)


def joined(groups: Iterable[Group]) -> list[Group]:
    """Return groups of which no two share a name: those that do are one, under the main name of the first."""
    whole: dict[int, dict[tuple[str, ...], str]] = {}  # names by key, of each group that is left
    where: dict[tuple[str, ...], int] = {}
    for number, written in enumerate(groups):
        group = [name for name in written if _key(name)]  # a later version may read no word in what an older one stored
        if not group:
            continue
        same = sorted({where[key] for name in group if (key := _key(name)) in where})
        at = same[0] if same else number
        names = whole.setdefault(at, {})
        for name in [*(name for other in same[1:] for name in whole.pop(other).values()), *group]:
            names.setdefault(_key(name), name)
        where |= dict.fromkeys(names, at)
    return [tuple(names.values()) for names in whole.values()]


def shared(one: Group, other: Group) -> str | None:
    """Return a name of `one` that is a name of `other` too, or None."""
    keys = set(map(_key, other))
    return next((name for name in one if _key(name) in keys), None)
