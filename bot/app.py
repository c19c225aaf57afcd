"""Application: builds every object, starts the steps and stops them in order. The only file that imports them all."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial
from urllib.parse import urlsplit

import structlog
from aiohttp import web
from telegram.error import InvalidToken, TelegramError
from telegram.ext import Application
from yarl import URL

from bot.chat.group_admins import Members
from bot.chat.inbox import KINDS, SIDE_BY_SIDE, Receiver
from bot.chat.router import App, register, set_menu
from bot.chat.services import Access, Services, Settings
from bot.config import Config, Telegram
from bot.delivery.telegram.client import TelegramBot
from bot.delivery.telegram.errors import ODD_ANSWER, outcome
from bot.delivery.telegram.http import AiohttpRequest
from bot.delivery.telegram.send import send
from bot.errors import ConfigError, SourceError
from bot.messages.signing import Signer
from bot.messages.source_troubles import explain
from bot.pipeline.aliases import AliasBook, read_file
from bot.pipeline.backup import Backups
from bot.pipeline.clock_repair import ClockRepair
from bot.pipeline.hubs import Hubs
from bot.pipeline.ingest import Ingester
from bot.pipeline.match import Matcher
from bot.pipeline.missed import Missed
from bot.pipeline.notice import tell_of_absence
from bot.pipeline.pages import Pages
from bot.pipeline.poll import Poller
from bot.pipeline.rescue import Rescue
from bot.pipeline.send import Sender
from bot.runtime import failpoints
from bot.runtime.clock import Clock, clock_for, refuse_impossible
from bot.runtime.liveness import Pulse
from bot.runtime.runner import RETRY, finish, on_signal, start_steps, wait
from bot.runtime.scheduler import build
from bot.runtime.steps import PATIENCE, QUEUES, Parts, take_over
from bot.runtime.wakeups import Wakeups
from bot.runtime.watchdog import Watchdog
from bot.runtime.zone_rules import pin_zone_rules
from bot.search.recent import Week
from bot.sources.address import canonical_url
from bot.sources.due import PollSettings
from bot.sources.http.fetch import Fetcher
from bot.sources.http.guard import AddressGuard
from bot.sources.reading.pool import FeedParser
from bot.storage import secrets, sources
from bot.storage import websub as hub_subscriptions
from bot.storage.backup import BackupError, backup_before_migrating, refuse_lost
from bot.storage.database import Database
from bot.storage.runs import Presence, present
from bot.web.server import Status, serving
from bot.web.webhooks import public, webhook, websub

log = structlog.get_logger()

GRACE = timedelta(seconds=18)  # for work in flight at SIGTERM


async def run(config: Config, notes: Sequence[str] = ()) -> None:
    """Run until SIGTERM or SIGINT; log `notes` for the operator at the start.

    Raise ConfigError if Telegram refuses the token or the database is too new, DatabaseLostError if its file was
    removed or replaced meanwhile.
    """
    stop, wakeups = asyncio.Event(), Wakeups()
    with Watchdog() as watchdog:
        on_signal(stop, wakeups, watchdog)
        assert config.telegram.token is not None  # checked by the command line
        token = config.telegram.token.get_secret_value()
        failpoints.arm(token)
        clock = clock_for(token)
        refuse_impossible(clock.now())
        await serve(config, clock, wakeups, stop, notes)


async def serve(config: Config, clock: Clock, wakeups: Wakeups, stop: asyncio.Event, notes: Sequence[str] = ()) -> None:
    """Run until `stop` is set. Wake all steps after setting it, or they end only at their next tick."""
    async with AsyncExitStack() as stack:
        services, presence = await _services(config, clock, wakeups, stack)
        for note in notes:
            log.warning("note", text=note)
        application = await stack.enter_async_context(_application(config))
        register(application, services)
        scheduler = build(wakeups)
        scheduler.start()
        stack.callback(scheduler.shutdown, wait=False)
        rescue = Rescue(services.database, clock, wakeups, stop, folder=config.storage.backup_dir)
        try:
            await _work(config, services, presence, application, rescue, stop)
        except* ConfigError as errors:
            raise ConfigError([line for error in _leaves(errors) for line in error.problems]) from None
        finally:
            await rescue.finish()
    log.info("stopped")


def _leaves(errors: BaseExceptionGroup[ConfigError]) -> list[ConfigError]:
    found: list[ConfigError] = []
    for error in errors.exceptions:
        found += _leaves(error) if isinstance(error, BaseExceptionGroup) else [error]
    return found


async def _services(config: Config, clock: Clock, wakeups: Wakeups, stack: AsyncExitStack) -> tuple[Services, Presence]:
    pin_zone_rules()
    aliases = AliasBook(read_file(config.matching.aliases) if config.matching.aliases else ())
    database = Database(config.storage.url.get_secret_value())
    presence = await stack.enter_async_context(present(database))
    await refuse_lost(database, config.storage.backup_dir)
    await _save_old_tables(config, database)
    await stack.enter_async_context(database)
    if database.file is not None:
        database.file.mark()
    guard = AddressGuard(config.fetch.allow_networks, config.fetch.allow_ports)
    fetcher = Fetcher(
        guard,
        timeout=config.fetch.timeout,
        max_bytes=config.fetch.max_bytes,
        user_agent=config.fetch.user_agent,
        proxy=config.fetch.proxy.get_secret_value() if config.fetch.proxy else None,
    )
    await stack.enter_async_context(fetcher)
    parser = await stack.enter_async_context(FeedParser())
    await take_over(presence, clock)
    await _add_sources(config, database, clock, guard)
    async with database.begin() as connection:
        if await tell_of_absence(connection, config.admin.ids, clock.now()):
            log.warning("away for more than a day: what people wrote before that is lost")
    if not config.web.public_url:
        async with database.begin() as connection:
            await hub_subscriptions.remove_all(connection)
    signer = await _signer(database)
    week = Week(database, clock, aliases)
    stack.callback(week.close)
    return Services(
        database, clock, wakeups, fetcher, parser, _settings(config), signer, aliases, week, Members(clock)
    ), presence


async def _signer(database: Database) -> Signer:
    async with database.begin() as connection:
        return Signer(await secrets.get(connection, "buttons"))


def _settings(config: Config) -> Settings:
    return Settings(
        admins=frozenset(config.admin.ids),
        access=Access(config.access.mode),
        allowed=frozenset(config.access.ids),
        schedule=config.digest.default_schedule,
        digest_time=config.digest.default_time,
        zone=config.digest.default_zone,
        subscriptions=config.limits.subscriptions,
        commands_per_minute=config.limits.commands_per_minute,
        alerts_per_hour=config.limits.alerts_per_hour,
    )


async def _save_old_tables(config: Config, database: Database) -> None:
    """Back up the tables of an older version, if backups are configured; ConfigError if that fails."""
    if config.storage.backup_dir is not None:
        try:
            saved = await backup_before_migrating(database, config.storage.backup_dir)
        except BackupError as error:
            raise ConfigError([f"storage.backup_dir: before the tables are updated: {error}"]) from error
        if saved is not None:
            log.info("backup made before the update", file=saved.name)


async def _add_sources(config: Config, database: Database, clock: Clock, guard: AddressGuard) -> None:
    """Add configured sources that were never stored: changes by admins in chat win, a removed source stays removed."""
    async with database.begin() as connection:
        for number, source in enumerate(config.sources):
            try:
                url = canonical_url(source.url)
                guard.check_source(URL(url))
            except SourceError as error:
                raise ConfigError([f"sources.{number}.url: {explain(error)}"]) from error
            await sources.add(
                connection,
                url=url,
                title=source.title,
                language=source.language,
                full_text=source.full_text,
                now=clock.now(),
                revive=False,
            )


@asynccontextmanager
async def _application(config: Config) -> AsyncIterator[App]:
    """Yield python-telegram-bot's application over our own HTTP client. It fetches no updates by itself."""
    assert config.telegram.token is not None  # checked by the command line
    base = config.telegram.api_base_url
    files = config.telegram.file_base_url or f"{base.removesuffix('/bot')}/file/bot"
    request, updates = AiohttpRequest(), AiohttpRequest()
    token = config.telegram.token.get_secret_value()
    bot = TelegramBot(token, base, files, request=request, get_updates_request=updates)
    application = Application.builder().bot(bot).updater(None).concurrent_updates(SIDE_BY_SIDE).build()
    try:
        yield application
    finally:
        await application.shutdown()
        await request.shutdown()
        await updates.shutdown()


