"""The sandbox over HTTP: what another process may do to it, and what a page of another site may not."""

import asyncio
import base64
import logging
import socket
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from bot.sandbox.people import ADA, BEN, GROUP
from bot.sandbox.server import Sandbox


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    async with Sandbox() as server:
        yield server


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def act(http: aiohttp.ClientSession, sandbox: Sandbox, action: str, **arguments: Any) -> tuple[int, Any]:
    async with http.post(f"{sandbox.root_url}/sandbox/{action}", json=arguments) as answer:
        return answer.status, await answer.json()


async def ask(http: aiohttp.ClientSession, sandbox: Sandbox, path: str) -> Any:
    async with http.get(f"{sandbox.root_url}/sandbox/{path}") as answer:
        assert answer.status == 200
        return (await answer.json())["result"]


async def test_people_act_and_the_bot_hears_of_it(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    status, said = await act(http, sandbox, "say", text="/start", user_id=BEN)
    assert (status, said["ok"]) == (200, True)
    content = base64.b64encode(b"<opml/>").decode()
    assert (await act(http, sandbox, "upload", name="a.opml", content=content, user_id=BEN))[0] == 200
    assert (await act(http, sandbox, "block", user_id=BEN))[0] == 200
    assert (await act(http, sandbox, "fail", kind="flood", details={"retry_after": 3, "times": 2}))[0] == 200
    async with http.post(f"{sandbox.base_url}1:x/sendMessage", json={"chat_id": ADA, "text": "x"}) as answer:
        assert (answer.status, (await answer.json())["parameters"]) == (429, {"retry_after": 3})
    assert (await act(http, sandbox, "clear_faults"))[0] == 200
    async with http.get(f"{sandbox.base_url}1:x/getUpdates") as answer:
        updates = (await answer.json())["result"]
    assert [next(key for key in update if key != "update_id") for update in updates] == [
        "message",
        "message",
        "my_chat_member",
    ]
    state = await ask(http, sandbox, "state")
    assert {person["first_name"] for person in state["people"]} == {"Ada", "Ben", "Cho"}
    assert [chat["blocked"] for chat in state["chats"] if chat["id"] == BEN] == [True]


async def test_what_the_bot_sent_is_shown_with_what_happened(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    for text in ("one", "two"):
        async with http.get(f"{sandbox.base_url}1:x/sendMessage?chat_id={ADA}&text={text}") as answer:
            assert answer.status == 200
    assert [message["text"] for message in await ask(http, sandbox, "sent?after=1")] == ["two"]
    events = await ask(http, sandbox, f"events?chat_id={ADA}")
    assert [event["data"]["text"] for event in events] == ["one", "two"]
    assert await ask(http, sandbox, f"events?after={events[-1]['seq']}") == []
    assert [request["method"] for request in await ask(http, sandbox, "requests")] == ["sendMessage"] * 2


async def test_events_are_streamed_in_process(sandbox: Sandbox) -> None:
    sandbox.say("one", user_id=ADA)
    stream = sandbox.events()
    assert (await anext(stream))["data"]["text"] == "one"
    sandbox.say("two", user_id=ADA)
    assert (await anext(stream))["data"]["text"] == "two"
    await stream.aclose()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("action", "arguments", "status", "words"),
    [
        ("fly", {}, 404, "There is no action 'fly'."),
        ("say", {"text": "x"}, 400, "Say who speaks"),
        ("say", {"text": 5, "user_id": ADA}, 400, "text: "),
        ("say", {"word": "x"}, 400, "missing a required argument|unexpected keyword"),
        ("say", {"text": " ", "user_id": ADA}, 400, "Nobody can send an empty message."),
        ("press", {"message_id": 1, "button": "x", "user_id": ADA}, 400, "has no message 1"),
        ("upload", {"name": "a", "content": "!", "user_id": ADA}, 400, "The content is not base64"),
        ("block", {"user_id": 77}, 400, "There is no person 77"),
        ("fail", {"kind": "rain"}, 400, "kind: "),
        ("open_topic", {"chat_id": GROUP, "name": "x"}, 400, "is not a forum"),
    ],
)
async def test_mistakes_are_told_in_a_sentence(
    sandbox: Sandbox, http: aiohttp.ClientSession, action: str, arguments: dict[str, Any], status: int, words: str
) -> None:
    got, body = await act(http, sandbox, action, **arguments)
    assert (got, body["ok"]) == (status, False)
    assert any(word in body["error"] for word in words.split("|"))


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "evil.example"},
        {"Host": "evil.example:80"},
        {"Host": "[::1"},
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
    ],
)
async def test_pages_of_other_sites_are_refused(
    sandbox: Sandbox, http: aiohttp.ClientSession, headers: dict[str, str]
) -> None:
    for path in ("/sandbox/say", "/bot1:x/sendMessage"):
        arguments = {"text": "x", "user_id": ADA, "chat_id": ADA}
        async with http.post(f"{sandbox.root_url}{path}", json=arguments, headers=headers) as answer:
            assert answer.status == 403
    assert not sandbox.world.events


