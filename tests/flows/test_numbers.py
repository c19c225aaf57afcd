"""Numbers that no column holds, typed where a number is expected."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.sandbox.people import ADA
from bot.storage import schema
from tests.flows.living import Bot

TOO_LARGE = 2**63, -(2**63) - 1, 10**30
READERS = ("unsubscribe", "edit", "latest", "why", "settings", "digest")
ADMINS = ("allow", "ban", "unban", "invite", "removesource", "pausesource", "resumesource", "fulltext", "pollnow")


async def _no_update_failed(connection: AsyncConnection) -> bool:
    found = (await connection.execute(sa.select(schema.inbox.c.state, schema.inbox.c.error))).all()
    assert [row.error for row in found if row.error] == []
    return {row.state for row in found} == {"DONE"}


@pytest.mark.parametrize("number", TOO_LARGE)
async def test_a_number_that_is_too_large_is_answered_and_does_no_harm(bot: Bot, number: int) -> None:
    bot.changes["limits"] = {"commands_per_minute": 1000}
    commands = [f"/{name} {number}" for name in (*READERS, *ADMINS)] + [
        f"/alias remove {number}",
        f"/edit {number} war",
    ]
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib", ADA)
        for command in commands:
            answer = await bot.say(command, ADA)
            assert answer["text"], command
        await bot.until(_no_update_failed)
