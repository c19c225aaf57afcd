import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.pipeline.send import refuse
from bot.storage import chats, deliveries, delivery_claims, digest_runs, hits, subscriptions
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.deliveries import Claimed, DeliveryKind, DeliveryState
from tests.storage.world import NOW, World

LEASE = timedelta(minutes=2)
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


async def owe(
    world: World, chat: Chat, kind: DeliveryKind = deliveries.ALERT, *, part: int = 1, run: int | None = None
) -> int:
    async with world.database.begin() as connection:
        return await deliveries.add(
            connection, chat_id=chat.id, kind=kind, payload={"text": "x"}, now=NOW, part=part, digest_run_id=run
        )


async def claim(world: World, free: int = 10, now: datetime = NOW, *busy: int) -> list[Claimed]:
    async with world.database.begin() as connection:
        return await delivery_claims.claim(connection, now, free=free, lease=LEASE, busy_chats=busy)


async def states(world: World) -> dict[DeliveryState, int]:
    async with world.database.read() as connection:
        return await deliveries.counts(connection)


async def test_answers_go_before_alerts_and_alerts_before_digests(world: World) -> None:
    everybody = [await world.chat(number) for number in (1, 2, 3)]
    for chat, kind in zip(everybody, (deliveries.DIGEST, deliveries.ALERT, deliveries.REPLY), strict=True):
        await owe(world, chat, kind)

    assert [one.kind for one in await claim(world, 2)] == [deliveries.REPLY, deliveries.ALERT]
    assert [one.kind for one in await claim(world)] == [deliveries.DIGEST]


async def test_a_chat_has_one_message_in_flight(world: World) -> None:
    chat = await world.chat()
    first, second = await owe(world, chat), await owe(world, chat)

    (claimed,) = await claim(world)
    assert claimed.id == first
    assert await claim(world) == []

    async with world.database.begin() as connection:
        assert await deliveries.sent(connection, claimed, NOW, 55)
    assert [one.id for one in await claim(world)] == [second]


async def test_the_parts_of_a_digest_keep_their_order_even_in_doubt(world: World) -> None:
    chat = await world.chat()
    async with world.database.begin() as connection:
        run = await digest_runs.start_run(
            connection, chat_id=chat.id, kind="daily", period="2026-03-01", stories=2, now=NOW
        )
    await owe(world, chat, deliveries.DIGEST, part=1, run=run)
    second = await owe(world, chat, deliveries.DIGEST, part=2, run=run)
    (claimed,) = await claim(world)
    async with world.database.begin() as connection:
        await deliveries.uncertain(connection, claimed, NOW, again_at=LATER, error="lost")

    assert await claim(world) == []
    async with world.database.begin() as connection:
        assert await deliveries.revive_uncertain(connection, LATER) == 1
    (again,) = await claim(world, now=LATER)
    assert (again.id, again.uncertain_count) == (claimed.id, 1)
    async with world.database.begin() as connection:
        await deliveries.sent(connection, again, LATER, 9)
    assert [one.id for one in await claim(world, now=LATER)] == [second]


async def report(world: World, chat: Chat, texts: dict[int, int], *, shows: int) -> Claimed:
    """Claim a new digest of these entries (with their stories) that shows one of them."""
    told = [deliveries.Told(story, entry, entry, 1) for entry, story in texts.items()]
    async with world.database.begin() as connection:
        await deliveries.add(
            connection,
            chat_id=chat.id,
            kind=deliveries.DIGEST,
            payload={"text": "x"},
            now=NOW,
            reported_items=told,
            shown={shows: {"title": "x"}},
            lasts=LATER - NOW,
        )
    (claimed,) = await claim(world)
    return claimed


