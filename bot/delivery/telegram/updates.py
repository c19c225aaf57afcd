"""Reads the JSON of Telegram's updates, whose content strangers choose, within bounds of depth, values and numbers.

In: the body of a webhook's request, or one element of the answer to getUpdates. Out: an update as a dictionary, or
`UnreadableUpdateError`: nobody can apply such a one, and repeating it would not help, so it is parked.
"""

import hashlib
import json
import math
import re
from collections.abc import Iterable
from typing import Any

from bot.errors import WatchwordError

MOST_VALUES = 50_000  # of one update: a message of 4096 letters with a hundred entities has some 1000
DEEPEST = 64  # levels: a message in reply to a story has ten
MOST_BITS = 63  # of a number: Telegram's have 52 at most (Bot API, `User`), a database's column has these
_STRUCTURE = (b",", b":", b"[", b"{")
_UPDATE_ID = re.compile(rb'"update_id"\s*:\s*(\d{1,18})\s*[,}]')
_HEAD = 4096  # bytes in which an unreadable update is searched for its id; Telegram writes it first


class UnreadableUpdateError(WatchwordError):
    """An update cannot be read, because of `reason`. `update_id` is None where it has no proper one.

    `digest` tells it apart from others, and says nothing about its content.
    """

    def __init__(self, reason: str, update_id: int | None, body: bytes) -> None:
        super().__init__(reason)
        self.reason = reason
        self.update_id = update_id
        self.size = len(body)
        self.digest = hashlib.sha256(body).hexdigest()


def read_update(body: bytes) -> dict[str, Any]:
    """Return the update in the body of a webhook's request; raises UnreadableUpdateError."""
    if sum(map(body.count, _STRUCTURE)) > MOST_VALUES:
        raise UnreadableUpdateError("many values", find_id(body), body)
    try:
        update = json.loads(body.decode())
    except UnicodeDecodeError:
        raise UnreadableUpdateError("not UTF-8", find_id(body), body) from None
    except RecursionError:
        raise UnreadableUpdateError("nested too deep", find_id(body), body) from None
    except ValueError:  # also for a number of more than 4300 digits
        raise UnreadableUpdateError("not JSON", find_id(body), body) from None
    return check_update(update)


def check_update(update: object) -> dict[str, Any]:
    """Return `update`, parsed JSON, if it can be stored and applied; raises UnreadableUpdateError."""
    if not isinstance(update, dict) or not is_id(update.get("update_id")):
        raise UnreadableUpdateError("without a proper id", None, _written(update))
    reason = _fault(update)
    if reason:
        raise UnreadableUpdateError(reason, update["update_id"], _written(update))
    return update


def is_id(value: object) -> bool:
    """Return whether a value can be the id of an update: a positive number that the database can hold."""
    return isinstance(value, int) and not isinstance(value, bool) and 0 <= value < 2**MOST_BITS


def find_id(body: bytes) -> int | None:
    """Return the id of an update that cannot be parsed, if its beginning has one."""
    found = _UPDATE_ID.search(body, 0, _HEAD)
    return int(found[1]) if found else None


def _fault(update: dict[str, Any]) -> str:
    """Return why an update cannot be stored or applied, "" if it can. No recursion: it may be nested a thousandfold."""
    level: list[object] = [update]
    for _ in range(DEEPEST):
        if any(_is_absurd(value) for value in level):
            return "a number without bounds"
        level = [inner for value in level for inner in _inside(value)]
        if not level:
            return ""
    return "nested too deep"


def _inside(value: object) -> Iterable[object]:
    if isinstance(value, dict):
        return value.values()
    return value if isinstance(value, list) else ()


def _is_absurd(value: object) -> bool:
    if isinstance(value, float):
        return not math.isfinite(value)
    return isinstance(value, int) and value.bit_length() > MOST_BITS


def _written(update: object) -> bytes:
    """Return what tells an odd update apart; not its JSON, which may be too deep to be written."""
    return repr(update.get("update_id") if isinstance(update, dict) else type(update))[:_HEAD].encode()
