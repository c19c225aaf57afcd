"""Router: the table of commands, and the registration of every handler with python-telegram-bot.

Every registered handler is `guarded`: permission and rate are checked at each update, and denied by default.
"""

import contextlib
import re
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any

import structlog
from markupsafe import escape
from telegram import (
    Bot,
    BotCommand,
    BotCommandScope,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
    Update,
)
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

from bot.actions.refused import Refused
from bot.chat import buttons, membership, permissions, refusals
from bot.chat.admin import aliases, operations, opml, people, sources
from bot.chat.rate_limit import RateLimiter, RateVerdict
from bot.chat.replies import reply
from bot.chat.request import AlreadyApplied, Request, load_chat
from bot.chat.services import Services
from bot.chat.user import edit, news, pause, privacy, settings, start, subscribe, why
from bot.delivery.telegram.errors import ODD_ANSWER
from bot.errors import SourceError, UserError
from bot.locales import DEFAULT, LANGUAGES, words
from bot.messages.source_troubles import explain
from bot.storage import chats

log = structlog.get_logger()

# Marks that keyboards of right-to-left languages put around typed text; no command needs them.
DIRECTION = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ufeff]")

# Messages with somebody else's words: a forwarded one, and one made by another bot. Who passes a command on may not
# have read it, and has the rights of its author no more than these have theirs.
BY_ANOTHER = filters.FORWARDED | filters.VIA_BOT

Act = Callable[[Request], Awaitable[None]]
App = Application[Any, Any, Any, Any, Any, Any]


@dataclass(frozen=True, slots=True)
class Command:
    """A command: its name, its handler, and its line in Telegram's menu (English; translated when the menu is set)."""

    name: str
    act: Act
    menu: str
    for_admins: bool = False
    for_all: bool = False  # even for people who were not let in
    in_groups: bool = True  # in a group's menu, too


def _(sentence: str) -> str:
    """Mark a sentence for the catalogue; it is translated when the reader is known."""
    return sentence


COMMANDS = (
    Command("subscribe", subscribe.subscribe, _("Watch for a word, a name, a place")),
    Command("list", subscribe.list_, _("What you watch")),
    Command("unsubscribe", edit.unsubscribe, _("Stop watching")),
    Command("edit", edit.edit, _("Change what you watch")),
    Command("digest", news.digest, _("What is new, now")),
    Command("latest", news.latest, _("The newest stories")),
    Command("why", why.why, _("Why a story came, or did not")),
    Command("settings", settings.settings, _("Time, language and more")),
    Command("pause", pause.pause, _("A break")),
    Command("resume", pause.resume, _("Go on")),
    Command("start", start.start, _("How to begin"), for_all=True, in_groups=False),
    Command("help", start.help_, _("All I can do")),
    Command("export", privacy.export, _("A copy of your data"), in_groups=False),
    Command("forget", privacy.forget_, _("Delete your data"), for_all=True, in_groups=False),
    Command("cancel", edit.cancel, _("Never mind my question"), in_groups=False),
    Command("sources", sources.sources_, _("The news sources"), for_admins=True),
    Command("addsource", sources.addsource, _("Add a source"), for_admins=True),
    Command("removesource", sources.removesource, _("Remove a source"), for_admins=True),
    Command("pausesource", sources.pausesource, _("Let a source rest"), for_admins=True),
    Command("resumesource", sources.resumesource, _("Wake a source"), for_admins=True),
    Command("fulltext", sources.fulltext, _("Whole articles, or not"), for_admins=True),
    Command("pollnow", sources.pollnow, _("Ask the sources now"), for_admins=True),
    Command("import", opml.import_, _("Sources from an OPML file"), for_admins=True),
    Command("alias", aliases.alias, _("Names that are one"), for_admins=True),
    Command("stats", operations.stats_, _("How the bot is doing"), for_admins=True),
    Command("queue", operations.queue, _("What was not delivered"), for_admins=True),
    Command("testalert", operations.testalert, _("A test alert, to you"), for_admins=True),
    Command("invite", people.invite, _("A link that lets people in"), for_admins=True),
    Command("allow", people.allow, _("Let somebody in"), for_admins=True),
    Command("ban", people.ban, _("Put somebody out"), for_admins=True),
    Command("unban", people.unban, _("Take a ban back"), for_admins=True),
    Command("admins", people.admins, _("Who may do all this"), for_admins=True),
    Command("broadcast", people.broadcast, _("A message to everybody"), for_admins=True),
)