async def test_what_a_message_in_doubt_showed_may_have_been_seen_and_what_it_counted_was_not(world: World) -> None:
    chat, other = await world.chat(1), await world.chat(2)
    one = await world.subscribe(chat, "syria")
    shown, of_its_story, counted, sent, expired, refused = [await world.entry(one) for _ in range(6)]

    async def in_doubt(of: Chat = chat) -> set[int]:
        async with world.database.read() as connection:
            return await hits.texts_in_doubt(connection, of.id)

    async def doubt(claimed: Claimed) -> None:
        async with world.database.begin() as connection:
            assert await deliveries.uncertain(connection, claimed, NOW, again_at=NOW, error="lost")
            await deliveries.revive_uncertain(connection, NOW)

    await doubt(await report(world, chat, {shown: shown, of_its_story: shown, counted: counted}, shows=shown))
    assert await in_doubt() == set()  # it is still to be sent
    (again,) = await claim(world)
    await doubt(again)
    arrived = await report(world, chat, {sent: sent}, shows=sent)
    async with world.database.begin() as connection:
        assert await deliveries.sent(connection, arrived, NOW, 1)
    refusal = await report(world, chat, {refused: refused}, shows=refused)
    async with world.database.begin() as connection:
        assert await deliveries.dead(connection, refusal, NOW, "surely not sent")
    await doubt(await report(world, chat, {expired: expired}, shows=expired))
    async with world.database.begin() as connection:
        assert await deliveries.expire(connection, LATER) == 1

    assert await in_doubt() == {shown, expired}
    assert await in_doubt(other) == set()


async def test_a_run_is_made_once(world: World) -> None:
    chat = await world.chat()
    made = []
    for _ in range(2):
        async with world.database.begin() as connection:
            made.append(
                await digest_runs.start_run(
                    connection, chat_id=chat.id, kind="daily", period="2026-03-01", stories=1, now=NOW
                )
            )
    assert made[0] is not None
    assert made[1] is None


async def test_busy_and_held_chats_are_passed_over(world: World) -> None:
    busy, held, free = await world.chat(1), await world.chat(2), await world.chat(3)
    for chat in (busy, held, free):
        await owe(world, chat)
    async with world.database.begin() as connection:
        await chats.hold(connection, held.telegram_id, LATER)

    assert [one.chat_id for one in await claim(world, 10, NOW, busy.telegram_id)] == [free.id]
    assert [one.chat_id for one in await claim(world, 10, LATER, busy.telegram_id)] == [held.id]


async def test_two_senders_never_claim_the_same(world: World) -> None:
    everybody = [await world.chat(number) for number in range(1, 21)]
    for chat in everybody:
        await owe(world, chat)

    batches = await asyncio.gather(*(claim(world, 7) for _ in range(4)))

    ids = [one.id for batch in batches for one in batch]
    assert len(ids) == len(set(ids))


async def test_a_message_in_doubt_is_sent_once_more_and_then_left_in_doubt(world: World) -> None:
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    entry = await world.entry(wanted)
    await world.alerts_written(entry)
    await world.tell(chat, entry, wanted)
    for now, state in ((NOW, deliveries.UNCERTAIN), (LATER, deliveries.UNCERTAIN_FINAL)):
        (claimed,) = await claim(world, now=now)
        async with world.database.begin() as connection:
            assert await deliveries.uncertain(connection, claimed, now, again_at=LATER, error="lost")
            await deliveries.revive_uncertain(connection, NOW)
        assert (await states(world)) == {state: 1}
        async with world.database.begin() as connection:
            await deliveries.revive_uncertain(connection, LATER)

    assert await claim(world, now=LATER) == []
    assert await world.pending(chat) == [entry]  # its next digest lists it


async def test_a_late_answer_settles_the_doubt_and_nothing_is_sent_again(world: World) -> None:
    await owe(world, await world.chat())
    (claimed,) = await claim(world)
    async with world.database.begin() as connection:
        assert await deliveries.recover(connection, NOW + LEASE * 2, again_at=LATER) == 1
        assert await deliveries.sent(connection, claimed, LATER, 55)
        assert not await deliveries.sent(connection, claimed, LATER, 55)
        assert await deliveries.revive_uncertain(connection, LATER) == 0
    assert await states(world) == {deliveries.SENT: 1}


