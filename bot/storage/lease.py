"""The token of a lease: who holds it, and which of that run's claims it was."""

import secrets
from collections.abc import Collection

import sqlalchemy as sa


def new_token(run: str) -> str:
    """Return a token that nobody had before, signed by a run (`Database.run`)."""
    return f"{run}.{secrets.token_hex(8)}"


def run_of(token: str) -> str:
    """Return the run that signed a token; "" if none did."""
    run, signed, _ = token.partition(".")
    return run if signed else ""


def held_by(token: sa.ColumnElement[str | None], runs: Collection[str] | None) -> sa.ColumnElement[bool]:
    """Return "is of one of these runs" (None: of any)."""
    if runs is None:
        return sa.true()
    return sa.or_(sa.false(), *(token.startswith(f"{run}.") for run in runs))
