import zoneinfo
from datetime import UTC, datetime, timedelta

from bot.runtime.zone_rules import pin_zone_rules, zone_info


def test_a_zone_that_is_no_longer_known_is_utc() -> None:
    assert zone_info("Europe/Atlantis") is UTC
    assert zone_info("../../etc/passwd") is UTC


def test_a_fixed_offset_has_no_summer_time() -> None:
    zone = zone_info("UTC-03:30")
    for month in (1, 7):
        assert datetime(2026, month, 1, tzinfo=zone).utcoffset() == -timedelta(hours=3, minutes=30)


def test_pinned_rules_come_from_the_package() -> None:
    before = zoneinfo.TZPATH
    try:
        pin_zone_rules()
        assert zoneinfo.TZPATH == ()
        assert zone_info("Europe/Berlin") is not UTC
    finally:
        zoneinfo.reset_tzpath(to=before)
