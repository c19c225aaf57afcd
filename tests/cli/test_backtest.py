import io
import json
from pathlib import Path
from typing import Any

from bot.cli.backtest import match_files, story_files


def run_match(tmp_path: Path, queries: str | bytes, articles: str | bytes) -> tuple[int, list[dict[str, Any]], str]:
    for name, content in (("queries.txt", queries), ("articles.jsonl", articles)):
        (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    out, err = io.StringIO(), io.StringIO()
    status = match_files(tmp_path / "queries.txt", tmp_path / "articles.jsonl", out, err)
    return status, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


def article(**fields: object) -> str:
    return json.dumps({"id": "a", "title": "", "text": "", **fields}) + "\n"


def test_a_match_names_query_and_article_as_given_and_points_into_the_field(tmp_path: Path) -> None:
    text = "  AT&amp;T said:\u00a0 <b>Syrian</b> towns"
    status, found, err = run_match(tmp_path, "Syria \n\nAT&T\n", article(id=7, title="T", text=text))
    assert status == 0
    assert [(match["query"], match["article"]) for match in found] == [("Syria ", 7), ("AT&T", 7)]
    term = found[0]["terms"][0]
    assert term["field"] == "text"
    assert text[term["start"] : term["end"]] == term["text"] == "Syrian"
    assert term["rule"] == "alias"
    assert found[1]["terms"][0]["text"] == "AT&amp;T"
    assert 0 < found[0]["score"] <= 1
    assert "2 queries, 1 articles, 2 matches" in err


def test_a_headline_found_in_the_text_is_pointed_at_in_the_text(tmp_path: Path) -> None:
    text = "Idlib market opens again\nThe market of the town of Idlib was opened again on Friday, traders said."
    _, found, _ = run_match(tmp_path, "Idlib", article(text=text))
    assert [(term["field"], term["start"]) for term in found[0]["terms"]] == [("text", 0), ("text", 51)]
    assert found[0]["score"] == 1


def test_a_comma_never_splits_a_query(tmp_path: Path) -> None:
    _, found, _ = run_match(
        tmp_path, "Washington, D.C.\nSyria, Idlib", article(text="In Washington. In Syria. In Idlib.")
    )
    assert [match["query"] for match in found] == ["Washington, D.C."]


def test_what_cannot_be_read_is_reported_with_its_line_and_the_rest_runs(tmp_path: Path) -> None:
    articles = (
        article(text="a dam")
        + "{broken\n[]\n"
        + '{"title": "no id"}\n'
        + article(title=5)
        + article(id="z", text="the dam")
    )
    status, found, err = run_match(tmp_path, "(dam\ndam\n-dam\n", articles)
    assert status == 1
    assert [match["article"] for match in found] == ["a", "z"]
    reported = [line for line in err.splitlines() if "line" in line]
    assert [line.split(":")[0] for line in reported] == [
        "queries, line 1, character 1",
        "queries, line 3, character 1",
        "articles, line 2",
        "articles, line 3",
        "articles, line 4",
        "articles, line 5",
    ]


def test_odd_bytes_are_survived(tmp_path: Path) -> None:
    articles = b"\xef\xbb\xbf" + article(text="dam \ud800 \x00").encode() + b"\xff\xfe\n" + b"[" * 100_000 + b"\n"
    status, found, _ = run_match(tmp_path, b"\xef\xbb\xbfdam\r\n\xff\xfe?\n", articles)
    assert status == 1
    assert [match["query"] for match in found] == ["dam"]


def test_empty_files_match_nothing(tmp_path: Path) -> None:
    assert run_match(tmp_path, "", "")[:2] == (0, [])


def test_language_and_source_of_an_article_count(tmp_path: Path) -> None:
    articles = article(text="the dam", language="en", source="Al-Ahram") + article(
        id="b", text="the dam", language=None
    )
    _, found, _ = run_match(tmp_path, "source:ahram dam\nlang:en dam", articles)
    assert [(match["query"], match["article"]) for match in found] == [
        ("source:ahram dam", "a"),
        ("lang:en dam", "a"),
        ("lang:en dam", "b"),
    ]


def test_articles_on_one_event_share_a_story_named_by_its_first(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    titles = [
        ("x", "Ebrel dam opens after eleven years of work"),
        ("y", "Norda beats Welland in the last minute"),
        ("z", "Ebrel dam opens after eleven years of work - Daily News"),
    ]
    lines = [json.dumps({"id": i, "title": t, "published_at": "2026-01-05T08:00:00+00:00"}) for i, t in titles]
    path.write_text("\n".join([*lines, "{", ""]))
    out, err = io.StringIO(), io.StringIO()
    assert story_files(path, out, err) == 1
    placed = {record["id"]: record["story"] for record in map(json.loads, out.getvalue().splitlines())}
    assert placed == {"x": "x", "y": "y", "z": "x"}
    assert "articles, line 4: not a JSON object" in err.getvalue()


def test_headlines_without_a_time_keep_the_order_of_the_file(tmp_path: Path) -> None:
    path = tmp_path / "articles.jsonl"
    times = (None, 1394470370, "2014-03-10", "not a time", 1e300, True)
    path.write_text(
        "\n".join(json.dumps({"id": i, "title": "Dam opens", "published_at": at}) for i, at in enumerate(times))
    )
    out = io.StringIO()
    assert story_files(path, out, io.StringIO()) == 0
    assert [json.loads(line)["id"] for line in out.getvalue().splitlines()] == list(range(6))


def test_a_minimum_of_publishers_is_ignored_and_said_once(tmp_path: Path) -> None:
    status, found, err = run_match(tmp_path, "Idlib min:3\nSyria min:2\nSyria\n", article(title="Idlib in Syria"))
    assert (status, [match["query"] for match in found]) == (0, ["Idlib min:3", "Syria min:2", "Syria"])
    assert err.count("min: is ignored") == 1
    assert "ignored" not in run_match(tmp_path, "Syria\n", article(title="Syria"))[2]
