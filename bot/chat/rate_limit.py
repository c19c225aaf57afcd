"""Rate limit of commands: so many a minute for each person, one warning, then silence until they slow down.

What is remembered is bounded: whoever was quiet longest is forgotten first, and is new when they come back.
"""

from collections import OrderedDict
from dataclasses import dataclass
from enum import Enum, auto

MINUTE = 60.0  # seconds
PEOPLE = 10_000  # remembered: about 2 MB


class RateVerdict(Enum):
    """The decision about a command."""

    GO = auto()
    WARN = auto()  # say once that it was too much
    SILENCE = auto()


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float
    warned: bool = False


class RateLimiter:
    """Counts what each person asked. `per_minute` commands may come at once; they grow back evenly over a minute."""

    def __init__(self, per_minute: int, *, people: int = PEOPLE) -> None:
        self._per_minute = per_minute
        self._people = people
        self._asked: OrderedDict[int, _Allowance] = OrderedDict()

    def judge(self, person: int, now: float) -> RateVerdict:
        """Count a command of a person's at `now` (seconds that never go back), and say what becomes of it."""
        asked = self._asked.setdefault(person, _Allowance(left=self._per_minute, at=now))
        self._asked.move_to_end(person)
        if len(self._asked) > self._people:
            self._asked.popitem(last=False)
        grown = (now - asked.at) * self._per_minute / MINUTE
        asked.left, asked.at = min(self._per_minute, asked.left + grown), now
        if asked.left >= 1:
            asked.left -= 1
            asked.warned = False
            return RateVerdict.GO
        if asked.warned:
            return RateVerdict.SILENCE
        asked.warned = True
        return RateVerdict.WARN
