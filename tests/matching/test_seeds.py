"""The user's own documents, where WATCHWORD_DATA points: what each query must find in them."""

import os
from pathlib import Path

import pytest

from bot.matching.engine.evaluate import matches
from bot.matching.engine.percolator import Percolator
from bot.matching.query.parser import parse
from bot.models import Article
from bot.sources.reading.clean import clean_article

DATA = os.environ.get("WATCHWORD_DATA")
pytestmark = pytest.mark.skipif(not DATA, reason="WATCHWORD_DATA is not set: the seed documents are not here")

FIRST, SECOND = "000_6402dcc688331af9.txt", "003_77fc086e0be398ab.txt"
TITLES = {
    "A": "Egyptian Defense Minister Heads to Russia for Military Talks",
    "B": "UN Envoy: Situation in Syria ‘Dangerous’ and Threatens ISIS Resurgence",
    "C": "Russians head to Turkey for talks on Syria's Idlib offensive: Minister",
}
WANTED = {
    "Idlib": "BC",
    "Idleb": "BC",
    "إدلب": "BC",
    "Идлиб": "BC",
    "Syria": "BC",
    "Egypt–Russia": "A",
    "Egypt": "A",
    "Turkey–Russia": "C",
    "Gaza": "",
    "Real Madrid": "",
    "Libya": "",
    "Shoigu": "A",
    "Pedersen": "B",
    "Pederson": "B",
    "Erdoğan": "C",
    "Çavuşoğlu": "C",
    '"Joint Military Committee"': "A",
    "HTS": "B",
    "Hayat Tahrir al-Sham": "B",
    "Syria -Turkey": "B",
    "Syria NEAR/6 Aleppo": "",
}


def texts() -> dict[str, str]:
    seeds = Path(DATA or "") / "seeds"
    first = (seeds / FIRST).read_text(encoding="utf-8")
    cut = first.index(TITLES["B"])
    return {"A": first[:cut], "B": first[cut:], "C": (seeds / SECOND).read_text(encoding="utf-8")}


def articles(titled: bool) -> dict[str, Article]:
    cleaned = {name: clean_article(TITLES[name] if titled else "", text) for name, text in texts().items()}
    return {name: Article(clean.title.text, clean.text.text, "en") for name, clean in cleaned.items()}


@pytest.mark.parametrize("titled", [True, False], ids=["titled", "untitled"])
@pytest.mark.parametrize("query", WANTED)
def test_a_query_finds_the_articles_it_must(query: str, titled: bool) -> None:
    found = "".join(name for name, article in articles(titled).items() if matches(parse(query), article))
    assert found == WANTED[query]


@pytest.mark.parametrize("titled", [True, False], ids=["titled", "untitled"])
def test_the_percolator_finds_the_same(titled: bool) -> None:
    percolator = Percolator()
    queries = list(WANTED)
    for query_id, query in enumerate(queries):
        percolator.add(query_id, parse(query))
    found = {name: {queries[i] for i in percolator.match(article)} for name, article in articles(titled).items()}
    assert found == {name: {query for query, names in WANTED.items() if name in names} for name in TITLES}


@pytest.mark.parametrize("name", TITLES)
def test_an_untitled_article_finds_its_headline(name: str) -> None:
    assert clean_article("", texts()[name]).title.text == TITLES[name]
