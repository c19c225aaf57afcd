"""Leaf matcher: the forms in which one leaf of a query (a name, a prefix, …) may be written, and where they occur.

In: a leaf of an `Expr`, compiled once to a `LeafMatcher`, and a field of a `Document`. Out: hits, each with the rule
that matched. Not here: operators (`bot.matching.engine.evaluate`), and which terms make a query a candidate
(`bot.matching.engine.plan`).

A leaf has two kinds of forms. A `Word` sequence is compared with the tokens of the field; a span key names spans that
the document found once for all queries (a place, an alias, a compound).
"""

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import takewhile
from typing import NamedTuple, TypeAlias

from bot.matching.engine.document import PLACE, WORDS_PER_UNIT, Document
from bot.matching.engine.field import DocumentField
from bot.matching.engine.hit import Hit, HitRule
from bot.matching.engine.spelling import SHORTEST_MISSPELT, is_spelling, near, skeleton
from bot.matching.engine.terms import JOINED, plurals
from bot.matching.gazetteer import places
from bot.matching.query.ast import Alias, Exact, Leaf, Name, Prefix, Within
from bot.matching.text import compounds
from bot.matching.text.analysis import Case, Token, case_of, name_keys, script, tokens
from bot.matching.text.analysis import wanted_keys as inflection_keys
from bot.matching.text.transliteration import SHORTEST_LATIN, bridges

LONGEST_INITIALS = 2  # letters of a side of AT&T
LONGEST_ACRONYM = 4  # letters: a word typed in capitals, up to this length, must be in capitals in the article too
SMALL_ACRONYMS = ("us", "it", "who")  # in small letters these are words that may precede any other
SHORTEST_LONG = 4  # letters of a word that is not joined with the next in other spellings
SEVERAL = 2  # words of a person's name, at least
HYPHENS = ("-", "‐", "‑")
MOST_JOINED = 3  # words that may also be written as one
_INITIALS = "[A-Z]{2} |(?:..|[aA]..)(?: (?:..|[aA]..))*$"  # first, or with an "and": JK Rowling, AT and TT
_SIMPLE_WORDS = re.compile(f"(?!{_INITIALS})[A-Za-z]{{2,}}(?: [A-Za-z]{{2,}})+")


