"""/queue, /stats and /testalert: for admins, how the bot is doing."""

from dataclasses import asdict
from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.messages import news
from bot.messages.callbacks import SampleAlertButton
from bot.messages.news import Item
from bot.messages.news import when as shown_time
from bot.messages.payload import to_payload
from bot.models import Message
from bot.storage import broadcasts, deliveries, stats
from bot.storage.broadcasts import Undelivered

SHOWN = 10
REASON = 120  # characters


async def stats_(request: Request) -> None:
    """Show what there is, and what the last day did."""
    say = request.words.say
    async with request.transaction() as connection:
        now = asdict(await stats.since(connection, request.now - timedelta(days=1)))
        lines = [
            say("<b>People</b>: {chats_active} active, {chats_paused} paused, {chats_blocked} blocked", **now),
            say("<b>Watching</b>: {subscriptions} subscriptions, {queries} different queries", **now),
            say("<b>Sources</b>: {sources} active, {sources_failing} failing", **now),
            say("<b>Last 24 hours</b>: {entries_new} articles, {sent} messages", **now),
            say("<b>Not delivered</b>: {uncertain} in doubt, {dead} refused", **now),
            say("<b>Now</b>: {waiting} messages waiting, {updates_parked} commands parked", **now),
        ]
        test = SampleAlertButton().labelled(request.words.gettext("Send me a test alert"))
        await request.reply(connection, Markup("\n").join(lines), ((test,),))


async def queue(request: Request) -> None:
    """Show the last messages that were not delivered, and why."""
    async with request.transaction() as connection:
        found = await broadcasts.undelivered(connection, SHOWN)
        if not found:
            await request.reply(connection, request.words.say("Every message was delivered."))
            return
        lines = [request.words.say("<b>Not delivered</b>, the last first:")]
        lines += [_line(request, one) for one in found]
        await request.reply(connection, Markup("\n").join(lines))


def _line(request: Request, one: Undelivered) -> Markup:
    states, _ = _states(request), request.words.gettext
    kinds = {
        deliveries.REPLY: _("answer"),
        deliveries.ALERT: _("alert"),
        deliveries.DIGEST: _("digest"),
        deliveries.NOTICE: _("notice"),
        deliveries.BROADCAST: _("broadcast"),
    }
    line = Markup("#{id} · {ago} · {kind} · {state}").format(
        id=one.id,
        ago=shown_time(one.created_at, request.words, zone=request.chat.zone, now=request.now),
        kind=kinds.get(one.kind, one.kind),
        state=states.get(one.state, one.state),
    )
    return line + Markup(": {reason}").format(reason=request.words.isolate(one.error[:REASON])) if one.error else line


def _states(request: Request) -> dict[str, str]:
    _ = request.words.gettext
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
    """Send the admin an alert of nothing, the way alerts go."""
    async with request.transaction() as connection:
        await _owe_test(request, connection)


async def test_pressed(request: Request, connection: AsyncConnection, button: SampleAlertButton) -> tuple[None, str]:
    """Send the admin who pressed it a test alert."""
    await _owe_test(request, connection)
    return None, request.words.gettext("A test alert is on its way.")


async def _owe_test(request: Request, connection: AsyncConnection) -> None:
    _ = request.words.gettext
    item = Item(
        story_id=0,
        entry_id=0,
        title=_("This is a test alert"),
        url=None,
        source="Watchword",
        published_at=request.now,
        queries=(_("test"),),
        summary=_("It went the way of every alert: written down, sent, and marked as sent."),
    )
    message: Message = news.alert(item, request.words, zone=request.chat.zone, now=request.now)
    await deliveries.add(
        connection, chat_id=request.chat.id, kind=deliveries.NOTICE, payload=to_payload(message), now=request.now
    )
