"""No secret is written, on whatever way it comes to the log."""

import asyncio
import gc
import logging
import sys
import warnings
from collections.abc import Iterator

import pytest
import structlog
from telegram.error import InvalidToken

from bot.runtime.log import configure

CANARY = "7000000001:canary-that-nobody-may-ever-see"
PASSWORD = "correct-horse"
URL = f"http://127.0.0.1/bot{CANARY}/getMe"
DSN = f"postgresql://watchword:{PASSWORD}@127.0.0.1/news"


@pytest.fixture(autouse=True)
def logging_as_it_was() -> Iterator[None]:
    root, hook = logging.getLogger(), sys.excepthook
    handlers, level = root.handlers[:], root.level
    yield
    logging.captureWarnings(capture=False)
    root.handlers[:], sys.excepthook = handlers, hook
    root.setLevel(level)


def fail() -> None:
    """Raise as python-telegram-bot does, over an error that holds the address."""
    local = CANARY  # noqa: F841 - what a traceback with variables would show
    try:
        raise ValueError(URL)
    except ValueError as error:
        raise InvalidToken(f"The token `{CANARY}` was rejected by the server.") from error


def log_all() -> None:
    log, library = structlog.get_logger(), logging.getLogger("telegram.ext")
    log.info("started", url=URL, database=DSN, nested={"token": CANARY}, items=[CANARY])
    library.error("no answer from %s", URL, extra={"database": DSN})
    try:
        fail()
    except InvalidToken as error:
        log.exception("failed", reason=str(error))
        library.error("failed", exc_info=error)
        sys.excepthook(type(error), error, error.__traceback__)
    warnings.warn(URL, RuntimeWarning, stacklevel=1)


async def leave_a_task_behind() -> None:
    async def fails() -> None:
        fail()

    task = asyncio.create_task(fails())
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    del task
    gc.collect()  # asyncio tells of an error nobody asked for


@pytest.mark.filterwarnings("default")
@pytest.mark.parametrize("style", ["json", "console"])
@pytest.mark.parametrize("registered", [True, False])
def test_no_secret_is_written_whatever_way_it_comes(
    style: str, registered: bool, capfd: pytest.CaptureFixture[str]
) -> None:
    configure("DEBUG", style, [CANARY] if registered else [])
    log_all()
    asyncio.run(leave_a_task_behind())
    written = "".join(capfd.readouterr())
    assert written.count("[secret]") >= 10
    assert "exception was never retrieved" in written
    assert CANARY.split(":")[1] not in written
    assert PASSWORD not in written
