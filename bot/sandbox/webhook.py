"""Webhook delivery: updates are posted one at a time and in order, each until it is answered with 2xx."""

import asyncio
import time
from datetime import timedelta

import aiohttp

from bot.sandbox.state import World

RETRY = timedelta(seconds=1)  # Telegram increases the delay each time
TIMEOUT = aiohttp.ClientTimeout(total=60)
FOREVER = float("inf")


async def deliver(world: World) -> None:
    """Post pending updates while a webhook is set, until cancelled."""
    async with aiohttp.ClientSession(timeout=TIMEOUT, cookie_jar=aiohttp.DummyCookieJar()) as session:
        while True:
            await world.changes.until(lambda: bool(world.webhook and world.updates), FOREVER)
            failure = await _post_first(session, world)
            if failure:
                world.webhook_failure = {"last_error_date": int(time.time()), "last_error_message": failure}
                await asyncio.sleep(RETRY.total_seconds())


async def _post_first(session: aiohttp.ClientSession, world: World) -> str | None:
    """Post the oldest update and drop it if it was accepted; return an error description, or None."""
    assert world.webhook
    url, secret = world.webhook["url"], world.webhook["secret_token"]
    headers = {"X-Telegram-Bot-Api-Secret-Token": secret} if secret else {}
    _, update = world.updates[0]
    try:
        async with session.post(url, json=update, headers=headers, allow_redirects=False) as answer:
            if not answer.ok:
                return f"Wrong response from the webhook: {answer.status} {answer.reason}"
    except (aiohttp.ClientError, TimeoutError) as error:
        return f"Connection failed: {type(error).__name__}"
    if world.updates and world.updates[0][1] is update:
        world.updates.popleft()
    return None
