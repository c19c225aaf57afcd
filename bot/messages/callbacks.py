"""Button data: one frozen dataclass for each button; the only writer and reader of Telegram's `callback_data`.

In: the fields of a button (ids and words of ours, never text of others). Out: "prefix:field:field", in the order of the
fields, to be signed for a chat (`bot.messages.signing`). Not here: handlers (`bot.chat.buttons`).

Messages in people's chats keep their buttons for ever: a prefix and its fields stay as they are, a new field comes last
and has a default.
"""

from dataclasses import astuple, dataclass, fields
from enum import StrEnum
from typing import ClassVar, get_args, get_type_hints

from bot.errors import WatchwordError
from bot.models import Button, Schedule

SEPARATOR = ":"
RESERVED = (SEPARATOR, ".")  # "." separates the signature


class ButtonTooOld(WatchwordError):  # noqa: N818 - the state of the button, as its reader is told
    """Button data that is not signed for its chat, or that this version cannot read."""


@dataclass(frozen=True)
class ButtonData:
    """Base class of the buttons. A field is an int, a StrEnum, a short str, or a union of these.

    Trailing empty strings are not written.
    """

    prefix: ClassVar[str]

    def pack(self) -> str:
        """Return the data as Telegram keeps it, not signed yet; ValueError if a field has a reserved character."""
        parts = [str(value) for value in astuple(self)]
        if any(character in part for part in parts for character in RESERVED):
            raise ValueError(f"button data is ids and words of ours: {parts}")
        return SEPARATOR.join([self.prefix, *parts]).rstrip(SEPARATOR)

    def labelled(self, label: str) -> Button:
        """Return the button that carries this data."""
        return Button(label, self.pack())

    @classmethod
    def from_fields(cls, parts: list[str]) -> "ButtonData":
        """Return the record with these fields; ValueError or TypeError if they are of another version."""
        types = _field_types(cls)
        if len(parts) > len(types):
            raise ValueError(f"{cls.prefix} has {len(types)} fields")
        return cls(*[_parse(part, kinds) for part, kinds in zip(parts, types, strict=False)])


def _field_types(button: type[ButtonData]) -> list[tuple[type, ...]]:
    """Return the types that each field of a class may have, in the order they are tried."""
    hints = get_type_hints(button)
    return [get_args(hints[field.name]) or (hints[field.name],) for field in fields(button)]


def _parse(part: str, kinds: tuple[type, ...]) -> object:
    for kind in kinds:
        try:
            return kind(part)
        except ValueError:
            continue
    raise ValueError(part)


def unpack(data: str) -> ButtonData:
    """Return the record that was packed; ButtonTooOld if no class of this version reads it."""
    prefix, *parts = data.split(SEPARATOR)
    try:
        return BUTTONS[prefix].from_fields(parts)
    except (KeyError, TypeError, ValueError) as error:
        raise ButtonTooOld(data) from error


# ---- subscriptions and news ----


@dataclass(frozen=True)
class ListButton(ButtonData):
    """Shows a page of the list of subscriptions; 0 is the first."""

    prefix = "list"
    page: int


@dataclass(frozen=True)
class SubscriptionButton(ButtonData):
    """Shows one subscription; `page` is the page of the list to go back to."""

    prefix = "item"
    subscription_id: int
    page: int


@dataclass(frozen=True)
class ScheduleButton(ButtonData):
    """Gives a subscription another schedule."""

    prefix = "when"
    subscription_id: int
    schedule: Schedule


@dataclass(frozen=True)
class StopButton(ButtonData):
    """Removes a subscription."""

    prefix = "stop"
    subscription_id: int


@dataclass(frozen=True)
class EditButton(ButtonData):
    """Asks for the new words of a subscription."""

    prefix = "edit"
    subscription_id: int


@dataclass(frozen=True)
class LatestButton(ButtonData):
    """Shows the newest stories after the first `skipped`."""

    prefix = "latest"
    skipped: int


@dataclass(frozen=True)
class SubscriptionNewsButton(ButtonData):
    """Shows the newest stories of one subscription after the first `skipped`."""

    prefix = "news"
    skipped: int
    subscription_id: int


@dataclass(frozen=True)
class WhyButton(ButtonData):
    """Explains why the story of an alert was sent."""

    prefix = "why"
    entry_id: int


@dataclass(frozen=True)
class CountedButton(ButtonData):
    """Lists what a delivery only counts, after the first `skipped`; 0 stands for that of the button's message."""

    prefix = "more"
    skipped: int = 0
    delivery_id: int = 0


class HeldAct(StrEnum):
    """A button of the message that says how much news is held."""

    SHOW = "show"  # send it now
    HOURLY = "hourly"  # make that subscription hourly
    DIGEST = "digest"  # make all instant subscriptions daily


@dataclass(frozen=True)
class HeldButton(ButtonData):
    """Acts on the news that is held for a chat; `subscription_id` is 0 where the act is on all of it."""

    prefix = "held"
    act: HeldAct
    subscription_id: int = 0


# ---- the chat ----


@dataclass(frozen=True)
class TimeButton(ButtonData):
    """Moves the daily digest to a full hour, 0 to 23, of the chat's zone."""

    prefix = "time"
    hour: int


@dataclass(frozen=True)
class ResumeButton(ButtonData):
    """Ends the chat's pause."""

    prefix = "resume"


class Setting(StrEnum):
    """A button of the settings page."""

    PAGE = "page"  # shows the page
    LANGUAGE = "language"  # `value` is its code
    NEW = "new"  # the schedule of new subscriptions: `value`; without one, the page to choose it on
    PAUSE = "pause"
    RESUME = "resume"


@dataclass(frozen=True)
class SettingButton(ButtonData):
    """Changes a setting, and shows the settings again."""

    prefix = "set"
    setting: Setting
    value: Schedule | str = ""


class Deletion(StrEnum):
    """An answer to the first question of /forget."""

    ASK = "ask"  # go on: ask for the second time
    KEEP = "keep"


@dataclass(frozen=True)
class ForgetButton(ButtonData):
    """Answers the first question of /forget."""

    prefix = "forget"
    answer: Deletion


class Choice(StrEnum):
    """An answer to an offer."""

    YES = "yes"
    NO = "no"
    UNDO = "undo"


@dataclass(frozen=True)
class OfferButton(ButtonData):
    """Takes up an offer (`bot.storage.offers`); a number chooses among the forms it lists, 0 the first."""

    prefix = "offer"
    offer_id: int
    choice: Choice | int


# ---- admins ----


@dataclass(frozen=True)
class SampleAlertButton(ButtonData):
    """Sends the admin a test alert."""

    prefix = "test"


@dataclass(frozen=True)
class AliasPageButton(ButtonData):
    """Shows a page of the list of aliases; 0 is the first."""

    prefix = "aliases"
    page: int


@dataclass(frozen=True)
class UnaliasButton(ButtonData):
    """Removes an alias."""

    prefix = "unalias"
    alias_id: int


@dataclass(frozen=True)
class FullTextButton(ButtonData):
    """Reads the whole articles of a source from now on."""

    prefix = "full"
    source_id: int


@dataclass(frozen=True)
class RevokeButton(ButtonData):
    """Ends an invitation."""

    prefix = "revoke"
    invite_id: int


BUTTONS: dict[str, type[ButtonData]] = {button.prefix: button for button in ButtonData.__subclasses__()}
