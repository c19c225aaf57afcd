"""Payloads: messages as the outbox stores them, frozen, so that a retry sends exactly what was decided.

In: a `Message` whose buttons are signed (`bot.messages.signing`), or the bytes of a file. Out: JSON that names a method
of the Bot API, and the record read back from it.
Not here: the bytes themselves, which have a table of their own (`delivery_file`).
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Literal

from markupsafe import Markup

from bot.messages.items import Item
from bot.messages.limits import FILE_BYTES, LIMIT, PHOTO_BYTES, TAG
from bot.messages.lines import TITLE
from bot.messages.safe_text import clean, clip, inert, link
from bot.messages.signing import is_signed
from bot.models import Button, Message

LINK = re.compile(r'<a href="([^"]*)">(.*?)</a>')
Rows = tuple[tuple[Button, ...], ...]


class BotMethod(StrEnum):
    """The methods of the Bot API that a payload may name."""

    SEND_MESSAGE = "sendMessage"
    SEND_DOCUMENT = "sendDocument"
    SEND_PHOTO = "sendPhoto"
    EDIT_TEXT = "editMessageText"


@dataclass(frozen=True, slots=True)
class TextPayload:
    """A new message. `text` is HTML unless `plain`; `reply_to` is the Telegram id of the message it answers."""

    text: str
    buttons: Rows = ()
    plain: bool = False
    silent: bool = False
    reply_to: int | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the payload as it is stored; what is at its default is left out."""
        stored = _to_json(BotMethod.SEND_MESSAGE, self) | ({"silent": True} if self.silent else {})
        return stored if self.reply_to is None else stored | {"reply_to": self.reply_to}


@dataclass(frozen=True, slots=True)
class FilePayload:
    """A new message with a picture or a document of this name; `text` is its caption. ValueError if it is too large."""

    method: Literal[BotMethod.SEND_DOCUMENT, BotMethod.SEND_PHOTO]
    name: str
    content: bytes
    text: str
    buttons: Rows = ()
    plain: bool = False

    def __post_init__(self) -> None:
        """Refuse a file that Telegram would not take."""
        most = PHOTO_BYTES if self.method is BotMethod.SEND_PHOTO else FILE_BYTES
        if not 0 < len(self.content) <= most:
            raise ValueError(f"a file has 1 to {most} bytes here, not {len(self.content)}")

    def to_json(self) -> dict[str, Any]:
        """Return the payload as it is stored, without its bytes."""
        return _to_json(self.method, self) | {"file": {"name": self.name}}


@dataclass(frozen=True, slots=True)
class EditPayload:
    """The whole new text, and buttons, of a message that was sent before."""

    text: str
    buttons: Rows = ()
    plain: bool = False

    def to_json(self) -> dict[str, Any]:
        """Return the payload as it is stored; the message it edits is the delivery's (`delivery.edits`)."""
        return _to_json(BotMethod.EDIT_TEXT, self)


Payload = TextPayload | FilePayload | EditPayload


def _to_json(method: BotMethod, payload: Payload) -> dict[str, Any]:
    stored: dict[str, Any] = {"method": method.value, "text": payload.text}
    if payload.buttons:
        stored["buttons"] = [
            [{"label": button.label, "data": button.data, "url": button.url} for button in row]
            for row in payload.buttons
        ]
    return stored | {"plain": True} if payload.plain else stored


def from_json(stored: Mapping[str, Any], content: bytes | None = None) -> Payload:
    """Return the record of a stored payload, `content` being the bytes of its file; ValueError if it is none.

    Before revision 0009 no payload named its method: with a file, whose text was in the payload, it was a document.
    """
    try:
        method = BotMethod(stored.get("method", BotMethod.SEND_DOCUMENT if "file" in stored else "sendMessage"))
        text, plain = str(stored["text"]), bool(stored.get("plain"))
        rows = tuple(
            tuple(Button(button["label"], button.get("data"), button.get("url")) for button in row)
            for row in stored.get("buttons", ())
        )
        match method:
            case BotMethod.SEND_MESSAGE:
                return TextPayload(text, rows, plain, bool(stored.get("silent")), stored.get("reply_to"))
            case BotMethod.EDIT_TEXT:
                return EditPayload(text, rows, plain)
        content = stored["file"].get("content", "").encode() if content is None else content
        return FilePayload(method, stored["file"]["name"], content, text, rows, plain)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"no payload: {type(error).__name__}") from error


def to_payload(message: Message, *, silent: bool = False, reply_to: int | None = None) -> dict[str, Any]:
    """Return a new message as the outbox stores it; ValueError if a button is not signed."""
    return TextPayload(str(message.text), _check_signed(message.buttons), silent=silent, reply_to=reply_to).to_json()


def document(name: str, content: bytes, caption: Markup) -> FilePayload:
    """Return the payload of a document."""
    return FilePayload(BotMethod.SEND_DOCUMENT, name, content, str(caption))


def photo(name: str, content: bytes, caption: Markup, buttons: Rows = ()) -> FilePayload:
    """Return the payload of a picture (PNG or JPEG); ValueError if a button is not signed."""
    return FilePayload(BotMethod.SEND_PHOTO, name, content, str(caption), _check_signed(buttons))


def edit(message: Message) -> EditPayload:
    """Return the payload that gives an earlier message this text and these buttons; ValueError if one is not signed."""
    return EditPayload(str(message.text), _check_signed(message.buttons))


def _check_signed(rows: Rows) -> Rows:
    """Return the rows; ValueError if a button is not signed: its readers would be told that it is too old."""
    unsigned = [button.data for row in rows for button in row if button.data and not is_signed(button.data)]
    if unsigned:
        raise ValueError(f"buttons without a signature: {unsigned}")
    return rows


def as_plain(payload: Payload) -> Payload:
    """Return the payload without markup, for a message whose HTML Telegram refused; its links stand as addresses.

    This is the one place that takes HTML of ours apart: it drops every tag, whatever it means. The records the text
    was made from may have changed since, and a retry must send what was decided. Lines that no longer fit are left out
    at its end: what they showed is not told then (`shows`).
    """
    lines = html.unescape(TAG.sub("", LINK.sub(r"\2 \1", payload.text))).split("\n")
    while len(lines) > 1 and sum(map(len, lines)) + len(lines) > LIMIT.points:
        lines.pop()
    return replace(payload, text="\n".join(lines)[: LIMIT.points], plain=True)


def shows(payload: Payload, item: Item) -> bool:
    """Whether a plain text has the address of an item, or its headline where its address cannot be linked."""
    url = link(item.url)
    return url in payload.text if url else inert(clip(clean(item.title), TITLE)) in payload.text
