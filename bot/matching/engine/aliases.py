"""Aliases: groups of names that an administrator declared to be one.

In: groups of names. Out: queries bound to the concept of their names (`Aliases.bind`), and the mentions of any of the
names in an article (`Aliases.mentions`). Names are found once per article, as places are, so a query is one term
however many names it has. A name is found in its inflections, its spellings and however it is joined, the longest of
several first, and never within a place's longer name. A longer name in a query that contains one of the names (Burma
army) is searched with each of the others too. An alias only adds matches: a query finds all it would find without the
alias. So the name of a place within an alias's name (Georgia in Georgia Tech) is still found there.

The concept of a group that contains a known place is that place: its other names become names of the place.
"""

from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from bot.errors import QueryError, UserError
from bot.locales import Words, words
from bot.matching.engine.document import AliasMention
from bot.matching.engine.field import DocumentField
from bot.matching.engine.leaf import make_word, of_name
from bot.matching.engine.plan import word_key
from bot.matching.engine.terms import QueryTerm, TermIndex
from bot.matching.gazetteer import places
from bot.matching.query.ast import Alias, Expr, Field, Name, map_children
from bot.matching.query.parser import parse, split_queries
from bot.matching.text.analysis import Case, Token, is_small_word, script, tokens, word_set

MOST_ALIASES = 1000  # of the file and those made in chat, together
MOST_NAMES = 20  # of one alias
LONGEST = 60  # characters of a name
MOST_WORDS = 8  # of a name
SHORTEST = 3  # letters of a name of one word, unless it is an acronym
COMMON = word_set(  # in news of any kind; `is_small_word` has the commonest of all
    "about after all also and any before been but can could day days did do first for from get government had have "
    "he her here him his how into its just last like made make many more most much new news not now off one only other "
    "our out over people police president said say says she some than their them then there they this those time today "
    "two under until up very was week were what when where which who why will with would year years you your"
)
OWN = "="  # begins the concept of a group without a known place
ENGLISH = words("en")

Group = tuple[str, ...]  # the names of one thing, the main one first


class _TermSequence(NamedTuple):
    """One way to write a name of `concept`: the terms of its words."""

    terms: tuple[QueryTerm, ...]
    concept: str


