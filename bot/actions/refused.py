"""Refusal: why an action was not carried out, without a sentence."""

from enum import StrEnum

from bot.errors import UserError


class Refused(UserError):  # noqa: N818 - the action works, and its answer is no
    """An action that was not carried out. `reason` is a member of the module's enum, `values` complete its sentence."""

    def __init__(self, reason: StrEnum, **values: object) -> None:
        super().__init__(reason.value)
        self.reason = reason
        self.values = values