def register(application: App, services: Services) -> None:
    """Register the handlers of commands, buttons, files, plain messages and changes of membership."""
    guarded = Guard(services).guarded
    new = filters.UpdateType.MESSAGE | filters.UpdateType.CHANNEL_POST  # an edited command does nothing
    own = new & ~BY_ANOTHER
    for command in COMMANDS:
        act = guarded(command.act, for_admins=command.for_admins, for_all=command.for_all)
        application.add_handler(CommandHandler(command.name, act, filters=own))
    application.add_handler(CallbackQueryHandler(guarded(buttons.pressed, for_all=True)))
    application.add_handler(ChatMemberHandler(guarded(membership.changed, by_telegram=True)))
    others = guarded(membership.member_changed, by_telegram=True)
    application.add_handler(ChatMemberHandler(others, ChatMemberHandler.CHAT_MEMBER))
    application.add_handler(
        MessageHandler(filters.StatusUpdate.MIGRATE, guarded(membership.migrated, by_telegram=True))
    )
    private = new & filters.ChatType.PRIVATE
    captioned = filters.Document.ALL & filters.CaptionRegex(r"^/import\b")  # to Telegram, a caption is no command
    file = captioned | (filters.ChatType.PRIVATE & filters.Document.FileExtension("opml"))
    application.add_handler(MessageHandler(own & file, guarded(opml.import_, for_admins=True)))
    orders = filters.COMMAND | file
    application.add_handler(MessageHandler(private & BY_ANOTHER & orders, guarded(start.not_own)))
    application.add_handler(MessageHandler(private & filters.COMMAND, guarded(start.unknown)))
    application.add_handler(
        MessageHandler(private & ~filters.COMMAND & ~filters.StatusUpdate.ALL, guarded(edit.plain_text))
    )


