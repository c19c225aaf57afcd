"""Schedules: pure functions that compute when something is due.

In: a moment, a time of day and a time zone. Out: moments (UTC), and the keys that keep a digest from being made twice.
Not here: what is due (a query of `bot.storage`), and what is sent.

- digests.py  when hourly, daily and weekly digests are due
- zones.py    time zones, and how people name them
"""
