"""The whole of it, as a newcomer meets it: `watchword run --sandbox`, and three people in front of its web chat."""

import os
import re
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, FilePayload, expect

from bot.sandbox.people import ADA, BEN, CHO
from tests.browser.person import Person, sitting
from tests.feedserver import FeedServer, item, rss

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]

ALERT_WITHIN = 60.0  # seconds: what the README promises
OPML = '<opml version="2.0"><body><outline type="rss" text="Harbour Watch" xmlUrl="{}"/></body></opml>'
OLD = [item("Ferries to the islands run again")]
NEWS = [
    item("Idlib library lends its first books since the flood", text="The shelves came by lorry.", published=None),
    item("Idlib bakers strike a deal on flour with the mills", text="Prices hold until spring.", published=None),
]


@pytest.fixture(scope="module")
def sandbox_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The bot in its sandbox, in a process of its own; yields the address it prints."""
    folder = tmp_path_factory.mktemp("newcomer")
    environment = {name: value for name, value in os.environ.items() if not name.startswith("WATCHWORD_")}
    environment["PYTHONPATH"] = str(Path(__file__).parents[2])
    command = [sys.executable, "-u", "-m", "bot", "run", "--sandbox", "--port", "0"]
    with subprocess.Popen(command, cwd=folder, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = next(line for line in process.stdout if "http://127.0.0.1:" in line)
            yield line[line.index("http://") :].split()[0]
        finally:
            process.terminate()
            assert process.wait(30) == 0


@pytest_asyncio.fixture(loop_scope="module")
async def feeds() -> AsyncIterator[FeedServer]:
    async with FeedServer() as server:
        server.serve("/harbour.xml", rss(OLD, title="Harbour Watch"))
        yield server


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Where the pictures go: docs/images when `make pictures` asks for them."""
    return Path(os.environ.get("WATCHWORD_PICTURES") or tmp_path)


async def test_three_people_try_the_bot(browser: Browser, sandbox_url: str, feeds: FeedServer, pictures: Path) -> None:
    async with AsyncExitStack() as stack:
        ada, ben, cho = [await stack.enter_async_context(sitting(browser, sandbox_url, who)) for who in (ADA, BEN, CHO)]
        await ben_sees_past_matches_at_once(ben)
        subscribed = time.monotonic()
        await cho_wants_a_digest(cho)
        await ada_adds_a_source(ada, feeds)
        await the_group_watches(ada, ben)
        await ada_moves_her_sources(ada, feeds)
        await cho_chooses_a_time(cho)
        await ben_is_alerted(ben, within=ALERT_WITHIN - (time.monotonic() - subscribed))

        feeds.serve("/harbour.xml", rss([*NEWS, *OLD], title="Harbour Watch"))
        await ben.hear("Idlib library lends")
        await ben.hear("Idlib bakers strike")
        await ben.picture(pictures / "alerts.png")
        await mistakes_are_explained(ben)
        await cho_gets_her_digest(cho)
        await ben_stops_watching(ben)
    await take_pictures(browser, sandbox_url, pictures)


async def ben_sees_past_matches_at_once(ben: Person) -> None:
    await expect(ben.page.get_by_text("Not Telegram")).to_be_visible()
    confirmation = await ben.ask("/subscribe Idlib", "Watching Idlib")
    await expect(confirmation).to_contain_text("Last 7 days")
    await expect(confirmation).to_contain_text("(demo)")
    await expect(confirmation.get_by_role("link").first).to_have_attribute("href", re.compile(r"/story/\d+$"))


async def cho_wants_a_digest(cho: Person) -> None:
    """Her Telegram is Arabic, and so may the answers be: what she presses is known by its place."""
    confirmation = await cho.ask("/subscribe Idlib", "Idlib")
    daily = confirmation.get_by_role("button").nth(2)
    await daily.click()
    await expect(confirmation.locator(".key").filter(has_text="✓")).to_have_count(1)
    await expect(confirmation.locator(".key").nth(2)).to_contain_text("✓")
    await expect(confirmation).to_contain_text("edited")


