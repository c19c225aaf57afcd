"""How one name of a query is looked for: in which forms, where it stands in a field, and by which rule.

In: a leaf of an `Expr` and a `Reading`. Out: hits. `bot.matching.engine.plan` says what of it a query waits for.
"""

import re
from collections.abc import Iterable, Iterator
from enum import IntEnum
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple

from bot.matching.engine.document import GLANCES, PLACE, FieldReading, Reading
from bot.matching.engine.spelling import SHORTEST_ASKED, is_spelling, near, skeleton
from bot.matching.engine.terms import JOINED, plurals
from bot.matching.gazetteer import places
from bot.matching.query.ast import Alias, Exact, Leaf, Name, Prefix, Within
from bot.matching.text import compounds
from bot.matching.text.analysis import Case, Token, case_of, name_keys, script, tokens
from bot.matching.text.analysis import wanted_keys as inflection_keys
from bot.matching.text.transliteration import SHORTEST_LATIN, bridges

LONGEST_INITIALS = 2  # letters of a side of AT&T
LONGEST_ACRONYM = 4  # letters: typed in capitals, it is looked for in capitals
SMALL_ACRONYMS = ("us", "it", "who")  # which in small letters stand before any word
SHORTEST_LONG = 4  # letters of a word that is not written on to the next in some spellings
SEVERAL = 2  # words of a person's name
HYPHENS = ("-", "‐", "‑")
MOST_JOINED = 3  # words that may also be written as one
_INITIALS = "[A-Z]{2} |(?:..|[aA]..)(?: (?:..|[aA]..))*$"  # first, or with an "and": JK Rowling, AT and TT
_SIMPLE_WORDS = re.compile(f"(?!{_INITIALS})[A-Za-z]{{2,}}(?: [A-Za-z]{{2,}})+")


class Rule(IntEnum):
    """Why words matched, the best first. `label` is its public name."""

    EXACT = 0
    INFLECTION = 1
    ALIAS = 2
    SPELLING = 3
    UNCERTAIN_CASE = 4

    @property
    def label(self) -> str:
        """Its name in a Term."""
        return self.name.lower().replace("_", "-")