class Aliases:
    """Immutable groups of names, any of which matches for another; false if there are none."""

    def __init__(self, groups: Iterable[Group] = ()) -> None:
        self.groups = tuple(groups)
        self._group_of: dict[tuple[str, ...], Group] = {}
        self._terms = TermIndex()
        self._by_first_term: dict[QueryTerm, list[_TermSequence]] = {}
        self._joined: dict[str, str] = {}  # concepts by the span key of a name whose words a text may join (Covid-19)
        self._by_first_word: dict[str, set[tuple[str, ...]]] = {}  # keys of names
        for group in self.groups:
            for name in group:
                self._add(name, group)
        for sequences in self._by_first_term.values():
            sequences.sort(key=lambda sequence: -len(sequence.terms))

    def __bool__(self) -> bool:
        return bool(self.groups)

    def _add(self, name: str, group: Group) -> None:
        key = _key(name)
        self._group_of[key] = group
        self._by_first_word.setdefault(key[0], set()).add(key)
        if places.reviewed(name) == concept_of(group):
            return  # the document finds it as the place, where it is no person or team
        matcher = of_name(name)
        for sequence in matcher.sequences:
            words = sequence
            if len(words) == 1 and words[0].is_name:  # "Apple" is no apple
                words = (words[0]._replace(needs_case=True),)
            terms = tuple(self._terms.acquire(word_key(word)) for word in words)
            self._by_first_term.setdefault(terms[0], []).append(_TermSequence(terms, concept_of(group)))
        self._joined |= dict.fromkeys(matcher.span_keys, concept_of(group))

    def group_of(self, name: str) -> Group | None:
        """Return the group that has this name, in any capitals and accents (but "us" is not the US), or None."""
        key = _key(name)
        group = self._group_of.get(key)
        return None if group and name.islower() and len(key) == 1 and is_small_word(key[0]) else group

    def bind(self, expr: Expr) -> Expr:
        """Return a query in which each name that has aliases is an `Alias`; one bound before is bound again."""
        match expr:
            case Name(text, close) | Alias(text, close):
                group = self.group_of(text)
                if group:
                    return Alias(text, close, concept_of(group), _others(group, text))
                if also := self._names_with_aliases(text):
                    return Alias(text, close, "", also)
                return expr if isinstance(expr, Name) else Name(text, close)
            case Field("source", _):
                return expr
        return map_children(expr, self.bind)

    def _names_with_aliases(self, text: str) -> tuple[str, ...]:
        """Return a name with the longest alias that is a part of it replaced by each of its other names in a script
        of the name (Myanmar army for Burma army). A part of a place's name is no name: South Sudan."""
        words = _key(text)
        runs = [
            (len(key), at)
            for at, word in enumerate(words)
            for key in self._by_first_word.get(word, ())
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
        names = [alias for alias in _others(group, name) if {script(t.folded) for t in tokens(alias)} <= scripts]
        return tuple(text[:start] + alias + text[end:] for alias in names)

    def mentions(self, field: DocumentField, language: str) -> Iterator[AliasMention]:
        """Yield the names that occur in a field, in order: of those that begin at a word the longest, and none that
        begins within another."""
        text = field.tokens
        rows = self._terms.rows([token.form for token in text], language)
        joined = self._joined_in(field)
        end = 0
        for start, row in enumerate(rows):
            if start < end or not (row or start in joined):
                continue
            begun = [sequence for term in row for sequence in self._by_first_term.get(term, ())]
            found = [sequence for sequence in begun if _occurs_at(sequence.terms, start, rows, text)]
            here = [*joined.get(start, ()), *(AliasMention(s.concept, start, start + len(s.terms)) for s in found)]
            end = max((mention.end for mention in here), default=end)
            yield from dict.fromkeys(mention for mention in here if mention.end == end)

    def _joined_in(self, field: DocumentField) -> dict[int, list[AliasMention]]:
        """Return the mentions of names of one word that are written as several in a field, by first token."""
        found: dict[int, list[AliasMention]] = {}
        for key in self._joined.keys() & field.spans.keys():
            for span in field.spans[key]:
                found.setdefault(span.start, []).append(AliasMention(self._joined[key], span.start, span.end))
        return found


def _occurs_at(
    terms: tuple[QueryTerm, ...], start: int, rows: Sequence[tuple[QueryTerm, ...]], text: Sequence[Token]
) -> bool:
    """Return whether a name whose first term is at `start` continues there."""
    if start + len(terms) > len(rows):
        return False
    for offset in range(1, len(terms)):
        if text[start + offset].breaks or terms[offset] not in rows[start + offset]:
            return False
    return True


def _key(name: str) -> tuple[str, ...]:
    """Return the folded words of a name: names with the same key are one name."""
    if name.isascii() and name.replace(" ", "").isalnum():
        return tuple(name.lower().split())
    return _key_of_any(name)


@lru_cache(1 << 16)  # more than all the names of a file and of as many aliases made in chat
def _key_of_any(name: str) -> tuple[str, ...]:
    return tuple(token.folded for token in tokens(name))


def _others(group: Group, name: str) -> tuple[str, ...]:
    return tuple(alias for alias in group if _key(alias) != _key(name))


def _is_acronym(name: str) -> bool:
    found = tokens(name)
    return len(found) == 1 and found[0].case is Case.UPPER and make_word(found[0]).needs_case


@lru_cache(1 << 12)
def concept_of(group: Group) -> str:
    """Return the concept of a group: the place that one of its names is, or else its own ("=hts")."""
    return next((place for name in group if (place := place_of(name))), OWN + " ".join(_key(group[0])))


def place_of(name: str) -> str | None:
    """Return the concept of the place that a name is in the reviewed tables, or None if it is no place or several."""
    found = places.concepts(name)
    return found[0] if len(found) == 1 and places.is_reviewed(found[0]) else None


# --- aliases as administrators write them -----------------------------------------------------------


def read(text: str, words: Words = ENGLISH) -> Group:
    """Parse an alias as it is written: Myanmar = Burma, Бирма. Raises UserError with the reason."""
    main, sign, rest = text.partition("=")
    if not sign or not main.strip() or not rest.strip():
        raise UserError(words.gettext("Write a name, “=” and its other names, like this: Myanmar = Burma, Бирма"))
    if "=" in rest:
        raise UserError(words.gettext("Write “=” once, and commas between the other names: Myanmar = Burma, Бирма"))
    typed = [main.strip(), *split_queries(rest)]
    found: dict[tuple[str, ...], str] = {}
    for text_of_name in typed:
        name = _name(text_of_name, words)
        found.setdefault(_key(name), name)
    names = tuple(found.values())
    if len(names) < 2:
        raise UserError(words.gettext("Those are one and the same name already."))
    return check(names, words)


def check(names: Group, words: Words = ENGLISH) -> Group:
    """Return the names if they can be an alias. Raises UserError if not."""
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
    """Return the names in the order that `read` requires: the name of a place, if there is one, first."""
    return tuple(sorted(names, key=lambda name: place_of(name) is None))


def _name(typed: str, words: Words) -> str:
    """Return one name as it is stored. Raises UserError if it cannot be one."""
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
    """Return whether a word is in a script that has spaces between words."""
    return script(token.folded) in ("LATIN", "CYRILLIC", "GREEK", "ARABIC", "HEBREW", "ARMENIAN", "DEVANAGARI")


def read_lines(text: str) -> tuple[list[Group], list[str]]:
    """Parse a file of aliases, one a line; return them and the problems found. A line beginning with "#" is a
    remark."""
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
    """Return the text of a file of these groups, as `read_lines` parses it."""
    lines = (f"{main} {OWN} {', '.join(others)}\n" for main, *others in map(place_first, groups))
    return "".join(lines)


def joined(groups: Iterable[Group]) -> list[Group]:
    """Return the groups with those that share a name joined to one, under the main name of the first."""
    whole: dict[int, dict[tuple[str, ...], str]] = {}  # names by key, of each joined group
    where: dict[tuple[str, ...], int] = {}  # number of the joined group that has a key
    for number, written in enumerate(groups):
        group = [name for name in written if _key(name)]  # an older version may have stored a name now without words
        if not group:
            continue
        same = sorted({where[key] for name in group if (key := _key(name)) in where})
        at = same[0] if same else number
        names = whole.setdefault(at, {})
        for name in [*(name for joined_number in same[1:] for name in whole.pop(joined_number).values()), *group]:
            names.setdefault(_key(name), name)
        where |= dict.fromkeys(names, at)
    return [tuple(names.values()) for names in whole.values()]


def shared(group: Group, second: Group) -> str | None:
    """Return a name of `group` that is a name of `second` too, or None."""
    keys = set(map(_key, second))
    return next((name for name in group if _key(name) in keys), None)
