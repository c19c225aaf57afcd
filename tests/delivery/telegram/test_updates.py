"""Updates that nobody can apply: each is refused with its reason, in bounded time, and with its id where it has one."""

import contextlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.telegram.updates import DEEPEST, MOST_VALUES, UnreadableUpdateError, check_update, read_update

ODD = {
    "beyond a database": (b'{"update_id": %d}' % 2**63, "without a proper id", None),
    "beyond any float": (b'{"update_id": 1' + b"0" * 400 + b"}", "without a proper id", None),
    "negative": (b'{"update_id": -1}', "without a proper id", None),
    "a string": (b'{"update_id": "7"}', "without a proper id", None),
    "a truth": (b'{"update_id": true}', "without a proper id", None),
    "missing": (b'{"message": {}}', "without a proper id", None),
    "no object": (b"[1]", "without a proper id", None),
    "brackets": (b'{"update_id": 7, "message": ' + b"[" * 49_000, "nested too deep", 7),
    "100,000 brackets": (b'{"update_id": 7, "message": ' + b"[" * 100_000, "many values", 7),
    "deep for a database": (b'{"update_id": 7, "message": ' + b"[" * 400 + b"]" * 400 + b"}", "nested too deep", 7),
    "not UTF-8": (b'{"update_id": 7, "message": "\xff"}', "not UTF-8", 7),
    "not JSON": (b'{"update_id": 7,', "not JSON", 7),
    "a long number": (b'{"update_id": 7, "message": ' + b"9" * 5000 + b"}", "not JSON", 7),
    "a large number": (b'{"update_id": 7, "message": {"chat": {"id": %d}}}' % 2**64, "a number without bounds", 7),
    "infinite": (b'{"update_id": 7, "message": 1e999}', "a number without bounds", 7),
    "no number": (b'{"update_id": 7, "message": NaN}', "a number without bounds", 7),
}


@pytest.mark.parametrize("name", ODD)
def test_an_update_that_nobody_can_apply_is_refused(name: str) -> None:
    body, reason, update_id = ODD[name]
    with pytest.raises(UnreadableUpdateError) as refused:
        read_update(body)
    assert (refused.value.reason, refused.value.update_id) == (reason, update_id)


def test_what_telegram_sends_passes() -> None:
    message = {"text": "a, b: {c} [d]" * 300, "entities": [{"offset": at, "length": 1} for at in range(100)]}
    update = {"update_id": 2**63 - 1, "message": message | {"reply_to_message": message}, "odd": [1.5, None, True]}
    assert read_update(json.dumps(update).encode()) == update
    assert sum(map(json.dumps(update).encode().count, (b",", b":", b"[", b"{"))) < MOST_VALUES


@given(st.recursive(st.none() | st.integers() | st.floats() | st.text(), st.lists))
def test_what_passes_can_be_stored(content: object) -> None:
    update = {"update_id": 1, "message": content}
    with contextlib.suppress(UnreadableUpdateError):
        assert json.loads(json.dumps(check_update(update), allow_nan=False)) == update


def test_the_deepest_level_that_passes() -> None:
    content: object = 1
    for _ in range(DEEPEST - 2):
        content = [content]
    assert check_update({"update_id": 1, "message": content})
    with pytest.raises(UnreadableUpdateError):
        check_update({"update_id": 1, "message": [content]})
