"""Queries and articles for Hypothesis: few words, so that they often meet."""

from hypothesis import strategies as st

from bot.matching.engine.aliases import Aliases, joined
from bot.matching.query.ast import And, Corroborated, Exact, Expr, Field, Language, Name, Near, Not, Or, Prefix, Within
from bot.models import Article

WORDS = (
    "dam", "dams", "river", "Egypt", "Egyptian", "Sudan", "South", "Syria", "syrian", "Idlib", "Idleb", "إدلب", "Сирии",
    "Shoigu", "Shoygu", "Шойгу", "Pedersen", "Pederson", "Peterson", "Real", "Madrid", "Al-Sisi", "AlSisi", "Covid-19",
    "AT&T", "US", "us", "Turkey", "turkey", "Hama", "Hamas", "S.", "Steve", "Waugh", "terror", "terrorists", "北京",
    "Houthis", "the", "Sergei", "sergei", "Covid19", "real-madrid", "U-S", "tur-key", "AT & T", "and",
    "Gaddafi", "القذافي", "Kadhafi", "عبدالله",
    "NASA", "Nasa", "nasa", "na-sa", "Otto", "of", "19", "end.", "Hayat Tahrir Sham", "hayat tahrir",
    "Steve Otto Waugh", "the dam of", "H. Tahrir Sham", "George W. Bush", "Hayat Otto Tahrir",
)  # fmt: skip

_NAMES = (
    "dam", "Egypt", "Sudan", "South Sudan", "Syria", "Idlib", "إدلب", "Shoigu", "Pedersen", "Real Madrid", "Al-Sisi",
    "AlSisi", "Covid-19", "AT&T", "US", "Turkey", "Hama", "Hamas", "Steve Waugh", "river dam", "北京", "Houthi", "us",
    "Sergei Shoigu", "Shoygu", "turkey", "syria", "Hayat Tahrir Sham", "covid19", "realmadrid", "US dam", "dams",
    "AT & T", "Egypt & dam", "Shoigu dam", "the Hama river", "Gaddafi", "القذافي",
    "عبد الله",
    "NASA", "nasa", "NASA dam", "the dam of Egypt", "the dam of", "dam of US", "George W Bush", "Steve Otto Waugh",
    "19 of", "REAL MADRID", "HAYAT TAHRIR SHAM", "US TERRORISTS", "NASA TURKEY",
)  # fmt: skip

_ALIASES = (
    ("Syria", "Idleb Land", "Шойгу"), ("Real Madrid", "dam river", "Hama"), ("Shoigu", "Pedersen"), ("South", "Real"),
    ("AT&T", "北京", "real"), ("Steve Waugh", "S. dam"), ("dams", "river", "South Sudan dam"), ("turkey", "terrorists"),
    ("Egypt", "Waugh", "Madrid"), ("US", "Turkey Sudan"),
)  # fmt: skip
aliases = st.lists(st.sampled_from(_ALIASES), max_size=4).map(lambda groups: Aliases(joined(groups)))

names = st.builds(Name, st.sampled_from(_NAMES), st.booleans())
exacts = st.sampled_from(("dam", "real madrid", "Syria", "South Sudan", "the dam", "US", "sour")).map(Exact)
prefixes = st.sampled_from(("terr", "terror", "Shoi", "egyp", "sour")).map(Prefix)
withins = st.sampled_from(("Syria", "Egypt", "Turkey")).map(Within)
terms = st.one_of(names, exacts, prefixes, withins)
sources = st.builds(
    Field, st.just("source"), st.sampled_from((Name("ahram"), Name("bbc"), Name("ahram weekly"), Prefix("ahra")))
)
languages = st.sampled_from(("en", "ar")).map(Language)
choices = st.lists(terms, min_size=2, max_size=3).map(lambda items: Or(tuple(items)))
sides = st.one_of(terms, choices)
nears = st.builds(Near, sides, sides, st.integers(0, 9))


def _flat_items(kind: type[And] | type[Or], items: list[Expr]) -> tuple[Expr, ...]:
    return tuple(one for item in items for one in (item.items if isinstance(item, kind) else (item,)))


def _conjunction(wanted: list[Expr], unwanted: list[Expr]) -> Expr:
    items = _flat_items(And, [*wanted, *(Not(item) for item in unwanted)])
    return items[0] if len(items) == 1 else And(items)


def _deeper(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    return st.one_of(
        st.builds(_conjunction, st.lists(inner, min_size=1, max_size=3), st.lists(inner, max_size=2)),
        st.lists(inner, min_size=2, max_size=3).map(lambda items: Or(_flat_items(Or, items))),
    )


fieldless: st.SearchStrategy[Expr] = st.recursive(st.one_of(terms, nears), _deeper, max_leaves=5)
# Within is a field of its own in the grammar, so it cannot stand in title:(…)
titles = fieldless.filter(lambda expr: "in:" not in repr(expr) and "Within" not in repr(expr)).map(
    lambda item: Field("title", item)
)
conditions: st.SearchStrategy[Expr] = st.recursive(
    st.one_of(terms, nears, titles, sources, languages), _deeper, max_leaves=6
)
queries: st.SearchStrategy[Expr] = st.one_of(conditions, st.builds(Corroborated, conditions, st.integers(2, 9)))

texts = st.builds(
    lambda words, written: written(" ".join(words)),
    st.lists(st.sampled_from(WORDS), max_size=12),
    st.sampled_from((str, str, str, str.upper, str.title)),  # loud headlines
)
articles = st.builds(
    Article, texts, texts, st.sampled_from(("en", "ar", "ru", None)), st.sampled_from(("", "Al-Ahram Weekly", "BBC"))
)
