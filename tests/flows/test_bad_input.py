"""Bad input from people, feeds and networks: one clear sentence each, and everybody's news still arrives."""

import gzip

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.sandbox.people import ADA, BEN
from bot.storage import schema
from tests.feedserver import item, rss
from tests.flows.living import TOKEN, Bot, free_port
from tests.hub import Hub
from tests.sources.reading.test_page import FIRST, SECOND, TITLE, page

KEY = "k3y-of-a-private-feed"
pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # the main job runs on both


@pytest.mark.parametrize(
    ("query", "says"),
    [
        ("", "Tell me what to watch for"),
        ("   ", "Tell me what to watch for"),
        ("x" * 101, "100 characters"),
        ("(Egypt OR Sudan", "👉"),
        ('"joint committee', "👉"),
        ("-football", "👉"),
        ("NOT football", "👉"),
        ("Syria OR -football", "👉"),
        ("AND", "👉"),
        ("***", "👉"),
        ("((((((((((((Syria))))))))))))", "👉"),
    ],
)
async def test_a_query_that_cannot_be_read_is_explained_and_changes_nothing(bot: Bot, query: str, says: str) -> None:
    async with bot.running():
        answer = await bot.say(f"/subscribe {query}")
        assert says in answer["text"]
        assert len(answer["text"].split("\n")) <= 2
        assert "not watching anything" in (await bot.say("/list"))["text"]


async def test_every_kind_of_bad_address_is_refused_with_a_sentence_and_adds_nothing(bot: Bot) -> None:
    feeds = bot.feeds
    feeds.serve("/page.html", "<html><body>Hello</body></html>", content_type="text/html")
    feeds.serve("/empty.xml", b"")
    feeds.serve("/big.xml", b"<rss>" + b" " * 50_000_000)
    feeds.serve("/bomb.xml", gzip.compress(b"\0" * 50_000_000), headers={"Content-Encoding": "gzip"})
    feeds.serve(
        "/entities.xml",
        '<!DOCTYPE r [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>'
        "<rss><channel><title>&b;</title></channel></rss>",
    )
    feeds.drip("/drip.xml", b"<rss>" * 1000)
    feeds.hang("/hang.xml")
    feeds.redirect("/inside", "http://10.0.0.1/")
    addresses = [
        "file:///etc/passwd",
        "ftp://example.org/feed",
        "javascript:alert(1)",
        "http://10.0.0.1/feed",
        "http://169.254.169.254/latest/meta-data",
        "http://[::ffff:10.0.0.1]/feed",
        "http://user:secret@example.org/feed",
        "http://127.0.0.1:1/nobody-listens",
        "http://localhost:1/feed",
        feeds.url("/page.html"),
        feeds.url("/empty.xml"),
        feeds.url("/big.xml"),
        feeds.url("/bomb.xml"),
        feeds.url("/entities.xml"),
        feeds.url("/drip.xml"),
        feeds.url("/hang.xml"),
        feeds.url("/inside"),
        feeds.url("/missing"),
        "x" * 5000,
        "",
    ]
    bot.changes["fetch"] = {"timeout": 1}
    async with bot.running():
        await bot.polled()
        for address in addresses:
            answer = await bot.say(f"/addsource {address[:3900]}", ADA)
            assert answer["text"].endswith((".", "https://example.org", "/sources")), (address, answer["text"])
            assert "Added" not in answer["text"]
            assert "secret" not in answer["text"]
        assert "2." not in (await bot.say("/sources", ADA))["text"]


async def test_a_source_that_fails_stops_nobody_elses_news(bot: Bot) -> None:
    feeds = bot.feeds
    feeds.hang("/hang.xml")
    feeds.drip("/drip.xml", b"<rss>" * 1000)
    feeds.serve("/comments.xml", b"<rss><channel><item><title><![CDATA[" + b"<!--" * 500_000 + b"]]></title></item>")
    paths = ("/hang.xml", "/drip.xml", "/comments.xml", "/missing.xml", "/feed.xml")
    bot.changes["sources"] = [{"url": feeds.url(path)} for path in paths]
    bot.changes["fetch"] = {"timeout": 2}
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        bot.news("A quiet day in Idlib")
        alert = await bot.told(2)
    assert "A quiet day in Idlib" in alert["text"]


