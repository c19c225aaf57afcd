"""Back-test: the production matcher and clustering run over files, also for relevance tests and benchmarks.

In: files of queries and of articles (JSON lines). Out: JSON lines, one per match or placement; problems and
statistics go to the second stream. Articles are streamed, never all in memory.
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
from bot.matching.query.ast import Corroborated
from bot.matching.query.parser import parse
from bot.models import Article, Headline, Term
from bot.pipeline.stories import new_clusterer
from bot.sources.reading.clean import CleanArticle, clean_article, clean_body, clean_text

FIRST = datetime(
    2000, 1, 1, tzinfo=UTC
)  # assumed for the first article without a time; each next one is a second later
FAILED = 1  # exit status when a line could not be read


def match_files(queries: Path, articles: Path, out: TextIO, err: TextIO, aliases: Aliases | None = None) -> int:
    """Write every match of the queries (one per line) in the articles to `out`; return the exit status.

    A line of `out` is {"query", "article", "score", "terms"}: the query's text, the article's id, terms with offsets
    in code points of the original field. An invalid query or article is reported with its line number on
    `err`, the rest is processed, and the status is 1.
    """
    started = time.perf_counter()
    percolator, texts, good = _load_queries(queries, err, aliases)
    reader = _ArticleReader(articles, err)
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
    """Write {"id", "story", "thread"} for every article to `out`, in order; return the exit status.

    `story` and `thread` are the ids of their first articles. An article may name its `source`. Without `published_at`
    (ISO 8601, or seconds since 1970) an article is assumed to be published a second after its predecessor.
    """
    clusterer = new_clusterer()
    ids: list[Any] = []
    sources: dict[str, int] = {}
    published_at = FIRST
    reader = _ArticleReader(articles, err)
    for article in reader:
        published_at = _published_at(article) or published_at + timedelta(seconds=1)
        title = clean_text(article["title"])
        headline = Headline(
            id=len(ids) + 1,
            title=title,
            url=None,
            published_at=published_at,
            text=clean_body(title, article["text"]),
            source=sources.setdefault(name, len(sources)) if (name := article.get("source")) else None,
            language=article.get("language"),
        )
        placement = clusterer.place(headline)
        ids.append(article["id"])
        _write(out, id=article["id"], story=ids[placement.story - 1], thread=ids[placement.thread - 1])
    print(f"{len(ids)} articles", file=err)
    return FAILED if reader.failed else 0


class _ArticleReader:
    """Iterator over the valid articles of a JSON lines file; `failed` is True after an invalid line was reported."""

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
    """Return a percolator with the queries, their texts by line number, and whether all of them are valid."""
    percolator = Percolator(aliases)
    texts: dict[int, str] = {}
    good, waits = True, False
    for number, line in _lines(path):
        text = line.decode("utf-8", "replace")
        try:
            expr = parse(text)
            percolator.add(number, expr)
            texts[number] = text
            waits = waits or isinstance(expr, Corroborated)
        except QueryError as error:
            good = False
            print(f"queries, line {number}, character {error.position + 1}: {error}", file=err)
    if waits:
        print("min: is ignored: without stories no publishers of an event can be counted", file=err)
    return percolator, texts, good


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    """Yield (number from 1, line without line break) for every line that is not blank."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            bare = line.rstrip(b"\r\n").removeprefix(b"\xef\xbb\xbf" if number == 1 else b"")
            if bare.strip():
                yield number, bare


def _object(line: bytes) -> Any:
    """Return the decoded value of a line, or None if it is not JSON."""
    try:
        return json.loads(line)
    except (ValueError, RecursionError):
        return None


def _problem(article: Any) -> str:
    """Return the problem of an invalid article, or ""."""
    if not isinstance(article, dict):
        return "not a JSON object"
    if "id" not in article:
        return "no id"
    for name in ("title", "text", "language", "source"):
        if not isinstance(article.get(name), str | None):
            return f"{name} is not a text"
    return ""


def _published_at(article: dict[str, Any]) -> datetime | None:
    """Return the publication time of an article (UTC unless given with an offset), or None if absent or invalid."""
    given = article.get("published_at")
    try:
        if isinstance(given, int | float):
            return datetime.fromtimestamp(given, UTC)
        at = datetime.fromisoformat(str(given))
    except (ValueError, OverflowError, OSError):
        return None
    return at if at.tzinfo else at.replace(tzinfo=UTC)


def _term(term: Term, cleaned: CleanArticle, article: dict[str, Any]) -> dict[str, Any]:
    """Return a term with its text and offsets in the original article."""
    traced = cleaned.title if term.field == "title" else cleaned.text
    field = "text" if cleaned.headline_in_text else term.field
    start, end = traced.original(term.start, term.end)
    return {"text": article[field][start:end], "field": field, "start": start, "end": end, "rule": term.rule}


def _write(out: TextIO, **record: Any) -> None:
    json.dump(record, out)  # escaped to ASCII: works on any stream, even with a lone surrogate
    out.write("\n")


def _report_statistics(percolator: Percolator, seconds: float, err: TextIO) -> None:
    done = percolator.statistics
    print(
        f"{len(percolator)} queries, {done.articles} articles, {done.matches} matches, "
        f"{done.candidates} candidates, {done.overruns} over budget, {seconds:.2f} s",
        file=err,
    )
