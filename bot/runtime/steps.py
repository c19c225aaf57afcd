"""The table of steps: how often each is woken, what it runs, and how long its queue may wait.

A new step is a row here, its name in `Step`, and its own module. The scheduler reads the ticks, the runner the work,
and the health page the queues.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import timedelta

import structlog

from bot.messages.signing import Signer
from bot.pipeline.alert import write_alerts
from bot.pipeline.backup import Backups
from bot.pipeline.clock_repair import ClockRepair
from bot.pipeline.digest import make_due_digests
from bot.pipeline.hubs import Hubs
from bot.pipeline.match import Matcher
from bot.pipeline.missed import Missed
from bot.pipeline.pages import Pages
from bot.pipeline.poll import Poller
from bot.pipeline.rescue import Rescue
from bot.pipeline.send import Sender, uncertain_delay
from bot.pipeline.tidy import tidy
from bot.runtime.clock import Clock
from bot.runtime.wakeups import Step, Wakeups
from bot.search.recent import Week
from bot.storage import queue_ages
from bot.storage.database import Database
from bot.storage.queue_ages import Oldest
from bot.storage.runs import Presence, Role

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Parts:
    """The objects that the steps work with. `hubs` is None where no hub can reach this bot."""

    database: Database
    clock: Clock
    wakeups: Wakeups
    presence: Presence
    poller: Poller
    pages: Pages
    hubs: Hubs | None
    matcher: Matcher
    missed: Missed
    sender: Sender
    answer: Callable[[asyncio.Event], Awaitable[None]]  # applies the stored updates until the event is set
    backups: Backups
    rescue: Rescue
    clock_repair: ClockRepair
    week: Week
    signer: Signer
    alerts_per_hour: int
    retention: timedelta


Run = Callable[[Parts], Awaitable[int | None]]
Loop = Callable[[Parts, asyncio.Event], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class StepSpec:
    """A step. It has either `run` or `loop`.

    `run` does the work that is due and returns how much; it is repeated until that is 0 or None. `loop` waits for its
    wake-ups itself, until the event is set. `wakes` are the steps that have work when this one did some. `role`: only
    the run that has this role does the work. `oldest` finds since when the oldest of the step's queue has been waiting;
    longer than `patience` is a fault. A step without a queue has neither: the number of its failures shows its faults.
    """

    step: Step
    tick: timedelta
    run: Run | None = None
    loop: Loop | None = None
    wakes: tuple[Step, ...] = ()
    role: Role | None = None
    needs_telegram: bool = False  # started only when Telegram has been reached
    oldest: Oldest | None = None
    patience: timedelta | None = None


async def _request_hubs(parts: Parts) -> int:
    return await parts.hubs.request_due() if parts.hubs else 0


async def _write_alerts(parts: Parts) -> int:
    if await parts.missed.is_catching_up():
        return 0
    return await write_alerts(parts.database, parts.clock, parts.signer, per_hour=parts.alerts_per_hour)


async def _look_after(parts: Parts) -> None:
    """Keep the file, the roles, the clock and the leases in order; the last three once the database can be written.

    A role is renewed here too, because an analysis, or a wait for a slot, may take longer than its lease; each in a
    transaction of its own, so that the sender does not wait for a matcher that writes.
    """
    if await parts.rescue.look_after() or not await parts.database.try_writing():
        return
    if await parts.clock_repair.repair_if_put_back():
        parts.wakeups.wake_all()
    if not parts.presence.is_alone:
        await parts.presence.renew()
        for spec in STEPS:
            if spec.role:
                await parts.presence.keep_role(spec.role, parts.clock.now())
        await take_over(parts.presence, parts.clock)
    await parts.sender.look_after()
    if await parts.missed.fold_late():
        parts.wakeups.wake(Step.SEND)


async def take_over(presence: Presence, clock: Clock) -> None:
    """End the leases of runs that were killed: their sources are due, their messages in doubt.

    Otherwise a source that such a run was polling, and a message that it was sending, would wait for the end of the
    lease.
    """
    now = clock.now()
    doubtful = await presence.take_over(now, again_at=now + (timedelta() if presence.is_alone else uncertain_delay()))
    if doubtful:
        log.warning("a run was killed while it sent", doubtful=doubtful)


async def _tidy(parts: Parts) -> None:
    await parts.clock_repair.repair()
    await tidy(parts.database, parts.clock, retention=parts.retention)


SECOND, MINUTE, HOUR = timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1)

STEPS = (
    StepSpec(
        Step.POLL,
        tick=SECOND,
        loop=lambda parts, stop: parts.poller.run(stop),
        oldest=queue_ages.poll,
        patience=5 * MINUTE,
    ),
    StepSpec(
        Step.PAGE,
        tick=SECOND,
        loop=lambda parts, stop: parts.pages.run(stop),
        oldest=queue_ages.page,
        patience=5 * MINUTE,
    ),
    StepSpec(Step.HUB, tick=10 * SECOND, run=_request_hubs, oldest=queue_ages.hub, patience=15 * MINUTE),
    StepSpec(
        Step.MATCH,
        tick=5 * SECOND,
        run=lambda parts: parts.matcher.match_new(),
        wakes=(Step.ALERT, Step.WEEK),
        role=Role.MATCHER,
        oldest=queue_ages.match,
        patience=5 * MINUTE,
    ),
    StepSpec(
        Step.ALERT,
        tick=5 * SECOND,
        run=_write_alerts,
        wakes=(Step.SEND,),
        oldest=queue_ages.alert,
        patience=5 * MINUTE,
    ),
    StepSpec(
        Step.DIGEST,
        tick=5 * SECOND,
        run=lambda parts: make_due_digests(parts.database, parts.clock, parts.signer),
        wakes=(Step.SEND,),
        oldest=queue_ages.digest,
        patience=10 * MINUTE,
    ),
    StepSpec(
        Step.SEND,
        tick=SECOND,
        loop=lambda parts, stop: parts.sender.run(stop),
        role=Role.SENDER,
        needs_telegram=True,
        oldest=queue_ages.send,
        patience=5 * MINUTE,
    ),
    StepSpec(
        Step.ANSWER,
        tick=5 * SECOND,
        loop=lambda parts, stop: parts.answer(stop),
        needs_telegram=True,
        oldest=queue_ages.answer,
        patience=2 * MINUTE,
    ),
    StepSpec(Step.CARE, tick=10 * SECOND, run=_look_after),
    StepSpec(Step.TIDY, tick=HOUR, run=_tidy),
    StepSpec(Step.BACKUP, tick=MINUTE, run=lambda parts: parts.backups.make_if_due()),
    StepSpec(Step.WEEK, tick=20 * SECOND, run=lambda parts: parts.week.catch_up()),
)

QUEUES = {spec.step.value: spec.oldest for spec in STEPS if spec.oldest}
PATIENCE = {spec.step.value: spec.patience for spec in STEPS if spec.patience}

# A loop waits for its next wake-up at once, whatever it has under way; a run ends first, and a backup may take long.
SILENCES = {spec.step: spec.tick + (2 if spec.loop or spec.step is Step.CARE else 30) * MINUTE for spec in STEPS}