async def test_several_are_marked_at_once_and_those_of_others_are_not(world: World) -> None:
    for number in (1, 2, 3):
        await owe(world, await world.chat(number))
    one, two, three = await claim(world)
    async with world.database.begin() as connection:
        stolen = replace(three, lease_token="another")
        assert await deliveries.sent_many(connection, [(one, 5), (two, 6), (stolen, 7)], NOW) == 2
    assert await states(world) == {deliveries.SENT: 2, deliveries.SENDING: 1}


async def test_what_a_chat_paused_or_unsubscribed_while_in_flight_is_not_sent_again(world: World) -> None:
    for number in (1, 2, 3):
        chat = await world.chat(number)
        wanted = await world.subscribe(chat, "syria")
        await world.tell(chat, await world.entry(wanted), wanted)
        (claimed,) = await claim(world, now=LATER)
        async with world.database.begin() as connection:
            if number == 1:
                await chats.set_state(connection, chat.id, chats.PAUSED, NOW)
            if number == 2:
                await subscriptions.unsubscribe(connection, chat.id, [wanted.id])
            await deliveries.uncertain(connection, claimed, NOW, again_at=LATER, error="lost")
    assert await states(world) == {deliveries.CANCELLED: 2, deliveries.UNCERTAIN: 1}


async def test_a_paused_chat_gets_answers_and_nothing_else(world: World) -> None:
    chat = await world.chat()
    await owe(world, chat)
    async with world.database.begin() as connection:
        await chats.set_state(connection, chat.id, chats.PAUSED, NOW)
    assert await claim(world) == []
    await owe(world, chat, deliveries.REPLY)
    assert [one.kind for one in await claim(world)] == [deliveries.REPLY]


async def test_a_refusal_blocks_the_chat_unless_it_has_spoken_since(world: World) -> None:
    for spoke in (False, True):
        chat = await world.chat(10 + spoke)
        await owe(world, chat)
        (claimed,) = await claim(world)
        async with world.database.begin() as connection:
            if spoke:  # it blocked us, thought better of it and wrote, all while our request was on its way
                await chats.set_state(connection, chat.id, chats.BLOCKED, NOW)
                await chats.set_state(connection, chat.id, chats.ACTIVE, LATER)
            assert await refuse(connection, claimed, LATER, "blocked") is not spoke
    assert await states(world) == {deliveries.CANCELLED: 2}


async def test_now_and_then_a_digest_goes_before_an_alert(world: World) -> None:
    for number, kind in enumerate((deliveries.ALERT, deliveries.DIGEST, deliveries.REPLY)):
        await owe(world, await world.chat(number + 1), kind)
    async with world.database.begin() as connection:
        taken = await delivery_claims.claim(
            connection, NOW, free=2, lease=LEASE, favoured=deliveries.PRIORITY[deliveries.DIGEST]
        )
    assert sorted(one.kind for one in taken) == [deliveries.DIGEST, deliveries.REPLY]


async def test_where_others_have_to_wait_answers_are_claimed_alone(world: World) -> None:
    for number, kind in enumerate((deliveries.ALERT, deliveries.DIGEST, deliveries.REPLY)):
        await owe(world, await world.chat(number + 1), kind)
    async with world.database.begin() as connection:
        taken = await delivery_claims.claim(connection, NOW, free=3, lease=LEASE, answers_only=True)
    assert [one.kind for one in taken] == [deliveries.REPLY]


async def test_two_topics_of_a_group_are_one_chat_to_telegram(world: World) -> None:
    for thread_id in (0, 5, 6):
        await owe(world, await world.chat(-100, thread_id=thread_id))
    assert len(await claim(world)) == 1


