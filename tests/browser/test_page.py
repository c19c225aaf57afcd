"""The page itself: what is shown, how it is used with hands and keys, and what a hostile text cannot do."""

import re
import struct
import zlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from bot.sandbox.methods import call
from bot.sandbox.params import Params, Upload
from bot.sandbox.people import ADA, BEN, CHANNEL, CHO, GROUP
from bot.sandbox.server import Sandbox
from tests.browser.person import Person, sitting

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.xdist_group("browser")]

PHONE: dict[str, Any] = {"viewport": {"width": 360, "height": 700}, "has_touch": True}
USED = {"button", "link", "combobox", "radio", "option", "listbox", "image", "navigation", "log", "form", "main"}
TOO_WIDE = """() => [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
  && one.getBoundingClientRect().right > innerWidth + 1).map((one) => one.outerHTML.slice(0, 200))"""


@pytest_asyncio.fixture(loop_scope="module")
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as server:
        yield server


@pytest_asyncio.fixture(loop_scope="module")
async def ben(browser: Browser, sandbox: Sandbox) -> AsyncIterator[Person]:
    async with sitting(browser, sandbox.root_url, BEN) as person:
        yield person


def bot(sandbox: Sandbox, method: str, **params: Any) -> Any:
    """Let the bot call a method of the Bot API."""
    return call(sandbox.world, method, Params(params))


def says(sandbox: Sandbox, html: str, chat_id: int = BEN, **params: Any) -> int:
    """Let the bot say something; return the message's id."""
    sent = bot(sandbox, "sendMessage", chat_id=chat_id, text=html, parse_mode="HTML", **params)
    return int(sent["message_id"])


def keys(*labels: str) -> dict[str, Any]:
    return {"inline_keyboard": [[{"text": label, "callback_data": f"data:{label}"} for label in labels]]}


def png(width: int, height: int) -> bytes:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + b"\x20\x80\xa0" * width for _ in range(height))
    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")


# ---- what is shown ----


async def test_every_kind_of_markup_becomes_its_element(ben: Person, sandbox: Sandbox) -> None:
    says(
        sandbox,
        "<b>bold <i>and</i></b> <u>under</u> <s>gone</s> <code>code</code> 😀 <tg-spoiler>secret</tg-spoiler> "
        '<a href="https://a.example/x">link</a> https://b.example/y /help @watchword_bot #tag\n'
        "<blockquote>quoted</blockquote>\nafter\n<pre>x &lt; y</pre>",
    )
    shown = await ben.hear("bold and")
    for tag, text in [("strong em", "and"), ("u", "under"), ("s", "gone"), ("code", "code"), ("pre", "x < y")]:
        await expect(shown.locator(f".text {tag}")).to_have_text(text)
    await expect(shown.locator("blockquote")).to_have_text("quoted")
    await expect(shown.get_by_role("link", name="link")).to_have_attribute("href", "https://a.example/x")
    await expect(shown.get_by_role("link", name="link")).to_have_attribute("rel", "noopener noreferrer")
    await expect(shown.get_by_role("link", name="https://b.example/y")).to_be_visible()
    await expect(shown.locator(".mention")).to_have_text(["@watchword_bot", "#tag"])
    spoiler = shown.get_by_role("button", name="Hidden text")
    await spoiler.press("Enter")
    await expect(spoiler).to_be_hidden()
    await shown.get_by_role("button", name="Send /help").click()
    await expect(ben.messages.last).to_contain_text("/help")


async def test_a_text_stays_text_whoever_wrote_it(ben: Person, sandbox: Sandbox) -> None:
    bad = "<img src=x onerror=alert(1)><script>alert(2)</script><b>no</b>"
    sandbox.say(bad, user_id=BEN)
    bot(sandbox, "sendMessage", chat_id=BEN, text=bad, reply_markup=keys("<script>alert(4)</script>"))
    sandbox.upload("<i>.opml", b"x", user_id=BEN)
    sandbox.add_group(-77, bad, members=[BEN])
    link = [{"type": "text_link", "offset": 0, "length": 5, "url": "javascript:alert(3)"}]
    bot(sandbox, "sendMessage", chat_id=BEN, text="click", entities=link)
    await ben.hear("click")
    await expect(ben.messages.filter(has_text="<script>")).to_have_count(2)
    await expect(ben.page.get_by_role("button", name="<script>").first).to_be_visible()
    for tag in ("img", "script[src='']", "strong", "i", "a[href^=javascript]"):
        await expect(ben.page.locator(f".log {tag}:not(.typing *):not(.document i)")).to_have_count(0)


