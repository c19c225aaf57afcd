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

    assert most_in_a_window(times, 1.0) <= 26
    assert 299 / (times[-1] - times[0]) > 24.5


def test_a_moment_lost_is_made_up_for_and_no_second_gets_more_than_its_share() -> None:
    times = [when for when, _ in send_all(Limiter(29.8), list(range(600)), step=0.05)]

    assert most_in_a_window(times, 1.0) <= 30
    assert 599 / (times[-1] - times[0]) > 29.0


def test_what_was_long_on_its_way_counts_when_it_arrives() -> None:
    limiter = Limiter(25)
    for _ in range(20):
        limiter.take(1, group=False, now=10.0)
    for _ in range(30):
        limiter.landed(10.0, 10.9)
    assert limiter.available(10.95) == 0
    assert limiter.available(12.0) > 0


def test_at_a_thousand_a_second_no_window_is_three_per_cent_over() -> None:
    times = [when for when, _ in send_all(Limiter(1000), list(range(3000)), step=0.01)]

    assert most_in_a_window(times, 1.0) <= 1030
    assert 2999 / (times[-1] - times[0]) > 970


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


def test_after_that_the_pace_is_lower_and_comes_back() -> None:
    limiter = Limiter(25)
    limiter.refused(7, 1, now=10)
    limiter.refused(8, 1, now=11)

    assert limiter.pace(11) == 20
    assert 20 < limiter.pace(70) < 25
    assert limiter.pace(200) == 25


def test_who_has_nothing_to_wait_for_is_not_woken() -> None:
    assert Limiter(25).next_at(100) == float("inf")


@given(st.lists(st.tuples(st.integers(0, 5), st.floats(0, 3)), max_size=60))
def test_memory_is_that_of_the_last_few_seconds(sends: list[tuple[int, float]]) -> None:
    limiter, now = Limiter(25), 0.0
    for chat, wait in sends:
        now += wait
        limiter.take(chat, group=False, now=now)
    assert len(limiter.busy(now + 10)) == 0
