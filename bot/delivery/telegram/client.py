"""Client: python-telegram-bot's client, and beside it calls of documented methods whose answer stays plain JSON.

The library reads an answer into its own objects. For `sendMessage` that takes as long as all the rest, and the
message's id is enough; for `getUpdates` one update that it cannot read would lose all of them. Its public
`do_api_request` returns JSON, and warns at the name of each method that the library has itself. A method is called by
its documented name: Telegram ignores capitals, but gateways and metrics route by it, and so does the library, whose
second client is for `getUpdates` only.
"""

from datetime import timedelta
from typing import Any

from telegram.ext import ExtBot


class TelegramBot(ExtBot[None]):
    """The bot's client. `call` is the way to a method whose answer is not to be read."""

    async def call(self, method: str, parameters: dict[str, Any], *, read_timeout: timedelta | None = None) -> Any:
        """Return Telegram's result as JSON. Raises the errors of python-telegram-bot; a 404 is `InvalidToken`."""
        # `_post` is where every method of the library ends, and is described there as the place to override.
        if read_timeout is None:
            return await self._post(method, parameters)
        return await self._post(method, parameters, read_timeout=read_timeout.total_seconds())
