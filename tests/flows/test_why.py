"""/why: one exact sentence on the reason why a story was sent or was not."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from bot.chat.user.why import explain
from bot.matching.engine.aliases import Aliases
from bot.matching.query.ast import And, Name, Or, without_exclusions
from bot.matching.query.parser import parse
from bot.models import Article
from bot.sandbox.faults import FailureMode
from bot.sandbox.people import BEN
from bot.sandbox.state import SentMessage
from bot.storage import schema
from bot.storage.database import Database
from tests.flows.living import Bot, nothing_unmatched
from tests.flows.test_delivery import state
from tests.flows.test_more_commands import ON_ONE

TITLE, TEXT = "Syrian bakers and Shoygu meet", "Turkey. Floods came to إدلب, and Shoygu said so again in Moscow."


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("bakers", "Matched bakers in the headline."),
        ("said", "Matched said in the text."),
        ("flood", "Matched flood as Floods in the text."),
        ("Idlib", "Matched Idlib as \u2068إدلب\u2069 in the text."),
        ("Shoigu", "Matched Shoigu as Shoygu (a close spelling), in the headline and the text."),
        ("Turkey", "Matched Turkey as Turkey (perhaps: its capitals do not tell) in the text."),
        ("Syria–Russia", "Matched Syria–Russia as Syrian in the headline."),
        ("title:Syria", "Matched title:Syria as Syrian in the headline."),
        ("Syria AND flood", "Matched Syria AND flood as Syrian in the headline and Floods in the text."),
        ("source:demo", "Matched source:demo by its source or language."),
        ("shoygu", "Matched shoygu as Shoygu, in the headline and the text."),
    ],
)
async def test_each_rule_has_its_sentence(bot: Bot, query: str, sentence: str) -> None:
    bot.news(TITLE, TEXT.replace("in Moscow", "in Moscow and Russia") if "Russia" in query else TEXT)
    async with bot.running():
        await bot.polled()
        await bot.say(f"/subscribe {query}")
        await bot.until(nothing_unmatched)
        said = (await bot.say("/why https://demo.example/0"))["text"]
        if "Russia" in query:
            assert said.startswith("Matched Syria–Russia as Syrian in the headline and Russia in the text.")
        else:
            assert said == sentence + " It was there before you began to watch, so it was no news."


async def test_what_did_not_come_is_explained_too(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Syria -football, Idlib, wheat")
        bot.news("Syrian football resumes", "In Idlib, too.")
        await bot.polled()
        said = (await bot.say("/why https://demo.example/0"))["text"]
        assert said.startswith("Matched Idlib in the text. Waits for your digest, ")
        assert said.endswith("\nSyria -football is in it, but so is football, which you left out.")
        await bot.say("/pause")
        assert "News is paused: /resume brings it." in (await bot.say("/why https://demo.example/0"))["text"]
        await bot.say("/resume")
        await bot.told(len(bot.sandbox.sent_to(BEN)))


@ON_ONE
async def test_a_second_source_of_a_story_is_on_its_way_into_the_alert_and_says_so(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Idlib")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")
        bot.news("Convoy with flour reaches besieged Idlib after long wait", "Aid workers cheered.")
        await bot.told(2)
        bot.news("Flour convoy reaches besieged Idlib town after a long wait", "Bakers lit ovens.")
        await bot.polled()
        said = (await bot.say("/why https://demo.example/1"))["text"]
        assert "A message on its way has it." in said


def test_what_a_query_leaves_out_is_told_from_what_it_wants() -> None:
    expr = parse("(Syria -football) OR wheat")
    assert without_exclusions(expr) == (Or((Name("Syria"), Name("wheat"))), [Name("football")])
    assert without_exclusions(parse("dam river -x1")) == (Name("dam river"), [Name("x1")])
    assert isinstance(without_exclusions(parse("dam AND river NOT x1"))[0], And)
    article = Article("Syrian football", "", "en")
    assert explain(
        ["Syria -football", "Syria -lang:en", "Syria -wheat", "wheat -football", "((("], article, Aliases()
    ) == {
        "Syria -football": ["football"],
        "Syria -lang:en": ["lang:en"],
        "Syria -wheat": [],
        "wheat -football": None,
        "(((": None,
    }


async def alert(bot: Bot) -> SentMessage:
    """Let Ben watch two things at once, and return the alert that both match."""
    await bot.polled()
    for query in ("Idlib", "schools"):
        made = await bot.say(f"/subscribe {query}")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")
    before = len(bot.sandbox.sent_to(BEN))
    bot.news("Schools reopen in Idlib", "Pupils cheered, and so did teachers.")
    return await bot.told(before + 1)


@ON_ONE
async def test_the_button_explains_the_alert_as_it_was_sent_whatever_changed_since(bot: Bot) -> None:
    async with bot.running():
        found = await alert(bot)
        database = Database(bot.database_url)
        async with database.begin() as connection:
            await connection.execute(sa.update(schema.entry).values(title="Another title"))
            await connection.execute(sa.update(schema.source).values(title="Another source"))
        await database.close()
        bot.sandbox.press(found["message_id"], "Why?", user_id=BEN)
        await bot.shows(found, "Matched")
        shown = bot.sandbox.world.chats[BEN].messages[found["message_id"]]
        told, labels = found["text"].rsplit("\n\n", 1)
        assert sorted(labels.split(", ")) == ["Idlib", "schools"]
        assert shown["text"].startswith(told + "\n\n🔎 Matched ")
        assert shown["text"].count("Matched") == 2
        assert found["text"].split("\n")[0] == "Schools reopen in Idlib"


@ON_ONE
async def test_an_alert_in_doubt_keeps_its_mark_when_it_is_explained(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Idlib")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")
        before = len(bot.sandbox.sent_to(BEN))
        bot.sandbox.fail(FailureMode.CLOSE_BEFORE, method="sendMessage", chat_id=BEN)
        bot.news("Schools reopen in Idlib")
        await state(bot, "UNCERTAIN")
        bot.clock.ahead += timedelta(minutes=3)
        found = await bot.told(before + 1)
        await state(bot, "SENT")
        bot.sandbox.press(found["message_id"], "Why?", user_id=BEN)
        await bot.shows(found, "Matched")
        shown = bot.sandbox.world.chats[BEN].messages[found["message_id"]]["text"]
        assert shown.startswith("↻ Schools reopen in Idlib")


@ON_ONE
async def test_an_alert_of_before_its_item_was_stored_is_explained_in_a_message_of_its_own(bot: Bot) -> None:
    async with bot.running():
        found = await alert(bot)
        await state(bot, "SENT")
        database = Database(bot.database_url)
        async with database.begin() as connection:
            await connection.execute(sa.update(schema.delivery_item).values(shown=None))
        await database.close()
        before = len(bot.sandbox.sent_to(BEN))
        bot.sandbox.press(found["message_id"], "Why?", user_id=BEN)
        explained = await bot.told(before + 1)
        assert explained["text"].startswith("Matched ")
        assert bot.sandbox.world.chats[BEN].messages[found["message_id"]]["text"] == found["text"]
