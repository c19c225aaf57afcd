"""Actions of admins on aliases: add names, remove them, and undo either.

An alias made in chat and an alias of the configuration's file that share a name are one. No change may join two aliases
that an admin wrote, nor two of the file. `configured` are the aliases of the file.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum

from sqlalchemy.ext.asyncio import AsyncConnection

from bot.actions.refused import Refused
from bot.matching.engine.aliases import MOST_ALIASES, Group, joined, place_first, place_of, shared
from bot.matching.query.ast import Exact
from bot.search.recent import Week
from bot.storage import aliases, offers, stats
from bot.storage.aliases import StoredAlias
from bot.storage.chats import Chat
from bot.storage.offers import OfferKind

ENOUGH = 200  # articles of a week: of fewer, the share that has a name says nothing
COMMON = 10  # of 100 articles
UNDO_LASTS = timedelta(hours=1)
LONGEST_ACT = 200  # characters of an act that are stored

Check = Callable[[Group], object]  # raises UserError for names that cannot be one alias


class AliasRefusal(Enum):
    """Why an action on aliases was refused."""

    TOO_COMMON = "too common"  # `name` is in `share` of 100 articles
    TWO_ALIASES = "two aliases"  # `one` and `other`, the main names of both
    TOO_MANY = "too many"  # `most`
    IN_FILE = "in file"  # `name` is an alias's of the file, which chat cannot change
    NOT_FOUND = "alias not found"  # `name`
    CHANGED = "changed"  # since the change that is to be undone


@dataclass(frozen=True, slots=True)
class AliasChange:
    """A change of an alias made in chat: its names `before` and `after`, () where it does not exist.

    `names` are all that are one name after it, those of the file included; after a removal they are `after`.
    `alias_id` is None if nothing changed, because the names were one already.
    """

    alias_id: int | None
    before: Group
    after: Group
    names: Group


async def check_common(names: Group, week: Week) -> None:
    """Raise Refused if one of the names, and no place's, is in too many articles of the week."""
    await week.glance()
    if len(week) < ENOUGH:
        return
    for name, found in zip(names, await week.find([Exact(name) for name in names]), strict=True):
        share = round(100 * len(found.entries) / len(week))
        if share >= COMMON and place_of(name) is None:
            raise Refused(AliasRefusal.TOO_COMMON, name=name, share=share)


async def add(
    connection: AsyncConnection,
    names: Group,
    *,
    configured: Sequence[Group],
    check: Check,
    admin_id: int,
    now: datetime,
) -> AliasChange:
    """Create an alias, or add the names to the alias made in chat that has one of them."""
    stored = await aliases.begin_change(connection)
    same = [alias for alias in stored if shared(alias.names, names)]
    if len(same) > 1:
        raise _two_aliases(same[0].names, same[1].names)
    before = same[0].names if same else ()
    (after,) = joined([before, names]) if before else (names,)
    others = [alias.names for alias in stored if alias not in same]
    whole, in_file = _whole(after, others, configured, check)
    if len(after) == len(before) or len(whole) == len(in_file):
        return AliasChange(None, before, before, whole)
    if not same and not in_file:
        _check_number(stored, configured)
    alias_id = await _write(connection, same[0].id if same else None, after, now)
    await _record(connection, "alias", after, admin_id, now)
    return AliasChange(alias_id, before, after, whole)


async def remove(
    connection: AsyncConnection, typed: str, *, configured: Sequence[Group], admin_id: int, now: datetime
) -> AliasChange:
    """Remove an alias by its number in the list (from 1), or one name from the alias that has it."""
    stored = await aliases.begin_change(connection)
    if typed.isdecimal():
        number = int(typed[:9])
        if not 1 <= number <= len(stored):
            raise _not_found(typed, configured)
        return await _remove(connection, stored[number - 1], (), admin_id, now)
    for alias in stored:
        if name := shared(alias.names, (typed,)):
            left = tuple(other for other in alias.names if other != name)
            return await _remove(connection, alias, left if len(left) > 1 else (), admin_id, now)
    raise _not_found(typed, configured)


