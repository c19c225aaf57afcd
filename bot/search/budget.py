"""Search budgets: how long the searches of each person may keep the one thread that searches, a minute.

A search is done in slices (`bot.search.recent`), so nobody waits for another's to end; the budget bounds how many
slices there are. A person over it gets the part that was found, marked as incomplete.
"""

from collections import OrderedDict
from dataclasses import dataclass
from datetime import timedelta

MINUTE = timedelta(minutes=1)
PER_MINUTE = timedelta(seconds=4)  # of the thread; a query over a week of usual articles takes a hundredth of it
PEOPLE = 10_000  # remembered: about 2 MB


@dataclass(slots=True)
class Allowance:
    """The seconds of searching that a person has left, at a time of the monotonic clock."""

    left: float
    at: float

    def spend(self, seconds: float) -> None:
        """Count the time of a slice. The last one may end below zero: it is then paid back first."""
        self.left -= seconds

    @property
    def is_spent(self) -> bool:
        """Whether no further slice may begin."""
        return self.left <= 0


class SearchBudgets:
    """The allowance of each person, refilled evenly over a minute; who searched longest ago is forgotten first."""

    def __init__(self, per_minute: timedelta = PER_MINUTE) -> None:
        self.per_minute = per_minute
        self._allowances: OrderedDict[int, Allowance] = OrderedDict()

    def of(self, person: int, now: float) -> Allowance:
        """Return the allowance of a person (a number) at a time of the monotonic clock."""
        most = self.per_minute.total_seconds()
        allowance = self._allowances.setdefault(person, Allowance(most, now))
        self._allowances.move_to_end(person)
        if len(self._allowances) > PEOPLE:
            self._allowances.popitem(last=False)
        grown = (now - allowance.at) * most / MINUTE.total_seconds()
        allowance.left, allowance.at = min(most, allowance.left + grown), now
        return allowance
