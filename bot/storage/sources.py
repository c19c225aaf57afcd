"""Sources: the queue of polls (due times and leases), and the results of polls."""

import functools
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.errors import SourceError
from bot.models import PollHints, Source, Validators
from bot.storage.database import insert_many, insert_new
from bot.storage.lease import held_by, new_token
from bot.storage.schema import UtcDateTime, entry, source, source_alias
from bot.storage.source_columns import dump_error, dump_hints, load_error, load_hints

ACTIVE, PAUSED, REMOVED = "active", "paused", "removed"
VALIDATORS_LAST = timedelta(days=8)  # some servers answer 304 for ever (NetNewsWire drops validators at this age too)


@dataclass(frozen=True, slots=True)
class SourceStatus:
    """A source as an admin sees it.

    `entries` counts those stored, `pages` those whose web page was read (0 where it is not read in full);
    `error` is why the last poll failed, or None.
    """

    id: int
    url: str
    title: str
    state: str
    language: str | None
    full_text: bool
    polled_at: datetime | None
    next_poll_at: datetime
    failures: int
    error: SourceError | None
    entries: int
    pages: int


@dataclass(frozen=True, slots=True)
class PollResult:
    """The columns that a successful poll changes in its source; None leaves a column as it is.

    Only `moved_to`, the address it was permanently redirected to, is stored as None too: it was not redirected. `size`,
    `ids_distinct` and `troubles` are known only of a document that was read whole.
    """

    moved_to: str | None = None
    validators: Validators | None = None
    body_hash: str | None = None
    title: str | None = None
    language: str | None = None
    poll_hints: PollHints | None = None
    rhythm: str | None = None
    size: int | None = None
    ids_distinct: bool | None = None
    troubles: tuple[str, ...] | None = None


async def add(
    connection: AsyncConnection,
    *,
    url: str,
    title: str,
    now: datetime,
    language: str | None = None,
    full_text: bool = False,
    revive: bool = True,
) -> tuple[int, bool]:
    """Add the source at `url` (canonical), due at once. Return its id and whether anything changed.

    `url` may be an address that the source had before it moved. A removed source comes back, with the keys it has
    shown, unless `revive` is false (the configuration file must not undo a removal made in chat).
    """
    was_there = sa.select(source_alias.c.source_id).where(source_alias.c.url == url)
    found = (
        await connection.execute(
            sa.select(source.c.id, source.c.state).where(sa.or_(source.c.url == url, source.c.id.in_(was_there)))
        )
    ).first()
    if found is not None:
        back = revive and found.state == REMOVED
        if back:
            values: dict[str, Any] = {
                "state": ACTIVE,
                "next_poll_at": now,
                "title": title,
                "failures": 0,
                "error": None,
            }
            values |= {"body_hash": None, "etag": None, "last_modified": None}  # as `set_state` does
            values |= {"full_text": True} if full_text else {}
            values["baseline_done"] = False  # entries published while it was removed are no news
            await connection.execute(source.update().where(source.c.id == found.id).values(values))
        return int(found.id), back
    statement = insert_new(connection, source).values(
        url=url,
        host=host_of(url),
        title=title,
        language=language,
        full_text=full_text,
        state=ACTIVE,
        next_poll_at=now,
        created_at=now,
    )
    added = statement.on_conflict_do_nothing().returning(source.c.id)
    new = (await connection.execute(added)).scalar_one_or_none()
    if new is None:  # another transaction added it between the two statements
        return int((await connection.execute(sa.select(source.c.id).where(source.c.url == url))).scalar_one()), False
    return int(new), True


async def set_state(connection: AsyncConnection, source_id: int, state: str, now: datetime) -> bool:
    """Set a source's state; return whether it changed.

    A source that becomes active is due now and loses its validators, so that the next poll gets a whole document: only
    that shows whether it names a hub.
    """
    statement = source.update().where(source.c.id == source_id, source.c.state != state)
    values: dict[str, Any] = {"state": state}
    if state == ACTIVE:
        values |= {"next_poll_at": now, "failures": 0, "body_hash": None, "etag": None, "last_modified": None}
    return (await connection.execute(statement.values(values))).rowcount == 1


