"""Rate limit of commands: a number per minute for each person, one warning, then no answer until they slow down.

It remembers a bounded number of people: the one whose last command is oldest is forgotten first.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum, auto

MINUTE = timedelta(minutes=1)
PEOPLE = 10_000  # remembered: about 2 MB


class RateVerdict(Enum):
    """The decision about a command."""

    GO = auto()
    WARN = auto()  # answer, once, that it was too much
    SILENCE = auto()


@dataclass(slots=True)
class _Allowance:
    left: float
    at: float
    warned: bool = False


class RateLimiter:
    """Token bucket for each person: `per_minute` commands may come at once, and are refilled evenly over a minute."""

    def __init__(self, per_minute: int, *, people: int = PEOPLE) -> None:
        self._per_minute = per_minute
        self._people = people
        self._allowances: OrderedDict[int, _Allowance] = OrderedDict()

    def judge(self, person: int, now: float) -> RateVerdict:
        """Count a command of a person and return the decision about it; `now` is in seconds of a monotonic clock."""
        allowance = self._allowances.setdefault(person, _Allowance(left=self._per_minute, at=now))
        self._allowances.move_to_end(person)
        if len(self._allowances) > self._people:
            self._allowances.popitem(last=False)
        grown = (now - allowance.at) * self._per_minute / MINUTE.total_seconds()
        allowance.left, allowance.at = min(self._per_minute, allowance.left + grown), now
        if allowance.left >= 1:
            allowance.left -= 1
            allowance.warned = False
            return RateVerdict.GO
        if allowance.warned:
            return RateVerdict.SILENCE
        allowance.warned = True
        return RateVerdict.WARN
