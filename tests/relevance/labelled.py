"""Table of labelled articles: precision and recall of entity names as queries.

A query is the name of an entity. An article is relevant if a mention in it is linked to that entity, and related if
linked to an entity whose name contains it. A related article is never counted as an error, found or not. Rules are
tuned only on the first half of the articles (by a checksum of their id); the second half shows whether they generalise.
"""

import gzip
import json
import re
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, TextIO

from rapidfuzz import fuzz

from tests.relevance.match import found

KINDS = ("place", "person", "organisation")
Pairs = Iterable[tuple[str, str]]  # (query, article)


def report(root: Path, out: TextIO) -> None:
    """Print precision, recall and F1 by kind for Watchword and three baselines, and for Watchword by halves."""
    data = root / "relevance"
    gold = json.loads((data / "queries.json").read_text(encoding="utf-8"))
    with gzip.open(data / "docs.jsonl.gz", "rt", encoding="utf-8") as file:
        documents = [json.loads(line) for line in file]
    everything = {document["id"] for document in documents}
    out.write(f"{'labelled articles':24}" + "".join(f"{kind + ' P / R / F1':26}" for kind in KINDS) + "\n")
    for name, judge in BASELINES.items():
        out.write(row(name, gold, baseline(judge, gold, documents), everything))
    pairs = [(match["query"], match["article"]) for match in found((q["text"] for q in gold), documents)]
    out.write(row("watchword", gold, pairs, everything))
    for number, name in enumerate(("  tuned on", "  not tuned on")):
        out.write(
            row(
                name,
                gold,
                pairs,
                {document_id for document_id in everything if zlib.crc32(document_id.encode()) % 2 == number},
            )
        )


def baseline(judge: Callable[[str, str], bool], gold: list[dict[str, Any]], documents: list[dict[str, Any]]) -> Pairs:
    """Return the pairs that `judge(query, text)` accepts."""
    return [(q["text"], d["id"]) for q in gold for d in documents if judge(q["text"], d["text"])]


BASELINES: dict[str, Callable[[str, str], bool]] = {
    "substring": lambda query, text: query.lower() in text.lower(),
    "whole word": lambda query, text: bool(re.search(rf"(?<!\w){re.escape(query)}(?!\w)", text, re.IGNORECASE)),
    "partial_ratio >= 90": lambda query, text: fuzz.partial_ratio(query.lower(), text.lower()) >= 90,
}


def row(name: str, gold: list[dict[str, Any]], pairs: Pairs, articles: set[str]) -> str:
    """Return one line of the table, for these articles."""
    got: dict[str, set[str]] = defaultdict(set)
    for query, article in pairs:
        got[query].add(article)
    cells = (" ".join(f"{value:.3f}" for value in score(kind, gold, got, articles)) for kind in KINDS)
    return f"{name:24}" + "".join(f"{cell:26}" for cell in cells) + "\n"


def score(
    kind: str, gold: list[dict[str, Any]], got: dict[str, set[str]], articles: set[str]
) -> tuple[float, float, float]:
    """Return precision, recall and F1 over all queries of a kind."""
    right = wrong = missed = 0
    for query in gold:
        if query["kind"] == kind:
            relevant, related = set(query["relevant"]) & articles, set(query["related"])
            returned = got[query["text"]] & articles
            right += len(returned & relevant)
            wrong += len(returned - relevant - related)
            missed += len(relevant - returned)
    precision, recall = right / (right + wrong or 1), right / (right + missed or 1)
    return precision, recall, 2 * precision * recall / (precision + recall or 1)
