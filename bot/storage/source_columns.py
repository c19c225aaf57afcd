"""Columns of a source that hold JSON: its polling hints, and its last failure."""

import json
from datetime import timedelta
from typing import Any

from bot.errors import SourceError, SourceFault
from bot.models import PollHints


def load_hints(stored: dict[str, Any]) -> PollHints:
    """Return the polling hints that `dump_hints` wrote."""
    ttl = stored.get("ttl")
    return PollHints(
        timedelta(seconds=ttl) if ttl else None, frozenset(stored.get("hours", ())), frozenset(stored.get("days", ()))
    )


def dump_hints(hints: PollHints) -> dict[str, Any]:
    """Return polling hints as JSON: seconds, hours (UTC) and days (0 is Monday)."""
    ttl = hints.ttl.total_seconds() if hints.ttl else None
    return {"ttl": ttl, "hours": sorted(hints.skip_hours), "days": sorted(hints.skip_days)}


def dump_error(error: SourceError) -> str:
    """Return a failure as JSON: its fault and values, so that it can be shown in any language."""
    return json.dumps({"fault": error.fault, "values": error.values})


def load_error(text: str | None) -> SourceError | None:
    """Return the failure that `dump_error` wrote; one of another version, or in words, as UNKNOWN with its text."""
    if text is None:
        return None
    try:
        stored = json.loads(text)
        return SourceError(SourceFault(stored["fault"]), **stored["values"])
    except (ValueError, KeyError, TypeError):
        return SourceError(SourceFault.UNKNOWN, text=text)
