"""Matching rate, compared with the loops that other bots run: `python -m tests.benchmarks.matching`.

One core, CPU time. The articles are news from WATCHWORD_DATA (AG News, and Arabic news), else generated: a title and
60 words of summary. The rows of a table are measured in one run: trust the ratios, not the rates, because machines are
shared. Every row has a process of its own, which loads its queries as the bot does at its start, from a database made
by another process, so that the peak of memory is the matcher's own.

The matcher is warmed up with other articles than the measured ones, so that new words are looked up as in production:
about three per article of AG News; in Arabic, with only 30 articles for the warm-up, most. Known: the same articles
again, without new words.

- mix: everything on (analysis, places, close spellings). 60 % words, 25 % names and phrases, 10 % pairs, 5 % with
  exclusions; one in ten asks for close spellings, and longer names have them anyway
- arabic: the same, of Arabic articles
- plain: exact words only, so that other matchers can run the same queries. 21 % words, 52 % phrases, 22 % pairs, 6 %
  exclusions, compared with an automaton (pyahocorasick) plus checks of word boundaries and of the set of words that
  each query requires
- words: single words only; here an automaton only scans the letters, in C
- spellings: a word looked up among names, compared with `rapidfuzz.process.extract`

Queries are drawn from the articles, rare words more often than their share. A few thousand articles have no million
different words, so the rest are generated words and names; the share of real ones gives an article about seventy hits
among a million queries.
"""

import asyncio
import json
import lzma
import os
import random
import re
import resource
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from itertools import accumulate
from pathlib import Path

import ahocorasick
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from bot.errors import QueryError
from bot.matching.engine.percolator import Percolator
from bot.matching.engine.spelling import Vocabulary, is_near
from bot.matching.query.ast import Exact, Expr, Name, leaves
from bot.matching.query.parser import TOO_COMMON, parse
from bot.matching.text.analysis import tokens
from bot.models import Article
from bot.pipeline.match import Matcher
from bot.runtime.clock import Clock
from bot.storage.database import Database
from bot.storage.schema import query

