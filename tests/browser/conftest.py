"""A headless Chromium for the tests that look at the web chat as people do."""

from collections.abc import AsyncIterator

import pytest_asyncio
from playwright.async_api import Browser, async_playwright, expect

FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--force-color-profile=srgb",
)


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Browser]:
    """A browser with a profile of its own; each test opens its windows in it."""
    from tests.browser.person import CHROMIUM, SOON  # here: where there is no browser, it skips who imports it

    expect.set_options(timeout=SOON)
    async with async_playwright() as driver:
        # no sandbox of Chromium's own: a container's root has none, and nothing but our page is opened
        launched = await driver.chromium.launch(executable_path=CHROMIUM, args=FLAGS, chromium_sandbox=False)
        yield launched
        await launched.close()