async def _work(
    config: Config, services: Services, presence: Presence, application: App, rescue: Rescue, stop: asyncio.Event
) -> None:
    """Start every step and HTTP server, and end them when `stop` is set."""
    pulse = Pulse(services.clock)
    receiver = Receiver(application, services.database, services.clock, services.wakeups, pulse)
    async with FeedParser(workers=1) as page_parser:  # a separate one: a slow page delays no feed
        sender = _sender(config, services, application, pulse)
        parts = _parts(config, services, presence, receiver, sender, page_parser, rescue)
        await parts.matcher.warm()
        await parts.missed.begin()
        outcomes = parts.sender.outcomes
        status = Status(services.database, services.clock, pulse, outcomes, queues=QUEUES, patience=PATIENCE)
        routes = _routes(config, receiver, parts.hubs)
        async with (
            _serving(status.app(), config.web.listen),
            _serving(public(routes), config.telegram.webhook_listen if routes else ""),
            asyncio.TaskGroup() as group,
        ):
            log.info("started")
            status.start(services.wakeups)
            listening = group.create_task(pulse.listen())
            tasks = start_steps(group, parts, pulse, stop, needs_telegram=False)
            talk = _talk(config, application, services, receiver, parts, stop)
            tasks.append(group.create_task(talk, name="talk"))
            services.wakeups.wake_all()
            await stop.wait()
            log.info("stopping", grace=GRACE.total_seconds())
            services.wakeups.wake_all()
            await finish(tasks, GRACE)
            listening.cancel()


