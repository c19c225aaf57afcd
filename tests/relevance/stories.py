"""Tables of stories: threads on labelled headlines, templates, speed; and a sample of links on real feeds, to be read.

`python -m tests.relevance links --sample 120 --seed 1` prints the sample as JSON lines: two headlines of one story.
"""

import json
import random
import resource
import tarfile
import time
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TextIO

from lxml import etree  # type: ignore[import-untyped]

from bot.models import Headline, Placement
from bot.pipeline.stories import new_clusterer
from bot.sources.reading.clean import clean_text
from bot.stories.cluster import WINDOW
from tests.relevance.match import read_lines

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ORDERS = 5
# Labels that are one topic, by reading five headlines of each: a game, a recall of cars, markets in China.
MERGED = (("d8bRIS2P", "dw0Jnfj8"), ("d9U18-Fb", "d6oHu5Pf"), ("dn8H6sYj", "d-hjSD-D", "dchKRTV8", "dJbOm1zH"))
TEMPLATES = Path(__file__).parent / "templates.tsv"


def report(root: Path, out: TextIO) -> None:
    """Print B-cubed precision and recall of threads and stories, templates, speed and memory."""
    articles = read_lines(root / "data" / "stories_uci.jsonl.xz")
    titles, labels = [article["title"] for article in articles], [article["story"] for article in articles]
    out.write(
        f"\n{'grouped headlines, B-cubed':34}{'P':>8}{'R':>8}{'groups':>8}   {ORDERS} orders, one constant time\n"
    )
    orders = [placed_in_order(titles, seed) for seed in range(1, ORDERS + 1)]
    for name, kind, truth in (
        ("threads, labels of one topic merged", "thread", merged(labels)),
        ("threads, labels as they are", "thread", labels),
        ("stories, merged", "story", merged(labels)),
    ):
        scores = [bcubed([getattr(placement, kind) for placement in order], truth) for order in orders]
        means = [sum(score[column] for score in scores) / ORDERS for column in range(3)]
        spread = " ".join(f"{p:.3f}/{r:.3f}" for p, r, _ in scores)
        out.write(f"{name:34}{means[0]:8.3f}{means[1]:8.3f}{means[2]:8.0f}   {spread}\n")
    report_templates(out)
    report_speed(titles, out)


def placed_in_order(titles: Sequence[str], seed: int) -> list[Placement]:
    """Return the placement of each title, placed in a shuffled order at one time."""
    order = list(range(len(titles)))
    random.Random(seed).shuffle(order)
    clusterer = new_clusterer()
    found = {at: clusterer.place(Headline(n, titles[at], None, NOW)) for n, at in enumerate(order, 1)}
    return [found[at] for at in range(len(titles))]


def merged(labels: Sequence[str]) -> list[str]:
    """Return the labels, with one for each topic of MERGED."""
    topics = {beginning: topic[0] for topic in MERGED for beginning in topic}
    return [topics.get(label[:8], label) for label in labels]


def bcubed(groups: Sequence[int], labels: Sequence[str]) -> tuple[float, float, int]:
    """Return B-cubed precision and recall, and the number of groups."""
    both, group, label = Counter(zip(groups, labels, strict=True)), Counter(groups), Counter(labels)
    precise = sum(n * n / group[key[0]] for key, n in both.items()) / len(labels)
    recalled = sum(n * n / label[key[1]] for key, n in both.items()) / len(labels)
    return precise, recalled, len(group)


# ---- templates ----


def templates() -> list[tuple[str, bool, str, str]]:
    """Return (kind, whether they are one event, first title, second) of each pair."""
    lines = TEMPLATES.read_text(encoding="utf-8").splitlines()
    rows = [line.split("\t") for line in lines if line and not line.startswith("#")]
    return [(kind, judged == "together", first, second) for kind, judged, first, second in rows]


def are_together(first: str, second: str) -> bool:
    """Return whether two titles become one story."""
    clusterer = new_clusterer()
    placements = [clusterer.place(Headline(n, title, None, NOW)) for n, title in enumerate((first, second), 1)]
    return placements[0].story == placements[1].story


