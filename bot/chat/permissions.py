"""Permissions, checked at every update: admins may do everything; the banned nothing; others as `[access]` allows."""

from telegram.constants import ChatType
from telegram.error import TelegramError

from bot.chat.request import Request
from bot.chat.services import Access
from bot.errors import UserError
from bot.storage import people
from bot.storage.people import Decision

GROUP_ADMINS = ("creator", "administrator")


async def check(request: Request, *, for_admins: bool = False, for_all: bool = False) -> None:
    """Raise UserError unless the sender of this update may do it. `for_all`: even people who were not let in."""
    if request.is_admin:
        return
    _ = request.words.gettext
    if await _decision(request, request.user_id) is Decision.BANNED:
        raise UserError(_("You cannot use this bot."))
    if for_admins:
        raise UserError(_("Only the bot's admins can do that."))
    if not for_all and not await is_let_in(request):
        raise UserError(refusal(request))


async def require_group_admin(request: Request) -> None:
    """Raise UserError unless this person may change this chat's news: in a group, its admins may."""
    chat = request.update.effective_chat
    if chat is None or request.is_private or request.is_admin:
        return
    message = request.update.effective_message if request.update.callback_query is None else None
    if message is not None and message.sender_chat is not None and message.sender_chat.id == chat.id:
        return  # an anonymous admin of this group, or the channel itself; a press is always a person's
    _ = request.words.gettext
    try:
        status = await request.services.members.status(request.bot, chat.id, request.user_id)
    except TelegramError as error:
        raise UserError(_("Telegram did not answer. Try again in a moment.")) from error
    if status not in GROUP_ADMINS:
        is_channel = chat.type == ChatType.CHANNEL
        raise UserError(
            _("Only admins of this channel can do that.") if is_channel else _("Only admins of this group can do that.")
        )


def refusal(request: Request) -> str:
    """Return the sentence for a person who was not let in."""
    _ = request.words.gettext
    if request.services.settings.access is Access.INVITE:
        return _("You need an invitation to use this bot. Ask whoever runs it for a link.")
    return _("This bot is private. Ask whoever runs it to let you in.")


async def is_let_in(request: Request) -> bool:
    """Whether this person, or this group as a whole, may use the bot."""
    settings = request.services.settings
    if settings.access is Access.OPEN or request.is_admin:
        return True
    chat = request.update.effective_chat
    ids = {request.user_id, chat.id if chat else 0} - {0}
    if ids & settings.allowed:
        return True
    return any([await _decision(request, telegram_id) is Decision.ALLOWED for telegram_id in ids])


async def _decision(request: Request, telegram_id: int) -> Decision | None:
    async with request.services.database.read() as connection:
        return await people.decision(connection, telegram_id)