async def set_full_text(connection: AsyncConnection, source_id: int, full_text: bool) -> None:
    """Set whether the web pages of a source's new entries are read."""
    await connection.execute(source.update().where(source.c.id == source_id).values(full_text=full_text))


async def make_due(connection: AsyncConnection, now: datetime, source_id: int | None = None) -> int:
    """Make one active source, or all of them, due at `now`; return how many."""
    statement = source.update().where(source.c.state == ACTIVE)
    if source_id is not None:
        statement = statement.where(source.c.id == source_id)
    return (await connection.execute(statement.values(next_poll_at=now))).rowcount


async def listing(connection: AsyncConnection) -> list[SourceStatus]:
    """Return every source that was not removed, in the order they were added."""
    entries = sa.select(sa.func.count()).where(entry.c.source_id == source.c.id).correlate(source).scalar_subquery()
    read = sa.select(sa.func.count()).where(entry.c.source_id == source.c.id, entry.c.page.is_not(None))
    pages = sa.case((source.c.full_text, read.correlate(source).scalar_subquery()), else_=0)
    columns = [source.c[name] for name in SourceStatus.__dataclass_fields__ if name not in {"entries", "pages"}]
    statement = (
        sa.select(*columns, entries.label("entries"), pages.label("pages"))
        .where(source.c.state != REMOVED)
        .order_by(source.c.id)
    )
    rows = (await connection.execute(statement)).mappings()
    return [SourceStatus(**{**row, "error": load_error(row["error"])}) for row in rows]


async def last_polled(connection: AsyncConnection) -> datetime | None:
    """Return when an active source was polled last: the last sign of life of any run. None if none was."""
    statement = sa.select(sa.func.max(source.c.polled_at)).where(source.c.state == ACTIVE)
    at: datetime | None = (await connection.execute(statement)).scalar_one()
    return at


async def is_any_due(connection: AsyncConnection, now: datetime, *, polled_before: datetime) -> bool:
    """Whether an active source is due that was not polled since a time, or is being polled."""
    behind = sa.or_(source.c.polled_at.is_(None), source.c.polled_at < polled_before)
    due = sa.or_(source.c.next_poll_at <= now, source.c.lease_until.is_not(None))
    statement = sa.select(source.c.id).where(source.c.state == ACTIVE, behind, due).limit(1)
    return (await connection.execute(statement)).first() is not None


async def claim_due(
    connection: AsyncConnection,
    now: datetime,
    *,
    limit: int,
    lease: timedelta,
    per_host: int | None = None,
    run: str = "",
) -> list[Source]:
    """Claim up to `limit` due sources, longest overdue first; nobody else polls them until `lease` ends.

    `run` (`Database.run`) is part of the lease tokens, so that `release` can end the leases of a run that was killed.
    No more than `per_host` sources of one host are leased at a time, by all runs: a hundred feeds of a slow server must
    not delay those of others.
    """
    ids = list((await connection.execute(_due(per_host), {"now": now, "number": limit})).scalars())
    if not ids:
        return []
    lease_of = {"ids": ids, "until": now + lease, "token": new_token(run)}
    return [_source(row, now) for row in (await connection.execute(_CLAIM, lease_of)).mappings()]


@functools.lru_cache  # built once: that takes longer than running it
def _due(per_host: int | None) -> sa.Select[Any]:
    now = sa.bindparam("now", type_=UtcDateTime)
    free = sa.or_(source.c.lease_until.is_(None), source.c.lease_until < now)
    is_due = sa.and_(source.c.state == ACTIVE, source.c.next_poll_at <= now, free)
    due = sa.select(source.c.id).where(is_due).order_by(source.c.next_poll_at, source.c.id)
    if per_host is not None:
        due = due.where(source.c.id.in_(_first_of_hosts(is_due, now, per_host)))
    return due.limit(sa.bindparam("number", type_=sa.Integer)).with_for_update(skip_locked=True)