def report_templates(out: TextIO) -> None:
    """Print how many pairs of one template are together, and how many of one event, and which are wrong."""
    judged = [(kind, one, are_together(a, b), a, b) for kind, one, a, b in templates()]
    for name, wanted in (("two events wrongly together", False), ("one event rightly together", True)):
        found = [together for _, one, together, _, _ in judged if one is wanted]
        out.write(f"{name:34}{sum(found):8} of {len(found)}\n")
    for kind, one, together, first, second in judged:
        if one is not together:
            out.write(f"    {kind}: {first} | {second}\n")


# ---- speed ----


def report_speed(titles: Sequence[str], out: TextIO, window: int = 50_000, measured: int = 2_000) -> None:
    """Print headlines a second on the labelled ones and in a full window of random words, and its memory."""
    clusterer = new_clusterer()
    places(clusterer, titles, 0)
    started = time.process_time()
    clusterer = new_clusterer()
    places(clusterer, titles, 0)
    out.write(f"{'headlines a second':34}{len(titles) / (time.process_time() - started):8.0f}\n")
    source = random.Random(3)
    words = [word for title in titles for word in title.split()]
    made = [" ".join(source.choices(words, k=source.randint(6, 13))) for _ in range(window + measured)]
    clusterer = new_clusterer()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    places(clusterer, made[:window], 0)
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    started = time.process_time()
    places(clusterer, made[window:], window)
    spent = time.process_time() - started
    out.write(f"{f'in a window of {window:,}':34}{measured / spent:8.0f}{size / 1024:8.0f} MB\n")


def places(clusterer: Any, titles: Sequence[str], after: int) -> None:
    """Place titles, numbered from `after` on."""
    for number, title in enumerate(titles, after + 1):
        clusterer.place(Headline(number, title, None, NOW))


# ---- links on real feeds, to be read ----

SERIES = ("bbc", "nzherald", "rnz", "straittimes")


def links(root: Path, out: TextIO, sample: int, seed: int) -> None:
    """Print pairs of headlines of one story as JSON lines: of each entry that joined one, with the one before it."""
    found = []
    clusterer = new_clusterer()
    before: dict[int, dict[str, Any]] = {}  # the last entry of each story
    for number, entry in enumerate(series(root), 1):
        at = datetime.fromtimestamp(entry["at"], UTC)
        if number % 500 == 0:
            clusterer.forget_before(at - WINDOW)
        source = SERIES.index(entry["source"])
        placed = clusterer.place(Headline(number, entry["title"], entry["url"], at, entry["text"], source, "en"))
        if placed.story != number and entry["title"] != before[placed.story]["title"]:
            found.append((before[placed.story], entry))
        before[placed.story] = entry
    names = ("source", "title", "at")
    for number, pair in enumerate(random.Random(seed).sample(found, min(sample, len(found))), 1):
        first, second = ({name: entry[name] for name in names} for entry in pair)
        record = {"pair": number, "links": len(found), "first": first, "second": second}
        out.write(json.dumps(record, ensure_ascii=False) + "\n")


def series(root: Path) -> list[dict[str, Any]]:
    """Return the entries of the recorded feeds in the order they appeared, each by its guid, once, as first seen."""
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for name in SERIES:
        with tarfile.open(root / "data" / "feeds" / "series" / f"{name}.tar.xz") as packed:
            for member in sorted((m for m in packed if m.isfile()), key=lambda m: m.name):
                file = packed.extractfile(member)
                at = int(Path(member.name).stem)
                for item in feed_items(file.read() if file else b""):
                    found.setdefault((name, item.pop("guid")), item | {"source": name, "at": at})
    return sorted(found.values(), key=lambda entry: entry["at"])


def feed_items(document: bytes) -> list[dict[str, Any]]:
    """Return the items of an RSS document, also of a broken one."""
    root = etree.fromstring(document, etree.XMLParser(recover=True, resolve_entities=False)) if document else None
    items = root.iter("item") if root is not None else ()
    return [
        {
            "guid": item.findtext("guid") or item.findtext("link") or "",
            "title": clean_text(item.findtext("title") or ""),
            "url": item.findtext("link"),
            "text": clean_text(item.findtext("description") or ""),
        }
        for item in items
        if item.findtext("title")
    ]
