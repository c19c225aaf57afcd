"""The page of the web chat as it is served, and the stream it lives on. What it does in a browser: tests/browser."""

import base64
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from bot.sandbox.people import ADA, BEN, CHO, GROUP
from bot.sandbox.server import Sandbox
from bot.sandbox.web.serve import FOLDER, SHOWN, TYPES

TOKEN = "1:x"
READS_HTML = r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|setHTML"


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


class Stream:
    """A page's side of the stream: what came, one event at a time."""

    def __init__(self, answer: aiohttp.ClientResponse) -> None:
        self.answer = answer

    async def next(self) -> tuple[str, Any]:
        lines = [(await self.answer.content.readline()).decode() for _ in range(3)]
        assert lines[2] == "\n"
        return lines[0].removeprefix("event: ").strip(), json.loads(lines[1].removeprefix("data: "))


@pytest.fixture
async def stream(sandbox: Sandbox, http: aiohttp.ClientSession) -> AsyncIterator[Stream]:
    sandbox.say("before", user_id=BEN)
    async with http.get(f"{sandbox.root_url}/sandbox/stream") as answer:
        assert answer.content_type == "text/event-stream"
        yield Stream(answer)


async def send(http: aiohttp.ClientSession, sandbox: Sandbox, method: str, **params: Any) -> Any:
    async with http.post(f"{sandbox.base_url}{TOKEN}/{method}", json=params) as answer:
        body = await answer.json()
        assert body["ok"], body
        return body["result"]


async def test_a_page_is_told_everything_there_is_and_then_what_happens(
    sandbox: Sandbox, http: aiohttp.ClientSession, stream: Stream
) -> None:
    kind, snapshot = await stream.next()
    assert kind == "snapshot"
    assert [(person["first_name"], person["is_admin"]) for person in snapshot["people"]] == [
        ("Ada", True),
        ("Ben", False),
        ("Cho", False),
    ]
    assert [chat["type"] for chat in snapshot["chats"]] == ["private"] * 3 + ["group", "channel"]
    assert [message["text"] for message in snapshot["messages"]] == ["before"]

    message = await send(http, sandbox, "sendMessage", chat_id=BEN, text="line one\nline two")
    await send(http, sandbox, "sendChatAction", chat_id=BEN, action="typing")
    await send(http, sandbox, "editMessageText", chat_id=BEN, message_id=message["message_id"], text="new")
    await send(http, sandbox, "deleteMessage", chat_id=BEN, message_id=message["message_id"])
    events = [(await stream.next())[1] for _ in range(4)]
    assert [event["kind"] for event in events] == ["message", "action", "edited", "deleted"]
    assert events[0]["data"]["text"] == "line one\nline two"
    assert [event["seq"] for event in events] == [2, 3, 4, 5]


async def test_a_page_that_asks_again_misses_nothing(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    for number in range(SHOWN + 5):
        sandbox.say(str(number), user_id=CHO)
    async with http.get(f"{sandbox.root_url}/sandbox/stream") as answer:
        __, snapshot = await Stream(answer).next()
    assert [message["text"] for message in snapshot["messages"]] == [str(number) for number in range(5, SHOWN + 5)]


async def test_the_stream_ends_when_the_sandbox_stops() -> None:
    async with aiohttp.ClientSession() as http:
        async with Sandbox() as sandbox:
            answer = await http.get(f"{sandbox.root_url}/sandbox/stream")
            await Stream(answer).next()
        assert await answer.content.read() == b""


@pytest.mark.parametrize("path", ["/", "/web/page.js", "/web/page.css", "/web/icon.svg"])
async def test_every_file_forbids_what_the_page_does_not_need(
    sandbox: Sandbox, http: aiohttp.ClientSession, path: str
) -> None:
    async with http.get(f"{sandbox.root_url}{path}") as answer:
        assert answer.status == 200
        policy = answer.headers["Content-Security-Policy"]
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self';")
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert "require-trusted-types-for 'script'" in policy


@pytest.mark.parametrize("name", ["serve.py", "..%2Fserver.py", "nothing.js", "%00"])
async def test_no_other_file_is_served(sandbox: Sandbox, http: aiohttp.ClientSession, name: str) -> None:
    async with http.get(f"{sandbox.root_url}/web/{name}") as answer:
        assert answer.status == 404


@pytest.mark.parametrize("path", ["/", "/sandbox/stream", "/web/page.js"])
@pytest.mark.parametrize("headers", [{"Host": "evil.example"}, {"Origin": "https://evil.example"}])
async def test_pages_of_other_sites_get_nothing(
    sandbox: Sandbox, http: aiohttp.ClientSession, path: str, headers: dict[str, str]
) -> None:
    async with http.get(f"{sandbox.root_url}{path}", headers=headers) as answer:
        assert answer.status == 403


async def test_a_link_on_another_site_leads_to_the_page_and_to_nothing_else(
    sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    frame = link | {"Sec-Fetch-Dest": "iframe"}
    told = f"/bot{TOKEN}/sendMessage?chat_id={BEN}&text=x"
    for path, headers, status in [
        ("/", link, 200),
        ("/", frame, 403),
        (told, link, 403),
        ("/sandbox/state", link, 403),
    ]:
        async with http.get(f"{sandbox.root_url}{path}", headers=headers) as answer:
            assert answer.status == status, path
    assert not sandbox.sent


def test_the_page_needs_nothing_from_elsewhere_and_reads_no_html() -> None:
    for path in FOLDER.iterdir():
        if path.suffix not in TYPES:
            continue
        text = path.read_text("utf-8")
        assert set(re.findall(r"https?://[\w./]+", text)) <= {"http://www.w3.org/2000/svg"}, path.name
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|setHTML", text), (
            path.name
        )
        assert " style=" not in text, path.name


def test_the_page_says_what_it_is_not() -> None:
    assert "Not Telegram" in (FOLDER / "page.html").read_text("utf-8")


async def test_pictures_and_files_are_sent_as_replies(
    sandbox: Sandbox, http: aiohttp.ClientSession, stream: Stream
) -> None:
    await stream.next()
    first = sandbox.say("first", user_id=ADA, chat_id=GROUP)
    content = base64.b64encode(b"\x89PNG").decode()
    values = {"content": content, "user_id": ADA, "chat_id": GROUP, "reply_to": first}
    for extra in ({"name": "a.png", "as_picture": True}, {"name": "a.opml"}):
        async with http.post(f"{sandbox.root_url}/sandbox/upload", json=values | extra) as answer:
            assert answer.status == 200
    await stream.next()
    picture, document = [(await stream.next())[1]["data"] for _ in range(2)]
    assert picture["reply_to_message"]["message_id"] == document["reply_to_message"]["message_id"] == first
    assert document["document"]["file_name"] == "a.opml"
    path = f"/sandbox/files/{picture['photo'][0]['file_id']}"
    async with http.get(f"{sandbox.root_url}{path}") as answer:
        assert (answer.content_type, await answer.read()) == ("image/png", b"\x89PNG")
