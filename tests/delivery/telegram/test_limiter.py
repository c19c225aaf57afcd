import heapq
import itertools
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from bot.delivery.telegram.limiter import GROUP_INTERVAL, PRIVATE_INTERVAL, Limiter
from bot.sandbox.limits import FloodControl, FloodLimits


def send(limiter: Limiter, chat: int, now: float, *, group: bool = False) -> None:
    """Send a message that is answered at once."""
    limiter.take(chat, group=group, now=now)
    limiter.landed(now, now, arrived=True)


def send_all(
    limiter: Limiter, chats: list[int], *, group: bool = False, step: float = 0.005
) -> list[tuple[float, int]]:
    """Send one message to each chat in turn as soon as the limiter allows; return (when, chat)."""
    now, sent, waiting = 100.0, [], list(chats)
    while waiting:
        for _ in range(limiter.available(now)):
            busy = limiter.busy(now)
            chat = next((one for one in waiting if one not in busy), None)
            if chat is None:
                break
            waiting.remove(chat)
            send(limiter, chat, now, group=group)
            sent.append((now, chat))
        now = min(max(limiter.next_at(now), now + step), now + 1)
    return sent


def most_in_a_window(times: list[float], window: float) -> int:
    return max(sum(1 for other in times if start <= other < start + window) for start in times)


def test_many_chats_get_messages_at_the_whole_rate_and_no_faster() -> None:
    times = [when for when, _ in send_all(Limiter(25), list(range(300)))]

    assert most_in_a_window(times, 1.0) <= 26
    assert 299 / (times[-1] - times[0]) > 24.9


def test_a_person_gets_57_messages_a_minute_and_a_group_18_and_two_after_a_rest() -> None:
    for group, fewest, most in ((False, 57, 59), (True, 17, 20)):
        times = [when for when, _ in send_all(Limiter(30), [7] * 70, group=group, step=0.01)]
        assert fewest <= most_in_a_window(times, 60.0) <= most
        assert times[1] - times[0] < 0.1 < times[2] - times[1]


def test_a_moment_lost_is_made_up_for_and_no_second_gets_more_than_its_share() -> None:
    times = [when for when, _ in send_all(Limiter(30), list(range(600)), step=0.05)]

    assert most_in_a_window(times, 1.0) <= 31
    assert 599 / (times[-1] - times[0]) > 0.98 * 30


def test_what_is_on_its_way_counts_and_what_was_late_counts_for_as_much_longer() -> None:
    limiter = Limiter(25)
    send(limiter, 1, 9.9)  # the fastest
    for _ in range(26):
        limiter.take(1, group=False, now=10.0)
    assert limiter.available(15.0) == 0  # it may be counted there only now
    for _ in range(26):
        limiter.landed(10.0, 15.0, arrived=True)
    assert limiter.available(15.99) == 0
    assert limiter.next_at(15.99) == pytest.approx(16.0, abs=0.02)
    assert limiter.available(16.02) > 0


def test_an_answer_finds_a_place_when_the_second_is_full() -> None:
    limiter = Limiter(30)
    for chat in range(31):
        send(limiter, chat, 10.0)
    assert limiter.available(10.5) == 0
    assert limiter.available(10.5, urgent=True) == 1
    send(limiter, 31, 10.5)
    assert limiter.available(10.5, urgent=True) == 0
    limiter.hold_all(30, 12.0)
    assert limiter.available(20.0, urgent=True) == 0


def test_at_a_thousand_a_second_no_window_is_three_per_cent_over() -> None:
    times = [when for when, _ in send_all(Limiter(1000), list(range(3000)), step=0.01)]

    assert most_in_a_window(times, 1.0) <= 1030
    assert 2999 / (times[-1] - times[0]) > 990