class Word(NamedTuple):
    """A word of a query, with the consequences of how it was typed (see `make_word`).

    `close`: 0 no other spelling, 1 any spelling of a name, 2 misspellings too. `is_name`: typed with a capital, so it
    does not inflect as words do. `needs_case`: only a capital tells it from another word (Turkey, US).
    """

    folded: str
    case: Case
    close: int
    exact: bool
    is_name: bool
    needs_case: bool

    def positions(self, field: DocumentField, document: Document) -> dict[int, HitRule]:
        """Return the positions at which the word occurs in a field, each with the best rule."""
        found: dict[int, HitRule] = {}  # a better rule is added later and replaces a worse one
        if self.close:
            found |= dict.fromkeys(_spellings(self, field, document), HitRule.SPELLING)
        if not self.exact:
            for key in (name_keys if self.is_name else inflection_keys)(self.folded, document.language):
                if inflected := field.keys.get(key):
                    found |= dict.fromkeys(inflected, HitRule.INFLECTION)
            for plural in plurals(self.folded) if self.is_name else ():
                if in_plural := field.folded.get(plural):
                    found |= dict.fromkeys(in_plural, HitRule.INFLECTION)
        if same := field.folded.get(self.folded):
            found |= dict.fromkeys(same, HitRule.EXACT)
        document.spend(1 + len(found) + (len(field.folded) // WORDS_PER_UNIT if self.close > 1 else 0))
        return _with_case(self, found, field, document) if found and self.needs_case else found


Words: TypeAlias = tuple[Word, ...]  # in this order, one after the other


def make_word(token: Token, *, exact: bool = False, close: bool = False) -> Word:
    """Return a word of a query. A longer name has close spellings by itself, another word with `close` only."""
    return _make_word(token.folded, token.case, exact=exact, close=close)


def is_simple(text: str) -> bool:
    """Return whether a name is one word of plain letters and no place: it has no form but that."""
    plain = text.isascii() and text.isalpha() and (text[1:].islower() or text.isupper() or len(text) == 1)
    return plain and not places.is_name(text.lower())


def are_simple(text: str) -> bool:
    """Return whether a name is several words of plain letters and no place."""
    return _SIMPLE_WORDS.fullmatch(text) is not None and not places.is_name(text.lower())


def simple_word(text: str, *, close: bool = False) -> Word:
    """Return the word of a simple name."""
    if text.islower():
        misspelt = close and len(text) >= SHORTEST_MISSPELT
        return Word(text, Case.LOWER, 2 if misspelt else 0, exact=False, is_name=False, needs_case=False)
    return _make_word(text.lower(), case_of(text), exact=False, close=close)


def _make_word(folded: str, case: Case, *, exact: bool, close: bool) -> Word:
    is_name = case > Case.LOWER
    acronym = case is Case.UPPER and len(folded) <= LONGEST_ACRONYM and folded.isalpha()
    needs_case = not exact and (acronym or (is_name and folded in places.WORDS_TOO))
    level = 0
    if folded.isalpha() and not exact:
        misspelt = close and len(folded) >= SHORTEST_MISSPELT
        by_itself = len(folded) >= SHORTEST_LATIN if is_name else script(folded) == "ARABIC" and bool(bridges(folded))
        level = 2 if misspelt else int(by_itself)
    return Word(folded, case, level, exact, is_name, needs_case)


class LeafMatcher(NamedTuple):
    """A compiled leaf: the forms in which it may be written, any of which is a hit.

    `sequences` are words one after the other, `span_keys` keys of `DocumentField.spans`, `prefix` the beginning of a
    word. `words` is the leaf as typed, so that a span of it counts as exact. `by_alias` has those sequences and keys
    that only an alias adds.
    """

    sequences: tuple[Words, ...]
    span_keys: tuple[str, ...] = ()
    prefix: str = ""
    words: tuple[str, ...] = ()
    by_alias: frozenset[Words | str] = frozenset()

    def hits(self, field: DocumentField, document: Document) -> list[Hit]:
        """Return the hits in a field, in order, one for each span of tokens, with its best rule."""
        best: dict[tuple[int, int], HitRule] = {}
        for hit in self._all_hits(field, document):
            span = (hit.start, hit.end)
            best[span] = min(hit.rule, best.get(span, hit.rule))
        document.spend(1 + len(best))
        return [Hit(start, end, rule) for (start, end), rule in sorted(best.items())]

    def _all_hits(self, field: DocumentField, document: Document) -> Iterable[Hit]:
        for sequence in self.sequences:
            found = _occurrences(sequence, field, document)
            if self.by_alias and sequence in self.by_alias:
                found = [hit._replace(rule=max(hit.rule, HitRule.ALIAS)) for hit in found]
            yield from found
        for key in self.span_keys:
            for span in field.spans.get(key, ()):
                folded = tuple(token.folded for token in field.tokens[span.start : span.end])
                is_own = folded == self.words or (key[0] == JOINED and key not in self.by_alias)
                rule = HitRule.EXACT if is_own else HitRule.ALIAS
                yield Hit(span.start, span.end, rule if span.sure else HitRule.UNCERTAIN_CASE)
        if self.prefix:
            for word, positions in field.folded.items():
                if word.startswith(self.prefix):
                    yield from (Hit(position, position + 1, HitRule.EXACT) for position in positions)


@lru_cache(1 << 14)
def leaf_matcher(leaf: Leaf) -> LeafMatcher:
    """Return the matcher of a leaf, cached: for queries that are evaluated."""
    return make_leaf_matcher(leaf)


def make_leaf_matcher(leaf: Leaf) -> LeafMatcher:
    """Compile a leaf. Raises TypeError for a Language, which is compared with the document's."""
    match leaf:
        case Exact(text):
            words = tuple(make_word(token, exact=True) for token in tokens(text))
            return LeafMatcher((words,))
        case Prefix(text):
            folded = tokens(text)[0].folded
            return LeafMatcher((), prefix=folded)
        case Alias(text, close, concept, also):
            matcher = leaf_matcher(Name(text, close))
            if not concept:
                return _with_aliases(matcher, [leaf_matcher(Name(name, close)) for name in also])
            return matcher._replace(span_keys=tuple(dict.fromkeys((*matcher.span_keys, PLACE + concept))))
        case Within(text):
            place = places.land(text)
            return _of_place((f"in:{place.concept}",) if place else (), text)
        case Name(text, close) if is_simple(text):
            return _of_simple_word(text, close)
        case Name(text, close) if are_simple(text):
            return _with_capitals(text, _of_simple_words(text, close))
        case Name(text, close):
            concepts = places.concepts(text)
            if concepts and places.is_reviewed(concepts[0]):
                return _of_place(concepts, text)
            matcher = of_name(text, close)
            return matcher._replace(span_keys=matcher.span_keys + tuple(PLACE + concept for concept in concepts))
    raise TypeError(f"not a name: {leaf!r}")


def _with_aliases(matcher: LeafMatcher, aliases: list[LeafMatcher]) -> LeafMatcher:
    """Return a matcher that has the forms of `aliases` too."""
    sequences = dict.fromkeys((*matcher.sequences, *(words for alias in aliases for words in alias.sequences)))
    span_keys = dict.fromkeys((*matcher.span_keys, *(key for alias in aliases for key in alias.span_keys)))
    own: set[Words | str] = {*matcher.sequences, *matcher.span_keys}
    every: set[Words | str] = {*sequences, *span_keys}
    return matcher._replace(sequences=tuple(sequences), span_keys=tuple(span_keys), by_alias=frozenset(every - own))


def _of_place(concepts: tuple[str, ...], text: str) -> LeafMatcher:
    """Return the matcher of a place. If it is typed in small letters and its name is a word too (turkey), that word
    matches as well."""
    found = tokens(text)
    span_keys = tuple(PLACE + concept for concept in concepts)
    words = tuple(token.folded for token in found)
    word = make_word(found[0])
    if not places.is_everywhere(words):  # then match it as typed too, whatever language a text seems to be in
        return LeafMatcher((tuple(make_word(token) for token in found),), span_keys, words=words)
    if len(words) > 1 or word.is_name or word.folded not in places.WORDS_TOO:
        return LeafMatcher((), span_keys, words=words)
    return LeafMatcher(((word,),), (*span_keys, JOINED + word.folded), words=words)


def _of_simple_word(text: str, close: bool) -> LeafMatcher:
    """Return the same as `of_name`, for a word that needs no analysis."""
    word = simple_word(text, close=close)
    return LeafMatcher(((word,),), (JOINED + word.folded,))


def _of_simple_words(text: str, close: bool) -> LeafMatcher:
    """Return the same as `_of_name`, for several words that need no analysis."""
    words = text.split(" ")
    sequences = [tuple(simple_word(word, close=close) for word in words)]
    if len(words) > MOST_JOINED:
        return LeafMatcher(tuple(sequences))
    joined = "".join(words).lower()
    whole = _make_word(joined, case_of(words[0]), exact=False, close=False)
    sequences.append((_joined_word(whole, sequences[0]),))
    return LeafMatcher(tuple(sequences), (JOINED + joined,))


def _joined_word(whole: Word, words: Words) -> Word:
    """Return the words of a name written as one (RealMadrid). It has other spellings only if one of the words is short
    (Al Sisi, Alsissi): of longer words these are other names: John Snow is no Johnson, Indian Police not
    Indianapolis."""
    is_long = all(len(word.folded) >= SHORTEST_LONG for word in words)
    return whole._replace(close=0) if is_long and may_have_initials(words) else whole


def of_name(text: str, close: bool = False) -> LeafMatcher:
    """Return the matcher of a name that is no place."""
    return _with_capitals(text, _of_name(text, close))


def _with_capitals(text: str, matcher: LeafMatcher) -> LeafMatcher:
    """Return a matcher that needs no capitals if the name is typed in capitals only and has a word too long for an
    acronym: ARMY is no acronym in SOVIET ARMY (but WHO is in WHO REPORT)."""
    words = text.split()
    if len(words) == 1 or not text.isupper() or max(map(len, words)) <= LONGEST_ACRONYM:
        return matcher
    sequences = (
        tuple(word._replace(needs_case=word.needs_case and word.folded in SMALL_ACRONYMS) for word in sequence)
        for sequence in matcher.sequences
    )
    return matcher._replace(sequences=tuple(sequences))


def _of_name(text: str, close: bool) -> LeafMatcher:
    found = tokens(text)
    words = tuple(make_word(token, close=close) for token in found)
    if _are_letters(found):
        return LeafMatcher((tuple(word._replace(needs_case=False) for word in words),))
    joined = JOINED + "".join(token.folded for token in found)
    sequences = [words]
    variants = (*_variants_of_person(found), *compounds.other_ways(found, text))
    sequences += [tuple(make_word(token, close=close) for token in variant) for variant in variants]
    if 1 < len(words) <= MOST_JOINED:
        whole = make_word(found[0]._replace(folded=joined[1:]))
        sequences.append((_joined_word(whole, words),))
        return LeafMatcher(tuple(sequences), (joined,))
    if len(words) == 1 and (parts := _humps(text)):
        sequences.append(tuple(make_word(token, close=close) for token in parts))
        return LeafMatcher(tuple(sequences), (joined,))
    return LeafMatcher(tuple(sequences), (joined,) if len(words) == 1 else ())


def _variants_of_person(found: list[Token]) -> list[list[Token]]:
    """Return other ways to write a person's name of several words: without the initials in the middle (George W. Bush),
    the first ones together or apart (J. K. Rowling, JK), words joined by a hyphen as one (Ing-wen, Ingwen)."""
    if len(found) < SEVERAL or any(token.case < Case.TITLE and not token.glued for token in found):
        return []
    variants = []
    first, last = found[0], found[-1]
    bare = [first, *(token for token in found[1:-1] if len(token.folded) > 1), last]
    if len(first.folded) > 1 and len(bare) < len(found):
        variants.append(bare)
    initials = list(takewhile(lambda token: len(token.folded) == 1, found))
    if 1 < len(initials) < len(found):
        together = first._replace(folded="".join(token.folded for token in initials), case=Case.UPPER)
        variants.append([together, *found[len(initials) :]])
    if len(first.folded) == len("JK") and first.case is Case.UPPER and first.folded.isalpha():
        variants.append([*(first._replace(folded=letter, case=Case.TITLE) for letter in first.folded), *found[1:]])
    whole: list[Token] = []
    for token in found:
        if whole and token.glued in HYPHENS:
            whole[-1] = whole[-1]._replace(folded=whole[-1].folded + token.folded)
        else:
            whole.append(token)
    if 1 < len(whole) < len(found):
        variants.append(whole)
    return variants


def _are_letters(found: list[Token]) -> bool:
    """Return whether it is a name like AT&T, however its "and" is written. It differs from other words in any case; as
    one word, H&S would be hands."""
    sides = [token for token in found if token.folded != "and"]
    return len(sides) < len(found) and all(len(token.folded) <= LONGEST_INITIALS for token in sides)


def _humps(text: str) -> list[Token]:
    """Return the parts of a word written as AlSisi or YouTube, or nothing."""
    parts = "".join(f" {c}" if i and c.isupper() and text[i - 1].islower() else c for i, c in enumerate(text))
    return tokens(parts) if parts != text else []


def may_have_initials(words: Words) -> bool:
    """Return whether words may be a person's name: several, all with a capital."""
    for word in words:
        if word.exact or not word.is_name:
            return False
    return len(words) > 1


def _occurrences(words: Words, field: DocumentField, document: Document) -> list[Hit]:
    """Return the hits of words one after the other. In a person's name one middle name may stand between."""
    is_name = may_have_initials(words)
    runs = [Hit(p, p + 1, rule) for p, rule in _first_positions(words, field, document, is_name).items()]
    for index, word in enumerate(words[1:], 1):
        if not runs:
            return []
        positions = word.positions(field, document)
        following = []
        for run in runs:
            for gap in (0, 1) if is_name and run.end - run.start == index else (0,):
                rule = positions.get(run.end + gap)
                if rule is not None and _adjacent(field, run.end, gap):
                    following.append(Hit(run.start, run.end + gap + 1, max(run.rule, rule)))
        document.spend(len(runs))
        runs = following
    return runs


def _first_positions(words: Words, field: DocumentField, document: Document, is_name: bool) -> dict[int, HitRule]:
    """Return the positions of the first word, or of its initial in a person's name: "S. Waugh" for Steve Waugh."""
    found = words[0].positions(field, document)
    if not is_name:
        return found
    initials = field.folded.get(words[0].folded[0], ())
    return {p: HitRule.ALIAS for p in initials if field.tokens[p].case is Case.TITLE} | found


def _adjacent(field: DocumentField, position: int, gap: int) -> bool:
    """Return whether the tokens `position` to `position + gap` continue the name before them: no sentence ends between,
    and the first `gap` tokens have capitals."""
    here = field.tokens[position : position + gap + 1]
    return not any(token.breaks for token in here) and all(token.case > Case.LOWER for token in here[:gap])


def _spellings(word: Word, field: DocumentField, document: Document) -> Iterator[int]:
    """Yield the positions of other spellings of a word; with `close` 1, only of tokens that may be names by their
    case."""
    found = list(field.sounds.get(skeleton(word.folded), ()))
    found += [folded for bridge in bridges(word.folded) for folded in field.bridges.get(bridge, ())]
    document.spend(len(found))
    spellings = [folded for folded in dict.fromkeys(found) if is_spelling(word.folded, folded)]
    if word.close > 1:
        spellings += near(word.folded, field.folded)
    for folded in spellings:
        yield from (p for p in field.folded[folded] if word.close > 1 or field.tokens[p].case is not Case.LOWER)


def _with_case(word: Word, found: dict[int, HitRule], field: DocumentField, document: Document) -> dict[int, HitRule]:
    """Return the positions where, by its case, the token is this word and not another."""
    checked = {}
    for position, rule in found.items():
        token = field.tokens[position]
        if word.case is Case.UPPER and token.case is Case.TITLE and len(token.folded) > 1:
            continue  # "Us" is not the US
        sure = document.certainty(token.folded, field, position)
        if sure is not False:
            checked[position] = rule if sure else HitRule.UNCERTAIN_CASE
    return checked
