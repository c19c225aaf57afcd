"""Words of Arabic and Persian that are written together, apart, or with a ZWNJ between."""

import pytest

from tests.matching.test_names import found


@pytest.mark.parametrize(
    "ways",
    [
        ("می‌خواهد", "می خواهد"),
        ("آیت‌الله", "آیت الله", "آیتالله"),
        ("آیت‌الله خامنه‌ای", "آیت الله خامنه‌ای", "آیت الله خامنه ای"),
        ("نیروهای مسلح", "نیرو‌های مسلح", "نیرو های مسلح"),
        ("محمود احمدی‌نژاد", "محمود احمدی نژاد"),
        ("حزب‌الله", "حزب الله", "حزبالله"),
        ("عبدالفتاح السيسي", "عبد الفتاح السيسي"),
        ("صلاح الدين", "صلاحالدين"),
        ("أبو الغيط", "أبوالغيط"),
    ],
)
def test_each_way_to_join_two_words_finds_the_others(ways: tuple[str, ...]) -> None:
    assert [text for query in ways for text in ways if not found(query, f"و {text} …")] == []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("می‌خواهد", "میخواهد"),  # the other way round nothing tells میدان, a square, from می دان
        ("می خواهد", "میخواهد"),
        ("Syria", "مردم سوریه‌ای"),
        ("سری‌لانکا", "در سریلانکا"),
        ("Sri Lanka", "در سریلانکا"),
        ("Sri Lanka", "در سری‌لانکا"),
    ],
)
def test_what_is_written_on_hides_no_word(query: str, text: str) -> None:
    assert found(query, text)


@pytest.mark.parametrize(
    ("query", "text"),
    [("میدان", "من می‌دانم"), ("والدين", "و الدين"), ("والله", "الله"), ("أبوال", "أبو ال")],
)
def test_another_word_is_not_taken_apart(query: str, text: str) -> None:
    assert not found(query, text)
