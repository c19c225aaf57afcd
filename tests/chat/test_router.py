from typing import Any

from telegram.ext import Application

from bot.chat.group_admins import Members
from bot.chat.router import COMMANDS, GuardedHandler, register
from bot.chat.services import Services, Settings
from bot.locales import LANGUAGES, words
from bot.messages.signing import Signer
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
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


def callbacks() -> list[Any]:
    application = Application.builder().token("1:token").updater(None).build()
    fetcher = Fetcher(AddressGuard())
    database, clock, aliases = Database("sqlite:///unused.db"), Clock(), AliasBook()
    services = Services(
        database,
        clock,
        Wakeups(),
        fetcher,
        FeedParser(),
        Settings(),
        Signer(b"key"),
        aliases,
        Week(database, clock, aliases),
        Members(clock),
    )
    register(application, services)
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
