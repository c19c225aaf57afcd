import itertools

from hypothesis import given
from hypothesis import strategies as st

from bot.delivery.limiter import GROUP_INTERVAL, PRIVATE_INTERVAL, Limiter


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
            limiter.take(chat, group=group, now=now)
            sent.append((now, chat))
        now = min(max(limiter.next_at(now), now + step), now + 1)
    return sent


def most_in_a_window(times: list[float], window: float) -> int:
    return max(sum(1 for other in times if start <= other < start + window) for start in times)


def test_many_chats_get_messages_at_the_whole_rate_and_no_faster() -> None:
    times = [when for when, _ in send_all(Limiter(25), list(range(300)))]

    assert most_in_a_window(times, 1.0) <= 27
    assert 299 / (times[-1] - times[0]) > 24


def test_one_chat_gets_one_message_a_second() -> None:
    times = [when for when, _ in send_all(Limiter(25), [7] * 5)]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= PRIVATE_INTERVAL - 1e-9


def test_a_group_gets_fewer_than_twenty_a_minute() -> None:
    times = [when for when, _ in send_all(Limiter(25), [7] * 40, group=True)]
    assert min(later - earlier for earlier, later in itertools.pairwise(times)) >= GROUP_INTERVAL - 1e-9
    assert most_in_a_window(times, 60) <= 19


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


def test_who_has_nothing_to_wait_for_is_not_woken() -> None:
    assert Limiter(25).next_at(100) == float("inf")


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3)), max_size=60))
def test_memory_is_that_of_the_last_few_seconds(sends: list[tuple[int, float]]) -> None:
    limiter, now = Limiter(25), 0.0
    for chat, wait in sends:
        now += wait
        limiter.take(chat, group=False, now=now)
    assert len(limiter.busy(now + 10)) == 0
