from bot.chat.rate_limit import RateLimiter, RateVerdict

GO, WARN, SILENCE = RateVerdict.GO, RateVerdict.WARN, RateVerdict.SILENCE


def test_there_is_one_warning_and_then_silence() -> None:
    pace = RateLimiter(3)
    assert [pace.judge(1, 0.0) for _ in range(6)] == [GO, GO, GO, WARN, SILENCE, SILENCE]


def test_who_slows_down_is_heard_again() -> None:
    pace = RateLimiter(6)
    assert [pace.judge(1, 0.0) for _ in range(8)][-2:] == [WARN, SILENCE]
    assert pace.judge(1, 9.0) is SILENCE
    assert pace.judge(1, 11.0) is GO
    assert pace.judge(1, 11.0) is WARN
    assert [pace.judge(1, 100.0) for _ in range(7)] == [GO] * 6 + [WARN]


def test_people_do_not_use_up_each_others_commands() -> None:
    pace = RateLimiter(1)
    assert [pace.judge(1, 0.0), pace.judge(1, 0.0), pace.judge(2, 0.0)] == [GO, WARN, GO]


def test_what_is_remembered_is_bounded() -> None:
    pace = RateLimiter(1, people=100)
    for person in range(10_000):
        pace.judge(person, 0.0)
    assert len(pace._allowances) == 100
