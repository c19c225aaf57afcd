"""Proxy in front of PostgreSQL that loses the answer to a COMMIT: it was committed, and its client cannot know."""

import asyncio
import re
from types import TracebackType
from typing import Self

from sqlalchemy.engine import make_url

COMMIT = b"COMMIT\x00"  # the command, and the tag of the server's answer (PostgreSQL: Message Formats, CommandComplete)
CHUNK = 65_536


class CommitProxy:
    """A proxy on a port of this machine. `lose` arms it; `lost` counts the answers that it kept from their client."""

    def __init__(self, database_url: str) -> None:
        self._upstream = make_url(database_url)
        self._armed: re.Pattern[bytes] | None = None
        self.lost = 0
        self._connections: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        """Listen."""
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Close the port and every connection."""
        self._server.close()
        for connection in self._connections:
            connection.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    @property
    def url(self) -> str:
        """The URL of the database by way of this proxy."""
        port = self._server.sockets[0].getsockname()[1]
        return f"postgresql://{self._upstream.username}@127.0.0.1:{port}/{self._upstream.database}"

    def lose(self, statement: str) -> None:
        """Lose the answer to the next COMMIT of a transaction with such a statement (a regular expression)."""
        self._armed = re.compile(statement.encode(), re.DOTALL)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connection = asyncio.get_running_loop().create_task(self._serve(reader, writer))
        self._connections.add(connection)
        connection.add_done_callback(self._connections.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        folder = self._upstream.query["host"]
        server_reader, server_writer = await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.5432")
        doomed = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._ask(reader, server_writer, doomed))
                group.create_task(self._answer(server_reader, writer, doomed))
        except* ConnectionError:
            pass
        finally:
            writer.transport.abort()
            server_writer.transport.abort()

    async def _ask(self, client: asyncio.StreamReader, server: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        """Pass on what the client sends, and look at each transaction's statements."""
        said = b""
        while chunk := await client.read(CHUNK):
            said += chunk
            if chunk.find(COMMIT) >= 0:
                if self._armed is not None and self._armed.search(said):
                    self._armed = None
                    doomed.set()
                said = b""
            server.write(chunk)
            await server.drain()
        raise ConnectionResetError

    async def _answer(self, server: asyncio.StreamReader, client: asyncio.StreamWriter, doomed: asyncio.Event) -> None:
        """Pass on what the server sends, unless it is the answer that is to be lost."""
        while chunk := await server.read(CHUNK):
            if doomed.is_set() and chunk.find(COMMIT) >= 0:
                self.lost += 1
                break
            client.write(chunk)
            await client.drain()
        raise ConnectionResetError
