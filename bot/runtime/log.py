"""Log configuration: one line for a unit of work, ids rather than texts, and never a secret.

Every line, ours or a library's, passes `Redactor` as its last step: registered secrets, and text in the form of a
bot token or of a password in a URL, are masked in the finished line, tracebacks included.

What repeats is limited (`LimitedHandler`): a disk that is full, or one bad feed, must not fill the log's disk too.
"""

import copy
import logging
import re
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from traceback import walk_tb
from types import TracebackType
from typing import Any, TextIO

import structlog
from structlog.typing import EventDict, Processor

MASK = "[secret]"
TOKEN = re.compile(r"\d{4,20}:[A-Za-z0-9_-]{20,}")
PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)")
PER_SECOND = 5  # lines of one kind
TRACEBACK_EVERY = 60.0  # seconds between two tracebacks of one kind
OURS = str(Path(__file__).parents[1])  # the folder of our own code
VERBOSE_LIBRARIES = ("httpx", "httpcore", "aiohttp", "apscheduler", "alembic", "telegram", "asyncio", "aiosqlite")


class Redactor(logging.Formatter):
    """Formats a record with another formatter, then masks secrets in the finished line."""

    def __init__(self, formatter: logging.Formatter, secrets: Iterable[str]) -> None:
        super().__init__()
        self.formatter = formatter
        self.secrets = sorted({secret for secret in secrets if len(secret) >= 4}, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        """Return the line, without secrets."""
        return self.mask(self.formatter.format(record))

    def mask(self, text: str) -> str:
        """Return `text` without secrets."""
        for secret in self.secrets:
            text = text.replace(secret, MASK)
        return PASSWORD_IN_URL.sub(MASK, TOKEN.sub(MASK, text))


Kind = tuple[str, int, str, str]  # file and line that log, type of the error, file and line of ours that it passed last


@dataclass(slots=True)
class Repetition:
    """Repetition of one kind: what was written, and left out, in the second that began at `since` (monotonic)."""

    summary: logging.LogRecord  # the line that says how many were left out, without their number
    since: float
    written: int = 0
    left_out: int = 0
    traceback_at: float | None = None


class LimitedHandler(logging.StreamHandler[TextIO]):
    """Writes at most PER_SECOND lines of one kind a second, and one traceback of it in TRACEBACK_EVERY.

    How many were left out is a line of its own, written before the next line of any kind, or at the end. A kind is a
    place in the code, so their number is bounded, and ids in a text make no new kind. A failure to write (a full disk,
    a closed pipe) costs the line: `configure` sets `logging.raiseExceptions`.
    """

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__(stream)
        self.clock = clock
        self.kinds: dict[Kind, Repetition] = {}

    def emit(self, record: logging.LogRecord) -> None:
        """Write a record, if it is not one too many. The lock of the handler is held."""
        now = self.clock()
        self._tell(before=now - 1.0)
        error = _error_of(record)
        kind = (record.pathname, record.lineno, type(error).__name__, _place(error))
        seen = self.kinds.setdefault(kind, Repetition(_summary(record), now))
        if now - seen.since >= 1.0:
            seen.since, seen.written = now, 0
        if seen.written >= PER_SECOND:
            seen.left_out += 1
            return
        seen.written += 1
        if error is not None and seen.traceback_at is not None and now - seen.traceback_at < TRACEBACK_EVERY:
            record = _without_traceback(record, error)
        elif error is not None:
            seen.traceback_at = now
        super().emit(record)

    def close(self) -> None:
        """Write what was left out last."""
        self._tell(before=self.clock())
        super().close()

    def _tell(self, *, before: float) -> None:
        """Write how many lines were left out in the seconds that began before a time."""
        for seen in self.kinds.values():
            if seen.left_out and seen.since <= before:
                super().emit(logging.makeLogRecord(seen.summary.__dict__ | {"count": seen.left_out}))
                seen.left_out = 0


def _summary(record: logging.LogRecord) -> logging.LogRecord:
    """Return a record about others like this one. Not this one itself: its traceback would keep objects in memory."""
    event = record.msg.get("event") if isinstance(record.msg, dict) else record.msg
    values = {"name": record.name, "levelno": record.levelno, "levelname": record.levelname}
    return logging.makeLogRecord(values | {"msg": "left out", "like": str(event)})


def _error_of(record: logging.LogRecord) -> BaseException | None:
    """Return the error that a record shows: ours have it within their event, those of libraries beside it."""
    shown: object = record.msg.get("exc_info") if isinstance(record.msg, dict) else record.exc_info
    if isinstance(shown, BaseException):
        return shown
    if isinstance(shown, tuple):
        return shown[1] if isinstance(shown[1], BaseException) else None
    return sys.exc_info()[1] if shown else None


def _place(error: BaseException | None) -> str:
    """Return the line of ours that an error passed last, or else the line that raised it; "" without an error."""
    lines = [(frame.f_code.co_filename, number) for frame, number in walk_tb(error.__traceback__ if error else None)]
    ours = [line for line in lines if line[0].startswith(OURS)]
    return "{}:{}".format(*(ours or lines)[-1]) if lines else ""


def _without_traceback(record: logging.LogRecord, error: BaseException) -> logging.LogRecord:
    """Return a copy that names the error in its line. Its traceback was written not long ago."""
    short, named = copy.copy(record), f"{type(error).__name__}: {error}".partition("\n")[0][:200]
    if isinstance(record.msg, dict):
        short.msg = {key: value for key, value in record.msg.items() if key != "exc_info"} | {"error": named}
    else:
        short.exc_info, short.exc_text = None, None
        short.__dict__["error"] = named
    return short


def configure(level: str, style: str, secrets: Iterable[str] = ()) -> None:
    """Send every log line to stderr, as text ("console") or as JSON, with `secrets` masked."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    renderer: Processor = (
        structlog.processors.JSONRenderer(ensure_ascii=False)
        if style == "json"
        else structlog.dev.ConsoleRenderer(
            colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
        )
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,  # tests configure it more than once
    )
    formatter = structlog.stdlib.ProcessorFormatter(
        foreign_pre_chain=shared,
        processors=[
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info if style == "json" else _keep,
            renderer,
        ],
    )
    handler = LimitedHandler(sys.stderr)
    handler.setFormatter(Redactor(formatter, secrets))
    logging.raiseExceptions = False  # a full disk or a closed stderr must not raise in the bot's own work
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in VERBOSE_LIBRARIES:  # at INFO httpx writes the Bot API's URL, which holds the token
        logging.getLogger(name).setLevel(max(logging.WARNING, root.level))
    logging.captureWarnings(capture=True)
    sys.excepthook = _log_uncaught


def _log_uncaught(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """Log an uncaught exception through the handlers: Python itself would print it unmasked."""
    if issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)
        return
    logging.getLogger("bot").critical("ended by an error", exc_info=(kind, error, trace))


def _keep(logger: Any, name: str, event: EventDict) -> EventDict:
    return event
