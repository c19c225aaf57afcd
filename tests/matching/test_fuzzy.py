import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.fuzzy import Vocabulary, is_near, is_spelling


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("shoigu", "shoygu"),
        ("shoigu", "шойгу"),
        ("pedersen", "pederson"),
        ("zelensky", "zelenskiy"),
        ("zelensky", "зеленский"),
        ("massoud", "masoud"),
        ("mohammed", "muhammad"),
        ("khamenei", "khamenai"),
        ("lukashenko", "лукашенко"),
    ],
)
def test_spellings_of_one_name_are_close(name: str, word: str) -> None:
    assert is_spelling(name, word)
    assert is_spelling(word, name)


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("iran", "iraq"),
        ("mali", "bali"),
        ("austria", "australia"),
        ("syria", "serbia"),
        ("hamas", "hama"),
        ("pedersen", "petersen"),
        ("johnson", "johnston"),
        ("parker", "barker"),
        ("slovakia", "slovenia"),
        ("shoigu", "shoigu"),
    ],
)
def test_other_names_are_not(name: str, word: str) -> None:
    assert not is_spelling(name, word)


def test_misspellings_are_near_but_no_place_is() -> None:
    assert is_near("pedersen", "pedresen")
    assert is_near("obama", "obma")
    assert not is_near("obama", "oboe")
    assert not is_near("austrial", "austria")


names = st.sampled_from(("shoigu", "shoygu", "pedersen", "pederson", "pedresen", "шойгу", "massoud", "masud", "damask"))


@given(st.lists(st.tuples(names, st.booleans()), max_size=6), names, st.booleans())
def test_the_vocabulary_finds_what_a_comparison_with_all_would(
    held: list[tuple[str, bool]], word: str, capital: bool
) -> None:
    vocabulary = Vocabulary()
    for name, asked in held:
        vocabulary.add(name, asked=asked)
    expected = {name for name, asked in held if asked and is_near(name, word)}
    expected |= {name for name, _asked in held if capital and is_spelling(name, word)}
    assert vocabulary.neighbours(word, capital=capital) == expected
