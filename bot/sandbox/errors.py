"""Errors of the sandbox's Bot API, with Telegram's descriptions word for word, because callers match on them."""

from typing import Any

JSON = dict[str, Any]  # a decoded JSON object, with the names of core.telegram.org/bots/api


class ApiError(Exception):
    """A refused request. `code` is also the HTTP status; `parameters` are Telegram's ResponseParameters."""

    def __init__(self, code: int, description: str, **parameters: int) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters

    def body(self) -> JSON:
        """Return the response's JSON object."""
        answer: JSON = {"ok": False, "error_code": self.code, "description": self.description}
        return {**answer, "parameters": self.parameters} if self.parameters else answer


def bad_request(words: str, **parameters: int) -> ApiError:
    """Return the 400 whose description is `Bad Request: ` and `words`."""
    return ApiError(400, f"Bad Request: {words}", **parameters)


def forbidden(words: str) -> ApiError:
    """Return the 403 whose description is `Forbidden: ` and `words`."""
    return ApiError(403, f"Forbidden: {words}")


class SandboxError(ValueError):
    """A person, chat or message of the sandbox does not exist, or the action is impossible for it."""
