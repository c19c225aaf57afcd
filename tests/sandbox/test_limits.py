"""Flood limits: what Telegram is known to allow, and for how long it refuses the rest."""

import pytest

from bot.sandbox.limits import FloodControl, FloodLimits


def accepted(flood: FloodControl, times: list[float], chats: list[int], *, is_private: bool, paid: bool = False) -> int:
    """Return how many of the messages are accepted, one per time and chat."""
    count = 0
    for now, chat_id in zip(times, chats, strict=True):
        if flood.wait(now, chat_id, is_private=is_private, paid=paid) == 0:
            flood.count(now, chat_id, is_private=is_private, paid=paid)
            count += 1
    return count


@pytest.mark.parametrize(("paid", "most"), [(False, 32), (True, 1030)])
def test_a_second_holds_so_many(paid: bool, most: int) -> None:
    flood = FloodControl()
    assert accepted(flood, [5.0] * 2000, list(range(2000)), is_private=True, paid=paid) == most
    assert flood.wait(5.5, 9999, is_private=True, paid=paid) == 1
    assert flood.wait(6.0, 9999, is_private=True, paid=paid) == 0


def test_one_person_gets_three_at_once_and_then_one_a_second() -> None:
    flood = FloodControl()
    assert accepted(flood, [0.0] * 10, [7] * 10, is_private=True) == 3
    assert accepted(flood, [0.9, 1.0, 1.1, 2.0], [7] * 4, is_private=True) == 2
    assert accepted(flood, [100.0] * 10, [7] * 10, is_private=True) == 3


def test_a_group_gets_twenty_a_minute() -> None:
    flood = FloodControl(FloodLimits())
    assert accepted(flood, [float(second) for second in range(40)], [-5] * 40, is_private=False) == 20
    assert flood.wait(40.0, -5, is_private=False) == 20
    assert flood.wait(40.0, -6, is_private=False) == 0
    assert flood.wait(60.0, -5, is_private=False) == 0
