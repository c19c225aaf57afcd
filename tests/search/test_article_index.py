"""What a query would have found is what judging every article says."""

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.evaluate import matches
from bot.matching.query.ast import Expr, Name
from bot.matching.query.parser import parse
from bot.models import Article
from bot.search.article_index import Index, IndexMatches
from tests.matching.strategies import aliases, articles, queries


def index_of(articles: list[Article], known: Aliases | None = None) -> Index:
    index = Index(known)
    for number, article in enumerate(articles):
        index.add(number, article)
    return index


def judged(expr: Expr, articles: list[Article], known: Aliases | None = None) -> set[int]:
    return {number for number, article in enumerate(articles) if matches(expr, article, known)}


@settings(max_examples=300, deadline=None)
@given(st.lists(queries, min_size=1, max_size=4), st.lists(articles, max_size=6), aliases)
@example([Name("Steve Waugh")], [Article("", "Steve 19 Waugh", "en")], Aliases([]))  # a number is no middle name
@example([Name("Gaddafi")], [Article("", "قال القذافي", "ar"), Article("", "Kadhafi", "fr")], Aliases([]))
@example([Name("القذافي")], [Article("", "Gaddafi said", "en")], Aliases([]))
def test_it_finds_what_judging_every_article_finds(exprs: list[Expr], texts: list[Article], known: Aliases) -> None:
    index = index_of(texts, known)
    for expr in exprs:
        assert index.find(expr).numbers == judged(expr, texts, known)


@settings(max_examples=100, deadline=None)
@given(queries, st.lists(articles, min_size=1, max_size=6), aliases, aliases, st.data())
def test_what_is_removed_or_renamed_leaves_nothing_behind(
    expr: Expr, texts: list[Article], before: Aliases, after: Aliases, data: st.DataObject
) -> None:
    index = index_of(texts, before)
    gone = data.draw(st.sets(st.integers(0, len(texts) - 1)))
    index.remove(gone)
    index.set_aliases(after)
    assert index.find(expr).numbers == judged(expr, texts, after) - gone
    index.remove(range(len(texts)))
    assert (len(index), index.words, index._whole.keys, index._whole.words) == (0, 0, {}, {})
    assert not index._vocabulary.folded


def test_it_says_what_else_is_in_the_articles_that_were_found() -> None:
    texts = [
        Article("", "In Syria they said so, said Ahmad Bakery of Russia.", "en"),
        Article("", "Again they went into Syria, with some Bakery.", "en"),
        Article("", "In Russia alone.", "en"),
    ]
    index = index_of(texts)
    found = index.find(parse("Syria")).numbers
    assert found == {0, 1}
    assert index.companions(found)["@RU"] == 1
    assert index.companions(found)["@SY"] == 2
    assert {word for (word, _case), count in index.names(found).items() if count == 2} == {"syria", "bakery"}


def test_a_misspelling_is_found_that_sounds_otherwise() -> None:
    texts = [
        Article("", "then Peterson spoke", "en"),
        Article("", "then Pedresen spoke", "en"),
        Article("", "Paulsen", "en"),
    ]
    assert index_of(texts).find(parse("Pedersen~")).numbers == judged(parse("Pedersen~"), texts) == {0, 1}


def test_beyond_its_budget_the_newest_are_judged_and_the_rest_is_said_and_made_up_for() -> None:
    texts = [Article("", f"rain over the hills of Idlib, and article {number}", "en") for number in range(5)]
    index = index_of(texts)
    near = parse("rain NEAR/5 Idlib")
    assert index.find(near, most=2) == IndexMatches({3, 4}, left=3)
    assert index.find(near, most=2) == IndexMatches({1, 2, 3, 4}, left=1)  # what was judged costs nothing
    assert index.find(near, most=2) == IndexMatches({0, 1, 2, 3, 4}, left=0)
    assert index.find(near, most=0, among={0, 1}) == IndexMatches({0, 1}, left=0)
    index.set_aliases(Aliases([("Idlib", "Hills")]))
    assert index.find(near, most=2) == IndexMatches({3, 4}, left=3)  # read anew


def test_what_was_judged_is_not_remembered_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("bot.search.article_index.MOST_VERDICTS", 8)
    texts = [Article("", f"rain over the hills of Idlib, and article {number}", "en") for number in range(5)]
    index = index_of(texts)
    first, second = parse("rain NEAR/5 Idlib"), parse("rain NEAR/6 Idlib")
    assert index.find(first).is_whole
    assert index.find(second).is_whole
    assert index.find(second, most=0).is_whole
    assert index.find(first, most=0) == IndexMatches(set(), left=5)


def test_queries_that_nothing_had_to_be_judged_for_are_not_remembered_without_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("bot.search.article_index.MOST_VERDICTS", 8)
    texts = [Article("", f"rain over the hills of Idlib, and article {number}", "en") for number in range(5)]
    index = index_of(texts)
    judged = parse("rain NEAR/5 Idlib")
    assert index.find(judged).is_whole
    for number in range(2):
        assert index.find(parse(f"unheard{number}")).is_whole
    assert index.find(judged, most=0).is_whole
    for number in range(9):
        assert index.find(parse(f"unheard{number}")).is_whole
    assert index.find(judged, most=0) == IndexMatches(set(), left=5)
