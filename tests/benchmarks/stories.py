"""Story clustering compared with baselines, on labelled headlines: `python -m tests.benchmarks.stories`.

Needs WATCHWORD_DATA. The labels are topics of many events and split some events in two, so recall is low for all.
Precision, recall at equal precision and microseconds per headline are comparable.
"""

import json
import lzma
import os
import random
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from rapidfuzz import fuzz, process

from bot.models import Headline
from bot.stories.cluster import Clusterer
from bot.stories.fingerprint import Fingerprint, fingerprint, same_text

DRESSES = ("{} - Reuters", "{} (AP)", "BREAKING: {}", "UPDATE 1-{}", "The {}", "\u2018{}\u2019")
NOW = datetime(2026, 1, 1, tzinfo=UTC)


def main() -> None:
    """Print one line for each method, then how "same text" does on headlines changed on purpose."""
    data = os.environ.get("WATCHWORD_DATA")
    if not data:
        sys.exit("WATCHWORD_DATA does not point at the labelled headlines")
    articles = read(Path(data) / "data" / "stories_uci.jsonl.xz")
    titles = [str(article["title"]) for article in articles]
    labels = [str(article["story"]) for article in articles]
    show(f"{'method':34}{'pair P':>8}{'pair R':>8}{'B3 P':>7}{'B3 R':>7}{'stories':>9}{'us':>8}")
    methods: dict[str, Callable[[list[str]], list[int]]] = {
        "watchword": placed,
        "token_sort_ratio >= 80, every pair": lambda found: nearest(found, fuzz.token_sort_ratio, 80),
        "token_sort_ratio >= 70, every pair": lambda found: nearest(found, fuzz.token_sort_ratio, 70),
        "token_sort_ratio >= 60, every pair": lambda found: nearest(found, fuzz.token_sort_ratio, 60),
        "token_set_ratio >= 85, every pair": lambda found: nearest(found, fuzz.token_set_ratio, 85),
        "WRatio >= 86, every pair": lambda found: nearest(found, fuzz.WRatio, 86),
        "equal titles": lambda found: [found.index(title) for title in found],
    }
    for name, method in methods.items():
        started = time.process_time()
        stories = method(titles)
        spent = (time.process_time() - started) / len(titles) * 1e6
        show(f"{name:34}" + quality(stories, labels) + f"{len(set(stories)):9}{spent:8.0f}")
    texts(titles + [str(article["title"]) for article in read(Path(data) / "data" / "ag_news.jsonl.xz")])
    speed(titles)


def show(line: str) -> None:
    """Write a line of the report."""
    sys.stdout.write(line + "\n")


def read(path: Path) -> list[dict[str, object]]:
    """Return the records of a compressed file of JSON lines."""
    with lzma.open(path, "rt") as lines:
        return [json.loads(line) for line in lines]


def placed(titles: list[str]) -> list[int]:
    """Return the story of each title as the bot places it."""
    clusterer = Clusterer()
    return [clusterer.place(Headline(at, title, None, NOW)).story for at, title in enumerate(titles)]


def nearest(titles: list[str], scorer: Callable[..., float], cutoff: float) -> list[int]:
    """Return the story of each title if it joins that of the likest one before it."""
    folded = [title.lower() for title in titles]
    stories: list[int] = []
    for at, title in enumerate(folded):
        found = process.extractOne(title, folded[:at], scorer=scorer, score_cutoff=cutoff)
        stories.append(stories[found[2]] if found else at)
    return stories


def quality(stories: list[int], labels: list[str]) -> str:
    """Return pairwise and B-cubed precision and recall, as columns."""
    both, story, label = Counter(zip(stories, labels, strict=True)), Counter(stories), Counter(labels)
    pairs = count_pairs(both.values())
    precise = sum(n * n / story[key[0]] for key, n in both.items()) / len(labels)
    recalled = sum(n * n / label[key[1]] for key, n in both.items()) / len(labels)
    return (
        f"{pairs / max(count_pairs(story.values()), 1):8.3f}{pairs / count_pairs(label.values()):8.3f}"
        f"{precise:7.3f}{recalled:7.3f}"
    )


def count_pairs(sizes: Iterable[int]) -> int:
    """Return how many pairs groups of these sizes hold."""
    return sum(size * (size - 1) // 2 for size in sizes)


def texts(titles: list[str]) -> None:
    """Print how often a changed headline counts as the same text: it should for its dress, not for a word."""
    source = random.Random(7)
    marks = [fingerprint(title) for title in titles]
    long = [(title, mark) for title, mark in zip(titles, marks, strict=True) if mark.weight >= 4]
    spare = [word for mark in marks for word in mark.telling]
    kept = sum(same_text(mark, fingerprint(source.choice(DRESSES).format(title))) for title, mark in long)
    swapped = sum(same_text(mark, fingerprint(swap(title, mark, spare, source))) for title, mark in long)
    share = f"{kept / len(long):.4f} in another dress, {swapped / len(long):.4f} with a word swapped"
    show(f"same text, of {len(long)} headlines: {share}")


def swap(title: str, mark: Fingerprint, spare: list[str], source: random.Random) -> str:
    """Return `title` with one telling word replaced by one of another headline."""
    words = title.split()
    at = source.choice([at for at, word in enumerate(words) if fingerprint(word).telling & mark.telling] or [0])
    new = source.choice(spare)
    while new in mark.telling:
        new = source.choice(spare)
    return " ".join([*words[:at], new, *words[at + 1 :]])


def speed(titles: list[str], window: int = 50_000, measured: int = 5_000) -> None:
    """Print the time a headline takes in a full window of made-up headlines, words drawn as often as in real ones."""
    source = random.Random(3)
    words = [word for title in titles for word in title.split()]
    made = [" ".join(source.choices(words, k=source.randint(6, 13))) for _ in range(window + measured)]
    clusterer = Clusterer(limit=window)
    spent = []
    for at, title in enumerate(made):
        started = time.perf_counter()
        clusterer.place(Headline(at, title, None, NOW))
        spent.append((time.perf_counter() - started) * 1e6)
    last = sorted(spent[window:])
    show(f"window of {window}: median {last[measured // 2]:.0f} us, p99 {last[measured * 99 // 100]:.0f} us")


if __name__ == "__main__":
    main()
