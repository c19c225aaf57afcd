"""/subscribe and /list: the queries a chat watches for."""

from collections.abc import Sequence

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import subscriptions as actions
from bot.actions.subscriptions import Subscribed, TypedQuery
from bot.chat import permissions
from bot.chat.replies import reply_message
from bot.chat.request import Request
from bot.chat.user import subscription_views as views
from bot.errors import UserError
from bot.models import Button, Message
from bot.search import preview
from bot.search.preview import Preview


async def subscribe(request: Request) -> None:
    """Subscribe to one query, or to several between commas: all of them, or none if one cannot be parsed."""
    if not request.args.strip():
        raise UserError(request.words.gettext("Tell me what to watch for, like this: /subscribe Idlib"))
    await permissions.require_group_admin(request)
    queries = actions.read_queries(request.args, request.words)
    found = await preview.search(request.services.week, [query.expr for query in queries], person=request.user_id)
    async with request.transaction() as connection:
        await reply_message(request, connection, await add(request, connection, queries, found))


async def add(
    request: Request, connection: AsyncConnection, queries: Sequence[TypedQuery], found: Sequence[Preview]
) -> Message:
    """Subscribe the chat to queries; return the confirmation."""
    most = request.services.settings.subscriptions
    subscribed = await actions.subscribe(
        connection, request.chat, queries, found, schedule=request.schedule, most=most, now=request.now
    )
    return Message(_confirmations(request, subscribed), await _buttons(request, connection, subscribed))


def _confirmations(request: Request, subscribed: Subscribed) -> Markup:
    watched = subscribed.watched
    texts = [
        views.confirmation(request, made.subscription, added=made.is_new, expr=made.query.expr, found=made.found)
        for made in watched
    ]
    if len(watched) == 1:
        texts.append(views.when(request, watched[0].subscription.schedule))
    if not subscribed.has_sources:
        texts.append(views.no_sources(request))
    if len(watched) == 1 and watched[0].found.forms:
        texts.append(views.better(request, watched[0].found.stories))
    return Markup("\n\n").join(texts)


async def _buttons(
    request: Request, connection: AsyncConnection, subscribed: Subscribed
) -> tuple[tuple[Button, ...], ...]:
    """Return the buttons of the schedules and, for a single query, of its other forms above them."""
    watched = subscribed.watched
    named = len(watched) > 1
    rows = [row for made in watched for row in views.schedule_buttons(made.subscription, request.words, named=named)]
    if not named and watched[0].found.forms:
        rows = [*await views.form_buttons(request, connection, watched[0].subscription, watched[0].found.forms), *rows]
    return tuple(rows)


async def list_(request: Request) -> None:
    """Show what the chat watches."""
    listed = await views.list_page(request, 0)
    async with request.transaction() as connection:
        await reply_message(request, connection, listed)