async def ada_adds_a_source(ada: Person, feeds: FeedServer) -> None:
    await ada.box.press_sequentially("/add")
    await expect(ada.page.get_by_role("option", name="/addsource")).to_have_attribute("aria-selected", "true")
    await ada.box.press("Tab")
    await expect(ada.box).to_have_value("/addsource ")
    await ada.ask(f"/addsource {feeds.url('/harbour.xml')}", "Harbour Watch")
    await ada.ask("/sources", "Harbour Watch")
    events = await ada.page.request.get(f"/sandbox/events?chat_id={ADA}")
    assert "typing" in [event["data"].get("action") for event in (await events.json())["result"]]


async def ada_moves_her_sources(ada: Person, feeds: FeedServer) -> None:
    await ada.open("Watchword")
    opml = OPML.format(feeds.url("/harbour.xml")).encode()
    await ada.box.fill("/import")
    await ada.page.locator("input[type=file]").set_input_files(
        FilePayload(name="mine.opml", mimeType="text/x-opml", buffer=opml)
    )
    await ada.hear("1 was there already")
    await ada.ask("/export", "The news sources")
    async with ada.page.expect_download() as download:
        await ada.page.get_by_role("link", name="Download sources.opml").click()
    assert "harbour.xml" in (await (await download.value).path()).read_text("utf-8")


async def the_group_watches(ada: Person, ben: Person) -> None:
    await ada.open("News room")
    confirmation = await ada.ask("/subscribe Aleppo", "Watching Aleppo")
    await expect(confirmation.locator(".quote")).to_contain_text("/subscribe Aleppo")
    await ben.open("News room")
    heard = await ben.hear("Watching Aleppo")
    await heard.get_by_role("button", name="Daily").click()
    dialog = ben.page.get_by_role("dialog")
    await expect(dialog).to_contain_text("admins")
    await dialog.get_by_role("button", name="OK").click()
    await ada.open("Front page")
    await ada.ask("/subscribe Gaza", "Watching Gaza")
    await ben.open("Front page")
    await ben.hear("Watching Gaza")
    await expect(ben.box).to_be_hidden()


async def mistakes_are_explained(ben: Person) -> None:
    await ben.ask("/subscribe (Idlib", "👉")
    await ben.ask("/subscribe", "/subscribe Idlib")
    await ben.ask("/nonsense", "/help")
    await ben.ask("/addsource http://127.0.0.1/", "admins")


async def cho_chooses_a_time(cho: Person) -> None:
    settings = await cho.ask("/settings", "08:00")
    await settings.get_by_role("button", name="18:00").click()
    await expect(settings.locator(".key").filter(has_text="✓ 18:00")).to_be_visible()
    await expect(settings).to_contain_text("edited")


async def ben_is_alerted(ben: Person, *, within: float) -> None:
    await ben.open("Watchword")
    news = ben.bot.filter(has_text=re.compile("Idlib|إدلب|Идлиб"))
    alert = news.filter(has_not_text=re.compile("Watching|👉|/subscribe"))
    await expect(alert.first).to_be_visible(timeout=within * 1000)


async def cho_gets_her_digest(cho: Person) -> None:
    digest = await cho.ask("/digest", "Idlib library lends")
    await expect(digest).to_contain_text("Idlib bakers strike")


async def ben_stops_watching(ben: Person) -> None:
    shown = await ben.ask("/list", "1. Idlib")
    await shown.get_by_role("button", name="1", exact=True).click()
    await shown.get_by_role("button", name="Stop watching").click()
    await expect(shown).to_contain_text("Stopped watching")


async def take_pictures(browser: Browser, url: str, folder: Path) -> None:
    phone = {"viewport": {"width": 390, "height": 780}, "has_touch": True, "color_scheme": "dark"}
    async with sitting(browser, url, CHO, **phone) as cho:
        await cho.open("Watchword")
        await cho.picture(folder / "phone.png")
    async with sitting(browser, url, ADA) as ada:
        await ada.page.get_by_role("button", name="Command menu").click()
        await expect(ada.page.get_by_role("option", name="/addsource")).to_be_visible()
        await ada.picture(folder / "menu.png")
