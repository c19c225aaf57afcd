"""Runs `watchword match` on temporary files and returns its matches."""

import io
import json
import lzma
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from bot.cli.backtest import match_files


def found(queries: Iterable[str], articles: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return every match of the queries in the articles, as `watchword match` prints it."""
    out = io.StringIO()
    with tempfile.TemporaryDirectory() as folder:
        wanted, given = Path(folder) / "queries.txt", Path(folder) / "articles.jsonl"
        wanted.write_text("".join(query + "\n" for query in queries), encoding="utf-8")
        given.write_text("".join(json.dumps(article) + "\n" for article in articles), encoding="utf-8")
        match_files(wanted, given, out, sys.stderr)
    return [json.loads(line) for line in out.getvalue().splitlines()]


def read_lines(path: Path) -> list[dict[str, Any]]:
    """Return the objects of a packed JSON lines file."""
    with lzma.open(path, "rt", encoding="utf-8") as file:
        return [json.loads(line) for line in file if line.strip()]
