"""The live matcher and the live clustering over files, for back-tests, relevance and benchmarks.

In: files of queries and of articles (JSON lines). Out: JSON lines, one a match or a placement; problems and
statistics go to the second stream. An article is held in memory only while it is looked at.
"""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TextIO

from bot.errors import QueryError
from bot.matching.engine.aliases import Aliases
from bot.matching.engine.percolator import Percolator
from bot.matching.query.parser import parse
from bot.models import Article, Headline, Term
from bot.sources.reading.clean import CleanArticle, clean_article, clean_body, clean_text
from bot.stories.cluster import Clusterer

FIRST = datetime(2000, 1, 1, tzinfo=UTC)  # of headlines without a time: a second apart, in the order of the file
FAILED = 1  # exit status when a line could not be read


def match_files(queries: Path, articles: Path, out: TextIO, err: TextIO, aliases: Aliases | None = None) -> int:
    """Write every match of the queries (one a line) in the articles to `out`; return the exit status.

    A line of `out` is {"query", "article", "score", "terms"}: query and article as given, a term's offsets in
    code points of its field as given. A query or article that cannot be read is reported with its line on
    `err`, the rest runs, and the status is 1.
    """
    started = time.perf_counter()
    percolator, texts, good = _load_queries(queries, err, aliases)
    reader = _Reader(articles, err)
    for article in reader:
        cleaned = clean_article(article["title"], article["text"])
        language, source = article.get("language"), article.get("source") or ""
        found = percolator.match(Article(cleaned.title.text, cleaned.text.text, language, source))
        for query_id, match in sorted(found.items()):
            terms = [_term(term, cleaned, article) for term in match.terms]
            _write(out, query=texts[query_id], article=article["id"], score=match.score, terms=terms)
    _report_statistics(percolator, time.perf_counter() - started, err)
    return 0 if good and not reader.failed else FAILED


def story_files(articles: Path, out: TextIO, err: TextIO) -> int:
    """Write {"id", "story"} for every article to `out`, in order; return the exit status.

    `story` is the id of the story's first article. Without `published_at` (ISO 8601, or seconds since 1970)
    an article is taken to come a second after the one before it.
    """
    clusterer = Clusterer()
    ids: list[Any] = []
    published_at = FIRST
    reader = _Reader(articles, err)
    for article in reader:
        published_at = _published_at(article) or published_at + timedelta(seconds=1)
        title = clean_text(article["title"])
        headline = Headline(len(ids), title, None, published_at, clean_body(title, article["text"]))
        ids.append(article["id"])
        _write(out, id=article["id"], story=ids[clusterer.place(headline).story])
    print(f"{len(ids)} articles", file=err)
    return FAILED if reader.failed else 0


class _Reader:
    """The articles of a JSON lines file, one at a time; `failed` once a line was reported."""

    def __init__(self, path: Path, err: TextIO) -> None:
        self.path = path
        self.err = err
        self.failed = False

    def __iter__(self) -> Iterator[dict[str, Any]]:
        for number, line in _lines(self.path):
            article = _object(line)
            problem = _problem(article)
            if problem:
                self.failed = True
                print(f"articles, line {number}: {problem}", file=self.err)
            else:
                yield {**article, "title": article.get("title") or "", "text": article.get("text") or ""}


def _load_queries(path: Path, err: TextIO, aliases: Aliases | None) -> tuple[Percolator, dict[int, str], bool]:
    """Return the queries waiting, their texts as given by line number, and whether all could be read."""
    percolator = Percolator(aliases)
    texts: dict[int, str] = {}
    good = True
    for number, line in _lines(path):
        text = line.decode("utf-8", "replace")
        try:
            percolator.add(number, parse(text))
            texts[number] = text
        except QueryError as error:
            good = False
            print(f"queries, line {number}, character {error.position + 1}: {error}", file=err)
    return percolator, texts, good


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line without its end) of every line that is not blank."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            bare = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")
            if bare.strip():
                yield number, bare


def _object(line: bytes) -> Any:
    """Return what a line of JSON says, or None where it is none."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _problem(article: Any) -> str:
    """Return what is wrong with an article, or ""."""
    if not isinstance(article, dict):
        return "not a JSON object"
    if "id" not in article:
        return "no id"
    for name in ("title", "text", "language", "source"):
        if not isinstance(article.get(name), str | None):
            return f"{name} is not a text"
    return ""


def _published_at(article: dict[str, Any]) -> datetime | None:
    """Return when an article was published, or None where it does not say, or not so that it can be read."""
    given = article.get("published_at")
    try:
        if isinstance(given, int | float):
            return datetime.fromtimestamp(given, UTC)
        at = datetime.fromisoformat(str(given))
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _term(term: Term, cleaned: CleanArticle, article: dict[str, Any]) -> dict[str, Any]:
    """Return a term as it stands in the article as given."""
    traced = cleaned.title if term.field == "title" else cleaned.text
    field = "text" if cleaned.headline_in_text else term.field
    start, end = traced.original(term.start, term.end)
    return {"text": article[field][start:end], "field": field, "start": start, "end": end, "rule": term.rule}


def _write(out: TextIO, **record: Any) -> None:
    json.dump(record, out)  # in ASCII: any stream can take it, and a lone surrogate too
    out.write("\n")


def _report_statistics(percolator: Percolator, seconds: float, err: TextIO) -> None:
    done = percolator.statistics
    print(
        f"{len(percolator)} queries, {done.articles} articles, {done.matches} matches, "
        f"{done.candidates} candidates, {done.overruns} over budget, {seconds:.2f} s",
        file=err,
    )
