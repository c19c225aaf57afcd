"""Telegram's limits on one message: measures a text, and splits one that is too long."""

import html
import re
from typing import NamedTuple

from markupsafe import Markup, escape

from bot.messages.safe_text import clip

TAG = re.compile(r"<[^>]*>")


class Size(NamedTuple):
    """The size of a text: code points as shown, entities, and bytes as sent."""

    points: int
    entities: int
    octets: int

    def plus(self, other: "Size") -> "Size":
        """Return the sum of both sizes."""
        return Size(*map(sum, zip(self, other, strict=True)))

    def within(self, other: "Size") -> bool:
        """Whether it fits in `other`."""
        return all(mine <= most for mine, most in zip(self, other, strict=True))


LIMIT = Size(4000, 90, 30_000)  # of a message; Telegram: 4096, 100, some 35,000
PHOTO_BYTES = 10_000_000  # Bot API, sendPhoto: "at most 10 MB in size"
FILE_BYTES = 50_000_000  # Bot API, sendDocument: "up to 50 MB in size"
FRAME = Size(700, 4, 3_000)  # kept free in each part for its heading and closing lines


def split(text: Markup) -> list[Markup]:
    """Return a text in as many messages as it needs, cut between lines; no tag of it may span two lines.

    A line too long for any message is clipped, and loses its tags: better than an answer that never comes.
    """
    messages: list[Markup] = []
    for line in text.split("\n"):
        grown = messages[-1] + Markup("\n") + line if messages else line
        if messages and measure(grown).within(LIMIT):
            messages[-1] = grown
        else:
            fits = measure(line).within(LIMIT)
            messages.append(line if fits else escape(clip(str(line.striptags()), LIMIT.points)))
    return [message for message in messages if message.strip()]


def measure(text: Markup) -> Size:
    """Return how much room a text takes in a message."""
    plain, tags = TAG.subn("", str(text))
    return Size(len(html.unescape(plain)), tags // 2, len(text.encode()))
