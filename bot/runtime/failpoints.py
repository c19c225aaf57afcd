"""Failpoints: named places in the code where `make chaos` kills the process. Without the sandbox's token: nothing.

`WATCHWORD_CRASH_AT=claimed:3` ends it when it comes to "claimed" for the third time. A name in -ing is a moment
before a commit, the others come after one.
"""

import os
import signal

VARIABLE = "WATCHWORD_CRASH_AT"
SANDBOX_TOKEN = "7000000001:"  # noqa: S105 - how the tokens of `bot.sandbox` begin: no bot of Telegram's has one

_left: dict[str, int] = {}


def is_sandbox(token: str) -> bool:
    """Return whether a token is the sandbox's: only with one can the program be made to crash or misread the time."""
    return token.startswith(SANDBOX_TOKEN)


def arm(token: str) -> None:
    """Read where to crash from the environment, if `token` is the sandbox's."""
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
