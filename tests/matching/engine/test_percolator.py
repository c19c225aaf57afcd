import threading
from itertools import product

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from bot.matching.engine.aliases import Aliases
from bot.matching.engine.evaluate import MOST_TERMS, matches
from bot.matching.engine.leaf import is_simple, leaf_matcher
from bot.matching.engine.percolator import UNEXPLAINED, Percolator
from bot.matching.engine.plan import name_of, plan
from bot.matching.query.ast import Expr, Language, Name
from bot.matching.query.parser import parse
from bot.matching.text.analysis import Case
from bot.models import Article
from tests.matching.strategies import aliases, articles, queries


@settings(max_examples=300, deadline=None)
@given(st.lists(queries, max_size=8), articles, aliases)
@example([Name("Steve Waugh")], Article("", "Steve 19 Waugh", "en"), Aliases([]))  # a number is no middle name
@example([Name("Hayat Tahrir Sham")], Article("", "Hayat Otto Tahrir Otto Sham", "en"), Aliases([]))
@example([Name("the dam of")], Article("the dam", "of the dam. Of the", "en"), Aliases([]))
@example([Name("NASA")], Article("NASA DAM", "the nasa dam", "en"), Aliases([]))
def test_the_index_never_loses_or_adds_a_match(exprs: list[Expr], article: Article, known: Aliases) -> None:
    percolator = Percolator(known)
    for query_id, expr in enumerate(exprs):
        percolator.add(query_id, expr)
    alone = {query_id: found for query_id, expr in enumerate(exprs) if (found := matches(expr, article, known))}
    assert percolator.match(article) == alone


@settings(deadline=None)
@given(st.lists(queries, min_size=1, max_size=6), st.data(), articles)
def test_a_removed_query_leaves_nothing_behind(exprs: list[Expr], data: st.DataObject, article: Article) -> None:
    kept, removed = Percolator(), Percolator()
    gone = data.draw(st.sets(st.integers(0, len(exprs) - 1)))
    for query_id, expr in enumerate(exprs):
        removed.add(query_id, expr)
        if query_id not in gone:
            kept.add(query_id, expr)
    for query_id in gone:
        removed.remove(query_id)
    assert removed.match(article) == kept.match(article)
    for query_id in range(len(exprs)):
        removed.remove(query_id)
    assert len(removed) == 0
    assert len(removed._terms) == 0


@settings(deadline=None)
@given(st.lists(queries, max_size=6), articles, aliases, aliases)
def test_queries_follow_when_aliases_change(
    exprs: list[Expr], article: Article, before: Aliases, after: Aliases
) -> None:
    changed, fresh = Percolator(before), Percolator(after)
    for query_id, expr in enumerate(exprs):
        changed.add(query_id, expr)
        fresh.add(query_id, expr)
    changed.match(article)
    changed.set_aliases(after)
    assert changed.match(article) == fresh.match(article)
    for query_id in range(len(exprs)):
        changed.remove(query_id)
    assert len(changed._terms) == 0


@settings(deadline=None)
@given(st.lists(queries, max_size=5), st.lists(queries, max_size=5), st.data(), articles, articles)
def test_queries_that_come_and_go_between_articles_are_matched_as_if_they_had_always_been_so(
    before: list[Expr], after: list[Expr], data: st.DataObject, first: Article, second: Article
) -> None:
    percolator = Percolator()
    there = dict(enumerate(before))
    for query_id, expr in there.items():
        percolator.add(query_id, expr)
    percolator.match(first)  # results of words are cached
    percolator.match(second)
    for query_id in data.draw(st.sets(st.sampled_from(range(len(before))))) if before else ():
        percolator.remove(query_id)
        del there[query_id]
    for query_id, expr in enumerate(after, len(before)):
        percolator.add(query_id, expr)
        there[query_id] = expr
    for article in (second, first):
        assert percolator.match(article) == {n: found for n, expr in there.items() if (found := matches(expr, article))}


@settings(deadline=None)
@given(st.from_regex("[a-z]{1,9}", fullmatch=True) | st.sampled_from(("turkey", "nasa", "real", "shoigu")), st.data())
def test_a_word_that_is_kept_as_its_term_is_looked_for_as_it_was_typed(text: str, data: st.DataObject) -> None:
    name = Name(data.draw(st.sampled_from((text, text.capitalize(), text.upper()))), data.draw(st.booleans()))
    query_plan = plan(name)
    assume(is_simple(name.text) and not query_plan.needs_check)
    again = name_of(*query_plan.trigger)
    assert plan(again) == query_plan
    sequences, again_sequences = (
        [[word._replace(case=Case.TITLE) for word in words] for words in leaf_matcher(leaf).sequences]
        for leaf in (name, again)
    )
    assert sequences == again_sequences  # their case decides nothing


