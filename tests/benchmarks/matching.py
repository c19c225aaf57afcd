"""How fast articles meet queries, beside the loops other bots run: `python -m tests.benchmarks.matching`.

One core, CPU time. The articles are AG News where WATCHWORD_DATA points, else made up: a title and 60 words of summary.
Queries are drawn from the articles, seldom words more often than their share, and filled up with made-up names, since
no million people ask for different words of 3,800 articles. Each table's rows are measured in one run: trust the
ratios, not the rates, for machines are shared. Every number of queries runs in a process of its own, so that the peak
of memory is its own.

- everything on (analysis, places, close spellings): 60 % words, 25 % names and phrases, 10 % pairs, 5 % with
  exclusions; one in ten asks for close spellings, and longer names have them anyway
- plain words only, beside pyahocorasick (both read the text lower-cased; its hits are held against word boundaries)
- close spellings: a word looked up among names, beside `rapidfuzz.process.extract`
"""

import gc
import json
import lzma
import os
import random
import re
import resource
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import accumulate, pairwise
from pathlib import Path

import ahocorasick
from rapidfuzz import fuzz, process
from rapidfuzz.distance import OSA

from bot.errors import QueryError
from bot.matching.analysis import tokens
from bot.matching.expr import Expr, Name, leaves
from bot.matching.fuzzy import Vocabulary, is_near
from bot.matching.percolator import Percolator
from bot.matching.syntax import TOO_COMMON, parse
from bot.models import Article

SIZES = (1_000, 10_000, 100_000, 1_000_000)
ARTICLES = 1_000
WORDS = 60  # of a summary
SYLLABLES = [first + vowel + last for first in "bcdfghklmnprstvz" for vowel in "aeiou" for last in ("", "n", "r", "s")]
REAL = 4  # queries for each article that are drawn from the articles; the others are made up
COMMON = 0.2  # share of the articles from which a word is too common to be watched for
KINDS = ("mix", "words", "spellings")
HEADS = {
    "mix": "articles/s  with terms    in loop   rapidfuzz   hits  judged  read/s   add us  remove us   MiB",
    "words": "articles/s  ahocorasick  x ahocor.    in loop   x loop   hits   MiB",
    "spellings": "us a word     extract  x extract  recall",
}


def main() -> None:
    """Print a table for each kind, or the one row that is asked for."""
    if len(sys.argv) == 3 and sys.argv[1] in KINDS:
        globals()[f"measure_{sys.argv[1]}"](int(sys.argv[2]), random.Random(1))
        return
    for kind in KINDS:
        show(f"{kind + ', queries':>18}  {HEADS[kind]}")
        for size in SIZES[1:3] if kind == "spellings" else SIZES:
            subprocess.run([sys.executable, "-m", "tests.benchmarks.matching", kind, str(size)], check=True)


