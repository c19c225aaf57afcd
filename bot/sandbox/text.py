"""Telegram's text processing: cleaning, trimming, and detection of links, commands, mentions and hashtags.

Offsets and lengths of entities are in UTF-16 code units (core.telegram.org/bots/api#messageentity); the length limit
of a message is in code points after its markup is parsed (tdlib: `utf8_length`).
"""

import re
from urllib.parse import urlsplit

from bot.sandbox.errors import JSON

MAX_BYTES = 35_000  # tdlib: clean_input_string
MAX_ENTITIES = 100  # more are dropped silently
# Control characters become spaces; carriage returns, line separators and directional overrides are removed (tdlib).
CLEANED: dict[int, str | None] = {code: " " for code in range(32) if code not in (9, 10, 13)}
CLEANED |= {13: None} | dict.fromkeys(range(0x2028, 0x202F))
FOUND = re.compile(
    r"""(?P<url>https?://[^\s<>"]+[^\s<>".,;:!?)\]])
      | (?<![\w/@<.-])(?P<bot_command>/[A-Za-z0-9_]{1,32}(?:@[A-Za-z0-9_]{3,32})?)(?![\w/])
      | (?<![\w@/])(?P<mention>@[A-Za-z][A-Za-z0-9_]{3,31})(?!\w)
      | (?<![\w#/])(?P<hashtag>\#\w*[^\W\d]\w*)""",
    re.VERBOSE,
)
OPAQUE = {"text_link", "text_mention", "code", "pre"}  # no detection inside these


def clean(text: str) -> str:
    """Return the text as Telegram stores it, at most MAX_BYTES long."""
    cleaned = text.translate(CLEANED)
    return cleaned.encode("utf-8", "replace")[:MAX_BYTES].decode("utf-8", "ignore")


def units(text: str) -> int:
    """Return the length in UTF-16 code units."""
    return len(text.encode("utf-16-le", "surrogatepass")) // 2


def part(text: str, entity: JSON) -> str:
    """Return the text that an entity covers."""
    start = 2 * entity["offset"]
    return text.encode("utf-16-le")[start : start + 2 * entity["length"]].decode("utf-16-le")


def trim(text: str, entities: list[JSON]) -> tuple[str, list[JSON]]:
    """Return the text without surrounding blanks, and its entities shifted accordingly."""
    kept = text.lstrip(" \n\t")
    left = len(text) - len(kept)  # blanks are one unit each
    kept = kept.rstrip(" \n\t")
    end = units(kept)
    moved = []
    for entity in entities:
        start = max(entity["offset"] - left, 0)
        stop = min(entity["offset"] + entity["length"] - left, end)
        if stop > start:
            moved.append({**entity, "offset": start, "length": stop - start})
    return kept, moved


def with_found(text: str, entities: list[JSON]) -> list[JSON]:
    """Return the given entities and those Telegram detects: links, commands, mentions, hashtags."""
    taken = [(entity["offset"], entity["offset"] + entity["length"]) for entity in entities if entity["type"] in OPAQUE]
    found = []
    for match in FOUND.finditer(text):
        offset, length = units(text[: match.start()]), units(match.group())
        if all(offset + length <= start or end <= offset for start, end in taken):
            found.append({"type": match.lastgroup, "offset": offset, "length": length})
    return in_order(entities + found)[:MAX_ENTITIES]


def in_order(entities: list[JSON]) -> list[JSON]:
    """Return the entities in Telegram's order: by offset, outer before inner."""
    return sorted(entities, key=lambda entity: (entity["offset"], -entity["length"]))


def is_link(url: str) -> bool:
    """Return whether Telegram accepts an address as a link: http(s) with a dot in its host, or its own `tg:`."""
    if url.startswith("tg://"):
        return True
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host = parts.hostname or ""
    except ValueError:
        return False
    return parts.scheme in ("http", "https") and ("." in host or ":" in host) and " " not in host