async def test_what_a_dead_sender_left_is_in_doubt_and_an_answer_after_the_resend_changes_nothing(
    world: World,
) -> None:
    await owe(world, await world.chat())
    (claimed,) = await claim(world)
    async with world.database.begin() as connection:
        assert await deliveries.recover(connection, NOW + LEASE - timedelta(seconds=1), again_at=LATER) == 0
        assert await deliveries.recover(connection, NOW + LEASE + timedelta(seconds=1), again_at=LATER) == 1
        assert not await deliveries.dead(connection, claimed, NOW, "x")
    assert await states(world) == {deliveries.UNCERTAIN: 1}

    async with world.database.begin() as connection:
        await deliveries.revive_uncertain(connection, LATER)
    await claim(world, now=LATER)
    async with world.database.begin() as connection:
        assert not await deliveries.sent(connection, claimed, NOW, 55)
        assert await deliveries.recover(connection, LATER + LEASE * 2, again_at=LATER) == 1
    assert await states(world) == {deliveries.UNCERTAIN_FINAL: 1}


async def test_the_items_of_a_sender_that_died_twice_are_pending_again(world: World) -> None:
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    entry = await world.entry(wanted)
    await world.alerts_written(entry)
    await world.tell(chat, entry, wanted)
    now = NOW
    for state, pending in ((deliveries.UNCERTAIN, []), (deliveries.UNCERTAIN_FINAL, [entry])):
        assert len(await claim(world, now=now)) == 1
        now += LEASE * 2
        async with world.database.begin() as connection:
            assert await deliveries.recover(connection, now, again_at=now) == 1
        assert await states(world) == {state: 1}
        assert await world.pending(chat) == pending
        async with world.database.begin() as connection:
            await deliveries.revive_uncertain(connection, now)


LATE_OUTCOMES: dict[str, Callable[[AsyncConnection, Claimed], Awaitable[bool]]] = {
    "dead": lambda connection, claimed: deliveries.dead(connection, claimed, LATER, "x"),
    "cancel": lambda connection, claimed: deliveries.cancel(connection, claimed, LATER, "x"),
    "retry": lambda connection, claimed: deliveries.retry(connection, claimed, LATER, not_before=LATER, error="x"),
    "uncertain": lambda connection, claimed: deliveries.uncertain(
        connection, claimed, LATER, again_at=LATER, error="x"
    ),
    "sent": lambda connection, claimed: deliveries.sent(connection, claimed, LATER, 55),
}


@pytest.mark.parametrize("outcome", LATE_OUTCOMES)
async def test_a_sender_that_lost_its_claim_ends_nothing_of_the_next_one(world: World, outcome: str) -> None:
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)
    (lost,) = await claim(world)
    async with world.database.begin() as connection:
        await deliveries.recover(connection, NOW + LEASE * 2, again_at=LATER)
        await deliveries.revive_uncertain(connection, LATER)
    (held,) = await claim(world, now=LATER)

    async with world.database.begin() as connection:
        assert not await LATE_OUTCOMES[outcome](connection, lost)

    assert await states(world) == {deliveries.SENDING: 1}
    assert await world.pending(chat) == []
    async with world.database.begin() as connection:
        assert await deliveries.sent(connection, held, LATER, 56)


async def test_a_429_is_no_attempt_and_a_failure_to_leave_is(world: World) -> None:
    await owe(world, await world.chat())
    (first,) = await claim(world)
    async with world.database.begin() as connection:
        await deliveries.retry(connection, first, NOW, not_before=LATER, error="429", counted=False)
    assert await claim(world) == []
    (second,) = await claim(world, now=LATER)
    assert second.attempts == 1
    async with world.database.begin() as connection:
        await deliveries.retry(connection, second, NOW, not_before=LATER, error="dns", payload={"text": "plain"})
    (third,) = await claim(world, now=LATER)
    assert (third.attempts, third.payload) == (2, {"text": "plain"})


async def test_what_waited_too_long_expires(world: World) -> None:
    chat = await world.chat()
    async with world.database.begin() as connection:
        await deliveries.add(
            connection, chat_id=chat.id, kind=deliveries.REPLY, payload={"text": "x"}, now=NOW, lasts=LATER - NOW
        )
        assert await deliveries.expire(connection, LATER - timedelta(seconds=1)) == 0
        assert await deliveries.expire(connection, LATER) == 1
    assert await claim(world, now=LATER) == []


