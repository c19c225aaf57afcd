from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from bot.actions import subscription_choice, subscriptions
from bot.actions.refused import Refused
from bot.actions.subscriptions import SubscriptionRefusal, TypedQuery, UnreadableQuery
from bot.locales import words
from bot.matching.query.parser import parse
from bot.models import FeedEntry, Schedule
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.search import preview
from bot.search.preview import Preview
from bot.search.recent import Week
from bot.storage import chats, deliveries, entries, hits, offers, sources
from bot.storage.chats import Chat
from bot.storage.database import Database
from bot.storage.offers import Offer
from bot.storage.schema import delivery
from bot.storage.subscriptions import Subscription, of_chat
from tests.storage.world import NOW, World

USER = 7
ENGLISH = words("en")
LATER = NOW + timedelta(minutes=5)


@pytest.fixture
def world(database: Database) -> World:
    return World(database)


@pytest.fixture
async def week(database: Database) -> AsyncIterator[Week]:
    opened = Week(database, Clock(), AliasBook())
    yield opened
    opened.close()


async def subscribe(
    world: World, chat: Chat, text: str, *, most: int = 50, schedule: Schedule = Schedule.INSTANT
) -> list[Subscription]:
    queries = subscriptions.read_queries(text, ENGLISH)
    async with world.database.begin() as connection:
        result = await subscriptions.subscribe(
            connection, chat, queries, [Preview()] * len(queries), schedule=schedule, most=most, now=NOW
        )
    return [watched.subscription for watched in result.watched]


async def watched(world: World, chat: Chat) -> list[tuple[str, Schedule]]:
    async with world.database.read() as connection:
        return [(subscription.text, subscription.schedule) for subscription in await of_chat(connection, chat.id)]


async def refusal(world: World, chat: Chat, text: str, most: int = 50) -> Refused:
    with pytest.raises(Refused) as refused:
        await subscribe(world, chat, text, most=most)
    return refused.value


async def offer(world: World, chat: Chat, offer_id: int) -> Offer:
    async with world.database.read() as connection:
        stored = await offers.get(connection, chat.id, offer_id, LATER)
    assert stored is not None
    return stored


async def state(world: World, delivery_id: int) -> str:
    async with world.database.read() as connection:
        row = (await connection.execute(delivery.select().where(delivery.c.id == delivery_id))).one()
    return str(row.state)


async def publish(world: World, week: Week, title: str) -> int:
    """Store an entry that came now, and index it."""
    now = week.clock.now()
    item = FeedEntry((title,), title, f"https://e.org/{len(title)}", None, "", "en", now)
    async with world.database.begin() as connection:
        source_id, _ = await sources.add(connection, url="https://e.org/f", title="E", now=now)
        await entries.store(connection, source_id, [item], now, baseline=False)
        (new,) = [entry for entry in await entries.unmatched(connection, now, 10) if entry.title == title]
        await entries.mark_matched(connection, [new], 1, set())
    await week.catch_up()
    return new.id


async def found(week: Week, *texts: str) -> list[Preview]:
    return await preview.search(week, [parse(text) for text in texts])


# ---- subscribing ----


async def test_the_same_words_in_other_capitals_are_one_subscription(world: World) -> None:
    chat = await world.chat()
    (first,) = await subscribe(world, chat, "Syria")
    (second,) = await subscribe(world, chat, "SYRIA")
    assert second == first
    assert await watched(world, chat) == [("Syria", Schedule.INSTANT)]


async def test_a_first_subscription_has_a_digest_to_come(world: World) -> None:
    chat = await world.chat()
    await subscribe(world, chat, "Syria", schedule=Schedule.WEEKLY)
    async with world.database.read() as connection:
        slots = await chats.slots(connection, chat.id)
    assert slots["weekly"] > NOW


async def test_without_room_for_all_nothing_is_subscribed(world: World) -> None:
    chat = await world.chat()
    await subscribe(world, chat, "Syria")
    refused = await refusal(world, chat, "Idlib, Aleppo", most=2)
    assert (refused.reason, refused.values) == (SubscriptionRefusal.NO_ROOM, {"most": 2})
    await subscribe(world, chat, "syria, Idlib", most=2)
    assert [text for text, _ in await watched(world, chat)] == ["Syria", "Idlib"]


