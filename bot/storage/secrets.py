"""Secrets: random keys that the bot generates once and all its processes share."""

import secrets

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from bot.storage.database import insert_new
from bot.storage.schema import secret

BYTES = 32


async def get(connection: AsyncConnection, name: str) -> bytes:
    """Return the secret of this name; generate and store it if there is none."""
    new = insert_new(connection, secret).values(name=name, value=secrets.token_hex(BYTES))
    await connection.execute(new.on_conflict_do_nothing())
    value: str = (await connection.execute(sa.select(secret.c.value).where(secret.c.name == name))).scalar_one()
    return bytes.fromhex(value)