async def test_a_form_cannot_act(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{sandbox.root_url}/sandbox/say", data={"text": "x"}) as answer:
        assert answer.status == 415


async def test_every_encoding_of_parameters_is_read(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    url = f"{sandbox.base_url}1:x/sendMessage"
    form = aiohttp.FormData({"chat_id": str(ADA), "text": "d"})
    form.add_field("unused", b"x", filename="x")
    for arguments in (
        {"params": {"chat_id": ADA, "text": "a"}},
        {"data": {"chat_id": ADA, "text": "b"}},
        {"json": {"chat_id": ADA, "text": "c"}},
        {"data": form},
    ):
        async with http.post(url, **arguments) as answer:
            assert answer.status == 200
    assert [message["text"] for message in sandbox.sent] == ["a", "b", "c", "d"]


@pytest.mark.parametrize(
    ("body", "description"),
    [
        (b"{", "Bad Request: can't parse request"),
        (b"[]", "Bad Request: object expected"),
        (b"\xff\xfe\x00", "Bad Request: "),
        (b'{"text": "x"}', "Bad Request: chat_id is empty"),
        (b'{"text": "x", "chat_id": "nobody"}', "Bad Request: chat not found"),
        (b'{"text": "x", "chat_id": 1001, "reply_markup": "{"}', "Bad Request: can't parse reply_markup JSON object"),
        (
            b'{"text": "x", "chat_id": 1001, "reply_parameters": "5"}',
            "Bad Request: object expected as reply parameters",
        ),
        (b'{"text": "x", "chat_id": 1001, "parse_mode": "BBCode"}', "Bad Request: unsupported parse_mode"),
        (b'{"text": "x", "chat_id": 1001, "entities": "{}"}', "Bad Request: can't parse entities"),
    ],
)
async def test_nonsense_is_a_bad_request(
    sandbox: Sandbox, http: aiohttp.ClientSession, body: bytes, description: str
) -> None:
    headers = {"Content-Type": "application/json"}
    async with http.post(f"{sandbox.base_url}1:x/sendMessage", data=body, headers=headers) as answer:
        assert answer.status == 400
        assert (await answer.json())["description"].startswith(description)


async def test_an_unknown_method_is_not_found(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.get(f"{sandbox.base_url}1:x/sendLove") as answer:
        assert answer.status == 404


async def test_updates_are_posted_to_a_webhook_until_they_are_taken(
    sandbox: Sandbox, http: aiohttp.ClientSession
) -> None:
    taken: list[tuple[str | None, str]] = []
    answers = iter((500, 200, 200))

    async def hook(request: web.Request) -> web.Response:
        update = await request.json()
        taken.append((request.headers.get("X-Telegram-Bot-Api-Secret-Token"), update["message"]["text"]))
        sandbox.world.changes.notify()
        return web.Response(status=next(answers))

    app = web.Application()
    app.router.add_post("/hook", hook)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    async with http.post(f"{sandbox.base_url}1:x/setWebhook", json={"url": url, "secret_token": "s"}) as answer:
        assert answer.status == 200
    sandbox.say("one", user_id=ADA)
    sandbox.say("two", user_id=ADA)
    await sandbox.until(lambda: len(taken) == 3)
    assert taken == [("s", "one"), ("s", "one"), ("s", "two")]
    async with http.get(f"{sandbox.base_url}1:x/getUpdates") as answer:
        assert (answer.status, "webhook is active" in await answer.text()) == (409, True)
    async with http.get(f"{sandbox.base_url}1:x/getWebhookInfo") as answer:
        assert "500" in (await answer.json())["result"]["last_error_message"]
    async with http.get(f"{sandbox.base_url}1:x/deleteWebhook") as answer:
        assert answer.status == 200
    await runner.cleanup()


async def test_a_webhook_must_be_https_unless_it_is_here(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    async with http.post(f"{sandbox.base_url}1:x/setWebhook", json={"url": "http://a.example/"}) as answer:
        assert (await answer.json())["description"] == (
            "Bad Request: bad webhook: An HTTPS URL must be provided for webhook"
        )


async def test_a_taken_port_is_one_sentence_or_the_next_one() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(OSError, match=f"Port {port} on 127.0.0.1 cannot be used"):
            await Sandbox(port).__aenter__()
        async with Sandbox(port, tries=20) as sandbox:
            assert port < sandbox.port < port + 20
            assert sandbox.port_note == f"Port {port} is taken, so the sandbox uses {sandbox.port}."


def test_it_listens_on_this_machine_only() -> None:
    for host in ("0.0.0.0", "192.168.1.1", "example.org", ""):
        with pytest.raises(ValueError, match="this machine only"):
            Sandbox(host=host)


async def test_waiting_in_vain_says_what_there_is(sandbox: Sandbox) -> None:
    with pytest.raises(TimeoutError, match=r"for 1 messages; the bot sent 0"):
        await sandbox.until_sent(1, timeout=0.01)


async def test_closing_ends_polls_and_hanging_requests(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.WARNING)
    async with aiohttp.ClientSession() as http, Sandbox() as sandbox:
        sandbox.fail("hang_before", method="getMe")
        async with aiohttp.ClientSession() as other:
            poll = asyncio.create_task(http.get(f"{sandbox.base_url}1:x/getUpdates?timeout=50"))
            hanging = asyncio.create_task(other.get(f"{sandbox.base_url}1:x/getMe"))
            await sandbox.until(lambda: len(sandbox.requests) == 2)
            await sandbox.__aexit__(None, None, None)
            results = await asyncio.gather(poll, hanging, return_exceptions=True)
    assert isinstance(results[1], aiohttp.ClientError)
    assert not caplog.records


async def test_a_method_is_routed_by_its_documented_name_only(sandbox: Sandbox, http: aiohttp.ClientSession) -> None:
    for name, status in (("getMe", 200), ("GetMe", 404), ("getme", 404), ("setMyShortDescription", 200)):
        async with http.post(f"{sandbox.base_url}1:x/{name}") as answer:
            assert answer.status == status, name
