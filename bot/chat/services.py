"""Services: the long-lived objects that handlers and steps use, built by `bot.app`, and the few settings they need."""

from dataclasses import dataclass
from datetime import time
from enum import StrEnum

from bot.chat.group_admins import Members
from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.aliases import AliasBook
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Wakeups
from bot.search.recent import Week
from bot.sources.http.fetch import Fetcher
from bot.sources.reading.pool import FeedParser
from bot.storage.database import Database


class Access(StrEnum):
    """The people, besides admins, who may use the bot."""

    OPEN = "open"  # everybody
    INVITE = "invite"  # people who followed an invitation, or were allowed
    LIST = "list"  # people who were allowed


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the configuration that handlers use. `allowed` are the people and groups that it names."""

    admins: frozenset[int] = frozenset()
    access: Access = Access.OPEN
    allowed: frozenset[int] = frozenset()
    schedule: Schedule = Schedule.DAILY
    digest_time: time = time(8)
    zone: str = "UTC"
    subscriptions: int = 50
    commands_per_minute: int = 20
    alerts_per_hour: int = 60


@dataclass(frozen=True, slots=True)
class Services:
    """The services of one running bot."""

    database: Database
    clock: Clock
    wakeups: Wakeups
    fetcher: Fetcher
    parser: FeedParser
    settings: Settings
    signer: Signer
    aliases: AliasBook
    week: Week
    members: Members
