"""Zone rules: the time zone of a key, by the rules of the pinned `tzdata` package.

A key is an IANA name ("Europe/Berlin") or a fixed offset ("UTC+05:30"). `bot.schedules.zones` parses what people type
into one.
"""

import re
import zoneinfo
from datetime import UTC, timedelta, timezone, tzinfo
from functools import cache, lru_cache

_KEY = re.compile(r"UTC([+-])(\d\d):(\d\d)", re.ASCII)


def pin_zone_rules() -> None:
    """Take zone rules from the pinned `tzdata` package, not the machine: call once at start, before the first zone."""
    zoneinfo.reset_tzpath(to=())
    zoneinfo.ZoneInfo.clear_cache()
    for cached in (known_zones, zone_info):
        cached.cache_clear()


@cache
def known_zones() -> frozenset[str]:
    """Return every IANA name there is a file for: the only names that are ever opened."""
    return frozenset(zoneinfo.available_timezones())


@lru_cache(maxsize=1024)
def zone_info(key: str) -> tzinfo:
    """Return the zone of a key that `parse_zone` gave; UTC for one that is no longer known (zones get removed)."""
    if found := _KEY.fullmatch(key):
        return timezone(fixed_offset(found[1], found[2], found[3]))
    return zoneinfo.ZoneInfo(key) if key in known_zones() else UTC


def fixed_offset(sign: str, hours: str, minutes: str) -> timedelta:
    """Return an offset from UTC, from its sign ("-" is west) and digits."""
    length = timedelta(hours=int(hours), minutes=int(minutes))
    return -length if sign == "-" else length