def test_a_name_that_comes_and_goes_at_once_takes_no_other_ones_spellings_away() -> None:
    percolator = Percolator()
    percolator.add(1, parse("Soviet Army"))
    assert percolator.match(Article("", "a Sovyet Army", "en"))
    percolator.add(2, parse("SOVIET ARMY"))  # two terms, for their capitals decide, and one name
    percolator.remove(2)
    assert percolator.match(Article("", "a Sovyyet Army", "en"))


EVERY_KIND = (
    "dam", "Syria", "إدلب", "Pedersen~", "terror*", "AT&T", "Steve Waugh", "Egypt NEAR/3 Russia", "title:dam",
    "lang:ar", "in:Syria", "source:bbc dam", '"the dam"', "北京", "서울", "🔥", "dam NOT river", "US",
    "(Egypt OR Sudan) AND dam",
)  # fmt: skip
ODD = st.text(
    st.sampled_from("aDام北서🔥\u200f\u202e\u0301\u00ad '’.-&\n\x00\x01\x02+@S") | st.characters(), max_size=60
)


@settings(deadline=None)
@given(ODD, ODD, st.none() | ODD, ODD)
@example("", "A\ud800", None, "")
def test_no_text_is_too_odd(title: str, text: str, language: str | None, source: str) -> None:
    percolator = Percolator()
    for query_id, query in enumerate(EVERY_KIND):
        percolator.add(query_id, parse(query))
    article = Article(title, text, language, source)
    assert percolator.match(article) == {
        n: found for n, query in enumerate(EVERY_KIND) if (found := matches(parse(query), article))
    }


def test_ten_thousand_prefixes_are_told_apart() -> None:
    percolator = Percolator()
    for query_id in range(10_000):
        percolator.add(query_id, parse("".join("abcdefghij"[int(digit)] for digit in f"{query_id:04}") + "*"))
    assert set(percolator.match(Article("abcd", "jihgfedcba abcc", "en"))) == {123, 122, 9876}
    assert percolator.statistics.judged == 0


@settings(deadline=None)
@given(queries, articles)
def test_every_term_stands_where_it_says(expr: Expr, article: Article) -> None:
    found = matches(expr, article)
    for term in found.terms if found else ():
        assert getattr(article, term.field)[term.start : term.end] == term.text
    assert found is None or 0 < found.score <= 1


def hits(
    query: str, text: str, *, title: str = "", language: str | None = "en", source: str = ""
) -> list[tuple[str, str]]:
    """Return (text, rule) of each term, in order."""
    found = matches(parse(query), Article(title, text, language, source))
    return [(term.text, term.rule) for term in found.terms] if found else []


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("flood", "The floods were flooding flooded fields."),
        ("Syria", "A Syrian town"),
        ("Syria", "in Syria’s north"),
        ("syria", "SYRIA"),
        ("Syria", "سوريا والأردن"),
        ("Syria", "الجيش السوري يتقدم"),
        ("Syria", "в Сирии и сирийские города"),
        ("سوريا", "Syrians vote"),
        ("Idlib", "the city of Idleb"),
        ("Idlib", "قصف بإدلب وريفها"),
        ("Idlib", "бои в Идлибе"),
        ("Moscow", "из Москвы"),
        ("إدلب", "Idlib under fire"),
        ("Erdoğan", "President Erdogan said"),
        ("Erdogan", "ERDOĞAN spoke"),
        ("café", "cafe\u0301 owners"),
        ("Al-Sisi", "President al Sisi and AlSisi"),
        ("AlSisi", "President Al-Sisi"),
        ("Covid-19", "covid 19, COVID‑19, Covid19"),
        ("AT&T", "shares of AT&T fell"),
        ("C++", "She writes C++ daily"),
        ("U.S.", "The US said"),
        ("UN", "The U.N. said"),
        ("F-16", "an F16 jet"),
        ("Steve Waugh", "S. Waugh made 50 and Steve Rodger Waugh watched"),
        ("Geir Pedersen", "Geir Otto Pedersen spoke"),
        ("Shoigu", "General Sergey Shoygu arrived"),
        ("Shoigu", "Сергей Шойгу прибыл"),
        ("Massoud Barzani", "Masoud Barzani met"),
        ("Houthi", "The Houthis fired"),
        ("Pedersen~", "envoy Pedresen said"),
        ("terror*", "counter-terrorism and terrorists"),
        ("北京", "我在北京工作"),
        ("서울", "서울에서 만나다"),
        ("in:Syria", "They advance on Aleppo"),
        ("in:Syria", "Damascus reacts"),
        ("Congo", "Kinshasa: DR Congo's army"),
        ("Real Madrid", "#RealMadrid won"),
        ("Cell Phone", "two cellphones"),
        ("Al Sisi", "said Alsissi"),
        ("so-called", "the so\u00adcalled plan, so called"),
        ("Guinea-Bissau", "Guinea-Bissau votes"),
        ("Egypt NEAR/2 Russia", "Russia and then Egypt"),
        ("dam NOT river", "the dam broke"),
        ("Brighton & Hove", "Brighton and Hove Albion"),
        ("🔥", "so 🔥 today"),
        ("US", "talks with the US"),
        ("Turkey", "protests in Turkey grew"),
        ("turkey", "roast turkey"),
        ("Washington, D.C.", "from Washington on Sunday"),
        ("Holland", "Dutch farmers"),
    ],
)
def test_it_is_found(query: str, text: str) -> None:
    assert hits(query, text, language=None)