def measure_mix(size: int, draw: random.Random) -> None:
    """Everything on: rates with and without terms and scores, of rebuilding, adding and removing."""
    articles = load_articles(draw)
    texts = make_queries(articles, size, draw)
    parse("Syria"), Percolator().match(articles[0])  # the tables are read
    percolator = Percolator()
    building = seconds(partial(add_all, percolator, texts))
    gc.freeze()
    match_all(percolator, articles)  # the caches are warm in a bot that runs
    percolator.statistics.matches = percolator.statistics.judged = 0
    sample = articles[:ARTICLES]
    ours = len(sample) / seconds(partial(match_all, percolator, sample))
    hits, judged = percolator.statistics.matches / len(sample), percolator.statistics.judged / len(sample)
    explained = 100 / seconds(partial(explain_all, percolator, articles[:100]))
    few = [(query_id, parse(text)) for query_id, text in zip(range(0, size, size // 500), texts, strict=False)]
    few = [(query_id, parse(texts[query_id])) for query_id, _expr in few]
    removing = seconds(partial(for_all, lambda query: percolator.remove(query[0]), few))
    adding = seconds(partial(for_all, lambda query: percolator.add(*query), few))
    loops = in_loop_rate(articles, texts), rapidfuzz_rate(articles, texts)
    show(
        f"{size:>18}  {ours:>10.0f} {explained:>11.0f} {loops[0]:>10.1f} {loops[1]:>11.2f} {hits:>6.1f} {judged:>7.1f} "
        f"{size / building:>7.0f} {adding / len(few) * 1e6:>8.1f} {removing / len(few) * 1e6:>10.1f} {peak():>5.0f}"
    )


def measure_words(size: int, draw: random.Random) -> None:
    """Plain words only, beside an automaton."""
    articles = load_articles(draw)
    words = sorted({text.lower() for text in draw_words(articles, size, draw)} - TOO_COMMON)
    percolator = Percolator()
    add_all(percolator, words)
    memory = peak()
    gc.freeze()
    match_all(percolator, articles)
    percolator.statistics.matches = 0
    sample = articles[:ARTICLES]
    ours = len(sample) / seconds(partial(match_all, percolator, sample))
    hits = percolator.statistics.matches / len(sample)
    automaton = ahocorasick.Automaton()
    for word in words:
        automaton.add_word(word, word)
    automaton.make_automaton()
    theirs = len(sample) / seconds(partial(walk_all, automaton, sample))
    loop = in_loop_rate(articles, words)
    rates = f"{ours:>10.0f} {theirs:>12.0f} {ours / theirs:>10.2f} {loop:>10.2f} {ours / loop:>8.0f}"
    show(f"{size:>18}  {rates} {hits:>6.1f} {memory:>5.0f}")


def measure_spellings(size: int, draw: random.Random) -> None:
    """Words of articles looked up among `size` names, misspellings too; recall is against comparing all."""
    articles = load_articles(draw)
    names = sorted({text.lower() for text in draw_words(articles, size, draw) if len(text) >= 4})
    vocabulary: Vocabulary[str] = Vocabulary()
    for name in names:
        vocabulary.add(name, name, asked=True)
    found = {token.folded for article in articles[:300] for token in tokens(article.text) if len(token.folded) >= 4}
    words = sorted(found)[:1_000]
    neighbours: dict[str, set[str]] = {}

    def look_up() -> None:
        for word in words:
            neighbours[word] = {name for name in vocabulary.candidates(word) if is_near(name, word)}

    ours = seconds(look_up) / len(words)
    few = words[:: max(1, len(words) // 30)]

    def extract() -> None:
        for word in few:
            process.extract(word, names, scorer=OSA.distance, score_cutoff=2, limit=None)

    theirs = seconds(extract) / len(few)
    right = {(word, name) for word in few for name in names if is_near(name, word)}
    recall = len({(word, name) for word in few for name in neighbours[word]} & right) / (len(right) or 1)
    show(f"{size:>18}  {ours * 1e6:>9.1f} {theirs * 1e6:>11.1f} {theirs / ours:>10.1f} {recall:>7.3f}")


def add_all(percolator: Percolator, texts: Sequence[str]) -> None:
    """Read and add the queries, their place as id."""
    for query_id, text in enumerate(texts):
        percolator.add(query_id, parse(text))


def for_all(work: Callable[[tuple[int, Expr]], None], queries: Sequence[tuple[int, Expr]]) -> None:
    """Do `work` for each."""
    for query in queries:
        work(query)


def match_all(percolator: Percolator, articles: Sequence[Article]) -> None:
    """Match the articles."""
    for article in articles:
        percolator.match(article)


def explain_all(percolator: Percolator, articles: Sequence[Article]) -> None:
    """Match the articles, and make out terms and score of every match."""
    for article in articles:
        list(percolator.match(article).values())


def walk_all(automaton: ahocorasick.Automaton, articles: Sequence[Article]) -> None:
    """Find every whole word of an automaton in the articles."""
    for article in articles:
        text = f" {article.title} {article.text} ".lower()
        found = set()
        for end, word in automaton.iter(text):
            if not text[end + 1].isalnum() and not text[end - len(word)].isalnum():
                found.add(word)


def show(line: str) -> None:
    """Print a line of the table."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def peak() -> float:
    """Return the most memory this process ever held, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


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
    keywords = [leaf.text.lower() for text in texts for leaf in leaves(parse(text)) if isinstance(leaf, Name)]
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


def words_of(articles: Sequence[Article]) -> tuple[dict[str, list[str]], list[float]]:
    """Return each word of the articles that may be watched for, with the words that follow it, and its weight."""
    following: dict[str, list[str]] = defaultdict(list)
    for article in articles:
        for one, two in pairwise(re.findall(r"\w+", article.text)):
            if len(one) > 2 and one.isalpha() and one not in TOO_COMMON:
                following[one].append(two)
    following = {word: after for word, after in following.items() if len(after) < COMMON * len(articles)}
    return following, list(accumulate(len(after) ** 0.5 for after in following.values()))


def draw_words(articles: Sequence[Article], size: int, draw: random.Random) -> list[str]:
    """Return `size` different words."""
    following, weights = words_of(articles)
    words = list(following)
    made = dict.fromkeys(draw.choices(words, cum_weights=weights, k=min(size // 2, REAL * len(articles))))
    while len(made) < size:
        made[made_up_name(draw, 4).lower()] = None
    return list(made)


def make_queries(articles: Sequence[Article], size: int, draw: random.Random) -> list[str]:
    """Return `size` different queries in the mix of the module's docstring."""
    following, weights = words_of(articles)
    words = list(following)
    made: dict[str, None] = {}
    while len(made) < size:
        if len(made) < min(size / 2, REAL * len(articles)):
            one = draw.choices(words, cum_weights=weights)[0]
            two = draw.choice(following[one])
        else:
            one, two = made_up_name(draw, 3), made_up_name(draw, 4)
            one = one.lower() if draw.random() < 0.5 else one
        text = a_query(one, two, draw)
        try:
            parse(text)
        except QueryError:
            continue  # a word of the articles that is no query
        made[text] = None
    return list(made)


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
