"""/sources, /addsource, /removesource, /pausesource, /resumesource and /pollnow: for admins."""

import re

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from yarl import URL

from bot.chat.request import Request
from bot.errors import SourceError, UserError
from bot.locales import Words
from bot.messages.callbacks import FullTextButton
from bot.messages.news import when as shown_time
from bot.messages.safe_text import clean, clip, inert
from bot.models import Feed, Message
from bot.runtime.wakeups import Step
from bot.sources.address import canonical_url, check_url
from bot.sources.discover import Probe, probe
from bot.storage import sources, stats
from bot.storage.sources import SourceStatus

HEADLINES = 3
TITLE = 90
NUMBER = re.compile(r"\d+(?:\.\d+)?|(?<=\()\w+(?=\))")  # or the one word in parentheses


async def sources_(request: Request) -> None:
    """List the sources, with their health."""
    async with request.transaction() as connection:
        known = await sources.listing(connection)
        if not known:
            await request.reply(
                connection, request.words.say("There are no sources yet. Add one: /addsource https://…")
            )
            return
        lines = [_source_line(request, number, one) for number, one in enumerate(known, start=1)]
        await request.reply(connection, Markup("\n").join(lines))


def _source_line(request: Request, number: int, one: SourceStatus) -> Markup:
    _ = request.words.gettext
    if one.state == sources.PAUSED:
        health = Markup("⏸ ") + _("paused")
    elif one.failures:
        health = Markup("⚠️ {reason}").format(reason=translated(one.error or "", request.words))
    elif one.polled_at is None:
        health = Markup("… ") + _("not polled yet")
    else:
        health = Markup("✓ {ago}").format(
            ago=shown_time(one.polled_at, request.words, zone=request.chat.zone, now=request.now)
        )
    line = Markup("{number}. <b>{title}</b> {host} · {entries}{full} · {health}")
    full = Markup(" · ") + _("whole articles: {number}").format(number=one.pages) if one.full_text else ""
    entries = request.words.ngettext("{number} article", "{number} articles", one.entries).format(number=one.entries)
    title = request.words.isolate(shown_title(one))
    host = shown_host(one.url)
    return line.format(number=number, title=title, host=host, entries=entries, full=full, health=health)


def translated(error: SourceError | str, words: Words) -> str:
    """Return the sentence of a SourceError in the reader's language; a number in it is put back where it belongs."""
    sentence = str(error)
    known = words.gettext(sentence)
    number = NUMBER.search(sentence)
    if known != sentence or number is None:
        return known
    return words.gettext(NUMBER.sub("{number}", sentence, count=1)).replace("{number}", number[0])


def shown_title(one: SourceStatus) -> str:
    """Return what a source calls itself, so that nothing in it can be tapped, or its host."""
    return inert(clip(clean(one.title), TITLE)) or shown_host(one.url)


def shown_host(url: str) -> str:
    """Return the host of a source: the rest of its address may hold a key to a private feed."""
    return URL(url).host or url[:40]


async def addsource(request: Request) -> None:
    """Add a feed, or the feed of a page; it is fetched before it is accepted."""
    await request.load_chat()
    _ = request.words.gettext
    if not request.args.strip():
        raise UserError(_("Send the address of a feed or of a site, like this: /addsource https://example.org"))
    url = str(check_url(request.args.strip()))
    async with request.services.database.read() as connection:
        if any(one.url == canonical_url(url) for one in await sources.listing(connection)):
            raise UserError(_("That source is there already: /sources"))
    await request.show_typing()
    found = await probe(url, request.services.fetcher, request.services.parser)
    if found.feed is None and len(found.found) > 1:
        await _offer(request, found)
        return
    if found.feed is None:
        found = await probe(found.found[0].url, request.services.fetcher, request.services.parser)
    feed = found.feed
    if feed is None:  # the page names a page: what it said a moment ago is not true any more
        raise SourceError("not-a-feed", _("That page names a feed that does not work."))
    async with request.transaction() as connection:
        await request.show(connection, await _add(request, connection, found.url, feed))
    request.services.wakeups.wake(Step.POLL)


async def _add(request: Request, connection: AsyncConnection, url: str, feed: Feed) -> Message:
    say, host = request.words.say, shown_host(url)
    title, url = feed.title or host, canonical_url(url)
    number, added = await sources.add(connection, url=url, title=title, language=feed.language, now=request.now)
    if not added:
        return Message(say("That source is there already: /sources"))
    await stats.record_act(connection, request.user_id, f"addsource {host}", request.now)
    lines = [say("Added <b>{title}</b>, {host}.", title=inert(clip(clean(title), TITLE)), host=host)]
    lines.append(
        request.words.say_many("It has {number} article now:", "It has {number} articles now:", len(feed.entries))
        if feed.entries
        else say("It has no articles now.")
    )
    lines += [
        Markup("• {title}").format(title=inert(clip(clean(one.title), TITLE)))
        for one in reversed(feed.entries[-HEADLINES:])
    ]
    lines.append(say("What it publishes from now on is news."))
    full = FullTextButton(number).labelled(request.words.gettext("Read its whole articles"))
    return Message(Markup("\n").join(lines), ((full,),))


