from datetime import timedelta
from types import SimpleNamespace
from typing import Any

import aiohttp
import pytest
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Conflict,
    EndPointNotFound,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TimedOut,
)

from bot.delivery.circuit_breaker import Breaker
from bot.delivery.outcome import Verdict
from bot.delivery.telegram.errors import outcome


def caused(error: Exception, cause: BaseException | None) -> Exception:
    error.__cause__ = cause
    return error


KEY: Any = SimpleNamespace(host="api.telegram.org", port=443, is_ssl=True, ssl=True)


@pytest.mark.parametrize(
    ("error", "verdict"),
    [
        (RetryAfter(3), Verdict.WAIT),
        (ChatMigrated(-100), Verdict.MIGRATED),
        (Forbidden("Forbidden: bot was blocked by the user"), Verdict.UNREACHABLE),
        (InvalidToken("Not Found"), Verdict.STOP),
        (EndPointNotFound("Endpoint 'sendMessage' not found in Bot API"), Verdict.STOP),
        (BadRequest("Can't parse entities: unexpected end tag at byte offset 3"), Verdict.PLAIN),
        (BadRequest("Chat not found"), Verdict.UNREACHABLE),
        (BadRequest("CHAT_WRITE_FORBIDDEN"), Verdict.UNREACHABLE),
        (BadRequest("CHAT_ADMIN_REQUIRED"), Verdict.UNREACHABLE),
        (BadRequest("INPUT_USER_DEACTIVATED"), Verdict.UNREACHABLE),
        (BadRequest("Not enough rights to send text messages to the chat"), Verdict.UNREACHABLE),
        (BadRequest("Need administrator rights in the channel chat"), Verdict.UNREACHABLE),
        (BadRequest("TOPIC_CLOSED"), Verdict.UNREACHABLE),
        (BadRequest("CHAT_RESTRICTED"), Verdict.UNREACHABLE),
        (Forbidden("Forbidden: user is deactivated"), Verdict.UNREACHABLE),
        (Forbidden("Forbidden: bot was kicked from the supergroup chat"), Verdict.UNREACHABLE),
        (Forbidden("Forbidden: bot is not a member of the channel chat"), Verdict.UNREACHABLE),
        (Forbidden("Forbidden: the group chat was deleted"), Verdict.UNREACHABLE),
        (BadRequest("Message thread not found"), Verdict.UNREACHABLE),
        (BadRequest("Message is too long"), Verdict.DEAD),
        (BadRequest("Message text is empty"), Verdict.DEAD),
        (BadRequest("Something nobody has seen before"), Verdict.DEAD),
        (caused(NetworkError("x"), aiohttp.ClientConnectorError(KEY, OSError(111, "refused"))), Verdict.RETRY),
        (caused(NetworkError("x"), aiohttp.ClientConnectorDNSError(KEY, OSError(-2, "unknown"))), Verdict.RETRY),
        (caused(TimedOut(), aiohttp.ConnectionTimeoutError()), Verdict.RETRY),
        (caused(TimedOut(), TimeoutError()), Verdict.UNCERTAIN),
        (caused(NetworkError("x"), aiohttp.ServerDisconnectedError()), Verdict.UNCERTAIN),
        (caused(NetworkError("x"), ConnectionResetError()), Verdict.UNCERTAIN),
        (caused(NetworkError("x"), UnicodeEncodeError("utf-8", "\ud800", 0, 1, "surrogates")), Verdict.DEAD),
        (NetworkError("Unknown HTTPError (500)"), Verdict.UNCERTAIN),
        (NetworkError("Bad Gateway"), Verdict.UNCERTAIN),
        (NetworkError("Request Entity Too Large (413)"), Verdict.DEAD),
        (Conflict("terminated by other getUpdates request"), Verdict.UNCERTAIN),
        (TimeoutError(), Verdict.UNCERTAIN),
        (KeyError("result"), Verdict.UNCERTAIN),
    ],
)
def test_each_failure_has_its_verdict(error: Exception, verdict: Verdict) -> None:
    assert outcome(error).verdict is verdict