SIZES = (1_000, 10_000, 100_000, 1_000_000)
MEASURED = 1_000  # articles; the others warm the caches
WORDS = 60  # of a summary
SYLLABLES = [first + vowel + last for first in "bcdfghklmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]
REAL = 4  # queries for each article that are drawn from the articles; the others are made up
COMMON = 0.2  # share of the articles from which a word is too common to be watched for
CHANGES = 500  # queries taken away and put back
HEADS = {
    "mix": "articles/s     known with terms  in loop x loop rapidfuzz  hits judged read/s first s add us remove us MiB",
    "plain": "articles/s  ahocorasick  x ahocor.   in loop   x loop   hits   MiB",
    "spellings": "us a word     extract  x extract  recall",
}
HEADS |= {"arabic": HEADS["mix"], "words": HEADS["plain"]}
MIX = (0.6, 0.25, 0.1, 0.05)
PLAIN = (0.21, 0.52, 0.21, 0.06)


def main() -> None:
    """Print a table for each kind."""
    for kind, head in HEADS.items():
        show(f"{kind + ', queries':>20}  {head}")
        for size in SIZES[1:3] if kind == "spellings" else SIZES:
            with tempfile.TemporaryDirectory() as folder:
                for step in ("make", "measure"):
                    arguments = [sys.executable, "-m", "tests.benchmarks.matching", step, kind, str(size), folder]
                    subprocess.run(arguments, check=True)


def step(name: str, kind: str, size: int, folder: Path) -> None:
    """Make the queries of a row, or measure it."""
    articles = load_articles(random.Random(1), "arabic" if kind == "arabic" else "ag")
    if kind == "spellings":
        if name == "measure":
            measure_spellings(articles, size)
    elif name == "make":
        texts = make_words(articles, size) if kind == "words" else make_queries(articles, size, plain=kind == "plain")
        asyncio.run(store(folder, texts))
    elif kind in ("mix", "arabic"):
        asyncio.run(measure_mix(articles, size, folder))
    else:
        asyncio.run(measure_plain(articles, size, folder, exact=kind == "plain"))


# --- measuring --------------------------------------------------------------------------------------


async def measure_mix(articles: Sequence[Article], size: int, folder: Path) -> None:
    """Everything on: rates with and without terms and scores, of reading the queries, adding and removing."""
    percolator, reading = await read_queries(folder)
    first = seconds(lambda: percolator.match(articles[0]))
    measured = articles[:MEASURED]
    match_all(percolator, articles[MEASURED:])
    before = percolator.statistics.matches, percolator.statistics.judged
    ours = len(measured) / seconds(lambda: match_all(percolator, measured))
    hits, judged = (
        (now - then) / len(measured)
        for now, then in zip((percolator.statistics.matches, percolator.statistics.judged), before, strict=True)
    )
    again = len(measured) / seconds(lambda: match_all(percolator, measured))
    explained = 100 / seconds(lambda: explain_all(percolator, measured[:100]))
    memory = peak()
    few = [(query_id, parse(text)) for query_id, text in some(folder, CHANGES)]
    removing = seconds(lambda: for_each(lambda one: percolator.remove(one[0]), few)) / len(few)
    adding = seconds(lambda: for_each(lambda one: percolator.add(*one), few)) / len(few)
    texts = [text for _query_id, text in some(folder, size)]
    loop, ratio = in_loop_rate(articles, texts), rapidfuzz_rate(articles, texts)
    show(
        f"{size:>20}  {ours:>10.0f} {again:>9.0f} {explained:>10.0f} {loop:>8.1f} {ours / loop:>6.0f} {ratio:>9.2f} "
        f"{hits:>5.1f} {judged:>6.1f} {size / reading:>6.0f} {first:>7.1f} {adding * 1e6:>6.1f} {removing * 1e6:>9.1f} "
        f"{memory:>5.0f}"
    )


async def measure_plain(articles: Sequence[Article], size: int, folder: Path, *, exact: bool) -> None:
    """Exact words, or single ones (which bring their inflections here alone), beside an automaton."""
    percolator, _reading = await read_queries(folder)
    measured = articles[:MEASURED]
    match_all(percolator, articles[MEASURED:])
    before = percolator.statistics.matches
    ours = len(measured) / seconds(lambda: match_all(percolator, measured))
    hits = (percolator.statistics.matches - before) / len(measured)
    memory = peak()
    texts = [text for _query_id, text in some(folder, size)]
    automaton = Automaton(texts)
    automaton.match_all(articles[MEASURED:])
    theirs = len(measured) / seconds(lambda: automaton.match_all(measured))
    if exact and size == SIZES[-1]:
        show_shared_hits(percolator, automaton, measured[:200])
    loop = in_loop_rate(articles, texts)
    rates = f"{ours:>10.0f} {theirs:>12.0f} {ours / theirs:>10.2f} {loop:>9.2f} {ours / loop:>8.0f}"
    show(f"{size:>20}  {rates} {hits:>6.1f} {memory:>5.0f}")


def measure_spellings(articles: Sequence[Article], size: int) -> None:
    """Words of articles looked up among `size` names, misspellings too; recall is against comparing all."""
    names = [text for text in make_words(articles, size) if len(text) >= 4]
    vocabulary = Vocabulary()
    vocabulary.add(names, misspelt=True)
    found = {token.folded for article in articles[:300] for token in tokens(article.text) if len(token.folded) >= 4}
    words = sorted(found)[:MEASURED]
    neighbours: dict[str, set[str]] = {}

    def look_up() -> None:
        for word in words:
            neighbours[word] = vocabulary.misspellings(word)

    is_near("first", "fist")  # the tables of places are read
    ours = seconds(look_up) / len(words)
    few = words[:: max(1, len(words) // 30)]

    def extract() -> None:
        for word in few:
            process.extract(word, names, scorer=OSA.distance, score_cutoff=2, limit=None)

    theirs = seconds(extract) / len(few)
    right = {(word, name) for word in few for name in names if is_near(name, word)}
    recall = len({(word, name) for word in few for name in neighbours[word]} & right) / (len(right) or 1)
    show(f"{size:>20}  {ours * 1e6:>9.1f} {theirs * 1e6:>11.1f} {theirs / ours:>10.1f} {recall:>7.3f}")


async def read_queries(folder: Path) -> tuple[Percolator, float]:
    """Return a percolator with the stored queries, and how long the bot takes to read them when it starts."""
    parse("Syria"), Percolator().match(Article("Syria", "", "en"))  # the tables are read
    async with Database(url(folder)) as database:
        matcher = Matcher(database, Clock())
        started = time.process_time()
        await matcher.warm()
        return matcher.percolator, time.process_time() - started


class Automaton:
    """What one would write with pyahocorasick: it finds the words, sets tell which queries have all of theirs."""

    def __init__(self, texts: Sequence[str]) -> None:
        self.automaton = ahocorasick.Automaton()
        waiting: dict[str, list[tuple[int, str, str]]] = {}
        for number, text in enumerate(texts):
            first, _, unwanted = text.replace('"', "").lower().partition(" not ")
            first, _, second = first.partition(" and ")
            waiting.setdefault(first, []).append((number, second, unwanted))
            for word in (second, unwanted):
                waiting.setdefault(word, []) if word else None
        for word, queries in waiting.items():
            self.automaton.add_word(word, (word, queries))
        self.automaton.make_automaton()

    def match(self, article: Article) -> set[int]:
        """Return the queries that an article matches."""
        text = f" {article.title} \n {article.text} ".lower()
        found = {}
        for end, (word, queries) in self.automaton.iter(text):
            if not text[end + 1].isalnum() and not text[end - len(word)].isalnum():
                found[word] = queries
        return {
            number
            for queries in found.values()
            for number, second, unwanted in queries
            if (not second or second in found) and not (unwanted and unwanted in found)
        }

    def match_all(self, articles: Sequence[Article]) -> None:
        """Match the articles."""
        for article in articles:
            self.match(article)


def show_shared_hits(percolator: Percolator, automaton: Automaton, articles: Sequence[Article]) -> None:
    """Say how far both agree: an automaton knows neither possessives nor accents, nor where a sentence ends."""
    ours = {(n, query_id - 1) for n, article in enumerate(articles) for query_id in percolator.match(article)}
    theirs = {(n, number) for n, article in enumerate(articles) for number in automaton.match(article)}
    shared, either = len(ours & theirs), len(ours | theirs)
    show(f"{'':>20}  of {either} hits of either, {shared} are of both")


def for_each(work: Callable[[tuple[int, Expr]], None], queries: Sequence[tuple[int, Expr]]) -> None:
    """Do `work` with each."""
    for numbered in queries:
        work(numbered)


def match_all(percolator: Percolator, articles: Sequence[Article]) -> None:
    """Match the articles."""
    for article in articles:
        percolator.match(article)


def explain_all(percolator: Percolator, articles: Sequence[Article]) -> None:
    """Match the articles, and make out terms and score of every match."""
    for article in articles:
        list(percolator.match(article).values())


def in_loop_rate(articles: Sequence[Article], texts: Sequence[str]) -> float:
    """Return the articles a second of `keyword in text` for every keyword, on as many articles as that bears."""
    return loop_rate(articles, texts, 1_000_000, lambda keyword, text: keyword in text)


def rapidfuzz_rate(articles: Sequence[Article], texts: Sequence[str]) -> float:
    """Return the articles a second of `fuzz.partial_ratio` for every keyword, estimated from a sample of them."""
    sample = texts[:: max(1, len(texts) // 2_000)]
    return loop_rate(articles, sample, 5_000, fuzz.partial_ratio) * len(sample) / len(texts)


def loop_rate(
    articles: Sequence[Article], texts: Sequence[str], most: int, judge: Callable[[str, str], object]
) -> float:
    exprs: Iterator[Expr] = map(parse, texts)
    keywords = [leaf.text.lower() for expr in exprs for leaf in leaves(expr) if isinstance(leaf, Name | Exact)]
    sample = articles[: max(2, most // len(keywords))]

    def loop() -> None:
        for article in sample:
            text = f"{article.title} {article.text}".lower()
            for keyword in keywords:
                judge(keyword, text)

    return len(sample) / seconds(loop)


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of `work`."""
    started = time.process_time()
    work()
    return time.process_time() - started


def peak() -> float:
    """Return the most memory this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(line: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


# --- queries and articles ---------------------------------------------------------------------------


def url(folder: Path) -> str:
    """Return the address of a row's database."""
    return f"sqlite:///{folder}/bench.db"


async def store(folder: Path, texts: Sequence[str]) -> None:
    """Store queries, as if somebody had subscribed to each; ids and versions count from one."""
    async with Database(url(folder)) as database, database.begin() as connection:
        for start in range(0, len(texts), 10_000):
            numbered = enumerate(texts[start : start + 10_000], start + 1)
            rows = [{"id": number, "text": text, "live": True, "version": number} for number, text in numbered]
            await connection.execute(query.insert(), rows)
    (folder / "queries").write_text("\n".join(texts), encoding="utf-8")


def some(folder: Path, most: int) -> list[tuple[int, str]]:
    """Return (id, text) of up to `most` stored queries of all parts."""
    texts = list(enumerate((folder / "queries").read_text(encoding="utf-8").split("\n"), 1))
    return texts[:: max(1, len(texts) // most)]


def load_articles(draw: random.Random, name: str = "ag") -> list[Article]:
    """Return articles of a title and a short summary, in an order of their own."""
    root = os.environ.get("WATCHWORD_DATA")
    if not root:
        return [Article(made_up(draw, 9), made_up(draw, WORDS), "en") for _ in range(3 * MEASURED)]
    with lzma.open(Path(root) / "data" / f"{name}_news.jsonl.xz", "rt", encoding="utf-8") as file:
        records = list(map(json.loads, file))
    articles = [Article(r["title"], " ".join(r["text"].split()[:WORDS]), r["language"]) for r in records]
    draw.shuffle(articles)
    return articles


def made_up(draw: random.Random, words: int) -> str:
    """Return words of made-up syllables, commoner ones first, some with a capital."""
    made = (made_up_name(draw, round(draw.paretovariate(1.2)) + 1) for _ in range(words))
    return " ".join(word if draw.random() < 0.3 else word.lower() for word in made)


def made_up_name(draw: random.Random, syllables: int) -> str:
    return "".join(draw.choice(SYLLABLES) for _ in range(min(syllables, 6))).capitalize()


class Corpus:
    """The words of articles that may be watched for, to draw from: by the root of how many articles have them."""

    def __init__(self, articles: Sequence[Article], draw: random.Random) -> None:
        self.texts = [re.findall(r"[^\W\d_]+", article.text) for article in articles]
        self.draw = draw
        having = Counter(word for words in self.texts for word in set(words))
        most = COMMON * len(articles)
        self.wanted = {w for w, n in having.items() if n < most and len(w) > 2 and w.lower() not in TOO_COMMON}
        self.words = sorted(self.wanted)
        self.weights = list(accumulate(having[word] ** 0.5 for word in self.words))

    def word(self) -> str:
        """Return a word."""
        word: str = self.draw.choices(self.words, cum_weights=self.weights)[0]
        return word

    def phrase(self) -> str:
        """Return two words, or now and then three, that stand side by side."""
        words = self.draw.choice(self.texts)
        at = self.draw.randrange(max(1, len(words) - 2))
        return " ".join(words[at : at + (3 if self.draw.random() < 0.3 else 2)])

    def pair(self) -> tuple[str, str]:
        """Return two words of one article."""
        words = [word for word in self.draw.choice(self.texts) if word in self.wanted]
        one, two = self.draw.sample(words, 2) if len(words) > 1 else (self.word(), self.word())
        return one, two


class MadeUp:
    """Words that are in no article, half of them with a capital."""

    def __init__(self, draw: random.Random) -> None:
        self.draw = draw

    def word(self) -> str:
        """Return a word."""
        made = made_up_name(self.draw, 4)
        return made if self.draw.random() < 0.5 else made.lower()

    def phrase(self) -> str:
        """Return two words."""
        return f"{made_up_name(self.draw, 3)} {made_up_name(self.draw, 4)}"

    def pair(self) -> tuple[str, str]:
        """Return two words."""
        return self.word(), self.word()


def make_words(articles: Sequence[Article], size: int) -> list[str]:
    """Return `size` different words."""
    draw = random.Random(2)
    corpus, invented = Corpus(articles, draw), MadeUp(draw)
    made = dict.fromkeys(corpus.word().lower() for _ in range(min(size // 2, REAL * len(articles))))
    while len(made) < size:
        made[invented.word().lower()] = None
    return list(made)


def make_queries(articles: Sequence[Article], size: int, *, plain: bool) -> list[str]:
    """Return `size` different queries in one of the mixes of the module's docstring."""
    draw = random.Random(2)
    corpus, invented = Corpus(articles, draw), MadeUp(draw)
    made: dict[str, None] = {}
    real = min(size // 2, REAL * len(articles))
    while len(made) < size:
        source = corpus if len(made) < real else invented
        text = plain_query(source, draw) if plain else a_query(source, draw)
        try:
            parse(text)
        except QueryError:
            continue  # words of the articles that are no query
        made[text] = None
    shuffled = list(made)
    draw.shuffle(shuffled)
    return shuffled


def a_query(source: Corpus | MadeUp, draw: random.Random) -> str:
    """Return a query of the realistic mix."""
    kind = draw.choices(range(4), MIX)[0]
    if kind == 0:
        return source.word() + ("~" if draw.random() < 0.17 else "")
    if kind == 1:
        return source.phrase()
    one, two = source.pair()
    return f"{one} AND {two}" if kind == 2 else f"{one} NOT {two}"


def plain_query(source: Corpus | MadeUp, draw: random.Random) -> str:
    """Return a query for exactly these words."""
    kind = draw.choices(range(4), PLAIN)[0]
    if kind < 2:
        return f'"{source.word() if kind == 0 else source.phrase()}"'.lower()
    one, two = (word.lower() for word in source.pair())
    return f'"{one}" AND "{two}"' if kind == 2 else f'"{one}" NOT "{two}"'


if __name__ == "__main__":
    if len(sys.argv) == 5:
        step(sys.argv[1], sys.argv[2], int(sys.argv[3]), Path(sys.argv[4]))
    else:
        main()