@pytest.mark.parametrize(
    ("query", "text"),
    [
        ("ai", "he said it rained"),
        ("war", "software award"),
        ("Iran", "Tirana and Iraq"),
        ("Niger", "Nigeria votes"),
        ("Guinea", "Equatorial Guinea, Papua New Guinea and Guinea-Bissau"),
        ("Sudan", "South Sudan and the South Sudanese"),
        ("Ireland", "in Northern Ireland"),
        ("Mexico", "a fire in New Mexico"),
        ("Jordan", "Michael Jordan scored"),
        ("India", "the West Indies and West Indian cricket"),
        ("Hama", "Hamas said"),
        ("Hamas", "the city of Hama"),
        ("Gates", "he opened the gate"),
        ("organ", "the organization"),
        ("Mali", "Bali and Malta"),
        ("John Snow", "said Johnson"),
        ("Indian Police", "in Indianapolis"),
        ("Austria", "Australia won"),
        ("Syria", "Serbia won"),
        ("US", "he told us so"),
        ("Turkey", "we ate roast turkey at home"),
        ("Turkey", "Turkey is best when the turkey rests. Carve turkey slowly."),
        ("China", "fine china cups"),
        ("=Syria", "Syrian towns"),
        ('"dam river"', "the river dam"),
        ("AT&T", "at T-junctions"),
        ("Real Madrid", "It was real. Madrid slept."),
        ("Steve Waugh", "Mark Waugh"),
        ("Steve Waugh", "Steve and Waugh"),
        ("climate change", "climate policy change"),
        ("Egypt NEAR/1 Russia", "Russia and then later Egypt"),
        ("Syria -Turkey", "Syria and the Turkish border"),
        ("in:Syria", "They advance on Beirut"),
        ("lang:ar dam", "the dam"),
        ("Idlib", "a dalliance, a bdellium"),
    ],
)
def test_it_is_not_found(query: str, text: str) -> None:
    assert not hits(query, text)


@pytest.mark.parametrize(
    ("query", "text", "term", "rule"),
    [
        ("Syria", "in Syria’s north", "Syria", "exact"),
        ("Syria", "a Syrian town", "Syrian", "alias"),
        ("Idlib", "قصف إدلب", "إدلب", "alias"),
        ("flood", "after floods", "floods", "inflection"),
        ("Shoigu", "General Shoygu", "Shoygu", "spelling"),
        ("Turkey", "Turkey votes", "Turkey", "uncertain-case"),
        ("Steve Waugh", "then S. Waugh fell", "S. Waugh", "alias"),
        ("Al-Sisi", "then Al Sisi spoke", "Al Sisi", "exact"),
    ],
)
def test_a_term_says_what_matched_and_by_which_rule(query: str, text: str, term: str, rule: str) -> None:
    assert hits(query, text) == [(term, rule)]


def test_the_rest_of_the_article_decides_what_a_headline_in_capitals_means() -> None:
    assert hits("Turkey", "Ankara is the capital of Turkey now", title="TURKEY IN TALKS")[0][1] == "exact"
    assert not hits("Turkey", "roast the turkey for hours", title="Turkey In The Oven")


def test_a_field_binds_and_a_source_is_part_of_title_or_host() -> None:
    assert hits("title:dam", "", title="The dam")
    assert not hits("title:dam", "the dam")
    assert hits("source:ahram dam", "the dam", source="Al-Ahram Weekly english.ahram.org.eg")
    assert not hits("source:bbc dam", "the dam", source="Al-Ahram Weekly")


def test_title_counts_more_than_lede_and_lede_more_than_body() -> None:
    filler = "word " * 60
    scores = [
        found.score
        for article in (Article("dam", "x"), Article("x", "dam"), Article("x", filler + "dam"))
        if (found := matches(Name("dam"), article))
    ]
    assert scores == sorted(scores, reverse=True)
    assert len(set(scores)) == 3


def test_what_is_kept_of_words_does_not_grow_with_the_languages_a_feed_makes_up() -> None:
    percolator = Percolator()
    percolator.add(1, Name("dam"))
    for number in range(100):
        assert percolator.match(Article("", "the dam", f"x{number}"))
    assert len(percolator._terms._cache.by_form) == 1