class Hit(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a field matched by `rule`."""

    start: int
    end: int
    rule: Rule


class Word(NamedTuple):
    """A word of a name, with what follows from how it was typed (see `make_word`).

    `close`: 0 as it is, 1 in any spelling of a name, 2 misspelt too. `is_name`: typed with a capital, so it does
    not inflect as words do. `needs_case`: a capital must tell it from another word (Turkey, US).
    """

    folded: str
    case: Case
    close: int
    exact: bool
    is_name: bool
    needs_case: bool

    def positions(self, part: FieldReading, reading: Reading) -> dict[int, Rule]:
        """Return where this word stands in a field, and by which rule (the best comes last)."""
        found: dict[int, Rule] = {}
        if self.close:
            found |= dict.fromkeys(_spellings(self, part, reading), Rule.SPELLING)
        if not self.exact:
            for key in (name_keys if self.is_name else inflection_keys)(self.folded, reading.language):
                if places_of_key := part.keys.get(key):
                    found |= dict.fromkeys(places_of_key, Rule.INFLECTION)
            for plural in plurals(self.folded) if self.is_name else ():
                if places_of_plural := part.folded.get(plural):
                    found |= dict.fromkeys(places_of_plural, Rule.INFLECTION)
        if same := part.folded.get(self.folded):
            found |= dict.fromkeys(same, Rule.EXACT)
        reading.work += 1 + len(found) + (len(part.folded) // GLANCES if self.close > 1 else 0)
        return _by_case(self, found, part, reading) if found and self.needs_case else found


def make_word(token: Token, *, exact: bool = False, close: bool = False) -> Word:
    """Return a word of a query made ready. A longer name has close spellings by itself, others when asked for."""
    return _make_word(token.folded, token.case, exact=exact, close=close)


def is_simple(text: str) -> bool:
    """Return whether a name is one word of plain letters and no place: it is looked for as it is."""
    plain = text.isascii() and text.isalpha() and (text[1:].islower() or text.isupper() or len(text) == 1)
    return plain and not places.is_name(text.lower())


def are_simple(text: str) -> bool:
    """Return whether a name is several words of plain letters and no place."""
    return _SIMPLE_WORDS.fullmatch(text) is not None and not places.is_name(text.lower())


def simple_word(text: str, *, close: bool = False) -> Word:
    """Return the word of a simple name made ready."""
    if text.islower():
        asked = close and len(text) >= SHORTEST_ASKED
        return Word(text, Case.LOWER, 2 if asked else 0, exact=False, is_name=False, needs_case=False)
    return _make_word(text.lower(), case_of(text), exact=False, close=close)


def _make_word(folded: str, case: Case, *, exact: bool, close: bool) -> Word:
    is_name = case > Case.LOWER
    acronym = case is Case.UPPER and len(folded) <= LONGEST_ACRONYM and folded.isalpha()
    needs_case = not exact and (acronym or (is_name and folded in places.WORDS_TOO))
    spelt = 0
    if folded.isalpha() and not exact:
        asked = close and len(folded) >= SHORTEST_ASKED
        by_itself = len(folded) >= SHORTEST_LATIN if is_name else script(folded) == "ARABIC" and bool(bridges(folded))
        spelt = 2 if asked else int(by_itself)
    return Word(folded, case, spelt, exact, is_name, needs_case)


class Needle(NamedTuple):
    """A leaf made ready: the ways to write it (sequences of words), the keys of `spans` that stand for it; of both,
    those that an alias brings (`by_alias`)."""

    ways: tuple[tuple[Word, ...], ...]
    spans: tuple[str, ...] = ()
    prefix: str = ""
    words: tuple[str, ...] = ()
    by_alias: frozenset[tuple[Word, ...] | str] = frozenset()

    def hits(self, part: FieldReading, reading: Reading) -> list[Hit]:
        """Return where the needle stands in a field, in order, the best rule for each place."""
        best: dict[tuple[int, int], Rule] = {}
        for hit in self._all_hits(part, reading):
            place = (hit.start, hit.end)
            best[place] = min(hit.rule, best.get(place, hit.rule))
        reading.work += 1 + len(best)
        return [Hit(start, end, rule) for (start, end), rule in sorted(best.items())]

    def _all_hits(self, part: FieldReading, reading: Reading) -> Iterable[Hit]:
        for way in self.ways:
            found = _sequence(way, part, reading)
            if self.by_alias and way in self.by_alias:
                found = [hit._replace(rule=max(hit.rule, Rule.ALIAS)) for hit in found]
            yield from found
        for key in self.spans:
            for span in part.spans.get(key, ()):
                folded = tuple(token.folded for token in part.tokens[span.start : span.end])
                is_own = folded == self.words or (key[0] == JOINED and key not in self.by_alias)
                rule = Rule.EXACT if is_own else Rule.ALIAS
                yield Hit(span.start, span.end, rule if span.sure else Rule.UNCERTAIN_CASE)
        if self.prefix:
            for word, positions in part.folded.items():
                if word.startswith(self.prefix):
                    yield from (Hit(position, position + 1, Rule.EXACT) for position in positions)


@lru_cache(1 << 14)
def needle(leaf: Leaf) -> Needle:
    """Return a leaf made ready. (A Language is judged without one.)"""
    match leaf:
        case Exact(text):
            words = tuple(make_word(token, exact=True) for token in tokens(text))
            return Needle((words,))
        case Prefix(text):
            folded = tokens(text)[0].folded
            return Needle((), prefix=folded)
        case Alias(text, close, concept, also):
            made = needle(Name(text, close))
            if not concept:
                return _with_others(made, [needle(Name(other, close)) for other in also])
            return made._replace(spans=tuple(dict.fromkeys((*made.spans, PLACE + concept))))
        case Within(text):
            place = places.land(text)
            return _of_place((f"in:{place.concept}",) if place else (), text)
        case Name(text, close) if is_simple(text):
            return _of_simple_word(text, close)
        case Name(text, close) if are_simple(text):
            return _as_meant(text, _of_simple_words(text, close))
        case Name(text, close):
            concepts = places.concepts(text)
            if concepts and places.is_reviewed(concepts[0]):
                return _of_place(concepts, text)
            made = of_name(text, close)
            return made._replace(spans=made.spans + tuple(PLACE + concept for concept in concepts))
    raise TypeError(f"not a name: {leaf!r}")


def _with_others(made: Needle, others: list[Needle]) -> Needle:
    """Return a needle that is found as others are, too."""
    ways = dict.fromkeys((*made.ways, *(way for other in others for way in other.ways)))
    spans = dict.fromkeys((*made.spans, *(key for other in others for key in other.spans)))
    own: set[tuple[Word, ...] | str] = {*made.ways, *made.spans}
    every: set[tuple[Word, ...] | str] = {*ways, *spans}
    return made._replace(ways=tuple(ways), spans=tuple(spans), by_alias=frozenset(every - own))


def _of_place(concepts: tuple[str, ...], text: str) -> Needle:
    """A place typed in small letters whose name is a word too (turkey) is looked for as that word as well."""
    found = tokens(text)
    spans = tuple(PLACE + concept for concept in concepts)
    words = tuple(token.folded for token in found)
    word = make_word(found[0])
    if not places.is_everywhere(words):  # found as typed, whatever language a text seems to be in
        return Needle((tuple(make_word(token) for token in found),), spans, words=words)
    if len(words) > 1 or word.is_name or word.folded not in places.WORDS_TOO:
        return Needle((), spans, words=words)
    return Needle(((word,),), (*spans, JOINED + word.folded), words=words)


def _of_simple_word(text: str, close: bool) -> Needle:
    """Return what `of_name` would, for a word that needs no analysis."""
    word = simple_word(text, close=close)
    return Needle(((word,),), (JOINED + word.folded,))


def _of_simple_words(text: str, close: bool) -> Needle:
    """Return the same for several."""
    words = text.split(" ")
    ways = [tuple(simple_word(word, close=close) for word in words)]
    if len(words) > MOST_JOINED:
        return Needle(tuple(ways))
    joined = "".join(words).lower()
    whole = _make_word(joined, case_of(words[0]), exact=False, close=False)
    ways.append((_as_one(whole, ways[0]),))
    return Needle(tuple(ways), (JOINED + joined,))


def _as_one(whole: Word, way: tuple[Word, ...]) -> Word:
    """Return the words of a name written as one (RealMadrid), in other spellings if one of them is short: Al Sisi,
    Alsissi. Of longer ones these are other names: John Snow is no Johnson, Indian Police not Indianapolis."""
    is_long = all(len(word.folded) >= SHORTEST_LONG for word in way)
    return whole._replace(close=0) if is_long and may_have_initials(way) else whole


def of_name(text: str, close: bool = False) -> Needle:
    """Return how a name is looked for that is no place."""
    return _as_meant(text, _of_name(text, close))


def _as_meant(text: str, made: Needle) -> Needle:
    """Return a needle without need of capitals where the name is typed in nothing else and has a word too long for an
    acronym: ARMY is none in SOVIET ARMY (but WHO in WHO REPORT)."""
    words = text.split()
    if len(words) == 1 or not text.isupper() or max(map(len, words)) <= LONGEST_ACRONYM:
        return made
    ways = (
        tuple(word._replace(needs_case=word.needs_case and word.folded in SMALL_ACRONYMS) for word in way)
        for way in made.ways
    )
    return made._replace(ways=tuple(ways))


def _of_name(text: str, close: bool) -> Needle:
    found = tokens(text)
    words = tuple(make_word(token, close=close) for token in found)
    if _are_letters(found):
        return Needle((tuple(word._replace(needs_case=False) for word in words),))
    joined = JOINED + "".join(token.folded for token in found)
    ways = [words]
    ways += [tuple(make_word(token, close=close) for token in other) for other in _as_people_write(found)]
    ways += [tuple(make_word(token, close=close) for token in other) for other in compounds.other_ways(found, text)]
    if 1 < len(words) <= MOST_JOINED:
        whole = make_word(found[0]._replace(folded=joined[1:]))
        ways.append((_as_one(whole, words),))
        return Needle(tuple(ways), (joined,))
    if len(words) == 1 and (parts := _humps(text)):
        ways.append(tuple(make_word(token, close=close) for token in parts))
        return Needle(tuple(ways), (joined,))
    return Needle(tuple(ways), (joined,) if len(words) == 1 else ())


def _as_people_write(found: list[Token]) -> list[list[Token]]:
    """Return other ways to write a person's name of several words: without the initials in the middle (George W. Bush),
    the first ones together or apart (J. K. Rowling, JK), what a hyphen joins as one word (Ing-wen, Ingwen)."""
    if len(found) < SEVERAL or any(token.case < Case.TITLE and not token.glued for token in found):
        return []
    ways = []
    first, last = found[0], found[-1]
    bare = [first, *(token for token in found[1:-1] if len(token.folded) > 1), last]
    if len(first.folded) > 1 and len(bare) < len(found):
        ways.append(bare)
    initials = list(takewhile(lambda token: len(token.folded) == 1, found))
    if 1 < len(initials) < len(found):
        together = first._replace(folded="".join(token.folded for token in initials), case=Case.UPPER)
        ways.append([together, *found[len(initials) :]])
    if len(first.folded) == len("JK") and first.case is Case.UPPER and first.folded.isalpha():
        ways.append([*(first._replace(folded=letter, case=Case.TITLE) for letter in first.folded), *found[1:]])
    whole: list[Token] = []
    for token in found:
        if whole and token.glued in HYPHENS:
            whole[-1] = whole[-1]._replace(folded=whole[-1].folded + token.folded)
        else:
            whole.append(token)
    if 1 < len(whole) < len(found):
        ways.append(whole)
    return ways


def _are_letters(found: list[Token]) -> bool:
    """Return whether it is a name like AT&T, however its "and" is written. That tells it from other words in any
    case; as one word H&S would be hands."""
    others = [token for token in found if token.folded != "and"]
    return len(others) < len(found) and all(len(token.folded) <= LONGEST_INITIALS for token in others)


def _humps(text: str) -> list[Token]:
    """Return the parts of a word written as AlSisi or YouTube, or nothing."""
    parts = "".join(f" {c}" if i and c.isupper() and text[i - 1].islower() else c for i, c in enumerate(text))
    return tokens(parts) if parts != text else []


def may_have_initials(way: tuple[Word, ...]) -> bool:
    """Return whether it may be a person's name: several words, all with a capital."""
    for word in way:
        if word.exact or not word.is_name:
            return False
    return len(way) > 1


def _sequence(way: tuple[Word, ...], part: FieldReading, reading: Reading) -> list[Hit]:
    """Return where the words stand one after the other. In names a middle name may stand between, once."""
    is_name = may_have_initials(way)
    runs = [Hit(p, p + 1, rule) for p, rule in _first(way, part, reading, is_name).items()]
    for index, word in enumerate(way[1:], 1):
        if not runs:
            return []
        positions = word.positions(part, reading)
        following = []
        for run in runs:
            for gap in (0, 1) if is_name and run.end - run.start == index else (0,):
                rule = positions.get(run.end + gap)
                if rule is not None and _adjacent(part, run.end, gap):
                    following.append(Hit(run.start, run.end + gap + 1, max(run.rule, rule)))
        reading.work += len(runs)
        runs = following
    return runs


def _first(way: tuple[Word, ...], part: FieldReading, reading: Reading, is_name: bool) -> dict[int, Rule]:
    found = way[0].positions(part, reading)
    if not is_name:
        return found
    initials = part.folded.get(way[0].folded[0], ())  # "S. Waugh" for Steve Waugh
    return {p: Rule.ALIAS for p in initials if part.tokens[p].case is Case.TITLE} | found


def _adjacent(part: FieldReading, position: int, gap: int) -> bool:
    """Return whether the words at `position` to `position + gap` go on with the name before them."""
    here = part.tokens[position : position + gap + 1]
    return not any(token.breaks for token in here) and all(token.case > Case.LOWER for token in here[:gap])


def _spellings(word: Word, part: FieldReading, reading: Reading) -> Iterator[int]:
    """Yield where a word stands in another spelling; unless asked for, only what may be a name by its case."""
    found = list(part.sounds.get(skeleton(word.folded), ()))
    found += [folded for bridge in bridges(word.folded) for folded in part.bridges.get(bridge, ())]
    reading.work += len(found)
    spelt = [folded for folded in dict.fromkeys(found) if is_spelling(word.folded, folded)]
    if word.close > 1:
        spelt += near(word.folded, part.folded)
    for folded in spelt:
        yield from (p for p in part.folded[folded] if word.close > 1 or part.tokens[p].case is not Case.LOWER)


def _by_case(word: Word, found: dict[int, Rule], part: FieldReading, reading: Reading) -> dict[int, Rule]:
    """Leave out the places where the word is written as another word is."""
    judged = {}
    for position, rule in found.items():
        token = part.tokens[position]
        if word.case is Case.UPPER and token.case is Case.TITLE and len(token.folded) > 1:
            continue  # "Us" is not the US
        sure = reading.certainty(token.folded, part, position)
        if sure is not False:
            judged[position] = rule if sure else Rule.UNCERTAIN_CASE
    return judged
