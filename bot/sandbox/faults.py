"""Fault injection: which Bot API requests fail, how, and how often."""

import random
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from bot.sandbox.errors import ApiError


class FailureMode(StrEnum):
    """Kind of failure. "Accepted" means that the method took effect although its caller gets an error."""

    HANG_BEFORE = "hang_before"  # nothing happens, no answer comes
    HANG_AFTER = "hang_after"  # accepted, no answer comes
    CLOSE_BEFORE = "close_before"  # the connection closes
    CLOSE_AFTER = "close_after"  # accepted, then the connection closes
    MALFORMED = "malformed"  # accepted, then a 200 that is no JSON
    NO_RESULT = "no_result"  # accepted, then a 200 without `result`
    SLOW = "slow"  # accepted, the answer comes after `seconds`
    FLOOD = "flood"  # 429 with `retry_after`
    SERVER = "server"  # a gateway's HTML page with `status`
    FORBIDDEN = "forbidden"  # 403 in the words of `description`
    BAD_REQUEST = "bad_request"  # 400 in the words of `description`
    UNAUTHORIZED = "unauthorized"  # 401


BEFORE = {  # the method takes no effect
    FailureMode.HANG_BEFORE,
    FailureMode.CLOSE_BEFORE,
    FailureMode.FLOOD,
    FailureMode.SERVER,
    FailureMode.FORBIDDEN,
    FailureMode.BAD_REQUEST,
    FailureMode.UNAUTHORIZED,
}
DEFAULT_WORDS = {
    FailureMode.FORBIDDEN: "Forbidden: bot was blocked by the user",
    FailureMode.BAD_REQUEST: "Bad Request: chat not found",
}


@dataclass(slots=True)
class Fault:
    """An injected failure of requests that match `method` and `chat_id` (None: any).

    It occurs `times` times (None: until cleared).
    """

    kind: FailureMode
    method: str | None = None
    chat_id: int | None = None
    times: int | None = 1
    probability: float = 1.0
    seconds: float = 0.0  # SLOW: before the answer; HANG: then the connection closes (0: never)
    retry_after: int | None = 1  # FLOOD: None leaves it out
    status: int = 502  # SERVER
    description: str = ""

    def matches(self, method: str, chat_id: int | None) -> bool:
        """Return whether a request matches."""
        return (
            self.times != 0
            and (self.method is None or self.method == method)
            and (self.chat_id is None or self.chat_id == chat_id)
        )

    def error(self) -> ApiError | None:
        """Return the ApiError of a fault that refuses the request, else None."""
        match self.kind:
            case FailureMode.FLOOD if self.retry_after is None:
                return ApiError(429, "Too Many Requests")
            case FailureMode.FLOOD:
                return too_many(self.retry_after or 0)
            case FailureMode.FORBIDDEN:
                return ApiError(403, self.description or DEFAULT_WORDS[self.kind])
            case FailureMode.BAD_REQUEST:
                return ApiError(400, self.description or DEFAULT_WORDS[self.kind])
            case FailureMode.UNAUTHORIZED:
                return ApiError(401, "Unauthorized")
        return None


def too_many(seconds: int) -> ApiError:
    """Return the 429 with `retry_after`."""
    return ApiError(429, f"Too Many Requests: retry after {seconds}", retry_after=seconds)


@dataclass(slots=True)
class Faults:
    """The active faults, oldest first. The same seed and requests give the same failures."""

    seed: int = 0
    _faults: list[Fault] = field(default_factory=list)
    _random: random.Random = field(init=False)

    def __post_init__(self) -> None:
        self._random = random.Random(self.seed)

    def add(self, faults: Iterable[Fault]) -> None:
        """Activate faults."""
        self._faults.extend(faults)

    def clear(self) -> None:
        """Deactivate every fault."""
        self._faults.clear()

    def take(self, method: str, chat_id: int | None) -> Fault | None:
        """Return the fault for this request and decrement its `times`, or None."""
        for fault in self._faults:
            if fault.matches(method, chat_id) and self._random.random() < fault.probability:
                if fault.times is not None:
                    fault.times -= 1
                return fault
        return None
