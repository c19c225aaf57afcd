"""A message as the outbox stores it: frozen, so that a retry sends exactly what was decided."""

import html
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from bot.messages.limits import TAG
from bot.models import Message


def to_payload(message: Message, *, silent: bool = False, reply_to: int | None = None) -> dict[str, Any]:
    """Return a message as the outbox keeps it: what is sent again is what was sent."""
    payload: dict[str, Any] = {"text": str(message.text)}
    if message.buttons:
        payload["buttons"] = [
            [{"label": button.label, "data": button.data, "url": button.url} for button in row]
            for row in message.buttons
        ]
    if silent:
        payload["silent"] = True
    if reply_to is not None:
        payload["reply_to"] = reply_to
    return payload


def to_file_payload(name: str, content: str, caption: Markup) -> dict[str, Any]:
    """Return a document as the outbox keeps it; its content is text."""
    return {"text": str(caption), "file": {"name": name, "content": content}}


def as_plain(payload: Mapping[str, Any]) -> dict[str, Any]:
    """Return the payload without markup, for a chat whose message Telegram could not read as HTML."""
    return {**payload, "text": html.unescape(TAG.sub("", payload["text"])), "plain": True}
