import pytest
from hypothesis import given
from hypothesis import strategies as st

from bot.matching.engine.spelling import MOST_NAMES, Slots, Vocabulary, is_near, is_spelling, skeleton, skeletons
from bot.matching.text import transliteration


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
def test_the_vocabulary_finds_what_a_comparison_with_all_would(added: list[tuple[str, bool]], word: str) -> None:
    vocabulary = Vocabulary()
    for name, misspelt in added:
        vocabulary.add([name], misspelt=misspelt)
    near = {name for name, misspelt in added if misspelt and is_near(name, word)}
    spelt = {name for name, misspelt in added if not misspelt and is_spelling(name, word)}
    assert (near, spelt) == (vocabulary.misspellings(word), set(vocabulary.spellings(word)))
    for name, misspelt in added:
        vocabulary.remove(name, misspelt=misspelt)
    assert len(vocabulary) == 0
    assert not vocabulary.misspellings(word)
    assert not vocabulary.spellings(word)


@given(st.lists(st.tuples(st.text(max_size=3), st.integers(0, MOST_NAMES - 1)), unique=True))
def test_numbers_are_found_by_their_keys_until_they_are_taken(pairs: list[tuple[str, int]]) -> None:
    slots = Slots(2)
    for key, number in pairs:
        slots.put([key], number)
    assert len(slots) == len(pairs)
    for removed, (key, number) in enumerate(pairs):
        assert number in slots.find_all([key])
        slots.remove([key], number)
        for left_key, left_number in pairs[removed + 1 :]:
            assert left_number in slots.find_all([left_key])
    assert len(slots) == 0
    assert all(slots.find_all([key]) == set() for key, _number in pairs)


LETTERS = st.text(alphabet="abdei", min_size=4, max_size=11)


@given(LETTERS, st.data())
def test_no_misspelling_is_lost(name: str, data: st.DataObject) -> None:
    vocabulary = Vocabulary()
    vocabulary.add([name], misspelt=True)
    word = name
    for _ in range(2 if len(name) >= 8 else 1):
        at = data.draw(st.integers(0, len(word) - 1))
        change = data.draw(st.sampled_from(("delete", "insert", "replace", "swap")))
        swapped = word[at + 1 : at + 2] + word[at] + word[at + 2 :]
        ends = {"delete": word[at + 1 :], "insert": "e" + word[at:], "replace": "d" + word[at + 1 :], "swap": swapped}
        word = word[:at] + ends[change]
    assert name in vocabulary.misspellings(word) or not is_near(name, word)


@given(st.lists(st.sampled_from(("shoigu", "шойгу", "aeh", "ъ", "القذافي", "muhammad", "ccey", "x")) | LETTERS))
def test_names_together_have_the_keys_they_have_alone(names: list[str]) -> None:
    assert skeletons(names) == [skeleton(name) for name in names]
    assert transliteration.all_bridges(names) == [transliteration.bridges(name) for name in names]


def test_a_number_that_was_not_put_there_cannot_be_taken() -> None:
    slots = Slots(2)
    slots.put(["shoigu", "shoygu"], 1)
    with pytest.raises(ValueError, match="not found"):
        slots.remove(["shoigu"], 2)