def _parts(
    config: Config,
    services: Services,
    presence: Presence,
    receiver: Receiver,
    sender: Sender,
    page_parser: FeedParser,
    rescue: Rescue,
) -> Parts:
    database, clock, wakeups, fetcher = services.database, services.clock, services.wakeups, services.fetcher
    storage = config.storage
    ingester = _ingester(config, services)
    return Parts(
        database=database,
        clock=clock,
        wakeups=wakeups,
        presence=presence,
        poller=Poller(database, fetcher, services.parser, clock, wakeups, ingester),
        pages=Pages(database, fetcher, page_parser, clock, wakeups),
        hubs=_hubs(config, services, ingester),
        matcher=Matcher(database, clock, services.aliases),
        missed=Missed(database, clock, services.signer),
        sender=sender,
        answer=receiver.answer,
        backups=Backups(database, clock, storage.backup_dir, every=storage.backup_every, keep=storage.backup_keep),
        rescue=rescue,
        clock_repair=ClockRepair(database, clock, slowest=config.polling.max_interval),
        week=services.week,
        signer=services.signer,
        alerts_per_hour=config.limits.alerts_per_hour,
        retention=storage.retention,
    )


def _ingester(config: Config, services: Services) -> Ingester:
    settings = PollSettings(
        interval=config.polling.interval,
        fastest=config.polling.min_interval,
        slowest=config.polling.max_interval,
        first_poll_is_news=config.polling.first_poll == "all",
        own_networks=config.fetch.allow_networks,
    )
    return Ingester(
        services.database,
        services.parser,
        services.clock,
        services.wakeups,
        settings,
        admins=services.settings.admins,
        callbacks=_callbacks(config),
    )


