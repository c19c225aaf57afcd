import pytest

from bot.actions import people
from bot.actions.people import INVITES_LAST, LONGEST_BROADCAST, MOST_USES, PeopleRefusal
from bot.actions.refused import Refused
from bot.storage import chats, deliveries, stats
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.people import Decision, decision, invites, redeem
from bot.storage.schema import delivery
from tests.storage.world import NOW, World

ADMIN, BEN, EVE = 1001, 1002, 1003
GROUP = -100
ADMINS = frozenset({ADMIN})


async def acts(database: Database) -> list[str]:
    """Return what admins did, the first act first."""
    async with database.read() as connection:
        return [act.act for act in reversed(await stats.last_acts(connection, 100))]


async def state_of(database: Database, chat: Chat) -> str:
    async with database.read() as connection:
        stored = await chats.get(connection, chat.id)
    assert stored is not None
    return stored.state


async def outbox(database: Database) -> list[tuple[int, str, str]]:
    """Return chat, kind and state of every message, in the order they were written."""
    async with database.read() as connection:
        rows = await connection.execute(delivery.select().order_by(delivery.c.id))
        return [(row.chat_id, row.kind, row.state) for row in rows]


async def test_an_invitation_lets_in_as_many_as_it_was_made_for(database: Database) -> None:
    async with database.begin() as connection:
        made = await people.invite(connection, 1, ADMIN, NOW)
        assert (made.uses_left, made.used, made.expires_at) == (1, 0, NOW + INVITES_LAST)
        assert await redeem(connection, made.code, BEN, NOW)
        assert not await redeem(connection, made.code, EVE, NOW)
        unlimited = await people.invite(connection, None, ADMIN, NOW)
        assert not await redeem(connection, unlimited.code, EVE, NOW + INVITES_LAST)
        assert await redeem(connection, unlimited.code, EVE, NOW)
    assert await acts(database) == ["invite 1", "invite 2"]


@pytest.mark.parametrize("uses", [0, MOST_USES + 1])
async def test_an_invitation_is_for_at_least_one_and_not_for_too_many(database: Database, uses: int) -> None:
    async with database.begin() as connection:
        with pytest.raises(Refused) as refused:
            await people.invite(connection, uses, ADMIN, NOW)
    assert refused.value.reason is PeopleRefusal.NUMBER_OF_USES
    assert await acts(database) == []


async def test_who_came_by_an_invitation_stays_when_it_ends(database: Database) -> None:
    async with database.begin() as connection:
        made = await people.invite(connection, 20, ADMIN, NOW)
        await redeem(connection, made.code, BEN, NOW)
        await people.revoke(connection, made.id, ADMIN, NOW)
        assert await invites(connection, NOW) == []
        assert not await redeem(connection, made.code, EVE, NOW)
        assert await decision(connection, BEN) is Decision.ALLOWED
        assert await decision(connection, EVE) is None
    assert (await acts(database))[-1] == "revoke 1"


async def test_a_person_or_a_group_is_allowed(database: Database) -> None:
    async with database.begin() as connection:
        for telegram_id in (BEN, GROUP):
            await people.allow(connection, telegram_id, ADMIN, NOW)
            assert await decision(connection, telegram_id) is Decision.ALLOWED
    assert await acts(database) == [f"allow {BEN}", f"allow {GROUP}"]


async def test_a_ban_cancels_what_is_on_its_way_and_ends_as_it_began(database: Database) -> None:
    chat = await World(database).chat(BEN)
    async with database.begin() as connection:
        await deliveries.add(connection, chat_id=chat.id, kind=deliveries.ALERT, payload={"text": "x"}, now=NOW)
        await people.ban(connection, BEN, ADMINS, ADMIN, NOW)
        assert await decision(connection, BEN) is Decision.BANNED
    assert await state_of(database, chat) == chats.BANNED
    assert await outbox(database) == [(chat.id, deliveries.ALERT, deliveries.CANCELLED)]
    async with database.begin() as connection:
        await people.unban(connection, BEN, ADMIN, NOW)
        assert await decision(connection, BEN) is None
    assert await state_of(database, chat) == chats.ACTIVE
    assert await acts(database) == [f"ban {BEN}", f"unban {BEN}"]


async def test_who_never_wrote_can_be_banned_and_an_admin_cannot(database: Database) -> None:
    async with database.begin() as connection:
        await people.ban(connection, EVE, ADMINS, ADMIN, NOW)
        with pytest.raises(Refused) as refused:
            await people.ban(connection, ADMIN, ADMINS, ADMIN, NOW)
    assert refused.value.reason is PeopleRefusal.IS_ADMIN
    assert await acts(database) == [f"ban {EVE}"]


async def test_who_is_not_banned_cannot_be_unbanned(database: Database) -> None:
    async with database.begin() as connection:
        await people.ban(connection, EVE, ADMINS, ADMIN, NOW)
        await people.allow(connection, BEN, ADMIN, NOW)
        with pytest.raises(Refused) as refused:
            await people.unban(connection, BEN, ADMIN, NOW)
        assert await decision(connection, BEN) is Decision.ALLOWED
    assert refused.value.reason is PeopleRefusal.NOT_BANNED
    assert refused.value.values == {"people": str(EVE)}


async def test_a_broadcast_goes_to_every_active_chat(database: Database) -> None:
    world = World(database)
    ben, eve, paused = await world.chat(BEN), await world.chat(EVE), await world.chat(1004)
    async with database.begin() as connection:
        await chats.set_state(connection, paused.id, chats.PAUSED, NOW)
        assert await people.audience(connection, "x" * LONGEST_BROADCAST) == 2
        assert await people.broadcast(connection, {"text": "x"}, 7, ADMIN, NOW) == 2
        with pytest.raises(Refused) as refused:
            await people.audience(connection, "x" * (LONGEST_BROADCAST + 1))
    assert refused.value.reason is PeopleRefusal.TOO_LONG
    ready = [(chat.id, deliveries.BROADCAST, deliveries.READY) for chat in (ben, eve)]
    assert await outbox(database) == ready
    assert await acts(database) == ["broadcast 7 to 2"]
