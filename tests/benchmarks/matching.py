"""How fast articles meet queries, beside the loops other bots run: `python -m tests.benchmarks.matching`.

One core, CPU time, everything on (analysis, places, close spellings). The articles are AG News where
WATCHWORD_DATA points, else made up. Queries are drawn from the articles in a realistic mix (60 % words, 25 %
names and phrases, 10 % pairs, 5 % with exclusions; one in ten asks for close spellings) and filled up with
made-up names. Trust the ratios, not the rates: the machine is shared.
"""

import json
import lzma
import os
import random
import resource
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

from bot.errors import QueryError
from bot.matching.expr import Expr, Name, leaves
from bot.matching.percolator import Percolator
from bot.matching.syntax import parse
from bot.models import Article

SIZES = (1_000, 10_000, 100_000)
ARTICLES = 1_000
WORDS = 60  # of a summary
SYLLABLES = [first + vowel + last for first in "bcdfghklmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]


def main() -> None:
    """Print articles a second for each number of queries, with the loop's rate and the ratio to it."""
    draw = random.Random(1)
    articles = load_articles(draw)
    show(f"{'queries':>9} {'articles/s':>11} {'in loop':>9} {'ratio':>8} {'hits':>6} {'add us':>7} {'MiB':>6}")
    for size in SIZES:
        queries = make_queries(articles, size, draw)
        percolator = Percolator()
        adding = seconds(partial(add_all, percolator, queries))
        sample = articles[: 200 if size > 10_000 else ARTICLES]
        match_all(percolator, articles[-200:])  # the caches are warm in a bot that runs
        percolator.statistics.matches = 0
        ours = len(sample) / seconds(partial(match_all, percolator, sample))
        hits = percolator.statistics.matches / len(sample)
        loop = in_loop_rate(articles, queries)
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        rates = f"{size:>9} {ours:>11.0f} {loop:>9.1f} {ours / loop:>8.1f}"
        show(f"{rates} {hits:>6.1f} {adding / size * 1e6:>7.1f} {memory:>6.0f}")


def add_all(percolator: Percolator, queries: Sequence[Expr]) -> None:
    """Add the queries, their place as id."""
    for query_id, expr in enumerate(queries):
        percolator.add(query_id, expr)


def match_all(percolator: Percolator, articles: Sequence[Article]) -> None:
    """Match the articles."""
    for article in articles:
        percolator.match(article)


def show(line: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(line + "\n")


def in_loop_rate(articles: Sequence[Article], queries: Sequence[Expr]) -> float:
    """Return the articles a second of `keyword in text` for every keyword, on as many articles as that bears."""
    keywords = [leaf.text.lower() for expr in queries for leaf in leaves(expr) if isinstance(leaf, Name)]
    sample = articles[: max(3, 200_000 // len(keywords))]

    def loop() -> None:
        for article in sample:
            text = f"{article.title} {article.text}".lower()
            for keyword in keywords:
                _ = keyword in text

    return len(sample) / seconds(loop)


def seconds(work: Callable[[], object]) -> float:
    """Return the CPU time of `work`."""
    started = time.process_time()
    work()
    return time.process_time() - started


def load_articles(draw: random.Random) -> list[Article]:
    """Return articles of a title and a short summary."""
    root = os.environ.get("WATCHWORD_DATA")
    if not root:
        return [Article(made_up(draw, 9), made_up(draw, WORDS), "en") for _ in range(ARTICLES)]
    with lzma.open(Path(root) / "data" / "ag_news.jsonl.xz", "rt", encoding="utf-8") as file:
        records = list(map(json.loads, file))
    return [Article(r["title"], " ".join(r["text"].split()[:WORDS]), r["language"]) for r in records]


def made_up(draw: random.Random, words: int) -> str:
    """Return words of made-up syllables, commoner ones first, some with a capital."""
    made = (made_up_name(draw, round(draw.paretovariate(1.2)) + 1) for _ in range(words))
    return " ".join(word if draw.random() < 0.3 else word.lower() for word in made)


def made_up_name(draw: random.Random, syllables: int) -> str:
    return "".join(draw.choice(SYLLABLES) for _ in range(min(syllables, 6))).capitalize()


def make_queries(articles: Sequence[Article], size: int, draw: random.Random) -> list[Expr]:
    """Return `size` different queries in the mix of the module's docstring, common words less than their share."""
    following: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        for one, two in pairwise(article.text.split()):
            following[one].append(two)
    words = list(following)
    weights = list(accumulate(len(following[word]) ** 0.5 for word in words))
    made: dict[str, Expr] = {}
    while len(made) < size:
        one = draw.choices(words, cum_weights=weights)[0]
        two = draw.choice(following[one])
        if draw.random() < len(made) / size:
            one, two = made_up_name(draw, 3), made_up_name(draw, 4)
        text = a_query(one, two, draw)
        try:
            made.setdefault(text, parse(text))
        except QueryError:
            continue  # a word of the articles that is no query, as "the"
    return list(made.values())


def a_query(one: str, two: str, draw: random.Random) -> str:
    """Return the text of one query."""
    kind = draw.random()
    if kind < 0.6:
        return one + ("~" if draw.random() < 0.17 else "")
    if kind < 0.85:
        return f"{one} {two}"
    return f"{one} AND {two}" if kind < 0.95 else f"{one} NOT {two}"


if __name__ == "__main__":
    main()
