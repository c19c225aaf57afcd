"""Command /import: adds the feeds of an OPML file; the command is the caption of the file, or a reply to it."""

from markupsafe import Markup
from telegram import Document
from telegram.error import TelegramError

from bot.actions.sources import ImportedSources, import_opml
from bot.chat.replies import reply, show_typing
from bot.chat.request import Request
from bot.errors import UserError
from bot.locales import Words
from bot.messages.safe_text import inert
from bot.messages.source_troubles import explain
from bot.runtime.wakeups import Step
from bot.sources.opml import LARGEST, RefusedOutline, reachable, read_opml

NAMED = 10  # refused addresses: the others are in the file's further lines


async def import_(request: Request) -> None:
    """Add every feed of the file that is no source yet; none is fetched before its first poll."""
    document = _document(request)
    await show_typing(request)
    read = await request.services.parser.run(read_opml, await _download(request, document))
    opml = reachable(read, request.services.fetcher.guard.check_source)
    async with request.transaction() as connection:
        imported = await import_opml(connection, opml, request.user_id, request.now)
        await reply(request, connection, _imported(imported, request.words))
    request.services.wakeups.wake(Step.POLL)


def _document(request: Request) -> Document:
    """Return the file of the message, or of the message it replies to; UserError if none, or too large."""
    _ = request.words.gettext
    message = request.update.effective_message
    replied_to = message.reply_to_message if message else None
    document = (message.document if message else None) or (replied_to.document if replied_to else None)
    if document is None:
        raise UserError(_("Send an OPML file with /import as its caption, or answer one with /import."))
    if document.file_size is None or document.file_size > LARGEST:
        raise UserError(_("An OPML file may have 1 MiB at most."))
    return document


async def _download(request: Request, document: Document) -> bytes:
    """Return the content of the file. Its name is never used."""
    try:
        file = await request.bot.get_file(document.file_id)
        return bytes(await file.download_as_bytearray())
    except TelegramError as error:
        raise UserError(request.words.gettext("Telegram did not give me the file. Send it again.")) from error


def _imported(imported: ImportedSources, words: Words) -> Markup:
    many = words.say_many
    lines = [many("Added {number} source.", "Added {number} sources.", imported.added)]
    if known := imported.known:
        lines.append(many("{number} was there already.", "{number} were there already.", known))
    if refused := imported.refused:
        number = len(refused)
        lines.append(many("{number} has no address I can watch.", "{number} have no address I can watch.", number))
        lines += [_refused(outline, words) for outline in refused[:NAMED]]
    if imported.added:
        lines.append(words.say("What they publish from now on is news. /sources shows how they do."))
    return Markup("\n").join(lines)


def _refused(outline: RefusedOutline, words: Words) -> Markup:
    """Return the line, the host and the reason of an address; the rest of it may be a key."""
    return words.say(
        "• line {line} {host}: {reason}",
        line=outline.line,
        host=inert(outline.host[:100]),
        reason=explain(outline.error, words),
    )
