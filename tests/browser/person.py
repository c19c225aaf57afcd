"""Somebody in front of the web chat: types, presses what has a name, and reads what is there."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Browser, ConsoleMessage, Locator, Page, Request, expect

NAMES = ("chromium", "chromium-browser", "google-chrome-stable", "google-chrome")
CHROMIUM = next((found for name in NAMES if (found := shutil.which(name))), None)
SOON = 15_000  # milliseconds for an answer, on a busy machine

if CHROMIUM is None:  # one line at the end of the run, for all tests that need it
    reason = "no Chromium here (apt-get install chromium): the web chat was not tried in a browser"
    pytest.skip(reason, allow_module_level=True)


class Person:
    """One window of the web chat, used by one person."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.messages = page.get_by_role("log").locator(".message")
        self.bot = page.get_by_role("log").locator(".message:not(.mine)")
        self.box = page.get_by_role("combobox", name="Message")

    async def open(self, title: str) -> None:
        """Open a chat by its name."""
        chats = self.page.get_by_role("navigation", name="Chats")
        await chats.get_by_role("button", name=re.compile(f"^{title}")).click()
        await expect(self.page.get_by_role("heading", level=1)).to_have_text(title)

    async def say(self, text: str) -> None:
        """Type a message and send it with Enter."""
        await self.box.fill(text)
        await self.box.press("Enter")
        await expect(self.box).to_have_value("")

    async def ask(self, text: str, expected: str, *, timeout: float = SOON) -> Locator:
        """Say something, wait for one more message of the bot with `expected` in it, and return that message."""
        answers = self.bot.filter(has_text=expected)
        before = await answers.count()
        await self.say(text)
        await expect(answers).to_have_count(before + 1, timeout=timeout)
        return await self._itself(answers.last)

    async def hear(self, expected: str, *, timeout: float = SOON) -> Locator:
        """Wait for a message of the bot with `expected` in it."""
        heard = self.bot.filter(has_text=expected).last
        await expect(heard).to_be_visible(timeout=timeout)
        return await self._itself(heard)

    async def picture(self, path: Path) -> None:
        """Take a picture of the window."""
        await self.page.mouse.move(0, 0)
        await self.page.screenshot(path=path, animations="disabled")

    async def _itself(self, message: Locator) -> Locator:
        """Return the message whatever it says next: it may be edited."""
        return self.page.locator(f"#{await message.get_attribute('id')}")


@asynccontextmanager
async def sitting(browser: Browser, url: str, who: int, **settings: Any) -> AsyncIterator[Person]:
    """Open a window as somebody; at the end it must have logged no error, and asked nobody but the sandbox."""
    wrong: list[str] = []

    def listen(message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            wrong.append(message.text)

    def watch(request: Request) -> None:
        if not request.url.startswith((url, "blob:", "data:")):
            wrong.append(f"asked {request.url}")

    context = await browser.new_context(
        base_url=url, **{"viewport": {"width": 1180, "height": 800}, "locale": "en-GB", **settings}
    )
    page = await context.new_page()
    page.on("console", listen)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    page.on("request", watch)
    await page.goto(f"{url}/#{who}")
    await expect(page.get_by_role("radio", checked=True)).to_be_attached()
    yield Person(page)
    await context.close()
    assert not wrong