async def test_unsubscribing_cancels_alerts_that_tell_of_nothing_else(world: World) -> None:
    chat = await world.chat()
    one, two = await world.subscribe(chat, "syria"), await world.subscribe(chat, "idlib")
    only, both = await world.entry(one), await world.entry(one, two)
    await world.tell(chat, only, one)
    await world.tell(chat, both, one, two)

    async with world.database.begin() as connection:
        assert await deliveries.cancel_queries(connection, chat.id, [one.query_id], NOW) == 1

    assert await states(world) == {deliveries.CANCELLED: 1, deliveries.READY: 1}


async def test_who_unsubscribes_while_an_alert_is_written_gets_none(world: World) -> None:
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    entry_id = await world.entry(wanted)

    async def unsubscribe() -> None:
        async with world.database.begin() as connection:
            await subscriptions.unsubscribe(connection, chat.id, [wanted.id])
            await deliveries.cancel_queries(connection, chat.id, [wanted.query_id], NOW)

    async with world.database.begin() as connection:
        (owed,) = await hits.to_alert(connection, entry_id, NOW, after_chat=0, limit=10)
        leaving = asyncio.create_task(unsubscribe())
        await asyncio.wait([leaving], timeout=0.2)
        told = deliveries.Told(owed.story_id, owed.text_id, entry_id, wanted.query_id)
        await deliveries.add(
            connection, chat_id=chat.id, kind=deliveries.ALERT, payload={"text": "x"}, now=NOW, reported_items=[told]
        )
    await leaving
    assert await claim(world) == []


async def test_a_longer_hold_is_not_cut_short_by_a_shorter_one(world: World) -> None:
    chat = await world.chat()
    await owe(world, chat)
    for seconds in (60, 5):
        async with world.database.begin() as connection:
            await chats.hold(connection, chat.telegram_id, NOW + timedelta(seconds=seconds))
    assert await claim(world, 10, NOW + timedelta(seconds=30)) == []
    assert len(await claim(world, 10, NOW + timedelta(seconds=60))) == 1


async def test_pausing_cancels_everything_but_answers(world: World) -> None:
    chat = await world.chat()
    for kind in (deliveries.REPLY, deliveries.ALERT, deliveries.DIGEST):
        await owe(world, chat, kind)
    async with world.database.begin() as connection:
        assert await deliveries.cancel_chat(connection, chat.id, NOW, "paused") == 2


async def test_old_messages_are_removed_with_what_they_told(world: World) -> None:
    chat = await world.chat()
    wanted = await world.subscribe(chat, "syria")
    await world.tell(chat, await world.entry(wanted), wanted)
    (claimed,) = await claim(world)
    async with world.database.begin() as connection:
        await deliveries.sent(connection, claimed, NOW, 5)
        assert await deliveries.purge(connection, LATER, 10) == 0  # what it told keeps it
        assert await deliveries.forget_told(connection, LATER, 10) == 1
        assert await deliveries.purge(connection, LATER, 10) == 1


async def test_a_group_that_became_a_supergroup_keeps_all_it_had(world: World) -> None:
    group = await world.chat(-5, kind="group")
    wanted = await world.subscribe(group, "syria")
    await owe(world, group)
    early = await world.chat(-1005, kind="supergroup")  # it spoke to us before we knew
    other = await world.subscribe(early, "idlib")
    await world.subscribe(early, "syria")

    for _ in range(2):
        async with world.database.begin() as connection:
            await chats.migrate(connection, -5, -1005)

    (claimed,) = await claim(world)
    assert (claimed.telegram_id, claimed.chat_kind) == (-1005, "supergroup")
    assert await world.to_alert(await world.entry(wanted)) == [(group.id, wanted.query_id)]
    assert await world.to_alert(await world.entry(other)) == [(group.id, other.query_id)]
    async with world.database.read() as connection:
        assert await chats.find(connection, -5, 0) is None
