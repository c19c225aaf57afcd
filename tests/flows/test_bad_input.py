"""What strangers, feeds and networks do wrong: one clear sentence each, and nothing of it stops anybody's news."""

import gzip

import pytest

from bot.sandbox.people import ADA, BEN
from tests.flows.living import TOKEN, Bot

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
