"""Hits: where a leaf of a query occurs in a field of a document, and by which rule."""

from enum import IntEnum
from typing import NamedTuple


class HitRule(IntEnum):
    """The reason why words matched, the best first."""

    EXACT = 0
    INFLECTION = 1
    ALIAS = 2
    SPELLING = 3
    UNCERTAIN_CASE = 4

    @property
    def label(self) -> str:
        """The public name, as in `bot.models.Term`."""
        return self.name.lower().replace("_", "-")


class Hit(NamedTuple):
    """Tokens `start` to `end` (exclusive) of a field, matched by `rule`."""

    start: int
    end: int
    rule: HitRule
