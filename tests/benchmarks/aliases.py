"""Cost of aliases: the percolator's rate with 0, 100 and 1,000 of them, and the duration of a change.

10,000 queries over 1,000 articles (AG News in WATCHWORD_DATA, else generated), in one run: trust the ratios.
The aliases' names are words of the articles, so they occur far more often than real names: the worst case.
"""

import random
from functools import partial

from bot.matching.engine.aliases import Aliases, Group, joined
from bot.matching.engine.field import DocumentField
from bot.matching.engine.percolator import Percolator
from bot.matching.query.parser import parse
from tests.benchmarks.matching import load_articles, make_queries, match_all, seconds, show

QUERIES, ARTICLES = 10_000, 1_000


def main() -> None:
    """Print one row for each number of aliases."""
    articles = load_articles(random.Random(1))
    sample = articles[:ARTICLES]
    percolator = Percolator()
    for number, text in enumerate(make_queries(articles, QUERIES, plain=False)):
        percolator.add(number, parse(text))
    words = list(
        dict.fromkeys(
            word for article in articles for word in article.title.split() if word.isalpha() and len(word) > 4
        )
    )
    show("aliases  articles/s  of the rate without  change ms  names found in an article")
    base = 0.0
    for count in (0, 100, 1_000):
        groups: list[Group] = [tuple(words[3 * n : 3 * n + 3]) for n in range(count)]
        known = Aliases(joined(groups))
        changing = seconds(partial(percolator.set_aliases, known))
        match_all(percolator, sample)  # the caches are warm in a bot that runs
        rate = len(sample) / seconds(partial(match_all, percolator, sample))
        base = base or rate
        found = sum(len(list(known.mentions(DocumentField(article.text, "en"), "en"))) for article in sample) / len(
            sample
        )
        show(f"{count:>7}  {rate:>10.0f}  {rate / base:>19.2f}  {changing * 1e3:>9.0f}  {found:>25.1f}")


if __name__ == "__main__":
    main()
