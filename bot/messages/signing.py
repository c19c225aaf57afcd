"""Signatures: of a button's data and its chat, so that nobody can invent a button.

Telegram shows callback data to everybody with a modified client, and returns any data such a client sends. 96 bits of
HMAC-SHA256 fit beside a prefix and ids in the 64 bytes there are. A signature proves that this bot made the button for
this chat; the rights of the person who presses it are checked at every press.
"""

import hmac
from base64 import urlsafe_b64encode
from dataclasses import replace

from bot.models import Button, Message

MOST = 64  # bytes of callback data (Bot API, InlineKeyboardButton)
LENGTH = 12  # bytes of the signature
CHARACTERS = LENGTH * 4 // 3  # of the signature in base64
SEPARATOR = "."


def is_signed(data: str) -> bool:
    """Whether button data has the form of signed data: packed data has no SEPARATOR. The signature is not checked."""
    return len(data.rpartition(SEPARATOR)[2]) == CHARACTERS and SEPARATOR in data


class Signer:
    """Signs and checks the data of buttons with this bot's key. `chat_id` is ours: it survives a group's upgrade."""

    def __init__(self, key: bytes) -> None:
        self._key = key

    def sign(self, chat_id: int, data: str) -> str:
        """Return `data` with its signature for this chat; ValueError if it is too long for Telegram."""
        signed = f"{data}{SEPARATOR}{self._signature(chat_id, data)}"
        if len(signed.encode()) > MOST:
            raise ValueError("a button's data is an action and ids, never text")
        return signed

    def read(self, chat_id: int, signed: str) -> str | None:
        """Return the data without its signature, or None if it was not signed for this chat."""
        data, __, signature = signed.rpartition(SEPARATOR)
        right = self._signature(chat_id, data).encode()
        return data if hmac.compare_digest(signature.encode("utf-8", "replace"), right) else None

    def sign_buttons(self, chat_id: int, message: Message) -> Message:
        """Return the message with every button's data signed for this chat."""
        rows = tuple(tuple(self._signed(chat_id, button) for button in row) for row in message.buttons)
        return replace(message, buttons=rows)

    def pseudonym(self, telegram_id: int) -> int:
        """Return a number that replaces a person's in a record that outlives them: negative, as no person's is."""
        digest = hmac.digest(self._key, f"person {telegram_id}".encode(), "sha256")
        return -int.from_bytes(digest[:7], "big") - 1

    def _signed(self, chat_id: int, button: Button) -> Button:
        return button if button.data is None else replace(button, data=self.sign(chat_id, button.data))

    def _signature(self, chat_id: int, data: str) -> str:
        text = f"{chat_id} {data}".encode("utf-8", "replace")
        return urlsafe_b64encode(hmac.digest(self._key, text, "sha256")[:LENGTH]).decode()
