"""Table of spellings: each spelling of a name should match the others, and none of another name.

Each group has Latin spellings of one Arabic name part, collected and noisy: some are other names that are written
alike in Arabic. Every spelling is a query, and also an article of its own ("Shoygu said so."). A match is false if no
group has both spellings; a match of identical spellings is not counted.
"""

from collections import defaultdict
from pathlib import Path
from typing import Any, TextIO

from tests.relevance.match import found, read_lines

LONG = 6  # letters from which a name has close spellings by itself


def report(root: Path, out: TextIO) -> None:
    """Print recall within groups and false joins between them, for Latin letters and across scripts."""
    groups = read_lines(root / "data" / "name_spellings.jsonl.xz")
    latin = sorted({spelling for group in groups for spelling in group["latin"] if len(spelling) >= LONG})
    arabic = sorted({group["ar"] for group in groups})
    kin = relations(groups)
    out.write(
        f"\n{'spellings of a name':24}{'pairs':>8}{'found':>8}{'recall':>8}{'false':>8}  false joins a spelling\n"
    )
    out.write(row("Latin for Latin", kin, latin, latin))
    out.write(row("Latin for Arabic", kin, latin, arabic))
    out.write(row("Arabic for Latin", kin, arabic, latin))


def relations(groups: list[dict[str, Any]]) -> dict[str, set[str]]:
    """Return the other spellings of each, those of all its groups."""
    kin: dict[str, set[str]] = defaultdict(set)
    for group in groups:
        members = {group["ar"], *group["latin"]}
        for member in members:
            kin[member] |= members - {member}
    return kin


def row(label: str, kin: dict[str, set[str]], asked: list[str], written: list[str]) -> str:
    """Return one line: how many of the pairs are found, and how many that are none."""
    queries = {spelling.capitalize(): spelling for spelling in asked}
    articles = [{"id": word, "title": "", "text": f"so {word.capitalize()} did", "language": "en"} for word in written]
    joins = {(queries[hit["query"]], hit["article"]) for hit in found(queries, articles)}
    pairs = {(query, article) for query in asked for article in kin[query].intersection(written)}
    false = {(query, article) for query, article in joins - pairs if query != article}
    right = len(joins & pairs)
    cells = f"{len(pairs):8}{right:8}{right / len(pairs):8.3f}{len(false):8}"
    return f"{label:24}{cells}  {len(false) / len(asked):.3f}\n"