async def remove_by_id(connection: AsyncConnection, alias_id: int, admin_id: int, now: datetime) -> AliasChange | None:
    """Remove an alias; return None if it was removed before."""
    for alias in await aliases.begin_change(connection):
        if alias.id == alias_id:
            return await _remove(connection, alias, (), admin_id, now)
    return None


async def offer_undo(connection: AsyncConnection, chat: Chat, change: AliasChange, admin_id: int, now: datetime) -> int:
    """Offer the admin to undo a change; return the offer's id."""
    payload = {"alias": change.alias_id, "before": list(change.before), "after": list(change.after)}
    return await offers.make(
        connection,
        chat_id=chat.id,
        user_id=admin_id,
        kind=OfferKind.ALIAS_UNDO,
        payload=payload,
        now=now,
        lasts=UNDO_LASTS,
    )


async def undo(
    connection: AsyncConnection,
    change: AliasChange,
    *,
    configured: Sequence[Group],
    check: Check,
    admin_id: int,
    now: datetime,
) -> AliasChange:
    """Restore the names that an alias had before a change.

    Refused if it was changed since, or if another alias has one of the names now.
    """
    stored = await aliases.begin_change(connection)
    current = next((alias for alias in stored if alias.id == change.alias_id), None)
    others = [alias.names for alias in stored if alias is not current]
    before = change.before
    if (current.names if current else ()) != change.after or any(shared(other, before) for other in others):
        raise Refused(AliasRefusal.CHANGED)
    if before:
        __, in_file = _whole(before, others, configured, check)
        if current is None and not in_file:
            _check_number(stored, configured)
    alias_id = await _write(connection, current.id if current else None, before, now)
    await _record(connection, "undo alias", before or change.after, admin_id, now)
    return AliasChange(alias_id, change.after, before, before)


def _whole(names: Group, others: Iterable[Group], configured: Sequence[Group], check: Check) -> tuple[Group, Group]:
    """Return all the names that would be one with `names`, and those of them that are one in the file.

    `others` are the other aliases made in chat: by a name of theirs, too, two aliases of the file must not become one.
    """
    whole = next(group for group in joined([*configured, *others, names]) if shared(group, names))
    in_file = [group for group in configured if shared(group, whole)]
    if len(in_file) > 1:
        raise _two_aliases(in_file[0], in_file[1])
    check(place_first(whole))
    return whole, in_file[0] if in_file else ()


def _check_number(stored: Iterable[StoredAlias], configured: Sequence[Group]) -> None:
    """Raise Refused if there are as many aliases as a file may have, those of the file counted."""
    if len(joined([*configured, *(alias.names for alias in stored)])) >= MOST_ALIASES:
        raise Refused(AliasRefusal.TOO_MANY, most=MOST_ALIASES)


def _two_aliases(first: Group, second: Group) -> Refused:
    return Refused(AliasRefusal.TWO_ALIASES, one=first[0], other=second[0])


def _not_found(typed: str, configured: Sequence[Group]) -> Refused:
    if typed and any(shared(group, (typed,)) for group in configured):
        return Refused(AliasRefusal.IN_FILE, name=typed)
    return Refused(AliasRefusal.NOT_FOUND, name=typed[:100])


async def _remove(
    connection: AsyncConnection, alias: StoredAlias, left: Group, admin_id: int, now: datetime
) -> AliasChange:
    await aliases.set_names(connection, alias.id, left)
    await _record(connection, "unalias", left or alias.names, admin_id, now)
    return AliasChange(alias.id, alias.names, left, left)


async def _write(connection: AsyncConnection, alias_id: int | None, names: Group, now: datetime) -> int:
    """Store the names of an alias, or of a new one, and return its id."""
    if alias_id is None:
        return await aliases.add(connection, names, now)
    await aliases.set_names(connection, alias_id, names)
    return alias_id


async def _record(connection: AsyncConnection, act: str, names: Group, admin_id: int, now: datetime) -> None:
    written = f"{act} {names[0]} = {', '.join(names[1:])}"
    await stats.record_act(connection, admin_id, written[:LONGEST_ACT], now)
