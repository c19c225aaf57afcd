"""Refusal: why an action was not carried out, without a sentence."""

from enum import Enum

from bot.errors import UserError


class Refused(UserError):  # noqa: N818 - the action works, and its answer is no
    """An action that was not carried out.

    `reason` is a member of its module's enum (not a StrEnum: equal values of two modules would be one reason), `values`
    complete its sentence.
    """

    def __init__(self, reason: Enum, **values: object) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.values = values