@pytest.mark.parametrize(
    ("refusal", "verdict"),
    [
        ("CHAT_FORBIDDEN", Verdict.UNREACHABLE),
        ("CHAT_SEND_PLAIN_FORBIDDEN", Verdict.UNREACHABLE),
        ("user is deactivated", Verdict.UNREACHABLE),
        ("USER_IS_BLOCKED", Verdict.UNREACHABLE),
        ("USER_BANNED_IN_CHANNEL", Verdict.UNREACHABLE),
        ("user not found", Verdict.UNREACHABLE),
        ("PEER_ID_INVALID", Verdict.UNREACHABLE),
        ("have no rights to send a message", Verdict.UNREACHABLE),
        ("group chat was deactivated", Verdict.UNREACHABLE),
        ("TOPIC_DELETED", Verdict.UNREACHABLE),
        ("bot was kicked from the group chat", Verdict.UNREACHABLE),
        ("CHANNEL_PRIVATE", Verdict.UNREACHABLE),
        ("message to edit not found", Verdict.GONE),
        ("message can't be edited", Verdict.GONE),
        ("MESSAGE_ID_INVALID", Verdict.GONE),
        ("there is no text in the message to edit", Verdict.GONE),
    ],
)
def test_each_refusal_that_has_been_seen_is_known(refusal: str, verdict: Verdict) -> None:
    found = outcome(BadRequest(refusal))
    assert (found.verdict, found.reason.casefold()) == (verdict, refusal.casefold())


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (NetworkError("Bad Gateway"), "Bad Gateway"),
        (caused(TimedOut(), TimeoutError()), "no answer: TimeoutError"),
        (caused(TimedOut(), aiohttp.ConnectionTimeoutError()), "not sent: ConnectionTimeoutError"),
        (KeyError("result"), "KeyError while reading the answer"),
        (Forbidden("Forbidden: bot was blocked by the user"), "Forbidden: bot was blocked by the user"),
    ],
)
def test_the_reason_names_what_happened(error: Exception, reason: str) -> None:
    assert outcome(error).reason == reason


def test_a_refusal_says_how_long_and_where_to() -> None:
    assert outcome(RetryAfter(timedelta(seconds=7))).retry_after == timedelta(seconds=7)
    assert outcome(RetryAfter(3600)).retry_after == timedelta(hours=1)
    assert outcome(RetryAfter(0)).retry_after == timedelta(seconds=1)
    assert outcome(ChatMigrated(-1009)).new_chat_id == -1009


def test_the_reason_for_a_refused_token_does_not_hold_it() -> None:
    assert "1:token" not in outcome(InvalidToken("The token `1:token` was rejected by the server.")).reason


def test_the_breaker_opens_when_a_fifth_is_in_doubt_and_closes_after_two_minutes() -> None:
    breaker = Breaker()
    for number in range(40):
        breaker.record(doubtful=number % 5 == 4, now=100.0)
    assert not breaker.is_open(100.0)  # just a fifth

    breaker.record(doubtful=True, now=101.0)

    assert breaker.is_open(101.0)
    assert breaker.is_open(220.9)
    assert not breaker.is_open(221.0)


def test_after_the_pause_one_message_is_tried_before_the_others() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.record(doubtful=True, now=1.0)
    assert breaker.allowed(2.0) == 0
    assert breaker.allowed(122.0) == 1

    breaker.record(doubtful=True, now=122.0)
    assert breaker.allowed(200.0) == 0

    breaker.record(doubtful=False, now=243.0)
    assert breaker.allowed(243.0) > 100


def test_what_was_in_flight_when_it_opened_is_no_trial() -> None:
    breaker = Breaker()
    for _ in range(10):
        breaker.record(doubtful=True, now=1.0)
    breaker.record(doubtful=False, now=2.0)
    assert breaker.allowed(122.0) == 1


def test_a_few_sends_open_no_breaker() -> None:
    breaker = Breaker()
    for _ in range(9):
        breaker.record(doubtful=True, now=1.0)
    assert not breaker.is_open(1.0)
