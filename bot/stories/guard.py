"""Guard: tells two events of one template from two reports of one event.

In: two fingerprints that are alike. Out: whether they must stay apart, since another date, number, name or opposite is
at the place where the two differ: "Flood warning for the River Thames | Severn", "closes lower | higher". A toll that
grows at one place is one event. In doubt two.
"""

import re
from functools import lru_cache

from bot.stories.fingerprint import Fingerprint, is_telling
from bot.stories.vocabulary import COLUMNS, MONTHS, NUMERALS, OPPOSITES, TOLLS, WEEKDAYS, ZODIAC
from bot.stories.weights import RAREST, stem, weight

RARE = 6.0  # weight from which a word that is no name by its capital may be one
TEMPLATE = 0.5  # least share of the stems in common, besides numbers, that makes two titles one template
COLUMN = 12.0  # hours after which a headline of a column is another day's
KIN = 3  # letters in common of words that may be one name: French, France
SLOT = 3  # most words in one slot
_NUMBER = re.compile(r"\d+(?:[.,:]\d+)*")


def are_two_events(first: Fingerprint, second: Fingerprint, hours: float) -> bool:
    """Return whether two alike headlines, so many hours apart, are of one template, filled for two events."""
    if hours > COLUMN and not (COLUMNS.isdisjoint(first.words) or COLUMNS.isdisjoint(second.words)):
        return True
    one, other = _Slots(first), _Slots(second)
    if _dates_differ(one, other) or _numbers_differ(one, other) or _words_differ(one, other):
        return True
    return _share_only_names(one, other)


class _Slots:
    """A headline's words by what they can be in a template: dates, numbers and the others."""

    __slots__ = ("dates", "mark", "months", "numbers", "places", "tolls", "words")

    def __init__(self, mark: Fingerprint) -> None:
        self.mark = mark
        self.words = [_root(word) for word in mark.words]
        self.dates = WEEKDAYS.intersection(mark.words) | ZODIAC.intersection(mark.words)
        self.numbers: set[str] = set()
        self.months: set[str] = set()
        self.tolls = not TOLLS.isdisjoint(self.words)
        for at, word in enumerate(mark.words):
            if (number := _number(word)) is None:
                continue
            beside = {*mark.words[max(0, at - 1) : at], *mark.words[at + 1 : at + 2]}
            if month := MONTHS & beside:
                self.months.add(f"{number} {min(month)}")
            else:
                self.numbers.add(number)

    def names(self, at: int) -> bool:
        """Return whether the word at a position is a name, or rare enough to be one."""
        word = self.mark.words[at]
        if not is_telling(word) or _number(word) is not None:
            return False
        if self.mark.names >= 0 and word.isascii():
            return self.mark.is_name(at) or weight(self.words[at]) >= RAREST
        return weight(self.words[at]) >= RARE


def _share_only_names(one: _Slots, other: _Slots) -> bool:
    """Return whether two titles have nothing in common but whom they are about, where capitals tell names."""
    if one.mark.names < 0 or other.mark.names < 0:
        return False
    theirs = set(other.words)
    shared = [at for at, word in enumerate(one.words) if word in theirs and is_telling(one.mark.words[at])]
    return all(one.mark.is_name(at) for at in shared)


@lru_cache(50_000)
def _root(word: str) -> str:
    return NUMERALS.get(word) or stem(word)


def _number(word: str) -> str | None:
    """Return the number in a word: 12 of "12th", "12" and "twelve"; None if there is none."""
    found = _NUMBER.search(word)
    return found[0].replace(",", "") if found else NUMERALS.get(word)


def _dates_differ(one: _Slots, other: _Slots) -> bool:
    for mine, theirs in ((one.dates, other.dates), (one.months, other.months)):
        if mine and theirs and mine.isdisjoint(theirs):
            return True
    return False


def _numbers_differ(one: _Slots, other: _Slots) -> bool:
    """Return whether numbers differ in a template; a toll may grow, where a rare name or place is shared."""
    mine, theirs = one.numbers - other.numbers, other.numbers - one.numbers
    if not mine or not theirs:
        return False
    if any(len(number) > 4 for number in mine) and any(len(number) > 4 for number in theirs):
        return True  # CVE-2026-41207
    rest = [{word for word in side.words if _number(word) is None and is_telling(word)} for side in (one, other)]
    shared, either = rest[0] & rest[1], rest[0] | rest[1]
    if len(shared) < TEMPLATE * len(either):
        return False
    if one.tolls and other.tolls:
        return not any(one.names(at) for at, word in enumerate(one.words) if word in shared and word not in TOLLS)
    return True


def _words_differ(one: _Slots, other: _Slots) -> bool:
    """Return whether the words that only one of the two has make another event of it."""
    mine, theirs = set(one.words), set(other.words)
    my_own = [at for at, word in enumerate(one.words) if word not in theirs and is_telling(one.mark.words[at])]
    their_own = [at for at, word in enumerate(other.words) if word not in mine and is_telling(other.mark.words[at])]
    if not my_own or not their_own:
        return False
    if _subjects_differ(one, my_own, other, their_own):
        return True
    if any(OPPOSITES.get(one.words[at], frozenset()) & {other.words[b] for b in their_own} for at in my_own):
        return True
    if not (any(map(one.names, my_own)) and any(map(other.names, their_own))):
        return False
    if len(my_own) <= SLOT and len(their_own) <= SLOT and _is_one_slot(one, my_own, other, their_own):
        return True
    shared = mine & theirs
    my_names = {word for at, word in enumerate(one.words) if one.names(at)}
    their_names = {word for at, word in enumerate(other.words) if other.names(at)}
    return not (my_names & shared) and not (their_names & shared)


def _subjects_differ(one: _Slots, my_own: list[int], other: _Slots, their_own: list[int]) -> bool:
    """Return whether another word stands first, before the same one: "Bakers | Teachers in Idlib lower prices"."""
    is_first = all(not is_telling(word) for word in (*one.mark.words[: my_own[0]], *other.mark.words[: their_own[0]]))
    following = _beside(one, my_own[0], 1, my_own)
    if one.words[my_own[0]][:KIN] == other.words[their_own[0]][:KIN]:
        return False
    return is_first and bool(following) and following == _beside(other, their_own[0], 1, their_own)


def _is_one_slot(one: _Slots, my_own: list[int], other: _Slots, their_own: list[int]) -> bool:
    """Return whether names differ between the same neighbours."""
    for at in filter(one.names, my_own):
        for to in filter(other.names, their_own):
            if _beside(one, at, -1, my_own) == _beside(other, to, -1, their_own) and _beside(
                one, at, 1, my_own
            ) == _beside(other, to, 1, their_own):
                return True
    return False


def _beside(side: _Slots, at: int, step: int, own: list[int]) -> str:
    """Return the nearest shared word before (-1) or after (1) a position; "" at the end of the title."""
    at += step
    while 0 <= at < len(side.words):
        if at not in own and is_telling(side.mark.words[at]):
            return side.words[at]
        at += step
    return ""
