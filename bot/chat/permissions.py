"""Who may do what, asked at every update: admins everything; the banned nothing; others what `[access]` lets them."""

from bot.chat.request import Turn
from bot.chat.services import Access
from bot.errors import UserError
from bot.storage import people


async def check(turn: Turn, *, for_admins: bool = False, for_all: bool = False) -> None:
    """Raise UserError unless whoever sent this update may do it. `for_all`: even who was not let in."""
    if turn.is_admin:
        return
    _ = turn.words.gettext
    if await _decision(turn, turn.user_id) == people.BANNED:
        raise UserError(_("You cannot use this bot."))
    if for_admins:
        raise UserError(_("Only the bot's admins can do that."))
    if not for_all and not await is_let_in(turn):
        raise UserError(refusal(turn))


def refusal(turn: Turn) -> str:
    """Return what somebody is told who was not let in."""
    _ = turn.words.gettext
    if turn.services.settings.access is Access.INVITE:
        return _("You need an invitation to use this bot. Ask whoever runs it for a link.")
    return _("This bot is private. Ask whoever runs it to let you in.")


async def is_let_in(turn: Turn) -> bool:
    """Whether this person, or this group as a whole, may use the bot."""
    settings = turn.services.settings
    if settings.access is Access.OPEN or turn.is_admin:
        return True
    chat = turn.update.effective_chat
    ids = {turn.user_id, chat.id if chat else 0} - {0}
    if ids & settings.allowed:
        return True
    return any([await _decision(turn, one) == people.ALLOWED for one in ids])


async def _decision(turn: Turn, telegram_id: int) -> str | None:
    async with turn.services.database.read() as connection:
        return await people.access(connection, telegram_id)
