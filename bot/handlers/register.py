"""The table of commands, and how an update reaches its function.

Every handler of python-telegram-bot that is registered is `guarded`: who may do it is decided here, at each update,
and denied by default.
"""

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

import structlog
from markupsafe import escape
from telegram import BotCommand, BotCommandScopeChat, BotCommandScopeDefault, Update
from telegram.error import TelegramError
from telegram.ext import (
    Application,
    CallbackQueryHandler,
    ChatMemberHandler,
    CommandHandler,
    ContextTypes,
    MessageHandler,
    filters,
)

from bot.errors import SourceError, UserError
from bot.handlers import buttons, digests, membership, sources, start, watch
from bot.handlers.turn import AlreadyApplied, Turn
from bot.locales import words
from bot.services import Services

log = structlog.get_logger()

Act = Callable[[Turn], Awaitable[None]]
App = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, what it does, and what Telegram's menu says of it (English, looked up later)."""

    name: str
    act: Act
    menu: str
    for_admins: bool = False


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is looked up when the reader is known."""
    return sentence


COMMANDS = (
    Command("subscribe", watch.subscribe, _("Watch for a word, a name, a place")),
    Command("list", watch.list_, _("What you watch")),
    Command("unsubscribe", watch.unsubscribe, _("Stop watching")),
    Command("digest", digests.digest, _("What is new, now")),
    Command("latest", digests.latest, _("The newest stories")),
    Command("settings", digests.settings, _("When your digest comes")),
    Command("pause", digests.pause, _("A break")),
    Command("resume", digests.resume, _("Go on")),
    Command("start", start.start, _("How to begin")),
    Command("help", start.help_, _("All I can do")),
    Command("sources", sources.sources_, _("The news sources"), for_admins=True),
    Command("addsource", sources.addsource, _("Add a source"), for_admins=True),
    Command("removesource", sources.removesource, _("Remove a source"), for_admins=True),
    Command("pollnow", sources.pollnow, _("Ask the sources now"), for_admins=True),
    Command("stats", sources.stats_, _("How the bot is doing"), for_admins=True),
)


def register(application: App, services: Services) -> None:
    """Teach the application every command, button and change of membership."""
    new = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST  # an edited command does nothing
    for command in COMMANDS:
        act = guarded(command.act, services, for_admins=command.for_admins)
        application.add_handler(CommandHandler(command.name, act, filters=new))
    application.add_handler(CallbackQueryHandler(guarded(buttons.pressed, services)))
    application.add_handler(ChatMemberHandler(guarded(membership.changed, services, by_telegram=True)))
    moved = guarded(membership.migrated, services, by_telegram=True)
    application.add_handler(MessageHandler(filters.StatusUpdate.MIGRATE, moved))
    private = new & filters.ChatType.PRIVATE
    application.add_handler(MessageHandler(private & filters.COMMAND, guarded(start.unknown, services)))
    application.add_handler(
        MessageHandler(private & ~filters.COMMAND & ~filters.StatusUpdate.ALL, guarded(start.plain_text, services))
    )


def guarded(
    act: Act, services: Services, *, for_admins: bool = False, by_telegram: bool = False
) -> Callable[[Update, Any], Coroutine[Any, Any, None]]:
    """Return `act` as python-telegram-bot calls it: for who may, once, with a sentence where it cannot be done.

    What Telegram tells by itself (`by_telegram`) is nobody's wish: everybody's is listened to.
    """

    async def handle(update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        turn = Turn(services, update, context.bot, args=_arguments(update))
        try:
            if not by_telegram:
                _check(turn, for_admins=for_admins)
            await act(turn)
        except AlreadyApplied:
            log.info("update was applied before", update_id=update.update_id)
        except (UserError, SourceError) as error:
            await _explain(turn, error)

    handle.act = act  # type: ignore[attr-defined]  # a test lists who may do what
    handle.for_admins = for_admins  # type: ignore[attr-defined]
    return handle


def _arguments(update: Update) -> str:
    """Return what follows the command, as typed."""
    text = (update.effective_message.text if update.effective_message else None) or ""
    return text.partition(" ")[2] if " " in text.split("\n")[0] else text.partition("\n")[2]


def _check(turn: Turn, *, for_admins: bool) -> None:
    _ = turn.words.gettext
    allowed = turn.services.settings.allowed
    chat = turn.update.effective_chat
    if allowed is not None and not turn.is_admin and not {turn.user_id, chat.id if chat else 0} & allowed:
        raise UserError(_("This bot is private. Ask whoever runs it to let you in."))
    if for_admins and not turn.is_admin:
        raise UserError(_("Only the bot's admins can do that."))


async def _explain(turn: Turn, error: UserError | SourceError) -> None:
    """Apply the update with nothing but the sentence that says why."""
    said = error.args[0]
    query = turn.update.callback_query
    try:
        async with turn.apply() as connection:
            if query is None:
                await turn.reply(connection, escape(said))
    except AlreadyApplied:
        return
    if query is not None:
        await query.answer(str(escape(said).striptags())[:200], show_alert=True)


async def set_menu(application: App, services: Services) -> None:
    """Tell Telegram the command menu: everybody's, and the admins' own. A failure costs the menu, nothing else."""
    menu = [
        BotCommand(command.name, words("en").gettext(command.menu)) for command in COMMANDS if not command.for_admins
    ]
    more = [BotCommand(command.name, words("en").gettext(command.menu)) for command in COMMANDS if command.for_admins]
    try:
        await application.bot.set_my_commands(menu, scope=BotCommandScopeDefault())
        for admin in services.settings.admins:
            await application.bot.set_my_commands(menu + more, scope=BotCommandScopeChat(admin))
    except TelegramError as error:  # an admin who never wrote to the bot is "chat not found"
        log.info("menu not set everywhere", reason=type(error).__name__)