async def test_a_query_with_a_mistake_or_too_many_are_refused(world: World) -> None:
    chat = await world.chat()
    unreadable = await refusal(world, chat, "Syria AND")
    assert isinstance(unreadable, UnreadableQuery)
    assert unreadable.label == "Syria AND"
    assert unreadable.position == 9
    many = await refusal(world, chat, ", ".join(f"word{number}" for number in range(11)))
    assert (many.reason, many.values) == (SubscriptionRefusal.TOO_MANY_AT_ONCE, {"most": 10})
    assert await watched(world, chat) == []


async def test_subscriptions_are_chosen_by_number_or_by_words(world: World) -> None:
    chat = await world.chat()
    made = await subscribe(world, chat, "Syria, Idlib AND Aleppo, Homs")
    assert subscription_choice.choose(made, "3, 1 3") == [made[2], made[0]]
    assert subscription_choice.choose(made, "idlib AND aleppo, HOMS") == [made[1], made[2]]
    for typed, reason in (("4", SubscriptionRefusal.NO_SUCH_NUMBER), ("Hama", SubscriptionRefusal.NOT_WATCHED)):
        with pytest.raises(Refused) as refused:
            subscription_choice.choose(made, typed)
        assert refused.value.reason is reason
    with pytest.raises(Refused) as refused:
        subscription_choice.numbered(made, "two")
    assert refused.value.reason is SubscriptionRefusal.NUMBER_FIRST


async def test_another_chats_subscription_is_not_there(world: World) -> None:
    chat, other = await world.chat(7), await world.chat(8)
    (theirs,) = await subscribe(world, other, "Syria")
    async with world.database.begin() as connection:
        with pytest.raises(Refused) as refused:
            await subscriptions.set_schedule(connection, chat, theirs.id, Schedule.DAILY, NOW)
    assert refused.value.reason is SubscriptionRefusal.GONE
    assert await watched(world, other) == [("Syria", Schedule.INSTANT)]


# ---- removing ----


async def test_removing_cancels_only_alerts_that_report_nothing_else(world: World) -> None:
    chat = await world.chat()
    syria, homs = await subscribe(world, chat, "Syria, Homs")
    alone = await world.tell(chat, await world.entry(syria), syria)
    both = await world.tell(chat, await world.entry(syria, homs), syria, homs)
    async with world.database.begin() as connection:
        result = await subscriptions.remove(connection, chat, [syria], USER, LATER)
    assert result.removed == (syria,)
    assert [await state(world, alone), await state(world, both)] == [deliveries.CANCELLED, deliveries.READY]


async def test_a_removal_is_undone_with_the_schedules_and_what_came_meanwhile(world: World, week: Week) -> None:
    chat = await world.chat()
    syria, homs = await subscribe(world, chat, "Syria, Homs", schedule=Schedule.HOURLY)
    async with world.database.begin() as connection:
        result = await subscriptions.remove(connection, chat, [syria, homs], USER, week.clock.now())
    assert await watched(world, chat) == []
    undo = await offer(world, chat, result.undo_id)
    missed = await publish(world, week, "Rain over Homs")
    outcomes = await subscriptions.found_since(week, undo)
    async with world.database.begin() as connection:
        back = await subscriptions.restore(connection, chat, undo, outcomes, most=2, now=week.clock.now())
    assert [(one.text, one.label, one.created_at) for one in back] == [("Syria", "Syria", NOW), ("Homs", "Homs", NOW)]
    assert await watched(world, chat) == [("Syria", Schedule.HOURLY), ("Homs", Schedule.HOURLY)]
    assert await world.pending(chat, week.clock.now()) == [missed]


async def test_a_removal_is_not_undone_without_room(world: World) -> None:
    chat = await world.chat()
    made = await subscribe(world, chat, "Syria, Homs")
    async with world.database.begin() as connection:
        result = await subscriptions.remove(connection, chat, made, USER, NOW)
    await subscribe(world, chat, "Idlib")
    undo = await offer(world, chat, result.undo_id)
    async with world.database.begin() as connection:
        with pytest.raises(Refused) as refused:
            await subscriptions.restore(connection, chat, undo, [Preview()] * 2, most=2, now=NOW)
    assert refused.value.reason is SubscriptionRefusal.NO_ROOM