def test_a_wrong_language_never_loses_an_exact_match() -> None:
    for language in ("en", "ar", "zz", "tr", "", None):
        assert hits("إدلب", "في إدلب", language=language)
        assert hits("Überraschung", "eine Überraschung", language=language)


def test_a_language_is_guessed_where_none_is_given() -> None:
    text = "Les inondations dans la ville ont fait des victimes, et le maire est sur place pour les aider."
    assert matches(Language("fr"), Article("", text)) is not None
    assert hits("inondation", text, language=None)


@pytest.mark.parametrize(
    "text",
    [
        *("dam " * 16_000, "S. " * 20_000, "S. " * 20_000 + "Waugh", "Egypt Russia " * 5_000, "a-" * 30_000),
        *("北" * 60_000, "Turkey " * 16_000, "مالي " * 20_000, "Jordan Hexson said what " * 5_000, "Acme " * 30_000),
    ],
)
@pytest.mark.timeout(30)  # it takes a fraction of a second; without a bound, minutes
def test_a_hostile_article_is_matched_like_any_other(text: str) -> None:
    percolator = Percolator(Aliases([("Acme", "Acme Corporation")]))
    for query_id, query in enumerate(
        ["dam", "dam dam dam", "Egypt NEAR/9 Russia", "Steve Waugh", "北 北", "a-a-a", "Peders~"]
    ):
        percolator.add(query_id, parse(query))
    found = percolator.match(Article("", text, "en"))
    assert all(len(match.terms) <= MOST_TERMS for match in found.values())


def test_a_crowd_of_queries_keeps_an_article_from_no_other() -> None:
    percolator = Percolator()
    for query_id in range(300):
        percolator.add(query_id, parse(f"the NEAR/1 dam NOT x{query_id}"))
    percolator.add(300, parse("title:river"))

    found = percolator.match(Article("The dam and the river", "the dam " * 8_000, "en"))

    assert 300 in found
    assert len(found) + len(found.unjudged) == 301
    assert percolator.statistics.overruns == 1


def test_a_crowd_that_matches_is_told_where_while_there_is_time() -> None:
    percolator = Percolator()
    for query_id in range(300):
        percolator.add(query_id, parse(f"Waugh NOT x{query_id}"))
        percolator.add(1000 + query_id, parse(f"Sam{'abcdefghij'[query_id // 30]}{'xyz' * (1 + query_id % 30)} Waugh"))

    found = percolator.match(Article("", "then S. Waugh fell " * 3_000, "en"))

    assert len(found) == 600
    assert all(len(found[query_id].terms) == MOST_TERMS for query_id in range(300))  # alike, but for what is not there
    assert {found[1000 + query_id] == UNEXPLAINED for query_id in range(300)} == {True, False}


def test_words_that_sound_as_thousands_of_names_are_compared_with_as_many_as_there_is_time_for() -> None:
    percolator = Percolator()
    spelt = ["".join(c + v for c, v in zip("mhmdrsk", vowels, strict=True)) for vowels in product("aeiou", repeat=7)]
    for query_id, name in enumerate(spelt[:6_000]):
        percolator.add(query_id, Name(name.capitalize()))
    text = " ".join(name.capitalize() for name in spelt[6_000:8_000])

    found = percolator.match(Article("", f"{spelt[0].capitalize()} {text} {spelt[1].capitalize()}", "en"))

    assert 0 < found.unspelt < 2_000
    assert {0, 1} <= found.keys()  # the last word stands beyond the budget, and is found as it is
    assert percolator.statistics.overruns == 1
    assert percolator.match(Article("", spelt[7_999].capitalize(), "en"))  # nothing of that was cached


def test_queries_come_and_go_while_articles_are_matched_in_a_thread() -> None:
    percolator = Percolator()
    percolator.add(0, Name("dam"))
    article = Article("The dam", "dam river Shoygu " + " ".join(f"x{n}" for n in range(2000)), "en")
    failures: list[Exception] = []
    stop = threading.Event()

    def match_on() -> None:
        while not stop.is_set():
            try:
                found = percolator.match(article)
                assert 0 in found
                assert not any(query_id % 5 == 4 for query_id in found)  # what they exclude is there
            except Exception as error:
                failures.append(error)
                return

    thread = threading.Thread(target=match_on)
    thread.start()
    for query_id in range(1, 2000):
        texts = ("dam", "river OR dam", "Shoigu", "terror*", f"dam NOT x{query_id}")
        percolator.add(query_id, parse(texts[query_id % 5]))
        if query_id > 50:
            percolator.remove(query_id - 50)
    stop.set()
    thread.join()
    assert failures == []
