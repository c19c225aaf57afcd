"""Commands of admins for sources: the list, adding, removing, pausing, polling, and reading whole articles."""

from collections.abc import Awaitable, Callable
from datetime import datetime

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import sources
from bot.actions.sources import AddedSource, FullTextChange, shown_host
from bot.chat.replies import reply, reply_message, show_typing
from bot.chat.request import Request
from bot.errors import UserError
from bot.locales import Words
from bot.messages.callbacks import FullTextButton
from bot.messages.news import when as shown_time
from bot.messages.safe_text import clean, clip, inert
from bot.messages.source_troubles import explain
from bot.models import Message
from bot.runtime.wakeups import Step
from bot.sources.discover import FoundFeed
from bot.storage.sources import PAUSED, SourceStatus, listing

HEADLINES = 3
TITLE = 90  # characters

SourceAction = Callable[[AsyncConnection, SourceStatus, int, datetime], Awaitable[SourceStatus]]


# ---- the list ----


async def sources_(request: Request) -> None:
    """List the sources with their health."""
    async with request.transaction() as connection:
        listed = await listing(connection)
        lines = [_line(request, number, source) for number, source in enumerate(listed, start=1)]
        empty = request.words.say("There are no sources yet. Add one: /addsource https://…")
        await reply(request, connection, Markup("\n").join(lines) if lines else empty)


def _line(request: Request, number: int, source: SourceStatus) -> Markup:
    _ = request.words.gettext
    line = Markup("{number}. <b>{title}</b> {host} · {entries}{full} · {health}")
    full = Markup(" · ") + _("whole articles: {number}").format(number=source.pages) if source.full_text else ""
    entries = request.words.ngettext("{number} article", "{number} articles", source.entries)
    return line.format(
        number=number,
        title=request.words.isolate(shown_title(source)),
        host=shown_host(source.url),
        entries=entries.format(number=source.entries),
        full=full,
        health=_health(request, source),
    )


def _health(request: Request, source: SourceStatus) -> Markup:
    """Return whether a source is paused, fails and why, or when it was polled last."""
    _ = request.words.gettext
    if source.state == PAUSED:
        return Markup("⏸ ") + _("paused")
    if source.failures:
        return Markup("⚠️ {reason}").format(reason=explain(source.error, request.words) if source.error else "")
    if source.polled_at is None:
        return Markup("… ") + _("not polled yet")
    ago = shown_time(source.polled_at, request.words, zone=request.chat.zone, now=request.now)
    return Markup("✓ {ago}").format(ago=ago)


def shown_title(source: SourceStatus) -> str:
    """Return the title of a source, without anything in it that Telegram makes a link of; its host if it has none."""
    return _shown(source.title) or shown_host(source.url)


def _shown(title: str) -> str:
    return inert(clip(clean(title), TITLE))


# ---- adding ----


async def addsource(request: Request) -> None:
    """Add a feed, or the feed of a page; it is fetched before it is accepted."""
    typed = request.args.strip()
    if not typed:
        raise UserError(
            request.words.gettext("Send the address of a feed or of a site, like this: /addsource https://example.org")
        )
    async with request.services.database.read() as connection:
        url = await sources.check_new(connection, typed)
    await show_typing(request)
    found = await sources.find_feed(url, request.services.fetcher, request.services.parser)
    async with request.transaction() as connection:
        if found.feed is None:
            await reply(request, connection, _choice(found.found, request.words))
            return
        added = await sources.add(connection, found.url, found.feed, request.user_id, request.now)
        await reply_message(request, connection, _added(added, request.words))
    request.services.wakeups.wake(Step.POLL)


def _added(added: AddedSource, words: Words) -> Message:
    """Return the answer: the newest headlines of the source, and a button to read its whole articles."""
    lines = [words.say("Added <b>{title}</b>, {host}.", title=_shown(added.title), host=added.host)]
    lines.append(
        words.say_many("It has {number} article now:", "It has {number} articles now:", len(added.titles))
        if added.titles
        else words.say("It has no articles now.")
    )
    lines += [Markup("• {title}").format(title=_shown(title)) for title in reversed(added.titles[-HEADLINES:])]
    lines.append(words.say("What it publishes from now on is news."))
    full = FullTextButton(added.id).labelled(words.gettext("Read its whole articles"))
    return Message(Markup("\n").join(lines), ((full,),))


def _choice(feeds: tuple[FoundFeed, ...], words: Words) -> Markup:
    """Return the command to add each of the feeds that a page names."""
    line = Markup("• {title}\n<code>/addsource {url}</code>")
    lines = [words.say("That page has several feeds. Send the one you want:")]
    return Markup("\n").join([*lines, *(line.format(title=_shown(feed.title), url=feed.url) for feed in feeds)])


# ---- changing ----


async def removesource(request: Request) -> None:
    """Remove a source, by its number in /sources or its address."""
    text = request.words.gettext("Removed <b>{title}</b>. What it published stays; nothing new comes from it.")
    await _change(request, sources.remove, text)


async def pausesource(request: Request) -> None:
    """Stop polling a source until /resumesource."""
    await _change(request, sources.pause, request.words.gettext("<b>{title}</b> is paused. /resumesource goes on."))


async def resumesource(request: Request) -> None:
    """Poll a paused source again, at once."""
    await _change(request, sources.resume, request.words.gettext("<b>{title}</b> goes on; I am asking it now."))
    request.services.wakeups.wake(Step.POLL)


async def _change(request: Request, action: SourceAction, sentence: str) -> None:
    async with request.transaction() as connection:
        source = await sources.choose(connection, request.args.strip())
        changed = await action(connection, source, request.user_id, request.now)
        await reply(request, connection, request.words.say(sentence, title=shown_title(changed)))


async def fulltext(request: Request) -> None:
    """Start reading the whole articles of a source, or stop it."""
    async with request.transaction() as connection:
        source = await sources.choose(connection, request.args.strip())
        change = await sources.toggle_full_text(connection, source, request.user_id, request.now)
        await reply(request, connection, _full_text(change, request.words))


async def full_pressed(request: Request, connection: AsyncConnection, button: FullTextButton) -> tuple[None, str]:
    """Start reading the whole articles of the source that was just added; a second press does nothing."""
    change = await sources.start_full_text(connection, button.source_id, request.user_id, request.now)
    if change.changed:
        await reply(request, connection, _full_text(change, request.words))
    return None, ""


def _full_text(change: FullTextChange, words: Words) -> Markup:
    title = shown_title(change.source)
    if not change.source.full_text:
        return words.say("<b>{title}</b>: from now on I go by what its feed says.", title=title)
    return words.say(
        "<b>{title}</b>: from now on I read the whole articles too, where the site allows it. Back: /fulltext",
        title=title,
    )


async def pollnow(request: Request) -> None:
    """Poll one source, or all of them, now."""
    typed = request.args.strip()
    async with request.transaction() as connection:
        source = await sources.choose(connection, typed) if typed else None
        number = await sources.poll_now(connection, source, request.now)
        text = request.words.say_many("Asking {number} source now.", "Asking {number} sources now.", number)
        await reply(request, connection, text)
    request.services.wakeups.wake(Step.POLL)