async def test_each_line_has_its_own_direction(ben: Person, sandbox: Sandbox) -> None:
    says(sandbox, "<b>A long English line that makes the bubble wide</b>\n<i>خبر قصير</i>\n<u>short</u>\nend")
    shown = await ben.hear("short")
    wide, arabic, english = [await shown.locator(f".text {tag}").bounding_box() for tag in ("strong", "em", "u")]
    assert wide
    assert arabic
    assert english
    assert abs(wide["x"] - english["x"]) < 1
    assert abs(arabic["x"] + arabic["width"] - wide["x"] - wide["width"]) < 1
    assert arabic["x"] > english["x"] + english["width"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_a_long_digest_fits_a_phone(browser: Browser, sandbox: Sandbox, scheme: str) -> None:
    line = '• <a href="https://n.example/{0}">Engineers repair the water line number {0}</a> <i>Wire, 08:00</i>'
    says(sandbox, "<b>Monday</b>\n" + "\n".join(line.format(number) for number in range(45)), reply_markup=keys("More"))
    says(sandbox, "https://n.example/" + "averylongword" * 30)
    async with sitting(browser, sandbox.root_url, BEN, color_scheme=scheme, **PHONE) as ben:
        await expect(ben.box).to_be_hidden()
        await ben.open("Watchword")
        await expect(ben.page.get_by_text("Not Telegram")).to_be_visible()
        assert await ben.page.evaluate(TOO_WIDE) == []
        await expect(ben.bot.last).to_be_in_viewport()
        await ben.page.get_by_role("button", name="Back to the chats").click()
        await expect(ben.page.get_by_role("navigation", name="Chats")).to_be_visible()
        assert await ben.page.evaluate(TOO_WIDE) == []


async def test_everything_that_can_be_used_has_a_name(ben: Person, sandbox: Sandbox) -> None:
    bot(sandbox, "setMyCommands", commands=[{"command": "help", "description": "All I can do"}])
    says(sandbox, "<tg-spoiler>x</tg-spoiler> /help", reply_markup=keys("One", "Two"))
    stored = sandbox.world.add_file("p.png", "image/png", png(40, 30))
    bot(sandbox, "sendPhoto", chat_id=BEN, photo=stored.file_id)
    sandbox.upload("sources.opml", b"<opml/>", user_id=BEN)
    await ben.open("News room")
    await ben.open("Watchword")
    await ben.page.get_by_role("button", name="Command menu").click()
    await expect(ben.page.get_by_role("option", name="/help")).to_be_visible()
    client = await ben.page.context.new_cdp_session(ben.page)
    tree = (await client.send("Accessibility.getFullAXTree"))["nodes"]
    used = [node for node in tree if not node["ignored"] and node["role"]["value"] in USED]
    assert {node["role"]["value"] for node in used} == USED
    assert [node for node in used if not node["name"]["value"].strip()] == []


# ---- what changes ----


async def test_messages_change_and_vanish(ben: Person, sandbox: Sandbox) -> None:
    first = says(sandbox, "first text", reply_markup=keys("Go"))
    second = says(sandbox, "second text")
    shown = await ben.hear("first text")
    await expect(ben.bot).to_have_count(2)
    bot(sandbox, "editMessageText", chat_id=BEN, message_id=first, text="changed")
    await expect(shown).to_contain_text("changed")
    await expect(shown).to_contain_text("edited")
    await expect(shown.get_by_role("button", name="Go")).to_have_count(0)
    bot(sandbox, "deleteMessage", chat_id=BEN, message_id=second)
    await expect(ben.bot).to_have_count(1)


async def test_the_bot_is_seen_typing_until_it_has_written(ben: Person, sandbox: Sandbox) -> None:
    bot(sandbox, "sendChatAction", chat_id=BEN, action="typing")
    await expect(ben.page.get_by_text("Watchword is typing")).to_be_attached()
    await expect(ben.page.locator("#subtitle")).to_have_text("typing…")
    says(sandbox, "done")
    await expect(ben.page.locator("#typing")).to_be_hidden()


async def test_a_pressed_button_waits_for_its_answer(ben: Person, sandbox: Sandbox) -> None:
    says(sandbox, "choose", reply_markup=keys("One", "Two"))
    two = (await ben.hear("choose")).get_by_role("button", name="Two")
    await two.click()
    await expect(two).to_have_attribute("aria-busy", "true")
    pressed = sandbox.world.updates[-1][1]["callback_query"]
    assert (pressed["data"], pressed["from"]["id"]) == ("data:Two", BEN)
    bot(sandbox, "answerCallbackQuery", callback_query_id=pressed["id"], text="Noted.")
    await expect(ben.page.get_by_role("status")).to_have_text("Noted.")
    await expect(two).not_to_have_attribute("aria-busy", "true")
    await two.click()
    await expect(two).to_have_attribute("aria-busy", "true")
    pressed = sandbox.world.updates[-1][1]["callback_query"]
    bot(sandbox, "answerCallbackQuery", callback_query_id=pressed["id"], text="Stop!", show_alert=True)
    await expect(ben.page.get_by_role("dialog")).to_contain_text("Stop!")
    await ben.page.get_by_role("button", name="OK").press("Enter")
    await expect(ben.page.get_by_role("dialog")).to_be_hidden()


async def test_what_came_unseen_is_counted(ben: Person, sandbox: Sandbox) -> None:
    chats = ben.page.get_by_role("navigation", name="Chats")
    says(sandbox, "news", GROUP)
    says(sandbox, "more news", GROUP)
    await expect(chats.locator("button", has_text="News room").locator(".badge")).to_have_text("2")
    await expect(ben.page).to_have_title("(2) Watchword sandbox")
    await ben.open("News room")
    await expect(chats.locator(".badge:visible")).to_have_count(0)


async def test_who_reads_further_up_is_not_moved(ben: Person, sandbox: Sandbox) -> None:
    for number in range(40):
        says(sandbox, f"line {number}")
    await expect(ben.bot.last).to_be_in_viewport()
    await ben.page.get_by_role("log").evaluate("(log) => { log.scrollTop = 0; }")
    says(sandbox, "the newest")
    await expect(ben.bot.first).to_be_in_viewport()
    await ben.page.get_by_role("button", name="New", exact=True).click()
    await expect(ben.bot.last).to_be_in_viewport()


async def test_it_goes_on_by_itself_when_the_sandbox_was_started_again(browser: Browser) -> None:
    async with Sandbox() as first:
        port = first.port
        context = await browser.new_context()
        page = await context.new_page()
        await page.goto(first.root_url)
        first.say("before", user_id=ADA)
        await expect(page.locator(".message")).to_have_count(1)
    await expect(page.get_by_role("alert")).to_be_visible()
    async with Sandbox(port) as second:
        await expect(page.get_by_role("alert")).to_be_hidden(timeout=15_000)
        await expect(page.locator(".message")).to_have_count(0)
        says(second, "after", ADA)
        await expect(page.locator(".message")).to_have_text(re.compile("after"))
        await context.close()


# ---- what people do ----


async def test_the_keyboard_is_enough(ben: Person, sandbox: Sandbox) -> None:
    menu = [{"command": name, "description": name.title()} for name in ("help", "list", "latest")]
    bot(sandbox, "setMyCommands", commands=menu)
    says(sandbox, "hello", reply_markup=keys("Press me"))
    await ben.open("News room")
    await ben.open("Watchword")
    await expect(ben.box).to_be_focused()
    await ben.page.keyboard.type("/l")
    await expect(ben.page.get_by_role("option")).to_have_count(2)
    await ben.page.keyboard.press("ArrowDown")
    await ben.page.keyboard.press("Enter")
    await expect(ben.messages.last).to_contain_text("/latest")
    await ben.page.keyboard.type("one")
    await ben.page.keyboard.press("Shift+Enter")
    await ben.page.keyboard.type("two")
    await ben.page.keyboard.press("Enter")
    await expect(ben.messages.last).to_contain_text("one\ntwo", use_inner_text=True)
    await ben.page.keyboard.type("/")
    await ben.page.keyboard.press("Escape")
    await expect(ben.page.get_by_role("listbox")).to_be_hidden()
    await ben.page.keyboard.press("Backspace")

    (await ben.hear("hello")).get_by_role("button", name="Press me")
    reply = ben.page.get_by_role("button", name="Reply to Watchword: hello")
    for _ in range(12):
        if await reply.evaluate("(button) => button === document.activeElement"):
            break
        await ben.page.keyboard.press("Shift+Tab")
    await ben.page.keyboard.press("Enter")
    await ben.page.keyboard.type("an answer")
    await ben.page.keyboard.press("Enter")
    await expect(ben.messages.last.locator(".quote")).to_contain_text("hello")
    assert sandbox.world.updates[-1][1]["message"]["reply_to_message"]["text"] == "hello"
    await expect(ben.page.locator("#answering")).to_be_hidden()


async def test_a_command_from_the_menu_names_the_bot_in_a_group(ben: Person, sandbox: Sandbox) -> None:
    bot(sandbox, "setMyCommands", commands=[{"command": "list", "description": "What you watch"}])
    await ben.open("News room")
    await ben.page.get_by_role("button", name="Command menu").click()
    await ben.page.get_by_role("option", name="/list").click()
    await expect(ben.messages.last).to_contain_text("/list@watchword_sandbox_bot")
    assert sandbox.world.updates[-1][1]["message"]["chat"]["id"] == GROUP


async def test_files_and_pictures_go_both_ways(ben: Person, sandbox: Sandbox, tmp_path: Path) -> None:
    async with ben.page.expect_file_chooser() as chooser:
        await ben.page.get_by_role("button", name="Send a picture or a file").click()
    opml, picture = tmp_path / "my feeds.opml", tmp_path / "photo.png"
    opml.write_bytes(b"<opml version='2.0'/>")
    picture.write_bytes(png(300, 200))
    await (await chooser.value).set_files([opml, picture])
    await expect(ben.messages.filter(has=ben.page.get_by_role("img", name="Picture from Ben"))).to_be_visible()
    updates = [update["message"] for _, update in sandbox.world.updates]
    assert updates[0]["document"]["file_name"] == "my feeds.opml"
    assert "photo" in updates[1]
    stored = sandbox.world.files[updates[0]["document"]["file_id"]]
    assert stored.content == b"<opml version='2.0'/>"

    export = Params({"chat_id": BEN}, {"document": Upload("watchword.json", "application/json", b'{"a": 1}')})
    call(sandbox.world, "sendDocument", export)
    async with ben.page.expect_download() as download:
        await ben.page.get_by_role("link", name="Download watchword.json, 8 B").click()
    assert (await download.value).suggested_filename == "watchword.json"
    assert (await (await download.value).path()).read_bytes() == b'{"a": 1}'


async def test_who_may_not_write_in_a_channel_is_told(browser: Browser, ben: Person, sandbox: Sandbox) -> None:
    says(sandbox, "headline", CHANNEL)
    await ben.open("Front page")
    await expect(ben.page.get_by_text("Only the channel's admins write here.")).to_be_visible()
    await expect(ben.box).to_be_hidden()
    await ben.page.get_by_role("radio", name="Ada (admin)").check()
    await expect(ben.page.get_by_role("heading", level=1)).to_have_text("Front page")
    await ben.say("a post")
    await expect(ben.messages.last).to_contain_text("a post")
    assert "channel_post" in sandbox.world.updates[-1][1]


async def test_the_bot_is_blocked_and_let_in_again(ben: Person, sandbox: Sandbox) -> None:
    await ben.page.get_by_role("button", name="Block the bot").click()
    await expect(ben.page.get_by_role("button", name="Unblock the bot")).to_be_visible()
    assert sandbox.world.chats[BEN].blocked
    await ben.say("hello again")  # who writes unblocks, as Telegram asks to
    await expect(ben.page.get_by_role("button", name="Block the bot", exact=True)).to_be_visible()


async def test_light_and_dark_are_the_readers_choice(browser: Browser, sandbox: Sandbox) -> None:
    async with sitting(browser, sandbox.root_url, CHO, color_scheme="dark") as cho:
        colour = "() => getComputedStyle(document.body).backgroundColor"
        dark = await cho.page.evaluate(colour)
        button = cho.page.get_by_role("button", name="Theme")
        await button.click()
        await expect(button).to_have_text("Theme: light")
        assert await cho.page.evaluate(colour) != dark
        await cho.page.reload()
        await expect(button).to_have_text("Theme: light")
