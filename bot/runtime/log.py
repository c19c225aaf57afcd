"""Log configuration: one line for a unit of work, ids rather than texts, and never a secret.

Every line, ours or a library's, passes `Redactor` as its last step: registered secrets, and text in the form of a
bot token or of a password in a URL, are masked in the finished line, tracebacks included.
"""

import logging
import re
import sys
from collections.abc import Iterable
from types import TracebackType
from typing import Any

import structlog
from structlog.typing import EventDict, Processor

MASK = "[secret]"
TOKEN = re.compile(r"\d{4,20}:[A-Za-z0-9_-]{20,}")
PASSWORD_IN_URL = re.compile(r"(?<=://)[^/\s:@]*:[^/\s@]*(?=@)")
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


def configure(level: str, style: str, secrets: Iterable[str] = ()) -> None:
    """Send every log line to stderr, as text ("console") or as JSON, with `secrets` masked."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.ExtraAdder(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info if style == "json" else _keep,
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
        processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
    )
    handler = logging.StreamHandler(sys.stderr)
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