async def test_hostile_titles_are_shown_as_they_are_and_nothing_in_them_acts(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        confirmation = await bot.say("/subscribe Idlib")
        bot.sandbox.press(confirmation["message_id"], "At once", user_id=BEN)
        bot.news('<script>alert("1")</script> & Idlib </b> @everyone /start tg://user?id=1', "<b>bold & bad</b>")
        alert = await bot.told(2)
    kinds = {entity["type"] for entity in alert["entities"]}
    assert kinds <= {"bold", "italic", "text_link"}
    assert "Idlib" in alert["text"]


async def test_no_log_line_and_no_answer_holds_the_token(bot: Bot, capfd: pytest.CaptureFixture[str]) -> None:
    bot.sandbox.fail("server", method="getUpdates", status=502)
    bot.sandbox.fail("close_before", method="getUpdates")
    async with bot.running():
        await bot.polled()
        await bot.say("/start")
        await bot.say(f"/addsource http://127.0.0.1:{bot.sandbox.port}/bot{TOKEN}/getMe", ADA)
    out, err = capfd.readouterr()
    assert TOKEN.split(":")[1] not in out + err
    said = [message["text"] for message in bot.sandbox.sent]
    assert not any(TOKEN.split(":")[1] in text for text in said)


async def test_no_log_line_and_no_answer_holds_the_address_of_a_private_feed(
    bot: Bot, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """What is in its path or query may be a key (docs/sources.md); admins are told the host."""
    feeds, port = bot.feeds, free_port()
    pages = page(FIRST, SECOND)
    async with Hub() as hub:
        atom = 'xmlns:atom="http://www.w3.org/2005/Atom"'
        links = f'<atom:link {atom} rel="self" href="{feeds.url(f"/{KEY}/feed.xml")}"/>{hub.links}'
        feeds.serve(f"/{KEY}/feed.xml", rss([item("Old", feeds.url(f"/{KEY}/old"))], head=links))
        feeds.serve(f"/{KEY}/dam", pages, content_type="text/html")
        feeds.redirect(f"/{KEY}/moved.xml", f"/{KEY}/feed.xml", 301)
        feeds.redirect(f"/{KEY}/inside.xml", f"http://10.0.0.1/{KEY}")
        feeds.serve(f"/{KEY}/page.xml", "<html>Sorry</html>")
        feeds.send(f"/{KEY}/odd.xml", b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")
        feeds.hang(f"/{KEY}/hang.xml")
        feeds.serve(f"/{KEY}/gone.xml", "", status=410)
        feeds.serve(f"/{KEY}/blocked.xml", "", status=403)
        names = ("feed", "moved", "inside", "page", "odd", "hang", "gone", "blocked", "missing")
        bot.changes["sources"] = [{"url": feeds.url(f"/{KEY}/{name}.xml?{KEY}"), "full_text": True} for name in names]
        bot.changes["sources"] += [{"url": f"http://nowhere.invalid/{KEY}"}, {"url": f"http://127.0.0.1:1/{KEY}"}]
        bot.changes["sources"][0]["url"] = feeds.url(f"/{KEY}/feed.xml")
        bot.changes["fetch"] = {"timeout": 1}
        bot.changes["telegram"] = {"webhook_listen": f"127.0.0.1:{port}"}
        bot.changes["web"] = {"public_url": f"http://127.0.0.1:{port}"}
        async with bot.running():
            await bot.until(hub.was_asked)
            await bot.until(all_polled)
            await hub.verify()
            await hub.distribute(rss([item(TITLE, feeds.url(f"/{KEY}/dam"))], head=links))
            await hub.distribute(b"<html>Sorry</html>")
            await hub.distribute(b"", secret="wrong")
            await bot.until(page_read)
            listed = await bot.say("/sources", ADA)
            await bot.say("/pollnow 3", ADA)
            for number in range(3):
                await bot.say(f"/addsource {feeds.url(f'/{KEY}/{names[number + 2]}.xml')}#{number}", ADA)
            added = await bot.say(f"/addsource {feeds.url(f'/{KEY}/feed.xml?another')}", ADA)
            await bot.say("/removesource 1", ADA)
            await bot.say("/admins", ADA)
            await bot.say("/stats", ADA)
    assert "127.0.0.1" in listed["text"]
    assert "Added" in added["text"]
    out, err = capfd.readouterr()
    assert "polled" in out + err
    assert KEY not in out + err + caplog.text
    admins = [message["text"] for message in bot.sandbox.sent_to(ADA)]
    assert len(admins) > 8
    assert not [text for text in admins if KEY in text]


async def all_polled(connection: AsyncConnection) -> bool:
    statement = sa.select(sa.func.count()).where(schema.source.c.polled_at.is_(None))
    return (await connection.execute(statement)).scalar_one() == 0


async def page_read(connection: AsyncConnection) -> bool:
    statement = sa.select(sa.func.count()).where(schema.entry.c.page.is_not(None))
    return (await connection.execute(statement)).scalar_one() > 0
