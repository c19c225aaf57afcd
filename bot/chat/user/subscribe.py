"""/subscribe and /list: what a chat watches for."""

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.chat.user.subscription_views import (
    better,
    confirmation,
    form_buttons,
    list_page,
    no_sources,
    read,
    schedule_buttons,
    when,
)
from bot.errors import UserError
from bot.locales import Words
from bot.matching.query.ast import Expr
from bot.matching.query.parser import split_queries
from bot.matching.query.printer import format_query
from bot.models import Message
from bot.search import preview
from bot.search.preview import Preview
from bot.storage import sources, subscriptions
from bot.storage.subscriptions import Subscription

AT_ONCE = 10  # subscriptions in one command: the answer is read on a phone


async def subscribe(request: Request) -> None:
    """Subscribe to one query, or to several between commas: all of them, or none if one cannot be read."""
    await request.load_chat()
    _ = request.words.gettext
    if not request.args.strip():
        raise UserError(_("Tell me what to watch for, like this: /subscribe Idlib"))
    await request.require_group_admin()
    labels, exprs = read_all(request.args, request.words)
    found = await preview.search(request.services.week, exprs)
    async with request.transaction() as connection:
        await request.show(connection, await add(request, connection, labels, exprs, found))


def read_all(text: str, words: Words) -> tuple[list[str], list[Expr]]:
    """Return the queries that were typed, and as they are read; UserError if one cannot be, or there are too many."""
    labels = list(dict.fromkeys(split_queries(text)))
    if len(labels) > AT_ONCE:
        raise UserError(words.gettext("That is too many at once: send up to {most}.").format(most=AT_ONCE))
    return labels, [read(label, words) for label in labels]


async def add(
    request: Request, connection: AsyncConnection, labels: list[str], exprs: list[Expr], found: list[Preview]
) -> Message:
    """Subscribe the chat to these queries; return what to say. UserError if there is no room for them."""
    have = await subscriptions.of_chat(connection, request.chat.id)
    new_texts = {format_query(expr).casefold() for expr in exprs} - {one.text.casefold() for one in have}
    check_room(request, have, len(new_texts))
    made = []
    for label, expr, matches in zip(labels, exprs, found, strict=True):
        made.append(await _subscribe(request, connection, label, expr, matches, have))
    await request.set_slot(connection, request.schedule)
    texts = [
        confirmation(request, subscription, added=added, expr=expr, found=matches)
        for (subscription, added), expr, matches in zip(made, exprs, found, strict=True)
    ]
    if len(made) == 1:
        texts.append(when(request, made[0][0].schedule))
    if not await sources.listing(connection):
        texts.append(no_sources(request))
    buttons = [row for one, __ in made for row in schedule_buttons(one, request.words, named=len(made) > 1)]
    if len(made) == 1 and found[0].forms:
        texts.append(better(request, found[0].stories))
        buttons = [*await form_buttons(request, connection, made[0][0], found[0].forms), *buttons]
    return Message(Markup("\n\n").join(texts), tuple(buttons))


def check_room(request: Request, have: list[Subscription], more: int) -> None:
    """Raise UserError if a chat with these subscriptions may not have so many more."""
    most = request.services.settings.subscriptions
    if more > most - len(have):
        raise UserError(request.words.say("You can watch {most} things at most. Remove some first: /list", most=most))


async def _subscribe(
    request: Request,
    connection: AsyncConnection,
    label: str,
    expr: Expr,
    found: Preview,
    have: list[Subscription],
) -> tuple[Subscription, bool]:
    """Return the subscription, and whether it is new: the same words in other capitals are no second interest."""
    same = next((one for one in have if one.text.casefold() == format_query(expr).casefold()), None)
    if same is not None:
        return same, False
    made, added = await subscriptions.subscribe(
        connection,
        chat_id=request.chat.id,
        text=format_query(expr),
        label=label,
        schedule=request.schedule,
        now=request.now,
    )
    if added:
        await preview.keep(connection, made.query_id, found, request.now)
    return made, added


async def list_(request: Request) -> None:
    """Show what the chat watches."""
    await request.load_chat()
    shown = await list_page(request, 0)
    async with request.transaction() as connection:
        await request.show(connection, shown)
