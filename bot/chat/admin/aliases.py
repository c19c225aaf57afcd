"""/alias: names that an admin says are one."""

from datetime import timedelta

from markupsafe import Markup
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.chat.request import Request
from bot.errors import UserError
from bot.locales import Words
from bot.matching.engine.aliases import MOST_ALIASES, Group, check, joined, place_first, place_of, read, shared
from bot.matching.query.ast import Exact
from bot.messages.callbacks import AliasPageButton, Choice, OfferButton, UnaliasButton
from bot.models import Button, Message
from bot.storage import aliases, stats
from bot.storage.aliases import StoredAlias
from bot.storage.offers import Offer

UNDO = "alias undo"
UNDO_LASTS = timedelta(hours=1)
PAGE = 10
ENOUGH = 200  # articles of a week tell whether a name is common
COMMON = 10  # of 100 articles
ACT = 200  # characters of what the record of acts keeps
REMOVE = ("remove", "delete", "احذف")
ADD = ("add", "أضف")


async def alias(request: Request) -> None:
    """Show the aliases; "/alias Myanmar = Burma" makes or extends one, "/alias remove 3" or a name takes one away."""
    await request.load_chat()
    word, __, rest = request.args.strip().partition(" ")
    removes = word.casefold() in REMOVE and "=" not in rest
    names: Group = ()
    if request.args.strip() and not removes:
        names = read(rest if word.casefold() in ADD and "=" in rest else request.args, request.words)
        await _refuse_common(request, names)
    async with request.transaction() as connection:
        if names:
            await request.show(connection, await _add(request, connection, names))
        elif removes:
            await request.show(connection, await _remove(request, connection, rest.strip()))
        else:
            await request.show(connection, await _page(request, connection, 0))


async def _refuse_common(request: Request, names: Group) -> None:
    """Raise UserError for a name that the week's articles are full of, unless it is a place's."""
    week = request.services.week
    await week.glance()
    if len(week) < ENOUGH:
        return
    for name, found in zip(names, await week.find([Exact(name) for name in names]), strict=True):
        share = round(100 * len(found.held) / len(week))
        if share >= COMMON and place_of(name) is None:
            sentence = request.words.say(
                "“{name}” is in {share} of 100 articles: too common to be another name.", name=name, share=share
            )
            raise UserError(sentence)


def _names(names: Group, words: Words) -> Markup:
    separator = words.say(", ")
    return separator.join(Markup("<b>{name}</b>").format(name=words.isolate(name)) for name in names)


def _line(names: Group, words: Words) -> Markup:
    main, *others = names
    return Markup("<b>{main}</b> = {others}").format(
        main=words.isolate(main), others=words.say(", ").join(words.isolate(name) for name in others)
    )


# ---- the list ----


async def _page(request: Request, connection: AsyncConnection, page: int) -> Message:
    say, stored = request.words.say, await aliases.listing(connection)
    configured = request.services.aliases.configured
    if not stored and not configured:
        return Message(say("There are no aliases. Make one like this: /alias Myanmar = Burma, Бирма"))
    every = [(one.id, one.names) for one in stored] + [(0, names) for names in configured]
    pages = (len(every) - 1) // PAGE + 1
    page = min(max(page, 0), pages - 1)
    lines = [say("<b>Names that are one</b>")]
    removals = []
    for number, (alias_id, names) in list(enumerate(every, 1))[page * PAGE : (page + 1) * PAGE]:
        line = Markup("{number}. {names}").format(number=number, names=_line(names, request.words))
        lines.append(line if alias_id else line + Markup(" ") + say("(in the configuration’s file)"))
        if alias_id:
            removals.append(UnaliasButton(alias_id).labelled(f"✕ {number}"))
    lines += [Markup(), say("Add: /alias Myanmar = Burma. Remove a name: /alias remove Burma")]
    rows = [tuple(removals[start : start + 5]) for start in range(0, len(removals), 5)]
    turns = [AliasPageButton(page - 1).labelled("‹")] if page else []
    turns += [AliasPageButton(page + 1).labelled("›")] if page < pages - 1 else []
    return Message(Markup("\n").join(lines), (*rows, tuple(turns)) if turns else tuple(rows))


async def page_pressed(request: Request, connection: AsyncConnection, button: AliasPageButton) -> tuple[Message, str]:
    """Show a page of the list."""
    return await _page(request, connection, button.page), ""


# ---- adding ----


async def _add(request: Request, connection: AsyncConnection, names: Group) -> Message:
    """Write an alias, or add to the one that has one of the names."""
    say, stored = request.words.say, await aliases.begin_change(connection)
    same = [one for one in stored if shared(one.names, names)]
    if len(same) > 1:
        raise UserError(_are_two(request, same[0].names, same[1].names))
    before = same[0].names if same else ()
    (after,) = joined([before, names]) if before else (names,)
    whole, in_file = _together(request, after, [one.names for one in stored if one not in same])
    if len(after) == len(before) or len(whole) == len(in_file):
        return Message(
            say("{names}: these are one name already.", names=_names(whole, request.words)), (_all(request),)
        )
    if not same and not in_file:
        _refuse_too_many(request, stored)
    if same:
        alias_id = same[0].id
        await aliases.set_names(connection, alias_id, after)
    else:
        alias_id = await aliases.add(connection, after, request.now)
    await _record(request, connection, "alias", after)
    text = say(
        "{names} are one name from now on: who watches one of them is told of all.", names=_names(whole, request.words)
    )
    undo = await _undo_button(request, connection, alias_id, before, after)
    return Message(text, ((undo, *_all(request)),))


