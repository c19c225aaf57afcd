"""Search in the last week's index, compared with matching every article: `python -m tests.benchmarks.searching`.

10,000 articles of a title and 60 words (AG News in WATCHWORD_DATA, else generated). Each query runs on the index and
on a percolator with all articles, as in an earlier version of the confirmation; a row reports if the results differ.
Trust the ratios: machines are shared.
"""

import random
import resource
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TypeVar

from bot.matching.engine.percolator import Percolator
from bot.matching.query.parser import TOO_COMMON, parse
from bot.models import Article
from bot.search.article_index import Index
from tests.benchmarks.matching import load_articles

ARTICLES = 10_000
DRAWN = 200  # queries: words and names of the articles, as people would ask for them
HARD = (
    "Iraq", "said", "United States -Iraq", "Egypt–Russia", "NATO", "IT", "title:the", "George Bush", "prime minister",
    "New York Times", "the president", "in the", '"the United States"', "Iraq NEAR/8 US", "Oracle OR Google",
    "inter*", "Pedersen~", "in:Iraq", "(Iraq OR Iran) AND oil -title:price",
)  # fmt: skip
Value = TypeVar("Value")


def main() -> None:
    """Print one row for each hard query, and the spread of the drawn ones."""
    draw = random.Random(1)
    articles = take(draw)
    Percolator().match(articles[0])  # the tables are read
    before = memory()
    index = Index()
    took, _ = timed(partial(fill, index, articles))
    show(f"filling: {took / len(articles) * 1e6:.0f} us an article, {memory() - before:.0f} MiB more")
    show(f"{'query':>38}   found  index ms   scan ms  x scan")
    for text in HARD:
        measure(text, index, articles)
    drawn = sorted(timed(partial(index.find, parse(text)))[0] for text in names(articles, draw))
    show(f"{len(drawn)} drawn queries: median {drawn[len(drawn) // 2] * 1e3:.2f} ms, slowest {drawn[-1] * 1e3:.2f} ms")


def measure(text: str, index: Index, articles: list[Article]) -> None:
    """Answer one query both ways."""
    expr = parse(text)
    ours, found = timed(partial(index.find, expr))
    percolator = Percolator()
    percolator.add(0, expr)
    theirs, scanned = timed(lambda: {n for n, article in enumerate(articles) if percolator.match(article)})
    wrong = "" if found.numbers == scanned else "  NOT THE SAME"
    show(f"{text:>38}  {len(found.numbers):>6}  {ours * 1e3:>8.2f}  {theirs * 1e3:>8.0f}  {theirs / ours:>6.0f}{wrong}")


def fill(index: Index, articles: list[Article]) -> None:
    """Put all articles into an index."""
    for number, article in enumerate(articles):
        index.add(number, article)


def take(draw: random.Random) -> list[Article]:
    """Return so many articles, no two the same."""
    base = load_articles(draw)
    return [replace(base[n % len(base)], text=f"{base[n % len(base)].text} n{n}") for n in range(ARTICLES)]


def names(articles: list[Article], draw: random.Random) -> list[str]:
    """Return words and pairs of words as they stand in the articles."""
    found: list[str] = []
    while len(found) < DRAWN:
        title = draw.choice(articles).title.split()
        words = [word for word in title if word.isalpha() and len(word) > 3 and word.lower() not in TOO_COMMON]
        if words:
            at = draw.randrange(len(words))
            found.append(" ".join(words[at : at + draw.choice((1, 1, 2))]))
    return found


def timed(work: Callable[[], Value]) -> tuple[float, Value]:
    """Return the CPU seconds that it took, and what came out."""
    began = time.process_time()
    value = work()
    return max(time.process_time() - began, 1e-6), value


def memory() -> float:
    """Return the peak of memory so far, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show(line: str) -> None:
    """Print a line at once."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