async def _offer(request: Request, found: Probe) -> None:
    async with request.transaction() as connection:
        lines = [request.words.say("That page has several feeds. Send the one you want:")]
        lines += [
            Markup("• {title}\n<code>/addsource {url}</code>").format(
                title=inert(clip(clean(one.title), TITLE)), url=one.url
            )
            for one in found.found
        ]
        await request.reply(connection, Markup("\n").join(lines))


async def removesource(request: Request) -> None:
    """Remove a source, by its number in /sources or its address."""
    async with request.transaction() as connection:
        one = _choose(request, await sources.listing(connection))
        await sources.set_state(connection, one.id, sources.REMOVED, request.now)
        await stats.record_act(connection, request.user_id, f"removesource {one.id}", request.now)
        text = request.words.say(
            "Removed <b>{title}</b>. What it published stays; nothing new comes from it.",
            title=shown_title(one),
        )
        await request.reply(connection, text)


async def pausesource(request: Request) -> None:
    """Ask a source no more, until /resumesource."""
    await request.load_chat()
    text = request.words.gettext("<b>{title}</b> is paused. /resumesource goes on.")
    await _set_state(request, sources.PAUSED, "pausesource", text)


async def resumesource(request: Request) -> None:
    """Ask a paused source again, at once."""
    await request.load_chat()
    text = request.words.gettext("<b>{title}</b> goes on; I am asking it now.")
    await _set_state(request, sources.ACTIVE, "resumesource", text)
    request.services.wakeups.wake(Step.POLL)


async def _set_state(request: Request, state: str, act: str, said: str) -> None:
    async with request.transaction() as connection:
        one = _choose(request, await sources.listing(connection))
        await sources.set_state(connection, one.id, state, request.now)
        await stats.record_act(connection, request.user_id, f"{act} {one.id}", request.now)
        await request.reply(connection, request.words.say(said, title=shown_title(one)))


async def fulltext(request: Request) -> None:
    """Read the whole articles of a source, or, where that is done, no longer."""
    async with request.transaction() as connection:
        one = _choose(request, await sources.listing(connection))
        await request.reply(connection, await _set_full_text(request, connection, one, not one.full_text))


async def full_pressed(request: Request, connection: AsyncConnection, button: FullTextButton) -> tuple[None, str]:
    """Read the whole articles of the source that was just added; a second press changes nothing."""
    known = await sources.listing(connection)
    one = next((one for one in known if one.id == button.source_id), None)
    if one is None:
        raise UserError(request.words.gettext("That source is not there any more: /sources"))
    if not one.full_text:
        await request.reply(connection, await _set_full_text(request, connection, one, True))
    return None, ""


async def _set_full_text(request: Request, connection: AsyncConnection, one: SourceStatus, full_text: bool) -> Markup:
    await sources.set_full_text(connection, one.id, full_text)
    await stats.record_act(
        connection, request.user_id, f"fulltext {one.id} {'on' if full_text else 'off'}", request.now
    )
    title = shown_title(one)
    if not full_text:
        return request.words.say("<b>{title}</b>: from now on I go by what its feed says.", title=title)
    return request.words.say(
        "<b>{title}</b>: from now on I read the whole articles too, where the site allows it. Back: /fulltext",
        title=title,
    )


async def pollnow(request: Request) -> None:
    """Ask one source, or all of them, now."""
    async with request.transaction() as connection:
        known = await sources.listing(connection)
        one = _choose(request, known) if request.args.strip() else None
        number = await sources.make_due(connection, request.now, one.id if one else None)
        said = request.words.say_many("Asking {number} source now.", "Asking {number} sources now.", number)
        await request.reply(connection, said)
    request.services.wakeups.wake(Step.POLL)


def _choose(request: Request, known: list[SourceStatus]) -> SourceStatus:
    _ = request.words.gettext
    asked = request.args.strip()
    if asked.isdecimal() and 1 <= int(asked[:9]) <= len(known):
        return known[int(asked[:9]) - 1]
    url = canonical_url(asked) if "." in asked or ":" in asked else ""
    for one in known:
        if url and one.url == url:
            return one
    raise UserError(_("Say which one by its number in /sources."))
