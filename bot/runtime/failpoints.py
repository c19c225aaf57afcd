"""Failpoints: named places in the code where `make chaos` kills the process. Disabled without the sandbox's token.

`WATCHWORD_CRASH_AT=claimed:3` kills it when it reaches "claimed" for the third time. A name in -ing is a moment
before a commit, the others are after one.
"""

import os
import signal

VARIABLE = "WATCHWORD_CRASH_AT"
SANDBOX_TOKEN = "7000000001:"  # noqa: S105 - the prefix of `bot.sandbox`'s tokens; Telegram issues none like it

_left: dict[str, int] = {}


def is_sandbox(token: str) -> bool:
    """Return whether a token is the sandbox's; only such a token enables failpoints and `SetClock`."""
    return token.startswith(SANDBOX_TOKEN)


def arm(token: str) -> None:
    """Read the failpoint from the environment, if `token` is the sandbox's."""
    name, _, count = os.environ.get(VARIABLE, "").partition(":")
    if name and is_sandbox(token):
        _left[name] = int(count or 1)


def failpoint(name: str) -> None:
    """Kill the process if the environment requests it at this name."""
    if name not in _left:
        return
    _left[name] -= 1
    if _left[name] == 0:
        os.kill(os.getpid(), signal.SIGKILL)
