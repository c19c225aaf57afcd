"""/import: the sources of another program, from an OPML file that is sent with the command, or answered with it."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection
from telegram import Document
from telegram.error import TelegramError

from bot.chat.admin.sources import shown_host
from bot.chat.request import Request
from bot.errors import UserError
from bot.runtime.wakeups import Step
from bot.sources.opml import LARGEST, Opml, read_opml
from bot.storage import sources, stats


async def import_(request: Request) -> None:
    """Add every feed of the file; what is there already stays as it is. They are polled like any other."""
    await request.load_chat()
    document = _document(request)
    await request.show_typing()
    read = await request.services.parser.run(read_opml, await _download(request, document))
    async with request.transaction() as connection:
        await request.reply(connection, await _add(request, connection, read))
    request.services.wakeups.wake(Step.POLL)


def _document(request: Request) -> Document:
    """Return the file that is meant; UserError if there is none, or it is too large to be fetched."""
    _ = request.words.gettext
    message = request.update.effective_message
    answered = message.reply_to_message if message else None
    document = (message.document if message else None) or (answered.document if answered else None)
    if document is None:
        raise UserError(_("Send an OPML file with /import as its caption, or answer one with /import."))
    if document.file_size is None or document.file_size > LARGEST:
        raise UserError(_("An OPML file may have 1 MiB at most."))
    return document


async def _download(request: Request, document: Document) -> bytes:
    """Return what is in the file. Its name is never used."""
    try:
        file = await request.bot.get_file(document.file_id)
        return bytes(await file.download_as_bytearray())
    except TelegramError as error:
        raise UserError(request.words.gettext("Telegram did not give me the file. Send it again.")) from error


async def _add(request: Request, connection: AsyncConnection, read: Opml) -> Markup:
    say, many = request.words.say, request.words.say_many
    added = 0
    for feed in read.feeds:
        title = feed.title or shown_host(feed.url)
        __, new = await sources.add(
            connection, url=feed.url, title=title, language=feed.language, full_text=feed.full_text, now=request.now
        )
        added += new
    await stats.record_act(connection, request.user_id, f"import {added}", request.now)
    known = len(read.feeds) - added
    lines = [many("Added {number} source.", "Added {number} sources.", added)]
    if known:
        lines.append(many("{number} was there already.", "{number} were there already.", known))
    if read.refused:
        lines.append(
            many("{number} has no address I can watch.", "{number} have no address I can watch.", read.refused)
        )
    if added:
        lines.append(say("What they publish from now on is news. /sources shows how they do."))
    return Markup("\n").join(lines)
