"""The sandbox as python-telegram-bot's `Application` sees it: nothing tells it from Telegram."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from telegram import (
    Bot,
    BotCommand,
    BotCommandScopeChat,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    ReplyParameters,
    Update,
)
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)
from telegram.ext import Application, CallbackQueryHandler, ChatMemberHandler, CommandHandler, MessageHandler, filters

from bot.delivery.telegram.http import AiohttpRequest, Timeouts
from bot.sandbox.faults import FailureMode
from bot.sandbox.limits import FloodLimits
from bot.sandbox.people import ADA, BEN, CHANNEL, CHO, GROUP
from bot.sandbox.server import Sandbox

TOKEN = "123:sandbox-token"
ONE_SECOND = r"Retry in (1 seconds|0:00:01)"  # a number or a timedelta, as PTB_TIMEDELTA says
App = Application[Any, Any, Any, Any, Any, Any]


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as server:
        yield server


@asynccontextmanager
async def bot_of(sandbox: Sandbox, token: str = TOKEN, **timeouts: timedelta) -> AsyncIterator[Bot]:
    request, polling = AiohttpRequest(timeouts=Timeouts(**timeouts)), AiohttpRequest(connections=1)
    bot = Bot(
        token,
        base_url=sandbox.base_url,
        base_file_url=sandbox.base_file_url,
        request=request,
        get_updates_request=polling,
    )
    async with request, polling:
        yield bot


@pytest.fixture
async def bot(sandbox: Sandbox) -> AsyncIterator[Bot]:
    async with bot_of(sandbox) as one:
        yield one


@asynccontextmanager
async def running(sandbox: Sandbox, *handlers: Any) -> AsyncIterator[App]:
    app = (
        Application.builder()
        .token(TOKEN)
        .base_url(sandbox.base_url)
        .base_file_url(sandbox.base_file_url)
        .request(AiohttpRequest())
        .get_updates_request(AiohttpRequest(connections=1))
        .build()
    )
    app.add_handlers(handlers)
    async with app:
        await app.start()
        assert app.updater
        await app.updater.start_polling(poll_interval=0, timeout=5, allowed_updates=Update.ALL_TYPES)
        yield app
        await app.updater.stop()
        await app.stop()


async def echo(update: Update, context: Any) -> None:
    assert update.effective_message
    await update.effective_message.reply_text(f"<b>{update.effective_message.text}</b>", parse_mode="HTML")


async def test_a_command_is_answered(sandbox: Sandbox) -> None:
    async with running(sandbox, CommandHandler("start", echo)):
        sandbox.say("/start now", user_id=ADA)
        await sandbox.until_sent(1)
    [sent] = sandbox.sent
    assert (sent["chat_id"], sent["text"], sent["markup"]) == (ADA, "/start now", "<b>/start now</b>")
    assert {"type": "bold", "offset": 0, "length": 10} in sent["entities"]


async def test_a_command_in_a_group_and_a_post_in_a_channel_arrive(sandbox: Sandbox) -> None:
    async with running(sandbox, CommandHandler("start", echo), MessageHandler(filters.UpdateType.CHANNEL_POST, echo)):
        sandbox.say("not for a bot", user_id=BEN, chat_id=GROUP)
        sandbox.say("/start", user_id=BEN, chat_id=GROUP)
        await sandbox.until_sent(1)
        sandbox.say("news", chat_id=CHANNEL)
        await sandbox.until_sent(2)
    assert [(message["chat_id"], message["text"]) for message in sandbox.sent] == [(GROUP, "/start"), (CHANNEL, "news")]


async def test_an_unknown_chat_becomes_a_person_who_speaks(sandbox: Sandbox) -> None:
    async with running(sandbox, CommandHandler("start", echo)):
        sandbox.say("/start", chat_id=7, language_code="ru")
        await sandbox.until_sent(1)
    assert sandbox.world.people[7].language_code == "ru"


async def test_a_button_is_pressed_answered_and_the_message_edited(sandbox: Sandbox) -> None:
    async def offer(update: Update, context: Any) -> None:
        assert update.message
        keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y:1")]])
        await update.message.reply_text("Watch it?", reply_markup=keyboard)

    async def pressed(update: Update, context: Any) -> None:
        assert update.callback_query
        await update.callback_query.answer("Done")
        await update.callback_query.edit_message_text(f"You chose {update.callback_query.data}.")

    async with running(sandbox, CommandHandler("start", offer), CallbackQueryHandler(pressed)):
        sandbox.say("/start", user_id=BEN)
        [sent] = await sandbox.until_sent(1)
        sandbox.press(sent["message_id"], "Yes", user_id=BEN)
        await sandbox.until(lambda: any(event["kind"] == "edited" for event in sandbox.timeline(BEN)))
    kinds = [event["kind"] for event in sandbox.timeline(BEN)]
    assert kinds == ["message", "message", "callback", "answered", "edited"]
    edited = sandbox.timeline(BEN)[-1]["data"]
    assert edited["text"] == "You chose y:1."
    assert "reply_markup" not in edited


async def test_blocking_joining_and_editing_become_updates(sandbox: Sandbox) -> None:
    seen: list[str] = []

    async def note(update: Update, context: Any) -> None:
        if update.my_chat_member:
            seen.append(update.my_chat_member.new_chat_member.status)
        elif update.edited_message:
            seen.append(f"edited: {update.edited_message.text}")
        elif update.message:
            seen.append(",".join(user.first_name for user in update.message.new_chat_members))
        sandbox.world.changes.notify()

    handlers = [
        ChatMemberHandler(note, ChatMemberHandler.MY_CHAT_MEMBER),
        MessageHandler(filters.UpdateType.EDITED_MESSAGE | filters.StatusUpdate.NEW_CHAT_MEMBERS, note),
    ]
    async with running(sandbox, *handlers):
        sandbox.block(BEN)
        sandbox.unblock(BEN)
        sandbox.add_person(5, "Eve")
        sandbox.join(GROUP, 5)
        sandbox.edit(sandbox.say("first", user_id=BEN), "second", chat_id=BEN)
        for status in ("administrator", "restricted", "kicked"):
            sandbox.set_bot_status(GROUP, status)
        await sandbox.until(lambda: len(seen) == 7)
    assert seen == ["kicked", "member", "Eve", "edited: second", "administrator", "restricted", "kicked"]


async def test_documents_go_both_ways(sandbox: Sandbox) -> None:
    async def send_back(update: Update, context: Any) -> None:
        assert update.message
        assert update.message.document
        file = await update.message.document.get_file()
        content = bytes(await file.download_as_bytearray())
        await update.message.reply_document(InputFile(content[::-1], filename='назад "1".opml'), caption="back")

    async with running(sandbox, MessageHandler(filters.Document.ALL, send_back)):
        sandbox.upload("feeds.opml", b"<opml/>", user_id=ADA)
        [sent] = await sandbox.until_sent(1)
    assert sent["file_id"]
    stored = sandbox.world.files[sent["file_id"]]
    assert (stored.name, stored.content, sent["text"]) == ("назад _1_.opml", b">/lmpo<", "back")


async def test_a_photo_is_sent_uploaded_or_by_its_id(bot: Bot, sandbox: Sandbox) -> None:
    message = await bot.send_photo(ADA, b"\xff\xd8picture", caption="<i>look</i>", parse_mode="HTML")
    again = await bot.send_photo(BEN, message.photo[-1].file_id)
    assert message.caption == "look"
    assert again.photo[-1].file_id == message.photo[-1].file_id
    with pytest.raises(BadRequest, match="Wrong file identifier"):
        await bot.send_photo(BEN, "no-such-file")
    with pytest.raises(BadRequest, match="File must be non-empty"):
        await bot.send_document(BEN, InputFile(b"", filename="empty"))


async def test_commands_are_kept_by_scope_and_language(bot: Bot, sandbox: Sandbox) -> None:
    await bot.set_my_commands([BotCommand("start", "Begin")])
    await bot.set_my_commands([BotCommand("start", "ابدأ")], language_code="ar")
    await bot.set_my_commands([BotCommand("stats", "Numbers")], scope=BotCommandScopeChat(ADA))
    assert [command.description for command in await bot.get_my_commands(language_code="ar")] == ["ابدأ"]
    async with AiohttpRequest() as request:
        shown = [
            (await request.retrieve(f"{sandbox.root_url}/sandbox/commands?chat_id={person}")).decode()
            for person in (ADA, BEN, CHO)
        ]
    assert "Numbers" in shown[0]
    assert "Begin" in shown[1]
    assert "\\u0627" in shown[2]
    await bot.delete_my_commands(scope=BotCommandScopeChat(ADA))
    assert await bot.get_my_commands(scope=BotCommandScopeChat(ADA)) == ()
    with pytest.raises(BadRequest, match="Bot_command_invalid"):
        await bot.set_my_commands([BotCommand("No-Good", "x")])


async def test_the_bot_and_its_chats_can_be_asked_about(bot: Bot, sandbox: Sandbox) -> None:
    assert (await bot.get_me()).username == "watchword_sandbox_bot"
    await bot.set_my_name("Watch")
    await bot.set_my_description("Long")
    await bot.set_my_short_description("Short")
    assert (await bot.get_my_name()).name == "Watch"
    assert (await bot.get_my_description()).description == "Long"
    assert (await bot.get_my_short_description()).short_description == "Short"
    assert (await bot.get_chat(GROUP)).title == "News room"
    assert (await bot.get_chat("@front_page")).id == CHANNEL
    assert [member.user.id for member in await bot.get_chat_administrators(GROUP)] == [ADA]
    assert (await bot.get_chat_member(GROUP, BEN)).status == "member"
    assert (await bot.get_chat_member(CHANNEL, BEN)).status == "left"
    assert (await bot.get_chat_member(CHANNEL, (await bot.get_me()).id)).status == "administrator"
    assert await bot.get_chat_member_count(GROUP) == 4
    assert await bot.leave_chat(GROUP)
    with pytest.raises(Forbidden, match="bot is not a member of the group chat"):
        await bot.send_message(GROUP, "x")


Trouble = Callable[[Sandbox], object]
REFUSALS: list[tuple[Trouble, int, type[Exception], str]] = [
    (lambda sandbox: sandbox.block(BEN), BEN, Forbidden, "Forbidden: bot was blocked by the user"),
    (lambda sandbox: sandbox.deactivate(BEN), BEN, Forbidden, "Forbidden: user is deactivated"),
    (
        lambda sandbox: sandbox.set_bot_status(GROUP, "kicked"),
        GROUP,
        Forbidden,
        "Forbidden: bot was kicked from the group chat",
    ),
    (lambda sandbox: sandbox.delete_chat(GROUP), GROUP, Forbidden, "Forbidden: the group chat was deleted"),
    (
        lambda sandbox: sandbox.set_bot_status(GROUP, "restricted"),
        GROUP,
        BadRequest,
        "Not enough rights to send text messages to the chat",
    ),
    (
        lambda sandbox: sandbox.set_bot_status(CHANNEL, "member"),
        CHANNEL,
        BadRequest,
        "Need administrator rights in the channel chat",
    ),
    (lambda _: None, 999_999, BadRequest, "Chat not found"),
]


@pytest.mark.parametrize(("trouble", "chat_id", "error", "words"), REFUSALS)
async def test_a_chat_that_cannot_be_written_to_says_why(
    bot: Bot, sandbox: Sandbox, trouble: Trouble, chat_id: int, error: type[Exception], words: str
) -> None:
    trouble(sandbox)
    with pytest.raises(error) as raised:
        await bot.send_message(chat_id, "hello")
    assert str(raised.value) == words
    assert not sandbox.sent


async def test_a_migrated_group_names_its_new_id(bot: Bot, sandbox: Sandbox) -> None:
    new_id = sandbox.migrate(GROUP)
    with pytest.raises(ChatMigrated) as raised:
        await bot.send_message(GROUP, "hello")
    assert raised.value.new_chat_id == new_id
    await bot.send_message(new_id, "hello")
    updates = await bot.get_updates()
    assert [
        (update.message.migrate_to_chat_id, update.message.migrate_from_chat_id) for update in updates if update.message
    ] == [
        (new_id, None),
        (None, GROUP),
    ]


TOO_LONG_DATA = InlineKeyboardMarkup([[InlineKeyboardButton("x", callback_data="é" * 32 + "x")]])
LOCAL_URL = InlineKeyboardMarkup([[InlineKeyboardButton("x", url="http://localhost:8000")]])


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"text": " \n "}, "Message text is empty"),
        ({"text": "x" * 4097}, "Message is too long"),
        ({"text": "<b>x", "parse_mode": "HTML"}, "Can't parse entities: can't find end tag corresponding to start tag"),
        ({"text": "<x>", "parse_mode": "HTML"}, 'Can\'t parse entities: unsupported start tag "x" at byte offset 0'),
        ({"text": "x", "reply_markup": TOO_LONG_DATA}, "Button_data_invalid"),
        ({"text": "x", "reply_markup": LOCAL_URL}, "Inline keyboard button URL"),
        ({"text": "x", "reply_parameters": ReplyParameters(99)}, "Message to be replied not found"),
        ({"text": "x", "message_thread_id": 5}, "Message thread not found"),
    ],
)
async def test_a_bad_message_is_refused_in_telegrams_words(
    bot: Bot, sandbox: Sandbox, arguments: dict[str, Any], words: str
) -> None:
    with pytest.raises(BadRequest) as raised:
        await bot.send_message(ADA, **arguments)
    assert str(raised.value).lower().startswith(words.lower())
    assert not sandbox.sent


async def test_the_limit_counts_what_is_seen_not_the_markup(bot: Bot) -> None:
    message = await bot.send_message(ADA, "&amp;" * 4096, parse_mode="HTML")
    assert message.text == "&" * 4096


async def test_editing_and_deleting_say_what_is_wrong(bot: Bot, sandbox: Sandbox) -> None:
    message = await bot.send_message(ADA, "<b>one</b>", parse_mode="HTML")
    with pytest.raises(BadRequest, match="Message is not modified: specified new message content and reply markup"):
        await bot.edit_message_text("<b>one</b>", ADA, message.message_id, parse_mode="HTML")
    await bot.edit_message_text("<i>one</i>", ADA, message.message_id, parse_mode="HTML")
    with pytest.raises(BadRequest, match="Message to edit not found"):
        await bot.edit_message_text("two", ADA, 9_999)
    with pytest.raises(BadRequest, match="Message can't be edited"):
        await bot.edit_message_text("two", ADA, sandbox.say("mine", user_id=ADA))
    with pytest.raises(BadRequest, match="Message is not modified"):
        await bot.edit_message_reply_markup(ADA, message.message_id)
    await bot.delete_message(ADA, message.message_id)
    with pytest.raises(BadRequest, match="Message to delete not found"):
        await bot.delete_message(ADA, message.message_id)


async def test_an_expired_or_answered_button_is_too_old(bot: Bot, sandbox: Sandbox) -> None:
    keyboard = InlineKeyboardMarkup([[InlineKeyboardButton("Yes", callback_data="y")]])
    message = await bot.send_message(ADA, "?", reply_markup=keyboard)
    first = sandbox.press(message.message_id, "y", user_id=ADA)
    await bot.answer_callback_query(first)
    second = sandbox.press(message.message_id, "Yes", user_id=ADA)
    sandbox.expire_queries()
    for query in (first, second):
        with pytest.raises(BadRequest, match="Query is too old and response timeout expired or query id is invalid"):
            await bot.answer_callback_query(query)


async def test_a_topic_can_be_closed(bot: Bot, sandbox: Sandbox) -> None:
    forum = sandbox.add_group(-1005, "Forum", forum=True)
    thread = sandbox.open_topic(forum, "News")
    sent = await bot.send_message(forum, "hello", message_thread_id=thread)
    assert sent.message_thread_id == thread
    sandbox.close_topic(forum, thread)
    with pytest.raises(BadRequest, match=r"(?i)topic_closed"):
        await bot.send_message(forum, "hello", message_thread_id=thread)


async def test_updates_wait_until_they_are_acknowledged(bot: Bot, sandbox: Sandbox) -> None:
    for text in ("one", "two", "three"):
        sandbox.say(text, user_id=ADA)
    first = await bot.get_updates(limit=2)
    assert [update.message.text for update in first if update.message] == ["one", "two"]
    assert await bot.get_updates(limit=2) == first
    rest = await bot.get_updates(offset=first[-1].update_id + 1)
    assert [update.message.text for update in rest if update.message] == ["three"]
    assert await bot.get_updates(offset=-1) == rest
    assert await bot.get_updates(offset=rest[-1].update_id + 1) == ()


async def test_only_the_kinds_asked_for_are_kept(bot: Bot, sandbox: Sandbox) -> None:
    await bot.get_updates(allowed_updates=["callback_query"])
    sandbox.say("one", user_id=ADA)
    assert await bot.get_updates() == ()
    await bot.get_updates(allowed_updates=[])
    sandbox.say("two", user_id=ADA)
    assert len(await bot.get_updates()) == 1


async def test_a_second_poller_ends_the_first(sandbox: Sandbox) -> None:
    async with bot_of(sandbox) as one, bot_of(sandbox) as two:
        first = asyncio.create_task(one.get_updates(timeout=30))
        await sandbox.until(lambda: any(request.method == "getUpdates" for request in sandbox.requests))
        second = asyncio.create_task(two.get_updates(timeout=30))
        with pytest.raises(Conflict, match="terminated by other getUpdates request"):
            await first
        sandbox.say("hello", user_id=ADA)
        assert len(await second) == 1


async def test_tokens_are_checked() -> None:
    async with Sandbox(token="5:right") as sandbox:
        async with bot_of(sandbox, "5:right") as bot:
            assert (await bot.get_me()).id == 5
        async with bot_of(sandbox, "5:wrong") as bot:
            with pytest.raises(InvalidToken, match="Unauthorized"):
                await bot.get_me()
        async with bot_of(sandbox, "not-a-token") as bot:
            with pytest.raises(InvalidToken, match="Not Found"):
                await bot.get_me()


async def test_flood_limits_are_enforced_when_asked() -> None:
    async with Sandbox(limits=FloodLimits(per_second=1000, group_per_minute=2)) as sandbox, bot_of(sandbox) as bot:
        for _ in range(3):
            await bot.send_message(ADA, "x")
        with pytest.raises(RetryAfter, match=ONE_SECOND):
            await bot.send_message(ADA, "x")
        await bot.send_message(GROUP, "x")
        await bot.send_message(GROUP, "x")
        with pytest.raises(RetryAfter, match=r"Retry in (60 seconds|0:01:00)"):
            await bot.send_message(GROUP, "x")
        sandbox.flood = None
        await bot.send_message(GROUP, "x")


SHORT = timedelta(milliseconds=200)


@pytest.mark.parametrize(
    ("kind", "error", "words", "accepted"),
    [
        (FailureMode.HANG_BEFORE, TimedOut, "Timed out", False),
        (FailureMode.HANG_AFTER, TimedOut, "Timed out", True),
        (FailureMode.CLOSE_BEFORE, NetworkError, "ServerDisconnectedError|ClientOSError", False),
        (FailureMode.CLOSE_AFTER, NetworkError, "ServerDisconnectedError|ClientOSError", True),
        (FailureMode.SERVER, NetworkError, "Bad Gateway", False),
        (FailureMode.FLOOD, RetryAfter, ONE_SECOND, False),
        (FailureMode.FORBIDDEN, Forbidden, "bot was blocked by the user", False),
        (FailureMode.BAD_REQUEST, BadRequest, "Chat not found", False),
        (FailureMode.UNAUTHORIZED, InvalidToken, "Unauthorized", False),
        (FailureMode.NO_RESULT, KeyError, "result", True),
        (FailureMode.MALFORMED, Exception, "Invalid server response", True),
        (FailureMode.SLOW, TimedOut, "Timed out", True),
    ],
)
async def test_a_fault_strikes_once(
    sandbox: Sandbox, kind: FailureMode, error: type[Exception], words: str, accepted: bool
) -> None:
    sandbox.fail(kind, method="sendMessage", chat_id=ADA, seconds=5 if kind is FailureMode.SLOW else 0)
    async with bot_of(sandbox, read=SHORT) as bot:
        await bot.send_message(BEN, "not struck")
        with pytest.raises(error, match=words):
            await bot.send_message(ADA, "struck")
        await bot.send_message(ADA, "again")
    texts = ["not struck", "struck", "again"] if accepted else ["not struck", "again"]
    assert [message["text"] for message in sandbox.sent] == texts


async def test_faults_with_a_probability_replay_by_their_seed() -> None:
    async def outcomes() -> list[bool]:
        async with Sandbox(seed=7) as sandbox, bot_of(sandbox) as bot:
            sandbox.fail(FailureMode.SERVER, times=None, probability=0.5)
            results = []
            for _ in range(20):
                try:
                    await bot.send_message(ADA, "x")
                    results.append(True)
                except NetworkError:
                    results.append(False)
        return results

    first = await outcomes()
    assert first == await outcomes()
    assert set(first) == {True, False}
