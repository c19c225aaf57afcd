"""Clock repair: makes due again what was scheduled while the system clock was ahead."""

from datetime import timedelta

import structlog

from bot.models import Schedule
from bot.runtime.clock import Clock
from bot.schedules.digests import next_run_at
from bot.storage import chats, clock_repair
from bot.storage.database import Database

log = structlog.get_logger()

NOTABLE = timedelta(seconds=30)  # a clock that is slewed to the right time never goes back so far at once
CHATS = 500  # chats whose slots are moved in one transaction


class ClockRepair:
    """Detects that the time of day was put back, and repairs the timestamps of the wrong clock."""

    def __init__(self, database: Database, clock: Clock, *, slowest: timedelta) -> None:
        self.database = database
        self.clock = clock
        self.slowest = slowest
        self._ahead = self._difference()

    def _difference(self) -> timedelta:
        """Return how far the time of day is ahead of the clock that never steps back."""
        return timedelta(seconds=self.clock.now().timestamp() - self.clock.monotonic())

    async def repair_if_put_back(self) -> bool:
        """Repair timestamps if the clock was put back since the last call; return whether it was."""
        before, self._ahead = self._ahead, self._difference()
        if before - self._ahead < NOTABLE:
            return False
        log.warning("the clock was put back", seconds=round((before - self._ahead).total_seconds()))
        await self.repair(put_back=True)
        return True

    async def repair(self, *, put_back: bool = False) -> None:
        """Make due what is scheduled further ahead than its longest delay."""
        now = self.clock.now()
        async with self.database.begin() as connection:
            repaired = await clock_repair.repair(connection, now, slowest=self.slowest, put_back=put_back)
        moved = CHATS
        while moved == CHATS:
            moved = await self._move_slots()
            repaired += moved
        if repaired:
            log.warning("dates in the far future were put right", rows=repaired)

    async def _move_slots(self) -> int:
        now = self.clock.now()
        async with self.database.begin() as connection:
            slots = await clock_repair.misplaced(connection, now, CHATS)
            for chat, kind in slots:
                due_at = next_run_at(Schedule(kind), now, chat.digest_time, chat.zone)
                await chats.set_slot(connection, chat.id, kind, due_at)
        return len(slots)