_CLAIM = (
    source.update()
    .where(source.c.id.in_(sa.bindparam("ids", expanding=True)))
    .values(lease_until=sa.bindparam("until"), lease_token=sa.bindparam("token"))
    .returning(source)
)


def _first_of_hosts(is_due: sa.ColumnElement[bool], now: sa.ColumnElement[datetime], per_host: int) -> sa.Select[Any]:
    """Select the due sources that are among the first `per_host` of their host, leased ones counted."""
    leased = source.alias("leased")
    in_hand = (
        sa.select(leased.c.host, sa.func.count().label("number"))
        .where(leased.c.lease_until >= now)
        .group_by(leased.c.host)
        .subquery()
    )
    place = sa.func.row_number().over(partition_by=source.c.host, order_by=(source.c.next_poll_at, source.c.id))
    ranked = (
        sa.select(source.c.id, (place + sa.func.coalesce(in_hand.c.number, 0)).label("place"))
        .select_from(source.outerjoin(in_hand, in_hand.c.host == source.c.host))
        .where(is_due)
        .subquery()
    )
    return sa.select(ranked.c.id).where(ranked.c.place <= per_host)


def _source(row: Any, now: datetime) -> Source:
    fresh = row["validators_at"] is not None and now - row["validators_at"] < VALIDATORS_LAST
    return Source(
        id=row["id"],
        url=row["url"],
        title=row["title"],
        language=row["language"],
        full_text=row["full_text"],
        validators=Validators(row["etag"], row["last_modified"]) if fresh else Validators(),
        body_hash=row["body_hash"],
        failures=row["failures"],
        baseline_done=row["baseline_done"],
        lease_token=row["lease_token"],
        poll_hints=load_hints(row["wishes"] or {}),
        moved_to=row["moved_to"],
        moves=row["moves"],
        rhythm=row["rhythm"],
        ids_distinct=row["ids_distinct"],
        troubles=frozenset(row["troubles"] or ()),
    )


async def lock_active(connection: AsyncConnection, source_id: int, now: datetime) -> Source | None:
    """Return a source if it is active, and lock it until the transaction ends (PostgreSQL): others store nothing."""
    statement = sa.select(source).where(source.c.id == source_id, source.c.state == ACTIVE).with_for_update()
    row = (await connection.execute(statement)).mappings().first()
    return _source(row, now) if row else None


async def poll_soon(connection: AsyncConnection, source_id: int, now: datetime, fastest: timedelta) -> None:
    """Make a source due now, or when `fastest` since its last poll is over; a failing source keeps its time."""
    polled_at = (await connection.execute(sa.select(source.c.polled_at).where(source.c.id == source_id))).scalar_one()
    at = max(now, polled_at + fastest) if polled_at else now
    sooner = source.update().where(source.c.id == source_id, source.c.next_poll_at > at, source.c.failures == 0)
    await connection.execute(sooner.values(next_poll_at=at))


async def set_rhythm(connection: AsyncConnection, source_id: int, rhythm: str) -> None:
    """Store the rhythm of a source (`bot.sources.rhythm.dump`)."""
    await connection.execute(source.update().where(source.c.id == source_id).values(rhythm=rhythm))


async def release(connection: AsyncConnection, runs: Collection[str] | None) -> None:
    """End the leases of `runs`, which were killed; None: of all runs."""
    leased = source.update().where(held_by(source.c.lease_token, runs))
    await connection.execute(leased.values(lease_until=None, lease_token=None))


