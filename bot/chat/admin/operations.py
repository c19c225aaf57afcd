"""Commands of admins to observe the bot: /stats, /queue and /testalert."""

from dataclasses import asdict
from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.replies import reply
from bot.chat.request import Request
from bot.locales import Words
from bot.messages import news
from bot.messages.callbacks import SampleAlertButton
from bot.messages.items import Item
from bot.messages.news import when as shown_time
from bot.messages.payload import to_payload
from bot.storage import broadcasts, deliveries, stats
from bot.storage.broadcasts import Undelivered

SHOWN = 10  # messages of /queue
REASON = 120  # characters
DAY = timedelta(days=1)


async def stats_(request: Request) -> None:
    """Show the counts of the present state and of the last day."""
    say = request.words.say
    async with request.transaction() as connection:
        counts = asdict(await stats.since(connection, request.now - DAY))
        lines = [
            say("<b>People</b>: {chats_active} active, {chats_paused} paused, {chats_blocked} blocked", **counts),
            say("<b>Watching</b>: {subscriptions} subscriptions, {queries} different queries", **counts),
            say("<b>Sources</b>: {sources} active, {sources_failing} failing", **counts),
            say("<b>Last 24 hours</b>: {entries_new} articles, {sent} messages", **counts),
            say("<b>Not delivered</b>: {uncertain} in doubt, {dead} refused", **counts),
            say("<b>Now</b>: {waiting} messages waiting, {updates_parked} commands parked", **counts),
        ]
        test = SampleAlertButton().labelled(request.words.gettext("Send me a test alert"))
        await reply(request, connection, Markup("\n").join(lines), ((test,),))


async def queue(request: Request) -> None:
    """Show the last messages that were not delivered, with the reason."""
    async with request.transaction() as connection:
        messages = await broadcasts.undelivered(connection, SHOWN)
        if not messages:
            await reply(request, connection, request.words.say("Every message was delivered."))
            return
        lines = [request.words.say("<b>Not delivered</b>, the last first:")]
        lines += [_line(request, message) for message in messages]
        await reply(request, connection, Markup("\n").join(lines))


def _line(request: Request, message: Undelivered) -> Markup:
    line = Markup("#{id} · {ago} · {kind} · {state}").format(
        id=message.id,
        ago=shown_time(message.created_at, request.words, zone=request.chat.zone, now=request.now),
        kind=_kinds(request.words).get(message.kind, message.kind),
        state=_states(request.words).get(message.state, message.state),
    )
    if not message.error:
        return line
    return line + Markup(": {reason}").format(reason=request.words.isolate(message.error[:REASON]))


def _kinds(words: Words) -> dict[str, str]:
    _ = words.gettext
    return {
        deliveries.REPLY: _("answer"),
        deliveries.ALERT: _("alert"),
        deliveries.DIGEST: _("digest"),
        deliveries.NOTICE: _("notice"),
        deliveries.BROADCAST: _("broadcast"),
        deliveries.HELD: _("held news"),
        deliveries.EDIT: _("edit"),
    }


def _states(words: Words) -> dict[str, str]:
    _ = words.gettext
    return {
        deliveries.READY: _("waits"),
        deliveries.SENDING: _("being sent"),
        deliveries.UNCERTAIN: _("in doubt, sent again soon"),
        deliveries.UNCERTAIN_FINAL: _("in doubt"),
        deliveries.CANCELLED: _("called back"),
        deliveries.DEAD: _("refused"),
        deliveries.EXPIRED: _("too late"),
    }


async def testalert(request: Request) -> None:
    """Send the admin an alert without a story, the way alerts are sent."""
    async with request.transaction() as connection:
        await _send_test(request, connection)


async def test_pressed(request: Request, connection: AsyncConnection, button: SampleAlertButton) -> tuple[None, str]:
    """Send a test alert to the admin who pressed the button."""
    await _send_test(request, connection)
    return None, request.words.gettext("A test alert is on its way.")


async def _send_test(request: Request, connection: AsyncConnection) -> None:
    _ = request.words.gettext
    item = Item(
        story_id=0,
        entry_id=0,
        title=_("This is a test alert"),
        url=None,
        source="Watchword",
        published_at=request.now,
        queries=(_("test"),),
        lede=_("It went the way of every alert: written down, sent, and marked as sent."),
    )
    message = news.alert(item, request.words, zone=request.chat.zone, now=request.now)
    await deliveries.add(
        connection, chat_id=request.chat.id, kind=deliveries.NOTICE, payload=to_payload(message), now=request.now
    )
