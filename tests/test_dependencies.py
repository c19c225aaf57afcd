"""The libraries: pinned, new enough, and still what the program takes them to be.

An upgrade changes the locks; the contracts below fail where it changes what we rely on, and name the library. Those of
HTTP, Telegram, feeds, zones and storage are in the mirrored folders (docs/faults.md has their names).
"""

import asyncio
import io
import re
import sqlite3
import tomllib
import zlib
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from zoneinfo import ZoneInfo

import aiohttp
import feedparser
import gcld3
import pytest
import sqlalchemy as sa
import Stemmer
from aiohttp import web
from babel import Locale
from babel.dates import format_datetime
from markupsafe import Markup
from packaging.requirements import Requirement
from packaging.version import Version
from protego import Protego
from rapidfuzz import fuzz
from rapidfuzz.distance import OSA
from telegram.error import BadRequest, Forbidden, InvalidToken, NetworkError, RetryAfter, TimedOut

ROOT = Path(__file__).parents[1]
LOCKS = ("requirements.lock", "requirements-dev.lock", "requirements-audit.lock")
FLOORS = {  # below these are faults that we know of
    "aiohttp": "3.14",  # decompression in bounded pieces
    "apscheduler": "3.11.2",  # agronholm/apscheduler #1021: an endless loop in an autumn night
    "python-telegram-bot": "22.8",  # its limiter lifts a pause early (#5338); ours is in its place
    "feedparser": "6.0.14",
    "protego": "0.7",  # rules with many wildcards took minutes
}


def requirements(lock: str) -> list[str]:
    """Return each requirement of a lock, on one line, with its hashes."""
    lines = (ROOT / lock).read_text("utf-8").replace("\\\n", " ").splitlines()
    return [line for line in lines if line.strip() and not line.lstrip().startswith("#")]


def pinned(lock: str) -> dict[str, Version]:
    return {
        found[1]: Version(found[2]) for line in requirements(lock) if (found := re.match(r"([\w.-]+)==([\w.]+)", line))
    }


@pytest.mark.parametrize("lock", LOCKS)
def test_every_package_is_pinned_to_one_version_by_its_hashes(lock: str) -> None:
    for line in requirements(lock):
        assert re.match(r"[\w.-]+==[\w.]+( ; [^:]+)?\s+--hash=sha256:[0-9a-f]{64}", line), line
        assert "://" not in line
        assert " @ " not in line


def test_the_locks_hold_what_the_project_asks_for_and_agree() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
    versions = pinned("requirements.lock")
    for wanted in map(Requirement, project["project"]["dependencies"]):
        assert wanted.specifier.contains(versions[wanted.name]), wanted
    assert versions.items() <= pinned("requirements-dev.lock").items()
    for wanted in map(Requirement, project["dependency-groups"]["audit"]):
        assert wanted.specifier.contains(pinned("requirements-audit.lock")[wanted.name]), wanted


def test_none_is_older_than_what_mends_the_faults_we_know_of() -> None:
    versions = pinned("requirements.lock")
    assert {name for name, floor in FLOORS.items() if versions[name] < Version(floor)} == set()


def test_what_is_tested_is_what_is_locked() -> None:
    installed = {found.name.lower().replace("_", "-"): Version(found.version) for found in distributions()}
    locked = pinned("requirements.lock")
    assert {name: installed[name] for name in locked if name in installed and installed[name] != locked[name]} == {}


def test_feedparser_opens_a_file_whose_name_it_is_given_and_none_whose_name_it_reads(tmp_path: Path) -> None:
    """So a body is always given as a stream."""
    canary = tmp_path / "canary.xml"
    canary.write_text("<rss version='2.0'><channel><title>Canary</title></channel></rss>")
    name = str(canary)
    assert feedparser.parse(name).feed.title == "Canary"
    assert "title" not in feedparser.parse(io.BytesIO(name.encode())).feed


async def test_aiohttp_unpacks_a_bomb_piece_by_piece() -> None:
    async def bomb(_: web.Request) -> web.Response:
        body = zlib.compress(bytes(64 << 20), 9)
        return web.Response(body=body, headers={"Content-Encoding": "deflate"})

    app = web.Application()
    app.router.add_get("/", bomb)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        address = f"http://127.0.0.1:{runner.addresses[0][1]}/"
        async with aiohttp.ClientSession() as session, session.get(address) as answer:
            largest = 0
            async for piece in answer.content.iter_any():
                largest = max(largest, len(piece))
            assert 0 < largest <= 4 << 20
    finally:
        await runner.cleanup()


