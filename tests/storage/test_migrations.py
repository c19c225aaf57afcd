"""Migrations of rows that an older version wrote."""

import asyncio
from datetime import UTC, datetime

import pytest
import sqlalchemy as sa
from alembic import command

from bot.errors import SourceFault
from bot.locales import words
from bot.messages.source_troubles import explain
from bot.storage import sources
from bot.storage.database import Database, alembic_config

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SENTENCES = [  # as version 0007 stored them, one of each template
    "There is no address.",
    "The address is longer than 2048 characters.",
    "The address has a space, a backslash or a control character in it.",
    "This is not a web address.",
    "Only http and https addresses can be watched.",
    "Please leave the user name and password out of the address.",
    "The address names no host.",
    "The address has an odd host name.",
    "This address is not on the public internet.",
    "This port may not be used.",
    "A secret is sent over https only.",
    "The host name could not be found.",
    "The server could not be reached.",
    "The server closed the connection without an answer.",
    "A secure connection could not be made: the certificate or the handshake failed.",
    "The server did not answer within 20 seconds.",
    "The server did not answer within 0.5 seconds.",
    "The address was redirected more than 5 times.",
    "The address was redirected to something that cannot be fetched.",
    "The server refuses to serve us (status 403).",
    "The server says that this document is gone for good.",
    "There is nothing at this address (status 404).",
    "The server answered with status 503.",
    "The server's answer broke off.",
    "The server's answer is not proper HTTP.",
    "The document is larger than 5 MiB.",
    "The document is larger than 1.43 MiB.",
    "The document is larger than 9.54e-07 MiB.",
    "The answer is announced as gzip and is not.",
    "The answer is compressed in a way nobody asked for.",
    "The compressed answer is damaged.",
    "The compressed answer ends too early.",
    "The document is empty.",
    "This document is not a feed.",
    "This is a web page, not a feed.",
    "This is JSON, but not a JSON Feed.",
    "The document declares XML entities, which are not accepted.",
    "The document could not be read (ZeroDivisionError).",
    "Reading the document took too long.",
    "Reading the document took too much memory.",
    "Reading the document took too much time or memory.",
    "Reading the document stopped half-way.",
    "This is not a web page.",
    "Another poll of this source was faster.",
    "Reading it took too long.",
    "Something in Watchword broke; the log says what.",
    "A sentence of a version that nobody remembers, “quoted”.",
]
LATER = {SourceFault.MANY_MEMBERS}  # of versions that stored data from the beginning
NOT_OF_POLLS = {
    SourceFault.NO_FEED_FOUND,
    *(SourceFault.NOT_OPML, SourceFault.DEEP_OPML, SourceFault.LARGE_OPML, SourceFault.MANY_FEEDS),
    *(SourceFault.PAGE_UNREADABLE, SourceFault.PAGE_ADDS_NOTHING, SourceFault.PAGE_OF_SOMETHING_ELSE),
    *(SourceFault.PAGE_TOO_LONG, SourceFault.ROBOTS_UNREADABLE, SourceFault.ROBOTS_DISALLOW),
    SourceFault.ROBOTS_NOT_FETCHED,
}


@pytest.fixture
def old(database_url: str) -> Database:
    return Database(database_url)


async def test_why_sources_failed_is_still_told_after_the_sentences_became_data(old: Database) -> None:
    def tables_of_0007(connection: sa.Connection) -> None:
        config = alembic_config()
        config.attributes["connection"] = connection
        command.upgrade(config, "0007")

    columns = "url, error_kind, error, next_poll_at, created_at, host, title, state"
    columns += ", full_text, failures, baseline_done, moves, size, ids_distinct"
    row = ":url, :kind, :error, :at, :at, '', '', 'active', false, 1, true, 0, 0, false"
    async with old.begin() as connection:
        await connection.run_sync(tables_of_0007)
        statement = sa.text(f"INSERT INTO source ({columns}) VALUES ({row})")
        at = NOW.replace(tzinfo=None).isoformat(sep=" ") if old.is_sqlite else NOW
        for number, sentence in enumerate([*SENTENCES, None]):
            kind = None if sentence is None else "http"
            await connection.execute(statement, {"url": f"https://{number}", "at": at, "kind": kind, "error": sentence})
    await old.migrate()
    async with old.read() as connection:
        found = await sources.listing(connection)
        kinds = list((await connection.execute(sa.text("SELECT error_kind FROM source ORDER BY id"))).scalars())
    await old.close()

    errors = [status.error for status in found]
    assert [explain(error) for error in errors if error] == SENTENCES
    assert errors[-1] is None
    assert kinds == ["http"] * len(SENTENCES) + [None]
    assert {error.fault for error in errors if error} == set(SourceFault) - NOT_OF_POLLS - LATER
    unknown = [error.values for error in errors if error and error.fault is SourceFault.UNKNOWN]
    assert unknown == [{"text": SENTENCES[-1]}]
    (blocked,) = [error for error in errors if error and error.fault is SourceFault.BLOCKED]
    assert explain(blocked, words("ar")) == "يرفض الخادم خدمتنا (الحالة 403)."


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
async def test_runs_that_start_at_the_same_moment_make_the_tables_once(database_url: str) -> None:
    databases = [Database(database_url) for _ in range(3)]
    await asyncio.gather(*(database.migrate() for database in databases))
    for database in databases:
        await database.close()
