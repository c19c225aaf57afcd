"""Names that an administrator says are one."""

import pytest
from hypothesis import given, reject, settings
from hypothesis import strategies as st

from bot.errors import UserError
from bot.locales import words
from bot.matching.engine.aliases import (
    LONGEST,
    MOST_ALIASES,
    MOST_NAMES,
    Aliases,
    _key_of_any,
    concept_of,
    joined,
    place_first,
    read,
    read_lines,
    write_lines,
)
from bot.matching.engine.evaluate import matches
from bot.matching.engine.percolator import Percolator
from bot.matching.query.ast import Alias, And, Exact, Expr, Name, Not
from bot.matching.query.describe import describe
from bot.matching.query.parser import parse
from bot.matching.query.printer import format_query
from bot.models import Article
from bot.pipeline.aliases import LARGEST_FILE
from bot.search.article_index import Index
from tests.matching.strategies import aliases, articles, names

BIG = {ord(sign): chr(0x10400 + at) for at, sign in enumerate("0123456789x")}  # letters of four bytes

KNOWN = Aliases(
    [
        read("Hayat Tahrir al-Sham = HTS, هيئة تحرير الشام, Nusra Front"),
        read("Myanmar = Burma, ميانمار, Old Pagan"),
        read("Wagner = Вагнер, PMC Wagner"),
        read("Apple = AAPL, Кабушон"),
        read("Beijing Daily = 北京日报"),
        read("Shoigu = Defence Chief"),
        read("Covid19 = Corona plague"),
        read("ВИЧ = HIV"),
    ]
)


def found(query: str, text: str, title: str = "") -> list[tuple[str, str]]:
    """Return (text, rule) of each term, in order."""
    match = matches(parse(query), Article(title, text), KNOWN)
    return [(term.text, term.rule) for term in match.terms] if match else []


@pytest.mark.parametrize(
    ("query", "text", "term"),
    [
        ("HTS", "قالت هيئة تحرير الشام", "هيئة تحرير الشام"),
        ("hts", "the Nusra Front said", "Nusra Front"),
        ("هيئة تحرير الشام", "fighters of HTS fell", "HTS"),
        ("Nusra Front", "Hayat Tahrir al Sham said", "Hayat Tahrir al Sham"),
        ("PMC Wagner", "бойцы Вагнера", "Вагнера"),
        ("Old Pagan", "a Burmese town", "Burmese"),
        ("Сирия OR Old Pagan", "in Myanmar", "Myanmar"),
        ("in:Myanmar", "a night in Old Pagan", "Old Pagan"),
        ("Мьянма", "a night in Old Pagan", "Old Pagan"),
        ("Beijing Daily", "据北京日报报道", "北京日报"),
        ("Aapl", "He bought Apple’s shares", "Apple"),
        ("Defence Chief", "then Shoygu said", "Shoygu"),
        ("Defence Chief", "тогда Шойгу сказал", "Шойгу"),
        ("HTS", "Hayat Tahreer al-Sham", "Hayat Tahreer al-Sham"),
        ("Corona plague", "a Covid-19 ward", "Covid-19"),
        ("PMC Wagner", "a video of Wágner", "Wágner"),
    ],
)
def test_a_query_for_one_name_finds_the_others(query: str, text: str, term: str) -> None:
    assert found(query, text) == [(term, "alias")]


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("Nusra Front", "with hts in it"),
        ("AAPL", "an apple a day"),
        ("AAPL", "Apple pie. He ate an apple."),
        ("=HTS", "the Nusra Front said"),
        ("Nusra Front", "Hayat Tahrir. Al Sham said"),
        ("HTS -Wagner", "HTS and Вагнер"),
    ],
)
def test_another_word_is_no_name(query: str, text: str) -> None:
    assert not found(query, text)


