"""What a query would have found is what judging every article says."""

from hypothesis import given, settings
from hypothesis import strategies as st

from bot.matching.aliases import Aliases
from bot.matching.expr import Expr
from bot.matching.index import Index
from bot.matching.judge import matches
from bot.matching.syntax import parse
from bot.models import Article
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
def test_it_finds_what_judging_every_article_finds(exprs: list[Expr], texts: list[Article], known: Aliases) -> None:
    index = index_of(texts, known)
    for expr in exprs:
        assert index.find(expr) == judged(expr, texts, known)


@settings(max_examples=100, deadline=None)
@given(queries, st.lists(articles, min_size=1, max_size=6), aliases, aliases, st.data())
def test_what_is_removed_or_renamed_leaves_nothing_behind(
    expr: Expr, texts: list[Article], before: Aliases, after: Aliases, data: st.DataObject
) -> None:
    index = index_of(texts, before)
    gone = data.draw(st.sets(st.integers(0, len(texts) - 1)))
    index.remove(gone)
    index.set_aliases(after)
    assert index.find(expr) == judged(expr, texts, after) - gone
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
    found = index.find(parse("Syria"))
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
    assert index_of(texts).find(parse("Pedersen~")) == judged(parse("Pedersen~"), texts) == {0, 1}
