"""How right the matcher is, beside what other bots do: `python -m tests.relevance`.

Reads labelled articles and queries where WATCHWORD_DATA points (its `relevance` directory). A query is a
thing's name; an article is relevant if a mention in it is linked to that thing, related if to something
whose name contains it. A related article returned is no error, nor is one left out.
"""

import gzip
import io
import json
import os
import re
import sys
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from rapidfuzz import fuzz

from bot.backtest import match_files

KINDS = ("place", "person", "organisation")
Pairs = Iterable[tuple[str, str]]  # (query, article)


def main() -> None:
    """Print precision, recall and F1 by kind for Watchword and three baselines."""
    root = os.environ.get("WATCHWORD_DATA")
    if not root:
        sys.exit("WATCHWORD_DATA is not set: the labelled articles are not here")
    data = Path(root) / "relevance"
    gold = json.loads((data / "queries.json").read_text(encoding="utf-8"))
    with gzip.open(data / "docs.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    sys.stdout.write(f"{'':24}" + "".join(f"{kind + ' P / R / F1':26}" for kind in KINDS) + "\n")
    for name, judge in BASELINES.items():
        print_row(name, gold, baseline(judge, gold, documents))
    print_row("watchword", gold, watchword(data / "queries.txt", documents))


def watchword(queries: Path, documents: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Return what `watchword match` finds."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        articles = Path(folder) / "articles.jsonl"
        articles.write_text("".join(json.dumps(document) + "\n" for document in documents), encoding="utf-8")
        match_files(queries, articles, out, sys.stderr)
    matches = map(json.loads, out.getvalue().splitlines())
    return [(match["query"], match["article"]) for match in matches]


def baseline(judge: Callable[[str, str], bool], gold: list[dict[str, Any]], documents: list[dict[str, Any]]) -> Pairs:
    """Return the pairs that `judge(query, text)` accepts."""
    return [(q["text"], d["id"]) for q in gold for d in documents if judge(q["text"], d["text"])]


BASELINES: dict[str, Callable[[str, str], bool]] = {
    "substring": lambda query, text: query.lower() in text.lower(),
    "whole word": lambda query, text: bool(re.search(rf"(?<!\w){re.escape(query)}(?!\w)", text, re.IGNORECASE)),
    "partial_ratio >= 90": lambda query, text: fuzz.partial_ratio(query.lower(), text.lower()) >= 90,
}


def print_row(name: str, gold: list[dict[str, Any]], pairs: Pairs) -> None:
    """Print one line of the table."""
    found: dict[str, set[str]] = defaultdict(set)
    for query, article in pairs:
        found[query].add(article)
    cells = (" ".join(f"{value:.3f}" for value in score(kind, gold, found)) for kind in KINDS)
    sys.stdout.write(f"{name:24}" + "".join(f"{cell:26}" for cell in cells) + "\n")


def score(kind: str, gold: list[dict[str, Any]], found: dict[str, set[str]]) -> tuple[float, float, float]:
    """Return precision, recall and F1 over all queries of a kind."""
    right = wrong = missed = 0
    for query in gold:
        if query["kind"] == kind:
            relevant, related = set(query["relevant"]), set(query["related"])
            got = found[query["text"]]
            right += len(got & relevant)
            wrong += len(got - relevant - related)
            missed += len(relevant - got)
    precision, recall = right / (right + wrong or 1), right / (right + missed or 1)
    return precision, recall, 2 * precision * recall / (precision + recall or 1)


if __name__ == "__main__":
    main()
