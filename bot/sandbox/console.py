"""Terminal client of a sandbox (`watchword chat`): lines are sent as messages, `:1` presses the first button."""

import asyncio
import sys
import threading
from typing import Any, TextIO

import aiohttp

from bot.sandbox.errors import JSON, SandboxError
from bot.sandbox.text import part, units

FIRST_REPLY = 5.0  # seconds to wait for the first reply to a piped line …
QUIET = 0.6  # … and without a further reply until the next line is sent
LONG_POLL = 25  # seconds
BIDI = {*range(0x202A, 0x202F), *range(0x2066, 0x206A)}  # overrides could disguise a line


def run_console(url: str, person: int, source: TextIO | None = None, sink: TextIO | None = None) -> int:
    """Run the console as a person until the input ends; return the exit status: 1 if no sandbox answers at `url`.

    Lines from a pipe are sent singly, each after the replies to the line before it.
    """
    console = Console(url.rstrip("/"), person, source or sys.stdin, sink or sys.stdout)
    try:
        return asyncio.run(console.run())
    except KeyboardInterrupt:
        return 0
    except (aiohttp.ClientError, TimeoutError) as error:
        hint = "start one with: watchword run --sandbox"
        sys.stderr.write(f"No sandbox answers at {url} ({type(error).__name__}); {hint}\n")
        return 1