def _sender(config: Config, services: Services, application: App, pulse: Pulse) -> Sender:
    send_with_bot, telegram = partial(send, application.bot), config.telegram
    return Sender(
        services.database,
        send_with_bot,
        outcome,
        services.clock,
        services.wakeups,
        pulse,
        rate=telegram.send_rate,
        paid=telegram.paid_broadcast,
    )


def _hubs(config: Config, services: Services, ingester: Ingester) -> Hubs | None:
    callbacks = _callbacks(config)
    if callbacks is None:
        return None
    database, fetcher, clock = services.database, services.fetcher, services.clock
    return Hubs(database, fetcher, ingester, clock, callbacks=callbacks, max_bytes=config.fetch.max_bytes)


def _callbacks(config: Config) -> str | None:
    """Return the prefix of the callback addresses of hubs; None without `web.public_url`."""
    return f"{config.web.public_url}/websub/" if config.web.public_url else None


def _routes(config: Config, receiver: Receiver, hubs: Hubs | None) -> list[web.RouteDef]:
    """Return the public routes: Telegram's webhook and the callbacks of hubs, where configured."""
    routes = [_webhook(config.telegram, receiver)] if config.telegram.mode == "webhook" else []
    return routes + (websub(hubs) if hubs else [])


def _serving(app: web.Application, listen: str) -> AbstractAsyncContextManager[object]:
    """Serve `app` at an address ("host:port"); do nothing if the address is empty."""
    host, _, port = listen.rpartition(":")
    return serving(app, host.strip("[]"), int(port)) if listen else contextlib.nullcontext()


async def _talk(
    config: Config, application: App, services: Services, receiver: Receiver, parts: Parts, stop: asyncio.Event
) -> None:
    """Connect to Telegram, then receive, answer and send. Polling and matching do not wait for it."""
    if config.telegram.mode == "polling":
        receiver.pulse.beat("updates")  # silence is a fault from now on
    if not await _reach_telegram(application, stop):
        return
    await set_menu(application, services)
    async with asyncio.TaskGroup() as group:
        receiving = group.create_task(_receive(config, receiver, application, stop))
        start_steps(group, parts, receiver.pulse, stop, needs_telegram=True)
        await stop.wait()
        receiving.cancel()  # Telegram repeats the updates that are not stored yet


async def _receive(config: Config, receiver: Receiver, application: App, stop: asyncio.Event) -> None:
    """Receive updates by polling or webhook, after switching the other way off at Telegram."""
    telegram, bot = config.telegram, application.bot
    if telegram.mode == "polling":
        await _until_done(lambda: bot.delete_webhook(drop_pending_updates=False), stop)
        await receiver.receive(stop)
        return
    assert telegram.webhook_url is not None  # checked by the configuration
    assert telegram.webhook_secret is not None
    url, secret = telegram.webhook_url, telegram.webhook_secret.get_secret_value()
    await _until_done(lambda: bot.set_webhook(url, secret_token=secret, allowed_updates=KINDS), stop)
    await stop.wait()


def _webhook(telegram: Telegram, receiver: Receiver) -> web.RouteDef:
    assert telegram.webhook_url is not None  # checked by the configuration
    assert telegram.webhook_secret is not None
    path = urlsplit(telegram.webhook_url).path or "/"
    return webhook(path, telegram.webhook_secret.get_secret_value(), receiver.keep, receiver.park)


async def _until_done(request: Callable[[], Awaitable[object]], stop: asyncio.Event) -> None:
    while not stop.is_set():
        try:
            await request()
        except (TelegramError, *ODD_ANSWER) as error:
            log.warning("Telegram not told how updates come", reason=type(error).__name__)
            await wait(stop, RETRY)
        else:
            return


async def _reach_telegram(application: App, stop: asyncio.Event) -> bool:
    while not stop.is_set():
        try:
            await application.initialize()
        except InvalidToken:
            raise ConfigError(["telegram.token: Telegram refuses it; ask @BotFather for the right one"]) from None
        except (TelegramError, *ODD_ANSWER) as error:
            log.warning("Telegram not reached", reason=type(error).__name__)
            await wait(stop, RETRY)
        else:
            return True
    return False