async def finish_poll(
    connection: AsyncConnection, polled: Source, now: datetime, result: PollResult, *, next_poll_at: datetime
) -> bool:
    """Record a poll that succeeded, in the transaction that stores its entries; False if the lease was lost."""
    values: dict[str, Any] = {
        name: value
        for name in ("title", "language", "body_hash", "size", "ids_distinct", "rhythm")
        if (value := getattr(result, name)) is not None
    }
    if result.troubles is not None:
        values["troubles"] = list(result.troubles)
    if result.validators is not None:
        values |= {"etag": result.validators.etag, "last_modified": result.validators.last_modified}
        values |= {} if result.validators == polled.validators else {"validators_at": now}
    if result.poll_hints is not None:
        values["wishes"] = dump_hints(result.poll_hints)
    values |= {"moved_to": result.moved_to, "moves": _moves(polled, result.moved_to)}
    values |= {"failures": 0, "error": None, "error_kind": None, "ok_at": now, "baseline_done": True}
    return await _release(connection, polled, now, next_poll_at, values)


def _moves(polled: Source, moved_to: str | None) -> int:
    """Return how many polls in a row were permanently redirected to this address."""
    if moved_to is None:
        return 0
    return polled.moves + 1 if moved_to == polled.moved_to else 1


async def record_unchanged(connection: AsyncConnection, polls: Sequence[tuple[Source, datetime, datetime]]) -> None:
    """Record polls (source, time, next poll) in which nothing changed, not even the validators, in one statement.

    A poll whose lease was lost to another poller changes nothing.
    """
    rows = [
        {"id_": polled.id, "token": polled.lease_token, "at": at, "next_at": next_at} for polled, at, next_at in polls
    ]
    await connection.execute(_RECORD_UNCHANGED, rows)


_RECORD_UNCHANGED = (
    source.update()
    .where(source.c.id == sa.bindparam("id_"), source.c.lease_token == sa.bindparam("token"))
    .values(
        polled_at=sa.bindparam("at"),
        ok_at=sa.bindparam("at"),
        next_poll_at=sa.bindparam("next_at"),
        lease_until=None,
        lease_token=None,
    )
)


async def requeue(connection: AsyncConnection, polls: Sequence[tuple[Source, datetime]]) -> None:
    """End the leases of polls (source, next poll) that could not be stored."""
    mine = sa.and_(source.c.id == sa.bindparam("id_"), source.c.lease_token == sa.bindparam("token"))
    statement = source.update().where(mine)
    statement = statement.values(next_poll_at=sa.bindparam("next_at"), lease_until=None, lease_token=None)
    rows = [{"id_": polled.id, "token": polled.lease_token, "next_at": next_at} for polled, next_at in polls]
    await connection.execute(statement, rows)


async def fail_poll(
    connection: AsyncConnection,
    polled: Source,
    now: datetime,
    *,
    next_poll_at: datetime,
    error: SourceError,
) -> bool:
    """Record a poll that failed; False if the lease was lost to another poller."""
    values = {"failures": polled.failures + 1, "error": dump_error(error), "error_kind": str(error.kind)}
    return await _release(connection, polled, now, next_poll_at, values)


async def _release(
    connection: AsyncConnection, polled: Source, now: datetime, next_poll_at: datetime, values: dict[str, Any]
) -> bool:
    mine = sa.and_(source.c.id == polled.id, source.c.lease_token == polled.lease_token)
    values |= {"polled_at": now, "next_poll_at": next_poll_at, "lease_until": None, "lease_token": None}
    return (await connection.execute(source.update().where(mine).values(values))).rowcount == 1


async def move(connection: AsyncConnection, polled: Source, url: str) -> bool:
    """Give a source the address (canonical) that it permanently redirects to; return whether that was done.

    Its old address is stored as an alias. If another source has the new one, this one is removed: they are the same.
    If an admin removed that other one, nothing is changed.
    """
    same = (await connection.execute(sa.select(source.c.id, source.c.state).where(source.c.url == url))).first()
    if same is not None and same.state == REMOVED:
        return False
    update = source.update().where(source.c.id == polled.id)
    if same is not None:
        await connection.execute(update.values(state=REMOVED))
        return True
    await insert_many(connection, source_alias, [{"url": polled.url, "source_id": polled.id}])
    await connection.execute(update.values(url=url, host=host_of(url), moved_to=None, moves=0))
    return True


def host_of(url: str) -> str:
    """Return the host of an address, "" if it has none."""
    return urlsplit(url).hostname or ""