class Guard:
    """Guard of handlers: checks the permission and the rate of the person before each update."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.pace = RateLimiter(services.settings.commands_per_minute)

    def guarded(
        self, act: Act, *, for_admins: bool = False, for_all: bool = False, by_telegram: bool = False
    ) -> "GuardedHandler":
        """Return `act` as python-telegram-bot calls it."""
        return GuardedHandler(self, act, for_admins, for_all, by_telegram)

    def is_in_time(self, request: Request) -> bool:
        """Whether this person is within the rate limit; UserError the first time they are not. Admins have no limit."""
        chat = request.update.effective_chat
        person = request.user_id or (chat.id if chat else 0)
        verdict = RateVerdict.GO if request.is_admin else self.pace.judge(person, self.services.clock.monotonic())
        if verdict is RateVerdict.WARN:
            raise UserError(request.words.gettext("That was a lot at once. Wait a minute, then go on."))
        return verdict is RateVerdict.GO


@dataclass(frozen=True, slots=True)
class GuardedHandler:
    """A handler of updates behind the guard: runs `act` if the person may, and answers with the reason if it fails.

    An update that Telegram sends by itself (`by_telegram`), such as a change of membership, is not checked.
    """

    guard: Guard
    act: Act
    for_admins: bool
    for_all: bool
    by_telegram: bool

    async def __call__(self, update: Update, context: ContextTypes.DEFAULT_TYPE) -> None:
        """Handle an update."""
        if update.effective_chat is None:  # a button of an inline message: the bot sends none
            return
        request = Request(self.guard.services, update, context.bot, args=_arguments(update))
        try:
            if await self._may(request):
                await self.act(request)
                if request.locale_changed:
                    await _set_menu_of(request)
        except AlreadyApplied:
            log.info("update was applied before", update_id=update.update_id)
        except (UserError, SourceError) as error:
            await _explain(request, error)

    async def _may(self, request: Request) -> bool:
        """Whether the update is handled; its chat is loaded then. UserError if the person may not do it."""
        if self.by_telegram:
            return True
        if not self.guard.is_in_time(request):
            return False
        await permissions.check(request, for_admins=self.for_admins, for_all=self.for_all)
        await load_chat(request)
        return True


def _arguments(update: Update) -> str:
    """Return the text behind the command, as typed."""
    message = update.effective_message
    text = DIRECTION.sub("", ((message.text or message.caption) if message else None) or "")
    return text.partition(" ")[2] if " " in text.split("\n")[0] else text.partition("\n")[2]


async def _explain(request: Request, error: UserError | SourceError) -> None:
    """Apply the update with no effect but an answer that has the reason."""
    sentence: str
    if isinstance(error, Refused):
        sentence = refusals.sentence(error, request.words)
    else:
        sentence = explain(error, request.words) if isinstance(error, SourceError) else error.args[0]
    query = request.update.callback_query
    try:
        async with request.transaction() as connection:
            if query is None:
                await reply(request, connection, escape(sentence))
    except AlreadyApplied:
        return
    if query is not None:
        with contextlib.suppress(TelegramError):  # "query is too old": its spinner ended by itself
            await query.answer(str(escape(sentence).striptags())[:200], show_alert=True)


async def set_menu(application: App, services: Services) -> None:
    """Set Telegram's command menus, for each scope and language. A failure leaves that menu as it was."""
    everybodys = [command for command in COMMANDS if not command.for_admins]
    scopes: list[tuple[BotCommandScope, Sequence[Command]]] = [
        (BotCommandScopeDefault(), everybodys),
        (BotCommandScopeAllPrivateChats(), everybodys),
        (BotCommandScopeAllGroupChats(), [command for command in everybodys if command.in_groups]),
    ]
    for scope, commands in scopes:
        await _set_menus(application.bot, scope, commands, _menu_languages(None))
    for admin in sorted(services.settings.admins):
        async with services.database.read() as connection:
            chat = await chats.find(connection, admin, 0)
        await _set_menus(
            application.bot, BotCommandScopeChat(admin), COMMANDS, _menu_languages(chat.locale if chat else None)
        )


def _menu_languages(chosen: str | None) -> dict[str, str]:
    """Return, for each language an app may have, the language of the menu: the chosen one, or else its own."""
    return {language: chosen or language for language in LANGUAGES}


async def _set_menu_of(request: Request) -> None:
    """Set the menu of a chat that chose a language: in that language, in every language of the app. Best effort."""
    shown = [command for command in COMMANDS if (request.is_admin and request.is_private) or not command.for_admins]
    if not request.is_private:
        shown = [command for command in shown if command.in_groups]
    scope = BotCommandScopeChat(request.chat.telegram_id)
    await _set_menus(request.bot, scope, shown, _menu_languages(request.chat.locale))


async def _set_menus(bot: Bot, scope: BotCommandScope, commands: Sequence[Command], languages: dict[str, str]) -> None:
    for app, language in languages.items():
        menu = [BotCommand(command.name, words(language).gettext(command.menu)) for command in commands]
        code = None if app == DEFAULT else app  # English is for every app without a menu of its own
        try:
            await bot.set_my_commands(menu, scope=scope, language_code=code)
        except (TelegramError, *ODD_ANSWER) as error:  # an admin who never wrote to the bot is "chat not found"
            log.info("menu not set", scope=scope.type, reason=type(error).__name__)
