"""Parser of times and time zones as people type them.

`parse_zone` returns a key of `bot.runtime.zone_rules`. Typed text is only compared with a list of known names: it never
becomes part of a file name.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Mapping
from datetime import UTC, datetime, time, timedelta
from functools import cache
from importlib.resources import files

from babel import Locale
from babel.core import get_global
from rapidfuzz import fuzz, process

from bot.errors import UserError
from bot.locales import Words
from bot.runtime.zone_rules import fixed_offset, known_zones, zone_info

EASTMOST, WESTMOST = timedelta(hours=14), timedelta(hours=-12)
ALIKE = 75  # likeness (0 to 100) of a typing error
SHOWN = 6  # zones offered when several fit

# Abbreviations that mean different clocks in different places, or a clock without its summer time.
AMBIGUOUS: Mapping[str, tuple[str, ...]] = {
    "ast": ("America/Halifax", "Asia/Riyadh"),
    "bst": ("Europe/London", "Asia/Dhaka"),
    "cdt": ("America/Chicago", "America/Havana"),
    "cst": ("America/Chicago", "Asia/Shanghai", "America/Havana"),
    "edt": ("America/New_York", "America/Toronto"),
    "est": ("America/New_York", "America/Panama", "America/Toronto"),
    "gst": ("Asia/Dubai", "Atlantic/South_Georgia"),
    "ist": ("Asia/Kolkata", "Asia/Jerusalem", "Europe/Dublin"),
    "mst": ("America/Denver", "America/Phoenix"),
    "mdt": ("America/Denver",),
    "pst": ("America/Los_Angeles", "Asia/Manila"),
    "pdt": ("America/Los_Angeles",),
    "sst": ("Asia/Singapore", "Pacific/Pago_Pago"),
}
SHORT_COUNTRIES: Mapping[str, str] = {"uk": "GB", "usa": "US", "us": "US", "uae": "AE"}

_OFFSET = re.compile(r"(?:utc|gmt)?\s*([+\-−–])\s*(\d{1,2})(?::?([0-5]\d))?", re.IGNORECASE)
_TIME = re.compile(r"(\d{1,2})(?:\s*[:.h٫]\s*(\d{2})|(?<=\d\d)(\d{2}))?\s*(am|pm|a\.m\.|p\.m\.|h|uhr)?", re.IGNORECASE)


def parse_time(text: str, words: Words) -> time:
    """Return the time of day in `text`: "8", "08:30", "8pm", "20.15", "0815", "noon"; else UserError."""
    _ = words.gettext
    typed = text.strip()
    if typed.casefold() in ("noon", "midnight"):
        return time(12 if typed.casefold() == "noon" else 0)
    found = _TIME.fullmatch(typed)
    if not found:
        raise UserError(_("Send a time such as 8, 08:30 or 8pm."))
    hour, minute = int(found[1]), int(found[2] or found[3] or 0)
    half = (found[4] or "")[:1].lower()
    if half in ("a", "p"):
        hour = hour % 12 + (12 if half == "p" else 0) if 1 <= hour <= 12 else 24
    if hour > 23 or minute > 59:
        raise UserError(_("A day goes from 00:00 to 23:59. Send a time such as 8, 08:30 or 8pm."))
    return time(hour, minute)


def parse_zone(text: str, words: Words) -> str:
    """Return the key of the zone `text` names: an IANA name, a city, a country with one clock, or "UTC+3".

    Case, accents and spaces or underscores do not matter; cities and countries are known in English and the reader's
    language. Raises UserError: which zones it may be, or the nearest name.
    """
    _ = words.gettext
    typed = _plain(text)
    if (offset := _fixed(typed, words)) is not None:
        return offset
    found = AMBIGUOUS.get(typed) or _names(words.locale).get(typed, ())
    if len(found) == 1:
        return found[0]
    if found:
        choice = ", ".join(found[:SHOWN])
        raise UserError(
            _("{zone} can be more than one zone. Send one of: {choice}.").format(zone=text[:40], choice=choice)
        )
    near = process.extractOne(typed, _names(words.locale).keys(), scorer=fuzz.ratio, score_cutoff=ALIKE)
    if near:
        choice = ", ".join(_names(words.locale)[near[0]][:SHOWN])
        raise UserError(_("I know no zone {zone}. Did you mean {choice}?").format(zone=text[:40], choice=choice))
    raise UserError(_("I know no zone {zone}. Send a big city near you, or UTC+3.").format(zone=text[:40]))


def _fixed(typed: str, words: Words) -> str | None:
    """Return the key of an offset from UTC, None if `typed` is none; UserError if no place on Earth has it."""
    if typed in ("utc", "gmt", "z", "zulu"):
        return "UTC"
    found = _OFFSET.fullmatch(typed)
    if not found:
        return None
    offset = fixed_offset("+" if found[1] == "+" else "-", found[2], found[3] or "0")
    if not WESTMOST <= offset <= EASTMOST or offset % timedelta(minutes=15):
        raise UserError(words.gettext("Offsets go from UTC-12 to UTC+14. Send one such as UTC+3 or UTC+5:30."))
    minutes = abs(offset) // timedelta(minutes=1)
    return f"UTC{'-' if offset < timedelta() else '+'}{minutes // 60:02}:{minutes % 60:02}" if offset else "UTC"


@cache
def _names(locale: str) -> dict[str, tuple[str, ...]]:
    """Return the keys each name may mean: IANA names, their last part, and cities and countries in `locale`."""
    names: dict[str, tuple[str, ...]] = {}
    for key in sorted(key for key in known_zones() if key[0].isupper() and key != "Factory"):
        found = (_canonical(key),)
        names[_plain(key)] = found
        names.setdefault(_plain(key.rpartition("/")[2]), found)
    for language in dict.fromkeys(("en", locale)):
        for name, keys in (*_cities(language), *_countries(language)):
            names.setdefault(_plain(name), keys)
    return names


def _canonical(key: str) -> str:
    """Return the place behind a name from before zones were named after places ("Egypt", "GB"), else the key."""
    return key if "/" in key else get_global("zone_aliases").get(key, key)


def _cities(locale: str) -> list[tuple[str, tuple[str, ...]]]:
    zones = Locale.parse(locale).time_zones
    return [(zones[key]["city"], (key,)) for key in zones if key in known_zones() and "city" in zones[key]]


def _countries(locale: str) -> list[tuple[str, tuple[str, ...]]]:
    names = Locale.parse(locale).territories
    zones = _zones_by_country()
    short = [(name, zones[code]) for name, code in SHORT_COUNTRIES.items()]
    return [(names[code], found) for code, found in zones.items() if code in names] + short


@cache
def _zones_by_country() -> dict[str, tuple[str, ...]]:
    """Return one zone for each different clock of a country, in the order of the zone database's own table.

    Clocks are compared over 2025: zones that differed only in the past are one for a reader.
    """
    table = files("tzdata.zoneinfo").joinpath("zone.tab").read_text(encoding="utf-8")
    found: defaultdict[str, dict[tuple[timedelta | None, ...], str]] = defaultdict(dict)
    for line in table.splitlines():
        if not line.startswith("#"):
            country, _, key = line.split("\t")[:3]
            found[country].setdefault(_clock(key), key)
    return {country: tuple(zones.values()) for country, zones in found.items()}


def _clock(key: str) -> tuple[timedelta | None, ...]:
    zone = zone_info(key)
    return tuple(datetime(2025, month, 15, tzinfo=UTC).astimezone(zone).utcoffset() for month in range(1, 13))


def _plain(text: str) -> str:
    """Return a name without case, accents, and the choice between spaces and underscores."""
    letters = unicodedata.normalize("NFKD", text.replace("_", " ")).casefold()
    return " ".join("".join(letter for letter in letters if not unicodedata.combining(letter)).split())
