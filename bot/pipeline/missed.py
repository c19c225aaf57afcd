"""Missed news: what a chat missed while Telegram, or the bot, was away comes as one message, the newest events first.

Forty alerts at once would be forty sounds for one morning's news. Two ways lead here:

- Telegram was away: alerts that have waited for more than AWAY, more than FEW of one chat, are taken out of the outbox
  and told in a digest. More that come late meanwhile join it: the one that still waits is made anew.
- The bot was away: alerts are held until every source that is due was polled once and matched, LONGEST_HOLD at most.
  Then chats with more than FEW events get a digest of them; the others get their alerts.
"""

from datetime import datetime, timedelta

import structlog

from bot.messages.signing import Signer
from bot.models import Schedule
from bot.pipeline.digest import freeze_now
from bot.runtime.clock import Clock
from bot.storage import alerts, chats, deliveries, entries, hits, sources
from bot.storage.database import Database

log = structlog.get_logger()

AWAY = timedelta(minutes=30)
FEW = 3  # alerts, or events, come one by one
CHATS = 50  # in one pass
LONGEST_HOLD = timedelta(minutes=10)
KIND = "missed"


class Missed:
    """News that chats missed. `begin` is called once at the start, before the first poll."""

    def __init__(self, database: Database, clock: Clock, signer: Signer) -> None:
        self.database = database
        self.clock = clock
        self.signer = signer
        self._away_since: datetime | None = None
        self._started_at: datetime | None = None

    async def begin(self) -> None:
        """Find out whether the bot was away: whether no run of it has polled a source for more than AWAY."""
        now = self.clock.now()
        async with self.database.read() as connection:
            last = await sources.last_polled(connection)
        if last is not None and now - last > AWAY:
            self._away_since, self._started_at = last, now
            log.info("catching up", away_since=last.isoformat())

    async def is_catching_up(self) -> bool:
        """Return whether alerts are held; when what was missed is known, write it first."""
        if self._away_since is None or self._started_at is None:
            return False
        now = self.clock.now()
        async with self.database.read() as connection:
            is_due = await sources.is_any_due(connection, now, polled_before=self._started_at)
            waits = is_due or await entries.is_any_unmatched(connection, now)
        if waits and now - self._started_at < LONGEST_HOLD:
            return True
        while await self._fold_entries(self._away_since):
            pass
        self._away_since = None
        return False

    async def fold_late(self) -> int:
        """Take alerts that waited for too long out of the outbox, and tell their texts in one message a chat.

        Return how many chats got one.
        """
        now = self.clock.now()
        async with self.database.begin() as connection:
            late = await alerts.late_alerts(connection, now - AWAY, more_than=FEW, limit=CHATS)
            known = await chats.get_all(connection, late)
            for chat_id, since in late.items():
                await deliveries.take_back(connection, chat_id, now, "told in one message")
                await freeze_now(
                    connection,
                    known[chat_id],
                    now,
                    self.signer,
                    kind=KIND,
                    schedules=(Schedule.INSTANT,),
                    late_since=since,
                )
        if late:
            log.info("late alerts folded", chats=len(late))
        return len(late)

    async def _fold_entries(self, since: datetime) -> int:
        """Make digests of what waits to be alerted, for chats with more than FEW events; return how many."""
        now = self.clock.now()
        async with self.database.begin() as connection:
            ids = await hits.many_to_alert(connection, now, more_than=FEW, limit=CHATS)
            for chat in (await chats.get_all(connection, ids)).values():
                await freeze_now(
                    connection,
                    chat,
                    now,
                    self.signer,
                    kind=KIND,
                    schedules=(Schedule.INSTANT,),
                    late_since=since,
                    before_alerts=True,
                )
        return len(ids)
