"""Lease tokens: the run that holds a lease, and the number of its claim."""

import secrets
from collections.abc import Collection

import sqlalchemy as sa


def new_token(run: str) -> str:
    """Return a new, unique token that begins with the name of a run (`Database.run`)."""
    return f"{run}.{secrets.token_hex(8)}"


def run_of(token: str) -> str:
    """Return the run that a token begins with; "" for a token without one."""
    run, signed, _ = token.partition(".")
    return run if signed else ""


def held_by(token: sa.ColumnElement[str | None], runs: Collection[str] | None) -> sa.ColumnElement[bool]:
    """Return the condition that a token is of one of these runs (None: of any)."""
    if runs is None:
        return sa.true()
    return sa.or_(sa.false(), *(token.startswith(f"{run}.") for run in runs))
