"""The list behind "+4": each text that a private message only counts, with its link."""

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.replies import reply_message
from bot.chat.request import Request
from bot.messages import news
from bot.messages.callbacks import CountedButton
from bot.messages.items import Item
from bot.models import Message
from bot.storage import delivery_items

PAGE = 20  # texts


async def pressed(request: Request, connection: AsyncConnection, button: CountedButton) -> tuple[Message | None, str]:
    """List what the message of the button counts in a reply: the message itself stays as it is; or turn the page."""
    delivery_id = button.delivery_id or await _delivery_of_message(request, connection)
    listed = await delivery_items.counted_items(connection, request.chat.id, delivery_id)
    if not listed:
        return None, request.words.gettext("These are no longer kept.")
    page = _page(request, listed, CountedButton(max(0, button.skipped), delivery_id))
    if button.delivery_id:
        return page, ""
    await reply_message(request, connection, page)
    return None, ""


async def _delivery_of_message(request: Request, connection: AsyncConnection) -> int:
    message = request.update.effective_message
    sent = await delivery_items.find_sent(connection, request.chat.id, message.message_id) if message else None
    return sent.delivery_id if sent else 0


def _page(request: Request, listed: list[delivery_items.CountedItem], page: CountedButton) -> Message:
    """Return the texts after the skipped ones, as many as a message holds, with buttons to the others."""
    _ = request.words.gettext
    items = [
        Item(
            story_id=counted.story_id,
            entry_id=counted.entry_id,
            title=counted.title,
            url=counted.url,
            source=counted.source_title,
            published_at=counted.published_at,
            queries=(),
        )
        for counted in listed[page.skipped : page.skipped + PAGE]
    ]
    shown = news.listing(items, request.words, zone=request.chat.zone, now=request.now)
    row = []
    if page.skipped:
        back = CountedButton(max(0, page.skipped - PAGE), page.delivery_id)
        row.append(back.labelled("‹ " + _("Back")))
    if page.skipped + len(shown.items) < len(listed):
        row.append(CountedButton(page.skipped + len(shown.items), page.delivery_id).labelled(_("More") + " ›"))
    return Message(shown.message.text, (tuple(row),) if row else ())
