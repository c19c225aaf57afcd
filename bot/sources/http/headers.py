"""Response headers: retry and cache times, validators, and WebSub links. Pure."""

import re
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from bot.models import Validators

RETRY_SOONEST = timedelta(minutes=1)
RETRY_LATEST = timedelta(days=1)
_VALIDATOR_LENGTH = 1024
_LINKS_LENGTH = 8192
_LINK = re.compile(r'<([^<>]*)>((?:\s*;[^;,<>"]*(?:"[^"]*")?)*)')
_REL = re.compile(r';\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))', re.IGNORECASE)
_MAX_AGE = re.compile(r'(?:^|[\s,])max-age\s*=\s*"?(\d+)', re.IGNORECASE)


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return the delay that `Retry-After` requests (RFC 9110, 10.2.3), between a minute and a day, or None.

    A date is relative to the server's own clock (`Date`), if given.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isascii() and value.isdigit():
        wait = _seconds(value)
    elif date := http_date(value):
        wait = date - (http_date(headers.get("Date", "")) or now)
    else:
        return None
    return min(max(wait, RETRY_SOONEST), RETRY_LATEST)


def fresh_for(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """Return how long the answer stays fresh (RFC 9111, 4.2.1: `max-age` before `Expires`), at most a day, or None."""
    if age := _MAX_AGE.search(headers.get("Cache-Control", "")):
        fresh = _seconds(age[1])
    elif expires := http_date(headers.get("Expires", "")):
        fresh = expires - (http_date(headers.get("Date", "")) or now)
    else:
        return None
    return min(fresh, RETRY_LATEST) if fresh > timedelta() else None


def validators(headers: Mapping[str, str]) -> Validators:
    """Return the validators to send next time, verbatim; one that is over-long or unprintable is left out."""
    return Validators(_opaque(headers.get("ETag")), _opaque(headers.get("Last-Modified")))


def hub_and_self(links: Sequence[str]) -> tuple[str | None, str | None]:
    """Return the first WebSub hub and the document's own address in `Link` headers (RFC 8288), as written."""
    found: dict[str, str] = {}
    for address, parameters in _LINK.findall(", ".join(links)[:_LINKS_LENGTH]):
        rel = _REL.search(parameters)
        for name in (rel[1] or rel[2]).lower().split() if rel else ():
            found.setdefault(name, address.strip())
    return found.get("hub"), found.get("self")


def http_date(value: str) -> datetime | None:
    """Return an HTTP date as aware UTC, or None for anything else."""
    try:
        date = parsedate_to_datetime(value)
        return date.astimezone(UTC) if date.tzinfo else date.replace(tzinfo=UTC)
    except (ValueError, TypeError, OverflowError):
        return None


def _seconds(digits: str) -> timedelta:
    return timedelta(seconds=int(digits[:9]))  # nine digits are thirty years: enough to be clamped


def _opaque(value: str | None) -> str | None:
    if value and len(value) <= _VALIDATOR_LENGTH and value.isprintable():
        return value
    return None
