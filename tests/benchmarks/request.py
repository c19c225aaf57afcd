"""HTTP clients compared: ours, bare aiohttp and python-telegram-bot's own, with 2,000 messages, 128 in flight.

A response takes 50 ms. python-telegram-bot's client needs more than a minute; its rate varies twofold between runs.
The server is another process, so that it uses only the machine's other core.
"""

import asyncio
import logging
import multiprocessing
import os
import time
from collections.abc import Awaitable, Callable, Iterator
from multiprocessing.connection import Connection

import aiohttp
from aiohttp import web
from telegram import Bot
from telegram.request import BaseRequest, HTTPXRequest

from bot.delivery.telegram.http import AiohttpRequest

MESSAGES = 2_000
IN_FLIGHT = 128
LATENCY = 0.05  # seconds
TOKEN = "1:benchmark"
ROUNDS = 2  # the best of
MESSAGE = {"message_id": 1, "date": 1, "chat": {"id": 1, "type": "private", "first_name": "A"}, "text": "x"}
Send = Callable[[int], Awaitable[object]]


async def answer(request: web.Request) -> web.Response:
    """Answer any method like sendMessage, after a while."""
    await request.post()
    await asyncio.sleep(LATENCY)
    return web.json_response({"ok": True, "result": MESSAGE})


async def serve(ready: Connection) -> None:
    """Serve until the process is ended; tell the port."""
    app = web.Application()
    app.router.add_post("/{path:.*}", answer)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, backlog=1024).start()
    ready.send(runner.addresses[0][1])
    await asyncio.Event().wait()


def run_server(ready: Connection) -> None:
    """Run the server's process."""
    asyncio.run(serve(ready))


async def rate(send: Send, messages: int) -> float:
    """Return messages per second with IN_FLIGHT senders."""

    async def sender(numbers: Iterator[int]) -> None:
        for number in numbers:
            await send(number)

    async def send_all(count: int) -> None:
        numbers = iter(range(count))
        await asyncio.gather(*(sender(numbers) for _ in range(IN_FLIGHT)))

    await send_all(IN_FLIGHT)  # connections are open before the clock starts
    started = time.perf_counter()
    await send_all(messages)
    return messages / (time.perf_counter() - started)


async def rate_of(request: BaseRequest, url: str, messages: int) -> float:
    """Return the rate of a bot over one HTTP client."""
    bot = Bot(TOKEN, base_url=f"{url}/bot", request=request)
    async with request:
        return await rate(lambda number: bot.send_message(1, f"Message {number} of many, with some text"), messages)


async def raw_rate(url: str, messages: int) -> float:
    """Return the rate of aiohttp with nothing around it."""
    connector = aiohttp.TCPConnector(limit=IN_FLIGHT)
    async with aiohttp.ClientSession(connector=connector) as session:

        async def send(number: int) -> None:
            form = {"chat_id": "1", "text": f"Message {number} of many, with some text"}
            async with session.post(f"{url}/bot{TOKEN}/sendMessage", data=form) as got:
                await got.json()

        return await rate(send, messages)


async def measure(url: str) -> dict[str, float]:
    """Return messages per second by client, the best of some rounds taken by turns."""
    best = dict.fromkeys(("ours", "default", "raw"), 0.0)
    for _ in range(ROUNDS):
        default = HTTPXRequest(connection_pool_size=256, pool_timeout=60, read_timeout=60, connect_timeout=60)
        found = {
            "ours": await rate_of(AiohttpRequest(IN_FLIGHT), url, MESSAGES),
            "raw": await raw_rate(url, MESSAGES),
            "default": await rate_of(default, url, MESSAGES),
        }
        best = {name: max(best[name], found[name]) for name in best}
    return best


def main() -> None:
    """Print the rates and their ratios."""
    logging.getLogger("httpx").setLevel(logging.WARNING)
    context = multiprocessing.get_context("spawn")
    here, there = context.Pipe()
    server = context.Process(target=run_server, args=(there,), daemon=True)
    server.start()
    found = asyncio.run(measure(f"http://127.0.0.1:{here.recv()}"))
    server.terminate()
    server.join()
    print(report(found))  # noqa: T201 it is what it is for


def report(found: dict[str, float]) -> str:
    """Return the rates and their ratios, to be read."""
    setting = f"{IN_FLIGHT} in flight, {LATENCY * 1000:.0f} ms an answer, {os.cpu_count()} cores"
    lines = [f"{MESSAGES} messages, {setting}"]
    lines += [f"  {name:8} {per_second:7.0f} messages/s" for name, per_second in found.items()]
    times, share = found["ours"] / found["default"], found["ours"] / found["raw"]
    return "\n".join([*lines, f"  ours is {times:.1f} times the default, and {share:.2f} of raw aiohttp"])


if __name__ == "__main__":
    main()