def _together(request: Request, names: Group, others: list[Group]) -> tuple[Group, Group]:
    """Return all that would be one with `names`, made in chat beside `others`, and what of it the file has.

    UserError if it cannot be one: an alias made in chat must not join two of the file's, by whatever other it has.
    """
    configured = request.services.aliases.configured
    whole = next(one for one in joined([*configured, *others, names]) if shared(one, names))
    in_file = [one for one in configured if shared(one, whole)]
    if len(in_file) > 1:
        raise UserError(_are_two(request, in_file[0], in_file[1]))
    check(place_first(whole), request.words)
    return whole, in_file[0] if in_file else ()


def _refuse_too_many(request: Request, stored: list[StoredAlias]) -> None:
    """Raise UserError where there are as many as a file may have, those of the file among them."""
    if len(joined([*request.services.aliases.configured, *(one.names for one in stored)])) >= MOST_ALIASES:
        sentence = request.words.say(
            "There are {most} aliases, the most there can be. Remove one first.", most=MOST_ALIASES
        )
        raise UserError(sentence)


def _are_two(request: Request, one: Group, other: Group) -> Markup:
    return request.words.say(
        "<b>{one}</b> and <b>{other}</b> are two aliases: remove one of them first. /alias shows them.",
        one=one[0],
        other=other[0],
    )


def _all(request: Request) -> tuple[Button, ...]:
    return (AliasPageButton(0).labelled(request.words.gettext("All aliases")),)


async def _record(request: Request, connection: AsyncConnection, act: str, names: Group) -> None:
    written = f"{act} {names[0]} = {', '.join(names[1:])}"
    await stats.record_act(connection, request.user_id, written[:ACT], request.now)


# ---- removing ----


async def _remove(request: Request, connection: AsyncConnection, typed: str) -> Message:
    """Remove an alias by its number in the list, or a name from the one that has it."""
    stored = await aliases.begin_change(connection)
    if typed.isdecimal():
        number = int(typed[:9])
        if not 1 <= number <= len(stored):
            raise UserError(_not_there(request, typed))
        return await _take_away(request, connection, stored[number - 1], ())
    for one in stored:
        if name := shared(one.names, (typed,)):
            left = tuple(other for other in one.names if other != name)
            return await _take_away(request, connection, one, left if len(left) > 1 else ())
    raise UserError(_not_there(request, typed))


def _not_there(request: Request, typed: str) -> Markup:
    say = request.words.say
    if typed and any(shared(one, (typed,)) for one in request.services.aliases.configured):
        return say("<b>{name}</b> stands in the configuration’s file; it can be removed there only.", name=typed)
    return say("No alias has <b>{name}</b>: /alias shows them.", name=typed[:100])


async def _take_away(request: Request, connection: AsyncConnection, one: StoredAlias, left: Group) -> Message:
    say = request.words.say
    await aliases.set_names(connection, one.id, left)
    await _record(request, connection, "unalias", left or one.names)
    undo = await _undo_button(request, connection, one.id, one.names, left)
    if left:
        gone = tuple(name for name in one.names if name not in left)
        text = say(
            "{gone} stands for itself again; {names} are still one name.",
            gone=_names(gone, request.words),
            names=_names(left, request.words),
        )
    else:
        text = say("{names} stand for themselves again.", names=_names(one.names, request.words))
    return Message(text, ((undo, *_all(request)),))


async def removal_pressed(request: Request, connection: AsyncConnection, button: UnaliasButton) -> tuple[Message, str]:
    """Remove an alias of the list."""
    stored = await aliases.begin_change(connection)
    one = next((one for one in stored if one.id == button.alias_id), None)
    if one is None:
        return await _page(request, connection, 0), ""
    return await _take_away(request, connection, one, ()), ""


# ---- undo ----


async def _undo_button(
    request: Request, connection: AsyncConnection, alias_id: int, before: Group, after: Group
) -> Button:
    payload = {"alias": alias_id, "before": list(before), "after": list(after)}
    offer_id = await request.offer(connection, UNDO, payload, UNDO_LASTS)
    return OfferButton(offer_id, Choice.UNDO).labelled(request.words.gettext("Undo"))


async def undo_taken(
    request: Request, connection: AsyncConnection, offer: Offer, choice: Choice | int, prepared: None
) -> tuple[Message, str]:
    """Make an alias what it was, unless somebody changed it, or needs its names, since."""
    listed = await aliases.begin_change(connection)
    stored = {one.id: one.names for one in listed}
    alias_id, before = int(offer.payload["alias"]), tuple(offer.payload["before"])
    others = [names for other, names in stored.items() if other != alias_id]
    if stored.get(alias_id, ()) != tuple(offer.payload["after"]) or any(shared(one, before) for one in others):
        raise UserError(request.words.gettext("That alias was changed since: /alias"))
    if before:
        __, in_file = _together(request, before, others)
        if alias_id not in stored and not in_file:
            _refuse_too_many(request, listed)
    if alias_id in stored:
        await aliases.set_names(connection, alias_id, before)
    else:
        await aliases.add(connection, before, request.now)
    await _record(request, connection, "undo alias", before or tuple(offer.payload["after"]))
    return await _page(request, connection, 0), request.words.gettext("As it was before.")