@pytest.mark.parametrize(
    ("query", "text", "term"),
    [
        ("Burma army", "a Myanmar army base", "Myanmar army"),
        ("burma army", "Old Pagan army", "Old Pagan army"),
        ("вирус HIV", "вирус ВИЧ", "вирус ВИЧ"),
        ("river NEAR/3 Nusra Front fighters", "HTS fighters at the river", "HTS fighters"),
        ("Nusra Front fighters~", "hit by HTS fightres", "HTS fightres"),
    ],
)
def test_a_name_within_a_longer_one_is_found_as_the_others_too(query: str, text: str, term: str) -> None:
    assert term in [text for text, _rule in found(query, text)]
    percolator = Percolator(KNOWN)
    percolator.add(1, parse(query))
    index = Index(KNOWN)
    index.add(1, Article("", text))
    assert 1 in percolator.match(Article("", text))
    assert 1 in index.find(parse(query)).numbers


@pytest.mark.parametrize("query", ["apple pie", "Myanmar", "HTS"])
def test_no_other_longer_name_is_looked_for(query: str) -> None:
    bound = KNOWN.bind(parse(query))
    assert not isinstance(bound, Alias) or bound.concept


def test_a_place_is_no_name_within_a_longer_one() -> None:
    sudan = Aliases([read("Sudan = Old Nubia")])
    assert sudan.bind(Name("South Sudan")) == Name("South Sudan")


def test_the_name_that_was_asked_for_keeps_its_own_rule() -> None:
    assert found("Wagner", "the Wagner group") == [("Wagner", "exact")]


def test_a_name_is_not_found_within_a_longer_one() -> None:
    known = Aliases([read("Syrian Arab News = SANA"), read("Arab News = Riyadh paper")])
    riyadh = parse("Riyadh paper")
    assert matches(riyadh, Article("", "the Arab News says"), known)
    assert not matches(riyadh, Article("", "the Syrian Arab News says"), known)
    south = Aliases([read("Sudan = Old Nubia"), read("Nubia = Sudanland")])
    assert matches(parse("Old Nubia"), Article("", "in Sudan"), south)
    assert not matches(parse("Old Nubia"), Article("", "in South Sudan"), south)


def test_a_query_says_its_other_names() -> None:
    said = describe(KNOWN.bind(parse("Burma -HTS")), words("en")).striptags()
    assert "Burma, also as Myanmar, \u2068ميانمار\u2069, Old Pagan" in said


def test_binding_changes_names_only_and_is_undone_by_binding_to_nothing() -> None:
    expr = parse('"HTS" AND HTS AND source:HTS -Wagner')
    bound = KNOWN.bind(expr)
    assert isinstance(bound, And)
    assert bound.items[0] == Exact("HTS")
    assert isinstance(bound.items[-1], Not)
    assert bound.items[1] != Name("HTS")
    assert Aliases().bind(bound) == expr
    assert format_query(bound) == format_query(expr)


@settings(max_examples=150, deadline=None)
@given(names, articles, aliases)
def test_an_alias_only_adds(expr: Expr, article: Article, known: Aliases) -> None:
    assert not matches(expr, article) or matches(expr, article, known)


@settings(max_examples=150, deadline=None)
@given(articles, aliases)
def test_names_an_article_has_not_itself_are_found_together_or_not_at_all(article: Article, known: Aliases) -> None:
    for group in known.groups:
        absent = [Name(name) for name in group if not matches(Name(name), article)]
        assert len({bool(matches(name, article, known)) for name in absent}) <= 1


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("Myanmar", "Write a name"),
        ("= Burma", "Write a name"),
        ("Myanmar =", "Write a name"),
        ("Foo = Foo", "one and the same"),
        ("a = Burma", "nearly every article"),
        ("xy = Burma", "too short"),
        ("Foo = 大", "too short"),
        ("Foo = they have", "nearly every article"),
        ("Foo = 2024", "no letters"),
        ("Foo = title:bar", "cannot be a name"),
        ("Foo = bar OR baz", "cannot be a name"),
        ("Foo = (bar", "Close this"),
        ("Foo = Egypt-Russia", "cannot be a name"),
        ("Foo = " + "x" * 61, "cannot be a name"),
        ("Foo = a b c d e f g h i", "too long"),
        ("x1,y1 = Foo", "cannot be a name"),
        ("Foo = " + "x &y" * 15, "cannot be a name"),
        ("Foo = " + ", ".join(f"name{n}" for n in range(20)), "20 names at most"),
        ("Syria = Iraq", "two places"),
        ("HTS = Syria", "write it first, as in Syria = HTS"),
        ("Congo = Old Kingdom", "more than one place"),
    ],
)
def test_what_cannot_be_an_alias_is_told_in_one_sentence(typed: str, said: str) -> None:
    with pytest.raises(UserError) as error:
        read(typed)
    assert said in str(error.value)


