"""Times of coming digests, as a reader says them: "today 21:13", "tomorrow 08:00", "Mon 08:00"."""

from datetime import datetime, timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import chats as actions
from bot.chat.request import Request
from bot.messages.news import coming
from bot.runtime.zone_rules import zone_info


def day_and_time(request: Request, moment: datetime) -> str:
    """Return a moment to come with its day, in the chat's zone and language."""
    _, clock = request.words.gettext, zone_info(request.chat.zone)
    local = moment.astimezone(clock)
    days = local.date() - request.now.astimezone(clock).date()
    if days == timedelta():
        return _("today {time}").format(time=f"{local:%H:%M}")
    if days == timedelta(days=1):
        return _("tomorrow {time}").format(time=f"{local:%H:%M}")
    return coming(moment, request.words, zone=request.chat.zone)


async def next_digest(request: Request, connection: AsyncConnection) -> Markup:
    """Return the sentence that says when the chat's next daily digest comes; where today's has gone, that it has."""
    due = await actions.next_digest(connection, request.chat, request.now)
    shown = day_and_time(request, due.due_at)
    if due.has_gone_today:
        return request.words.say(
            "Next digest: <b>{time}</b>, {zone} time; today’s has gone. /digest shows what is new.",
            time=shown,
            zone=request.chat.zone,
        )
    return request.words.say("Next digest: <b>{time}</b>, {zone} time.", time=shown, zone=request.chat.zone)
