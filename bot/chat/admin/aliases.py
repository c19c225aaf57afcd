"""Command of admins for aliases: /alias lists them, adds names and removes them, all with Undo."""

from functools import partial

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions import aliases
from bot.actions.aliases import AliasChange
from bot.chat.replies import reply_message
from bot.chat.request import Request
from bot.locales import Words
from bot.matching.engine.aliases import Group, check, read
from bot.messages.callbacks import AliasPageButton, Choice, OfferButton, UnaliasButton
from bot.models import Button, Message
from bot.storage.aliases import listing
from bot.storage.offers import Offer

PAGE = 10  # aliases
BUTTONS_IN_A_ROW = 5
REMOVE = ("remove", "delete", "احذف")
ADD = ("add", "أضف")


async def alias(request: Request) -> None:
    """List the aliases; "/alias Myanmar = Burma" adds names, "/alias remove 3" or a name removes."""
    typed = request.args.strip()
    word, __, rest = typed.partition(" ")
    if word.casefold() in REMOVE and "=" not in rest:
        await _remove(request, rest.strip())
    elif typed:
        await _add(request, rest if word.casefold() in ADD and "=" in rest else typed)
    else:
        async with request.transaction() as connection:
            await reply_message(request, connection, await _page(request, connection, 0))


async def _add(request: Request, typed: str) -> None:
    names = read(typed, request.words)
    await aliases.check_common(names, request.services.week)
    async with request.transaction() as connection:
        change = await aliases.add(
            connection,
            names,
            configured=request.services.aliases.configured,
            check=partial(check, words=request.words),
            admin_id=request.user_id,
            now=request.now,
        )
        await reply_message(request, connection, await _added(request, connection, change))


async def _remove(request: Request, typed: str) -> None:
    configured = request.services.aliases.configured
    async with request.transaction() as connection:
        change = await aliases.remove(
            connection, typed, configured=configured, admin_id=request.user_id, now=request.now
        )
        await reply_message(request, connection, await _removed(request, connection, change))


# ---- the list ----


async def _page(request: Request, connection: AsyncConnection, page: int) -> Message:
    """Return a page of the list, 0 the first, or the last page if there are fewer: those made in chat come first."""
    say = request.words.say
    listed = [(stored.id, stored.names) for stored in await listing(connection)]
    listed += [(0, names) for names in request.services.aliases.configured]
    if not listed:
        return Message(say("There are no aliases. Make one like this: /alias Myanmar = Burma, Бирма"))
    pages = (len(listed) - 1) // PAGE + 1
    page = min(max(page, 0), pages - 1)
    shown = list(enumerate(listed, 1))[page * PAGE : (page + 1) * PAGE]
    in_file = Markup(" ") + say("(in the configuration’s file)")
    lines = [_line(number, names, request.words) + ("" if id_ else in_file) for number, (id_, names) in shown]
    hint = say("Add: /alias Myanmar = Burma. Remove a name: /alias remove Burma")
    text = Markup("\n").join([say("<b>Names that are one</b>"), *lines, Markup(), hint])
    removals = [UnaliasButton(id_).labelled(f"✕ {number}") for number, (id_, __) in shown if id_]
    rows = [removals[at : at + BUTTONS_IN_A_ROW] for at in range(0, len(removals), BUTTONS_IN_A_ROW)]
    return Message(text, tuple(tuple(row) for row in [*rows, _page_buttons(page, pages)] if row))


def _line(number: int, names: Group, words: Words) -> Markup:
    main, *others = (words.isolate(name) for name in names)
    return Markup("{number}. <b>{main}</b> = {others}").format(
        number=number, main=main, others=words.say(", ").join(others)
    )


def _page_buttons(page: int, pages: int) -> list[Button]:
    buttons = [AliasPageButton(page - 1).labelled("‹")] if page else []
    return buttons + ([AliasPageButton(page + 1).labelled("›")] if page < pages - 1 else [])


async def page_pressed(request: Request, connection: AsyncConnection, button: AliasPageButton) -> tuple[Message, str]:
    """Show a page of the list."""
    return await _page(request, connection, button.page), ""


def _all(request: Request) -> Button:
    return AliasPageButton(0).labelled(request.words.gettext("All aliases"))


# ---- changes ----


async def _added(request: Request, connection: AsyncConnection, change: AliasChange) -> Message:
    names = _names(change.names, request.words)
    if change.alias_id is None:
        return Message(request.words.say("{names}: these are one name already.", names=names), ((_all(request),),))
    text = request.words.say("{names} are one name from now on: who watches one of them is told of all.", names=names)
    return Message(text, ((await _undo_button(request, connection, change), _all(request)),))


async def _removed(request: Request, connection: AsyncConnection, change: AliasChange) -> Message:
    say = request.words.say
    removed = _names(tuple(name for name in change.before if name not in change.after), request.words)
    if change.after:
        names = _names(change.after, request.words)
        text = say("{gone} stands for itself again; {names} are still one name.", gone=removed, names=names)
    else:
        text = say("{names} stand for themselves again.", names=removed)
    return Message(text, ((await _undo_button(request, connection, change), _all(request)),))


def _names(names: Group, words: Words) -> Markup:
    return words.say(", ").join(Markup("<b>{name}</b>").format(name=words.isolate(name)) for name in names)


async def removal_pressed(request: Request, connection: AsyncConnection, button: UnaliasButton) -> tuple[Message, str]:
    """Remove an alias of the list; if it is gone, show the list as it is now."""
    change = await aliases.remove_by_id(connection, button.alias_id, request.user_id, request.now)
    if change is None:
        return await _page(request, connection, 0), ""
    return await _removed(request, connection, change), ""


# ---- undo ----


async def _undo_button(request: Request, connection: AsyncConnection, change: AliasChange) -> Button:
    offer_id = await aliases.offer_undo(connection, request.chat, change, request.user_id, request.now)
    return OfferButton(offer_id, Choice.UNDO).labelled(request.words.gettext("Undo"))


async def undo_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Restore the names of an alias, unless it was changed since, or they are needed elsewhere."""
    before, after = tuple(offer.payload["before"]), tuple(offer.payload["after"])
    await aliases.undo(
        connection,
        AliasChange(int(offer.payload["alias"]), before, after, after),
        configured=request.services.aliases.configured,
        check=partial(check, words=request.words),
        admin_id=request.user_id,
        now=request.now,
    )
    return await _page(request, connection, 0), request.words.gettext("As it was before.")
