"""What handlers and steps are given: every long-lived object, built by `bot.app`, and the few settings they need."""

from dataclasses import dataclass
from datetime import time

from bot.clock import Clock
from bot.engine import Wakeups
from bot.models import Schedule
from bot.sources.fetch import Fetcher
from bot.sources.parse import FeedParser
from bot.storage.database import Database


@dataclass(frozen=True, slots=True)
class Settings:
    """The part of the configuration that chats meet. `allowed` is None when everybody may use the bot."""

    admins: frozenset[int] = frozenset()
    allowed: frozenset[int] | None = None
    schedule: Schedule = Schedule.DAILY
    digest_time: time = time(8)
    zone: str = "UTC"
    subscriptions: int = 50
    commands_per_minute: int = 20


@dataclass(frozen=True, slots=True)
class Services:
    """One running bot."""

    database: Database
    clock: Clock
    wakeups: Wakeups
    fetcher: Fetcher
    parser: FeedParser
    settings: Settings
