"""Who may do what, asked at every update: admins everything; the banned nothing; others what `[access]` lets them."""

from bot.chat.request import Request
from bot.chat.services import Access
from bot.errors import UserError
from bot.storage import people
from bot.storage.people import Decision


async def check(request: Request, *, for_admins: bool = False, for_all: bool = False) -> None:
    """Raise UserError unless whoever sent this update may do it. `for_all`: even who was not let in."""
    if request.is_admin:
        return
    _ = request.words.gettext
    if await _decision(request, request.user_id) is Decision.BANNED:
        raise UserError(_("You cannot use this bot."))
    if for_admins:
        raise UserError(_("Only the bot's admins can do that."))
    if not for_all and not await is_let_in(request):
        raise UserError(refusal(request))


def refusal(request: Request) -> str:
    """Return what somebody is told who was not let in."""
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
    return any([await _decision(request, one) is Decision.ALLOWED for one in ids])


async def _decision(request: Request, telegram_id: int) -> Decision | None:
    async with request.services.database.read() as connection:
        return await people.decision(connection, telegram_id)