def test_groups_that_share_a_name_become_one() -> None:
    first, second, third = ("Foo", "Bar"), ("Baz", "Qux"), ("BAR", "Baz")
    assert joined([first, second]) == [first, second]
    assert joined([first, second, third]) == [("Foo", "Bar", "Baz", "Qux")]
    assert joined([("…", "?"), first]) == [first]  # the other has no word to find
    assert joined([first, ("Dam",), third]) == [("Foo", "Bar", "Baz"), ("Dam",)]


def test_names_of_a_place_stand_for_it() -> None:
    assert concept_of(("Myanmar", "Foo")) == "MM"
    assert concept_of(("Foo Bar", "Baz")) == "=foo bar"


def test_a_file_is_read_line_by_line_and_every_mistake_is_named() -> None:
    text = "# ours\n\n Myanmar = Burma ,Бирма\r\nC# = CSharp\nSyria = Iraq\nBurma = Rangoon Government\nnonsense\n"
    groups, problems = read_lines(text)
    assert groups == [("Myanmar", "Burma", "Бирма"), ("C#", "CSharp")]
    assert [problem.split(":")[0] for problem in problems] == ["line 5", "line 6", "line 7"]
    assert "stands in line 3 too" in problems[1]


def test_a_second_equals_sign_is_a_mistake() -> None:
    groups, problems = read_lines("Foo = Bar = Baz\nFoo == Bar\n")
    assert groups == []
    assert all("Write “=” once" in problem for problem in problems)
    assert len(problems) == 2


def test_each_name_of_the_most_there_can_be_is_cut_into_words_once() -> None:
    groups = [tuple(f"Контора {group:x} {name:x}" for name in range(MOST_NAMES)) for group in range(MOST_ALIASES)]
    _key_of_any.cache_clear()
    assert joined(groups) == joined(groups) == groups
    assert _key_of_any.cache_info().misses == MOST_ALIASES * MOST_NAMES


def test_the_longest_aliases_there_can_be_fit_a_file() -> None:
    longest = tuple(f"{name:02}".translate(BIG).ljust(LONGEST, BIG[ord("x")]) for name in range(MOST_NAMES))
    written = write_lines([longest])
    assert read_lines(written) == ([longest], [])
    assert len(written.encode()) * MOST_ALIASES <= LARGEST_FILE


SIGNS = st.text(st.sampled_from(" &-–#@.,;،'’\u200c\u2028إسі北²\tAb"), max_size=3)
SIGNED = st.builds("{}Foo{}bar{}{}".format, SIGNS, SIGNS, st.integers(1, 9), SIGNS)


@settings(max_examples=200, deadline=None)
@given(st.lists(SIGNED, min_size=2, max_size=4))
def test_what_is_accepted_is_read_back_from_a_file(typed: list[str]) -> None:
    try:
        group = read(f"{typed[0]} = {', '.join(typed[1:])}")
    except UserError:
        reject()
    for ordered in (group, group[::-1]):  # any name may be the main one, once groups are joined
        assert read_lines(write_lines([ordered])) == ([place_first(ordered)], [])
