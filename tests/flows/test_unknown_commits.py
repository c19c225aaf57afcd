"""Commits of which nobody knows whether they took place: the connection to PostgreSQL broke before the answer.

A unit that is tried again finds what it wrote, and what was claimed without being sent is no message in doubt.
"""

import pytest

from bot.sandbox.people import BEN
from tests.flows.living import Bot
from tests.flows.test_delivery import watch
from tests.storage.commit_proxy import CommitProxy

UNITS = {
    "the poll": "INSERT INTO entry ",
    "the match": "INSERT INTO hit ",
    "the alert": "INSERT INTO delivery ",
    "the claim": "UPDATE delivery SET state=.*attempts=",
    "the mark": "UPDATE delivery SET state=.*message_id=",
}


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("unit", UNITS)
async def test_a_unit_whose_commit_got_no_answer_is_done_once(bot: Bot, unit: str) -> None:
    async with CommitProxy(bot.database_url) as proxy:
        bot.changes["storage"] = {"url": proxy.url}
        async with bot.running():
            before = await watch(bot)
            proxy.lose(UNITS[unit])
            bot.news("Schools reopen in Idlib")
            await bot.told(before + 1)
            bot.news("The harvest fails in Idlib")
            await bot.told(before + 2)
            await bot.polled()
        assert await bot.states() == {"SENT": 2}
        assert proxy.lost == 1
    told = [message["text"].split("\n")[0] for message in bot.sandbox.sent_to(BEN)[before:]]
    assert sorted(told) == ["Schools reopen in Idlib", "The harvest fails in Idlib"]


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("statement", ["INSERT INTO inbox ", "UPDATE inbox SET state"])
async def test_what_was_typed_takes_effect_once_when_a_commit_got_no_answer(bot: Bot, statement: str) -> None:
    async with CommitProxy(bot.database_url) as proxy:
        bot.changes["storage"] = {"url": proxy.url}
        async with bot.running():
            await bot.polled()
            proxy.lose(statement)
            await bot.say("/subscribe wheat")
            listed = await bot.say("/list")
            assert proxy.lost == 1
    assert listed["text"].count("wheat") == 1
    assert len(bot.sandbox.sent_to(BEN)) == 2
