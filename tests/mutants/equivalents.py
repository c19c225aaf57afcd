"""Equivalent mutants: changes that make no difference to anybody, by file and id, each with the reason.

They are not tried, and count neither as killed nor as survivors. A function that changes gives its mutants new ids, so
an entry does not outlive what it was written about: `tests/mutants/test_planted.py` names those that do.
"""

EQUIVALENT: dict[str, dict[str, str]] = {
    "bot/chat/group_admins.py": {
        "34cc5276": "the cache is emptied one entry later",
    },
    "bot/delivery/telegram/errors.py": {
        "dfe4cac0": "importing the bot has python-telegram-bot give durations as `timedelta`",
    },
    "bot/delivery/telegram/http.py": {
        "650fa149": "a form of aiohttp's without a file is written in the same way",
    },
    "bot/schedules/zones.py": {
        "1f890062": "the middle of a month without a zone is within a day of the same with one: no clock changes then",
    },
    "bot/sources/http/compression.py": {
        "f8d1d9c8": "zlib would find out whether it is gzip or zlib, and the first bytes were gzip's",
    },
    "bot/sources/http/fetch.py": {
        "9d2d839b": "a context is left once, and was entered before: the condition is for mypy",
        "c3c04c63": "a closed session refuses as well as none; only the error of a misuse has other words",
    },
}
IDS = frozenset(mutant for reasons in EQUIVALENT.values() for mutant in reasons)
