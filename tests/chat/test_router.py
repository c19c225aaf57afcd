from typing import Any

from telegram import (
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeDefault,
)
from telegram.ext import Application

from bot.chat.group_admins import Members
from bot.chat.router import COMMANDS, GuardedHandler, register, set_menu
from bot.chat.services import Services, Settings
from bot.delivery.telegram.http import AiohttpRequest
from bot.locales import LANGUAGES, words
from bot.messages.signing import Signer
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.sandbox.people import ADA
from bot.sandbox.server import Sandbox
from bot.search.recent import Week
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage.database import Database

OPEN_TO_ALL = {"start", "forget"}  # commands that answer even who was not let in
FOR_ADMINS = {
    "sources",
    "addsource",
    "removesource",
    "pausesource",
    "resumesource",
    "fulltext",
    "pollnow",
    "import",
    "stats",
    "queue",
    "testalert",
    "alias",
    "invite",
    "allow",
    "ban",
    "unban",
    "admins",
    "broadcast",
}


PRIVATE_ONLY = {"start", "export", "forget", "cancel"}  # commands that a group's menu has not
TOKEN = "7000000001:test-token-that-nobody-may-log"


def services_with(database: Database, settings: Settings) -> Services:
    clock, aliases = Clock(), AliasBook()
    return Services(
        database,
        clock,
        Wakeups(),
        Fetcher(AddressGuard()),
        FeedParser(),
        settings,
        Signer(b"key"),
        aliases,
        Week(database, clock, aliases),
        Members(clock),
    )


def callbacks() -> list[Any]:
    application = Application.builder().token("1:token").updater(None).build()
    register(application, services_with(Database("sqlite:///unused.db"), Settings()))
    return [handler.callback for group in application.handlers.values() for handler in group]


def test_every_handler_is_guarded() -> None:
    found = callbacks()
    assert len(found) == len(COMMANDS) + 8
    assert all(isinstance(callback, GuardedHandler) for callback in found)
    told_by_telegram = {callback.act.__name__ for callback in found if callback.by_telegram}
    assert told_by_telegram == {"changed", "member_changed", "migrated"}


def test_admin_commands_are_those_the_design_names() -> None:
    assert {one.name for one in COMMANDS if one.for_admins} == FOR_ADMINS
    assert {one.name for one in COMMANDS if one.for_all} == OPEN_TO_ALL


def test_every_command_says_in_every_menu_what_it_does() -> None:
    for language in LANGUAGES:
        menus = [words(language).gettext(one.menu) for one in COMMANDS]
        assert all(1 <= len(menu) <= 40 for menu in menus)
        assert len(set(menus)) == len(menus)


async def test_everybody_groups_and_admins_have_menus_of_their_own_in_each_language(database: Database) -> None:
    async with Sandbox(token=TOKEN) as sandbox:
        request = AiohttpRequest()
        builder = Application.builder().token(TOKEN).base_url(sandbox.base_url).request(request).updater(None)
        async with builder.build() as application:
            await set_menu(application, services_with(database, Settings(admins=frozenset({ADA}))))
            everybody = {command.name for command in COMMANDS} - FOR_ADMINS
            for scope, expected in (
                (BotCommandScopeDefault(), everybody),
                (BotCommandScopeAllPrivateChats(), everybody),
                (BotCommandScopeAllGroupChats(), everybody - PRIVATE_ONLY),
                (BotCommandScopeChat(ADA), everybody | FOR_ADMINS),
            ):
                english = await application.bot.get_my_commands(scope)
                arabic = await application.bot.get_my_commands(scope, "ar")
                assert {command.command for command in english} == expected
                assert [command.command for command in arabic] == [command.command for command in english]
                assert {command.description for command in english}.isdisjoint(
                    command.description for command in arabic
                )