class Console:
    """A person's private chat with the bot, in a terminal."""

    def __init__(self, url: str, person: int, source: TextIO, sink: TextIO) -> None:
        self.url = url
        self.person = person
        self.source = source
        self.sink = sink
        self.buttons: list[tuple[int, str]] = []  # (message id, data) of the last message with buttons
        self.seen = 0  # number of the last event shown
        self.shown = asyncio.Event()  # set when something is printed

    async def run(self) -> int:
        """Send typed lines and print incoming messages until the input ends."""
        timeout = aiohttp.ClientTimeout(total=LONG_POLL + 15)
        async with aiohttp.ClientSession(timeout=timeout) as http:
            await self._begin(http)
            listening = asyncio.create_task(self._listen(http))
            typing = asyncio.create_task(self._type(http))
            try:
                await asyncio.wait({listening, typing}, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for task in (listening, typing):
                    task.cancel()
                results = await asyncio.gather(listening, typing, return_exceptions=True)
        for error in results:
            if isinstance(error, Exception):
                raise error
        return 0

    async def _begin(self, http: aiohttp.ClientSession) -> None:
        state = await self._get(http, "state")
        names = {user["id"]: user["first_name"] for user in state["people"]}
        past = await self._get(http, f"events?chat_id={self.person}")
        self.seen = past[-1]["seq"] if past else 0
        name = names.get(self.person, f"person {self.person}")
        self._print(f"You are {name}, in a sandbox: this is not Telegram. :1 presses the first button, Ctrl-D ends.")

    async def _type(self, http: aiohttp.ClientSession) -> None:
        lines: asyncio.Queue[str] = asyncio.Queue()
        loop = asyncio.get_running_loop()
        # A daemon, because nothing can wake a thread that blocks on terminal input.
        threading.Thread(target=_read, args=(self.source, lines, loop), daemon=True).start()
        is_piped = not self.source.isatty()
        while line := await lines.get():
            self.shown.clear()
            if await self._do(http, line.strip()) and is_piped:
                await self._settle()

    async def _do(self, http: aiohttp.ClientSession, line: str) -> bool:
        """Execute a line; return whether the bot got an update from it."""
        try:
            if line.startswith(":") and line[1:].isdecimal():
                await self._press(http, int(line[1:]))
            elif line:
                await self._post(http, "say", text=line, user_id=self.person)
        except SandboxError as error:
            self._print(str(error))
            return False
        return bool(line)

    async def _press(self, http: aiohttp.ClientSession, number: int) -> None:
        if not 1 <= number <= len(self.buttons):
            raise SandboxError(f"There is no button {number}.")
        message_id, data = self.buttons[number - 1]
        await self._post(http, "press", message_id=message_id, button=data, user_id=self.person)

    async def _settle(self) -> None:
        """Wait for the bot's first reply, then until no further reply comes for QUIET."""
        wait = FIRST_REPLY
        try:
            while True:
                async with asyncio.timeout(wait):
                    await self.shown.wait()
                self.shown.clear()
                wait = QUIET
        except TimeoutError:
            return

    async def _listen(self, http: aiohttp.ClientSession) -> None:
        while True:
            query = f"events?chat_id={self.person}&after={self.seen}&timeout={LONG_POLL}"
            for event in await self._get(http, query):
                self.seen = event["seq"]
                text = self._render(event)
                if text:
                    self._print(text)
                    self.shown.set()

    def _render(self, event: JSON) -> str:
        """Return the text to print for an event; empty for actions of the person."""
        data = event["data"]
        match event["kind"]:
            case "message" | "edited" if data.get("from", {}).get("is_bot"):
                verb = "bot" if event["kind"] == "message" else "bot, edited"
                return "\n".join([f"{verb}: {readable(data)}", *self._number(data)])
            case "deleted":
                return "bot: (a message was deleted)"
            case "answered" if data["text"]:
                return f"bot, in passing: {visible(data['text'])}"
        return ""

    def _number(self, message: JSON) -> list[str]:
        """Store a message's buttons by number; return a line for each."""
        rows = message.get("reply_markup", {}).get("inline_keyboard", [])
        found = [button for row in rows for button in row]
        pressable = [button for button in found if "callback_data" in button]
        if pressable:
            self.buttons = [(message["message_id"], button["callback_data"]) for button in pressable]
        lines = [f"  :{number} {visible(button['text'])}" for number, button in enumerate(pressable, 1)]
        return lines + [f"  {visible(button['text'])}: {button['url']}" for button in found if "url" in button]

    def _print(self, text: str) -> None:
        self.sink.write(f"{text}\n")
        self.sink.flush()

    async def _get(self, http: aiohttp.ClientSession, path: str) -> Any:
        async with http.get(f"{self.url}/sandbox/{path}", raise_for_status=True) as answer:
            return (await answer.json())["result"]

    async def _post(self, http: aiohttp.ClientSession, action: str, **arguments: object) -> None:
        async with http.post(f"{self.url}/sandbox/{action}", json=arguments) as answer:
            body = await answer.json()
            if not body["ok"]:
                raise SandboxError(body["error"])


def readable(message: JSON) -> str:
    """Return a message as plain text, with the addresses of its links in brackets and the names of its files."""
    text = message.get("text") or message.get("caption") or ""
    entities = message.get("entities") or message.get("caption_entities") or []
    links = [entity for entity in entities if entity["type"] == "text_link"]
    for link in sorted(links, key=lambda link: -link["offset"]):
        end = {"offset": 0, "length": link["offset"] + link["length"]}
        before = part(text, end)
        after = part(text, {"offset": end["length"], "length": units(text) - end["length"]})
        text = f"{before} ({link['url']}){after}"
    if "document" in message:
        text = f"[document {message['document']['file_name']}] {text}"
    if "photo" in message:
        text = f"[picture] {text}"
    return visible(text)


def visible(text: str) -> str:
    """Return the text without characters that control a terminal, except line breaks."""
    return "".join(
        character
        for character in text
        if character == "\n" or ((character.isprintable() or character > "\x9f") and ord(character) not in BIDI)
    )


def _read(source: TextIO, lines: asyncio.Queue[str], loop: asyncio.AbstractEventLoop) -> None:
    """Queue every line, and an empty string at the end of the input."""
    for line in source:
        loop.call_soon_threadsafe(lines.put_nowait, line)
    loop.call_soon_threadsafe(lines.put_nowait, "")