def refusals(seed: int, people: int, messages: int = 300) -> int:
    """Send through a network and a machine that are now and then slow; return how many Telegram refuses.

    Telegram is the sandbox's: 30 + 2 in any second, 1 a second to a person, 20 a minute to a group.
    """
    chance, limiter, telegram = random.Random(seed), Limiter(30), FloodControl(FloodLimits())
    waiting = [chance.randrange(people) for _ in range(messages)]
    travelling: list[tuple[float, int, float, bool]] = []  # when it is there, chat, when it left, is it the answer
    now, refused = 100.0, 0
    while waiting or travelling:
        free, busy = limiter.available(now, urgent=chance.random() < 0.1), limiter.busy(now)
        for chat in [one for one in dict.fromkeys(waiting) if one not in busy][:free]:
            waiting.remove(chat)
            limiter.take(chat, group=chat % 5 == 0, now=now)
            heapq.heappush(travelling, (now + trip(chance), chat, now, False))
        later = min(limiter.next_at(now), travelling[0][0] if travelling else float("inf"))
        now = max(later, now + (chance.uniform(0, 0.4) if chance.random() < 0.1 else 0))
        while travelling and travelling[0][0] <= now:
            at, chat, left_at, is_answer = heapq.heappop(travelling)
            if is_answer:
                limiter.landed(left_at, now, arrived=True)
            else:
                refused += telegram.wait(at, chat, is_private=chat % 5 != 0) > 0
                telegram.count(at, chat, is_private=chat % 5 != 0)
                heapq.heappush(travelling, (at + trip(chance), chat, left_at, True))
    return refused


def trip(chance: random.Random) -> float:
    """Return how long a message, or its answer, travels: mostly 30 ms."""
    return 0.03 + (chance.uniform(0, 0.5) if chance.random() < 0.2 else 0)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from([5, 50, 1000]))
def test_however_slow_the_way_telegram_refuses_nothing(seed: int, people: int) -> None:
    assert refusals(seed, people) == 0


def test_one_chat_gets_an_answer_and_an_alert_at_once_and_then_one_message_a_second() -> None:
    times = [when for when, _ in send_all(Limiter(25), [7] * 6)]

    assert times[1] - times[0] < 0.1
    assert min(later - earlier for earlier, later in itertools.pairwise(times[1:])) >= PRIVATE_INTERVAL - 0.1
    assert times[-1] - times[1] >= 4 * PRIVATE_INTERVAL - 0.1


def test_a_group_gets_no_more_than_twenty_a_minute() -> None:
    times = [when for when, _ in send_all(Limiter(25), [7] * 60, group=True)]

    assert min(later - earlier for earlier, later in itertools.pairwise(times[2:])) >= GROUP_INTERVAL - 0.1
    assert most_in_a_window(times, 60) <= 20


def test_a_refused_chat_waits_exactly_as_long_as_telegram_said_and_the_others_do_not() -> None:
    limiter = Limiter(25)
    limiter.refused(7, 30, now=10)

    assert 7 in limiter.busy(39.999)
    assert 7 not in limiter.busy(40.0)
    assert limiter.available(11) > 0


def test_when_two_chats_are_refused_at_once_everybody_waits() -> None:
    limiter = Limiter(25)
    limiter.refused(7, 30, now=10)
    limiter.refused(8, 20, now=11)

    assert limiter.available(30.9) == 0
    assert limiter.next_at(12) == 31
    assert limiter.available(31.1) > 0


def test_when_others_are_let_through_in_between_only_the_refused_chats_wait() -> None:
    limiter = Limiter(25)
    limiter.refused(7, 30, now=10)
    send(limiter, 9, 10.5)
    limiter.refused(8, 20, now=11)

    assert limiter.available(12) > 0
    assert {7, 8} <= limiter.busy(12)
    assert limiter.pace(11) == 20  # and all are a little slower


def test_after_that_the_pace_is_lower_and_comes_back() -> None:
    limiter = Limiter(25)
    limiter.refused(7, 1, now=10)
    limiter.refused(8, 1, now=11)

    assert limiter.pace(11) == 20
    assert 20 < limiter.pace(70) < 25
    assert limiter.pace(200) == 25


def test_who_has_nothing_to_wait_for_is_not_woken() -> None:
    assert Limiter(25).next_at(100) == float("inf")


def test_memory_is_that_of_the_last_few_seconds() -> None:
    """A message to each of forty thousand chats, a thousand a second."""
    limiter, most = Limiter(1000), []
    tracemalloc.start()
    for second in range(40):
        for chat in range(second * 1000, second * 1000 + 1000):
            limiter.available(chat / 1000)
            limiter.busy(chat / 1000)
            send(limiter, chat, chat / 1000)
        most.append(tracemalloc.get_traced_memory()[1])
    tracemalloc.stop()
    assert most[-1] < 1.2 * most[9]
    assert len(limiter.busy(50.0)) == 0