# ---- changing ----


def typed(text: str) -> TypedQuery:
    return subscriptions.read_query(text, ENGLISH)


async def test_a_change_keeps_the_schedule_and_cancels_alerts_of_the_former_words(world: World) -> None:
    chat = await world.chat()
    (syria,) = await subscribe(world, chat, "Syria")
    alert = await world.tell(chat, await world.entry(syria), syria)
    async with world.database.begin() as connection:
        result = await subscriptions.change(connection, chat, syria.id, typed("Homs"), Preview(), USER, LATER)
    assert await watched(world, chat) == [("Homs", Schedule.INSTANT)]
    assert result.subscription.created_at == LATER
    assert await state(world, alert) == deliveries.CANCELLED


async def test_a_change_to_the_same_query_cancels_nothing(world: World) -> None:
    chat = await world.chat()
    (syria,) = await subscribe(world, chat, "Syria")
    alert = await world.tell(chat, await world.entry(syria), syria)
    same = TypedQuery("the same, otherwise written", parse("Syria"))
    async with world.database.begin() as connection:
        result = await subscriptions.change(connection, chat, syria.id, same, Preview(), USER, LATER)
    assert (result.subscription.label, result.subscription.created_at) == (same.label, NOW)
    assert await state(world, alert) == deliveries.READY


async def test_a_change_to_a_query_the_chat_has_is_refused(world: World) -> None:
    chat = await world.chat()
    syria, _homs = await subscribe(world, chat, "Syria, Homs")
    async with world.database.begin() as connection:
        with pytest.raises(Refused) as refused:
            await subscriptions.change(connection, chat, syria.id, typed("HOMS"), Preview(), USER, LATER)
    assert (refused.value.reason, refused.value.values) == (SubscriptionRefusal.WATCHED_ALREADY, {"label": "HOMS"})


async def test_a_change_is_undone_with_what_came_meanwhile(world: World, week: Week) -> None:
    chat = await world.chat()
    (syria,) = await subscribe(world, chat, "Syria")
    async with world.database.begin() as connection:
        changed = await subscriptions.change(
            connection, chat, syria.id, typed("Homs"), Preview(), USER, week.clock.now()
        )
    undo = await offer(world, chat, changed.undo_id)
    missed = await publish(world, week, "Rain over Syria")
    (outcome,) = await subscriptions.found_since(week, undo)
    async with world.database.begin() as connection:
        back = await subscriptions.change_back(connection, chat, undo, outcome, week.clock.now())
    assert (back.id, back.text, back.created_at) == (syria.id, "Syria", NOW)
    assert await world.pending(chat, week.clock.now()) == [missed]


async def test_what_the_week_had_becomes_hits_that_are_never_sent(world: World, week: Week) -> None:
    chat = await world.chat()
    entry_id = await publish(world, week, "Rain over Syria")
    async with world.database.begin() as connection:
        await subscriptions.subscribe(
            connection,
            chat,
            [typed("Syria")],
            await found(week, "Syria"),
            schedule=Schedule.DAILY,
            most=1,
            now=week.clock.now(),
        )
        latest = await hits.latest(connection, chat.id, 10, 0)
    assert [hit.entry_id for hit in latest] == [entry_id]
    assert await world.pending(chat, week.clock.now()) == []


# ---- questions ----


async def test_a_question_for_new_words_is_the_newest_and_can_be_cancelled(world: World) -> None:
    chat = await world.chat()
    syria, homs = await subscribe(world, chat, "Syria, Homs")
    async with world.database.begin() as connection:
        await subscriptions.ask_words(connection, chat, syria, USER, NOW)
        await subscriptions.ask_words(connection, chat, homs, USER, NOW)
        question = await subscriptions.asked_words(connection, chat, USER, NOW)
        assert question is not None
        assert question.payload == {"subscription": homs.id}
        assert await subscriptions.asked_words(connection, chat, USER + 1, NOW) is None
        assert await subscriptions.cancel_questions(connection, chat, USER, NOW)
        assert not await subscriptions.cancel_questions(connection, chat, USER, NOW)