def test_the_errors_of_python_telegram_bot_are_derived_as_we_sort_them() -> None:
    """`BadRequest` and `TimedOut` are network errors to it, so they are looked at first (bot/delivery/telegram)."""
    assert issubclass(BadRequest, NetworkError)
    assert issubclass(TimedOut, NetworkError)
    assert not any(issubclass(kind, NetworkError) for kind in (Forbidden, InvalidToken, RetryAfter))


def test_zones_have_the_gaps_and_missing_days_that_digests_are_tested_with() -> None:
    sao_paulo = datetime(2018, 11, 4, 0, 30, tzinfo=ZoneInfo("America/Sao_Paulo"))
    assert sao_paulo.astimezone(UTC).astimezone(sao_paulo.tzinfo).hour == 1  # midnight was skipped
    apia = datetime(2011, 12, 30, 12, tzinfo=ZoneInfo("Pacific/Apia"))
    assert apia.astimezone(UTC).astimezone(apia.tzinfo).day == 31  # the date was skipped


@pytest.mark.parametrize(
    ("language", "word", "stem"),
    [
        ("english", "elections", "elect"),
        ("german", "wahlen", "wahl"),
        ("french", "élections", "élect"),
        ("russian", "выборами", "выбор"),
    ],
)
def test_snowball_cuts_a_word_as_it_did(language: str, word: str, stem: str) -> None:
    """Another stem would match other articles from one day to the next."""
    assert Stemmer.Stemmer(language).stemWord(word) == stem


def test_likeness_is_measured_as_when_its_thresholds_were_chosen() -> None:
    assert fuzz.token_sort_ratio("quake kills ten in Chile", "ten killed in Chile quake") == pytest.approx(
        93.88, abs=0.01
    )
    assert (OSA.distance("Idlib", "Idilb"), OSA.distance("Damascus", "Damaskus")) == (1, 1)


def test_the_guesser_of_languages_is_as_sure_as_when_its_threshold_was_chosen() -> None:
    guesser = gcld3.NNetLanguageIdentifier(min_num_bytes=0, max_num_bytes=400)
    for text, language in (
        ("The parliament has voted on the new budget for the coming year", "en"),
        ("Das Parlament hat über den neuen Haushalt für das kommende Jahr abgestimmt", "de"),
        ("صوت البرلمان على الميزانية الجديدة للعام المقبل", "ar"),
    ):
        found = guesser.FindLanguage(text=text)
        assert (found.language, found.probability > 0.9) == (language, True)


def test_cldr_has_the_plurals_and_dates_that_sentences_are_made_with() -> None:
    forms = [Locale("ar").plural_form(number) for number in (0, 1, 2, 3, 11, 100)]
    assert forms == ["zero", "one", "two", "few", "many", "other"]
    assert format_datetime(datetime(2026, 11, 23, 5, tzinfo=UTC), "EEE HH:mm", locale="en") == "Mon 05:00"


def test_markup_escapes_what_is_put_into_it() -> None:
    assert Markup("<b>{}</b>").format('<a href="x">&') == "<b>&lt;a href=&#34;x&#34;&gt;&amp;</b>"


def test_the_longest_rule_of_robots_decides() -> None:
    rules = Protego.parse("User-agent: *\nDisallow: /\nAllow: /news/*.html$\n")
    assert rules.can_fetch("https://e.org/news/1.html", "w")
    assert not rules.can_fetch("https://e.org/news/1.pdf", "w")


def test_sqlite_ends_a_transaction_by_itself_where_the_file_is_full(tmp_path: Path) -> None:
    """So after any failure the unit is begun anew, and nothing of it goes on in autocommit."""
    connection = sqlite3.connect(tmp_path / "full.db", isolation_level=None)
    connection.execute("CREATE TABLE t (x)")
    connection.execute("PRAGMA max_page_count = 3")
    connection.execute("BEGIN IMMEDIATE")
    with pytest.raises(sqlite3.OperationalError, match="full"):
        for _ in range(100):
            connection.execute("INSERT INTO t VALUES (randomblob(4000))")
    assert not connection.in_transaction
    connection.close()


async def test_sqlalchemy_rolls_back_a_unit_that_is_cancelled(tmp_path: Path) -> None:
    from sqlalchemy.ext.asyncio import create_async_engine

    engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/cancelled.db")
    async with engine.begin() as connection:
        await connection.execute(sa.text("CREATE TABLE t (x)"))

    async def unit() -> None:
        async with engine.begin() as connection:
            await connection.execute(sa.text("INSERT INTO t VALUES (1)"))
            started.set()
            await asyncio.Event().wait()

    started = asyncio.Event()
    task = asyncio.create_task(unit())
    await started.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with engine.connect() as connection:
        assert (await connection.execute(sa.text("SELECT count(*) FROM t"))).scalar_one() == 0
    await engine.dispose()
