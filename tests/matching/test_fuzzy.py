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
        ("gaddafi", "qaddafi"),
        ("gaddafi", "kadhafi"),
        ("qaddafi", "kadhafi"),
        ("christensen", "kristensen"),
        ("charif", "sharif"),
        ("elizabeth", "elisabeth"),
        ("malinovsky", "malinowski"),
        ("abramovich", "abramowicz"),
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
        ("garland", "karland"),
        ("marcel", "markel"),
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


@given(st.lists(st.tuples(names, st.booleans()), max_size=6), names)
def test_the_vocabulary_finds_what_a_comparison_with_all_would(held: list[tuple[str, bool]], word: str) -> None:
    vocabulary: Vocabulary[int] = Vocabulary()
    for number, (name, asked) in enumerate(held):
        vocabulary.add(name, number, asked=asked)
    expected = {n for n, (name, asked) in enumerate(held) if (is_near if asked else is_spelling)(name, word)}
    assert expected <= set(vocabulary.candidates(word))
    for number, (name, asked) in enumerate(held):
        vocabulary.remove(name, number, asked=asked)
    assert len(vocabulary) == 0
    assert vocabulary.candidates(word) == []


LETTERS = st.text(alphabet="abdei", min_size=4, max_size=11)


@given(LETTERS, st.data())
def test_no_misspelling_is_lost(name: str, data: st.DataObject) -> None:
    vocabulary: Vocabulary[str] = Vocabulary()
    vocabulary.add(name, name, asked=True)
    word = name
    for _ in range(2 if len(name) >= 8 else 1):
        at = data.draw(st.integers(0, len(word) - 1))
        change = data.draw(st.sampled_from(("delete", "insert", "replace", "swap")))
        swapped = word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        ends = {"delete": word[at + 1 :], "insert": "e" + word[at:], "replace": "d" + word[at + 1 :], "swap": swapped}
        word = word[:at] + ends[change]
    assert name in vocabulary.candidates(word) or not is_near(name, word)
