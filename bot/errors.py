"""What can go wrong, cut by what the caller does next.

WatchwordError
├── UserError       the reader's to fix: its text goes to the chat
│   └── QueryError  with the character a query failed at
├── ConfigError     the operator's: shown at start, names the key, never the value
├── SourceError     costs one source one poll
└── DeliveryError   costs one delivery one attempt (its kinds: bot/delivery/telegram/errors.py)
"""

from datetime import timedelta


class WatchwordError(Exception):
    """Anything Watchword raises on purpose."""


class UserError(WatchwordError):
    """The reader can put it right; the text is one sentence that says how."""


class QueryError(UserError):
    """A query that cannot be read; `position` is the code point it failed at (0 is the first)."""

    def __init__(self, message: str, position: int = 0) -> None:
        super().__init__(message)
        self.position = position


class ConfigError(WatchwordError):
    """The configuration is wrong; `problems` has one line for each thing to change."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


class SourceError(WatchwordError):
    """A source could not be fetched or read.

    `kind` is one stable word for statistics (dns, connect, tls, timeout, http, blocked, gone, too-large,
    encoding, not-a-feed, parse, address, redirect, url; of pages also type and robots); the message is one sentence an
    admin can read. `retry_after` is what the server asked for, `status` what it answered with; None where it did not.
    """

    def __init__(
        self, kind: str, message: str, *, retry_after: timedelta | None = None, status: int | None = None
    ) -> None:
        super().__init__(message)
        self.kind = kind
        self.retry_after = retry_after
        self.status = status


class DeliveryError(WatchwordError):
    """One attempt to send failed."""
