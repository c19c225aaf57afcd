"""State of the sandbox: people, chats, messages, files, pending updates and the event log.

Everything is in memory and bounded. JSON objects have the shape of the Bot API.
"""

import asyncio
import itertools
import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypedDict

from bot.sandbox.errors import JSON, ApiError, SandboxError, bad_request, forbidden

KEEP = 10_000  # messages, events and requests kept
KEEP_IN_CHAT = 2_000
KEEP_FILES = 64 * 1024 * 1024  # bytes
KEEP_UPDATES = 100_000
UPDATE_LIFE = 86_400  # seconds an update waits for its bot (core.telegram.org/bots/api#getting-updates)
NOT_BY_DEFAULT = {"chat_member", "message_reaction", "message_reaction_count"}
PRESENT = {"member", "administrator", "creator", "restricted"}


@dataclass(slots=True)
class Person:
    """A Telegram user. `language_code` is the language of their app."""

    id: int
    first_name: str
    username: str | None = None
    language_code: str | None = "en"
    deactivated: bool = False

    def user(self) -> JSON:
        """Return the User object."""
        user: JSON = {"id": self.id, "is_bot": False, "first_name": self.first_name}
        optional = {"username": self.username, "language_code": self.language_code}
        return user | {key: value for key, value in optional.items() if value}


@dataclass(slots=True)
class SandboxChat:
    """A private chat, group or channel. `members` maps user id to membership status, the bot included."""

    id: int
    type: str  # "private", "group", "supergroup", "channel"
    title: str = ""
    username: str | None = None
    members: dict[int, str] = field(default_factory=dict)
    topics: dict[int, bool] | None = None  # of a forum: thread id to whether it is open
    blocked: bool = False  # private chat: the person blocked the bot
    deleted: bool = False
    migrated_to: int | None = None
    muted: bool = False  # the bot may read, not write
    messages: dict[int, JSON] = field(default_factory=dict)

    @property
    def is_private(self) -> bool:
        """Whether the chat is between a person and the bot."""
        return self.type == "private"

    def remember(self, message: JSON) -> None:
        """Store a message and drop the oldest above KEEP_IN_CHAT."""
        self.messages[message["message_id"]] = message
        while len(self.messages) > KEEP_IN_CHAT:
            del self.messages[next(iter(self.messages))]


class SentMessage(TypedDict):
    """Ledger entry of a message the sandbox accepted from the bot."""

    number: int  # 1 for the first since the start
    method: str
    chat_id: int
    message_id: int
    text: str  # as displayed, markup parsed; or the caption
    markup: str  # as the bot sent it
    parse_mode: str | None
    entities: list[JSON]
    reply_markup: JSON | None
    reply_to: int | None
    thread_id: int | None
    silent: bool
    file_id: str | None
    at: float  # seconds, of the sandbox's monotonic clock


class Event(TypedDict):
    """Event log entry: `kind` is message, edited, deleted, callback, answered, action or member."""

    seq: int  # consecutive over all chats
    at: float  # seconds since the epoch
    chat_id: int
    kind: str
    data: JSON


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A document or picture. `path` is the `file_path` of getFile."""

    file_id: str
    path: str
    name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class CallbackQuery:
    """A pressed button whose callback query has not been answered."""

    id: str
    chat_id: int
    expires_at: float  # monotonic


class Changes:
    """Change notification: wakes the coroutines that wait for a condition on the world."""

    def __init__(self) -> None:
        self._event = asyncio.Event()

    def notify(self) -> None:
        """Make every waiter check its condition again."""
        self._event.set()
        self._event = asyncio.Event()

    async def until(self, condition: Callable[[], bool], timeout: float) -> bool:  # noqa: ASYNC109 its own answer
        """Wait until the condition is true, `timeout` seconds at most; return its last value."""
        try:
            async with asyncio.timeout(timeout):
                while not condition():
                    await self._event.wait()
        except TimeoutError:
            return condition()
        return True


class World:
    """In-memory database of the sandbox, changed by Bot API methods and by the actions of people."""

    def __init__(self, *, bot_id: int, keep: int = KEEP) -> None:
        self.bot: JSON = {
            "id": bot_id,
            "is_bot": True,
            "first_name": "Watchword",
            "username": "watchword_sandbox_bot",
            "can_join_groups": True,
            "can_read_all_group_messages": False,
            "supports_inline_queries": False,
        }
        self.profile: dict[str, dict[str, str]] = {"name": {}, "description": {}, "short_description": {}}
        self.commands: dict[tuple[str, str], list[JSON]] = {}
        self.people: dict[int, Person] = {}
        self.chats: dict[int, SandboxChat] = {}
        self.files: dict[str, StoredFile] = {}
        self.queries: dict[str, CallbackQuery] = {}
        self.query_seconds = 60.0
        self.updates: deque[tuple[float, JSON]] = deque(maxlen=KEEP_UPDATES)
        self.allowed_updates: set[str] | None = None  # None: all but NOT_BY_DEFAULT
        self.webhook: dict[str, str] | None = None  # `url` and `secret_token`
        self.webhook_failure: JSON = {}
        self.sent: deque[SentMessage] = deque(maxlen=keep)
        self.edits: deque[SentMessage] = deque(maxlen=keep)  # new texts of messages
        self.sent_count = 0
        self.events: deque[Event] = deque(maxlen=keep)
        self.changes = Changes()
        self._message_ids = itertools.count(1)
        self._update_ids = itertools.count(int(time.time()))  # new to a bot whose database outlives this sandbox
        self._event_ids = itertools.count(1)
        self._query_ids = itertools.count(5_000_000_001)
        self._file_ids = itertools.count(1)

    # ---- reading ----

    def person(self, user_id: int) -> Person:
        """Return a person; raises SandboxError if unknown."""
        if user_id not in self.people:
            raise SandboxError(f"There is no person {user_id} in the sandbox.")
        return self.people[user_id]

    def chat(self, chat_id: int) -> SandboxChat:
        """Return a chat; raises SandboxError if unknown."""
        if chat_id not in self.chats:
            raise SandboxError(f"There is no chat {chat_id} in the sandbox.")
        return self.chats[chat_id]

    def known_chat(self, chat_id: int | str) -> SandboxChat:
        """Return the chat with an id or @username; raises ApiError."""
        for chat in [self.chats.get(chat_id)] if isinstance(chat_id, int) else self.chats.values():
            if chat and (isinstance(chat_id, int) or f"@{chat.username}".lower() == chat_id.lower()):
                return chat
        raise bad_request("chat not found")

    def writable_chat(self, chat_id: int | str) -> SandboxChat:
        """Return a chat if the bot may write to it; else raises the ApiError that Telegram gives."""
        chat = self.known_chat(chat_id)
        refusal = self._refusal(chat)
        if refusal:
            raise refusal
        return chat

    def _refusal(self, chat: SandboxChat) -> ApiError | None:
        if chat.is_private:
            return _private_refusal(chat, self.people[chat.id])
        kind = {"group": "group", "supergroup": "supergroup", "channel": "channel"}[chat.type]
        if chat.migrated_to is not None:
            words = "group chat was upgraded to a supergroup chat"
            return bad_request(words, migrate_to_chat_id=chat.migrated_to)
        if chat.deleted:
            return forbidden(f"the {kind} chat was deleted")
        status = chat.members.get(self.bot["id"], "left")
        if status not in PRESENT:
            how = "was kicked from" if status == "kicked" else "is not a member of"
            return forbidden(f"bot {how} the {kind} chat")
        if chat.type == "channel" and status != "administrator":
            return bad_request("need administrator rights in the channel chat")
        return bad_request("not enough rights to send text messages to the chat") if chat.muted else None

    # ---- creating ----

    def add_person(self, person: Person) -> SandboxChat:
        """Add a person and their private chat with the bot, as if they had pressed Start."""
        self.people[person.id] = person
        members = {person.id: "member", self.bot["id"]: "member"}
        return self.chats.setdefault(person.id, SandboxChat(person.id, "private", members=members))

    def bot_user(self) -> JSON:
        """Return the bot's public User object."""
        return {key: self.bot[key] for key in ("id", "is_bot", "first_name", "username")}

    def next_message_id(self) -> int:
        """Return a message id unused in every chat."""
        return next(self._message_ids)

    def chat_object(self, chat: SandboxChat) -> JSON:
        """Return the Chat object."""
        if chat.is_private:
            user = self.people[chat.id].user()
            return {"type": "private"} | {key: user[key] for key in ("id", "first_name", "username") if key in user}
        found: JSON = {"id": chat.id, "type": chat.type, "title": chat.title}
        if chat.username:
            found["username"] = chat.username
        if chat.topics is not None:
            found["is_forum"] = True
        return found

    def new_message(self, chat: SandboxChat, sender: JSON | None, **content: Any) -> JSON:
        """Create a message and store it in its chat; content that is None is left out."""
        message: JSON = {
            "message_id": self.next_message_id(),
            "date": int(time.time()),
            "chat": self.chat_object(chat),
        }
        if chat.type == "channel":
            message["sender_chat"] = message["chat"]
        elif sender:
            message["from"] = sender
        message |= {key: value for key, value in content.items() if value is not None}
        chat.remember(message)
        self.happened(chat.id, "message", message)
        return message

    def add_file(self, name: str, mime_type: str, content: bytes) -> StoredFile:
        """Store a file and drop the oldest above KEEP_FILES bytes."""
        number = next(self._file_ids)
        folder = "photos" if mime_type.startswith("image/") else "documents"
        suffix = name.rpartition(".")[2] if "." in name else "bin"
        suffix = suffix if suffix.isalnum() else "bin"
        stored = StoredFile(f"file-{number}", f"{folder}/file_{number}.{suffix}", name, mime_type, content)
        self.files[stored.file_id] = stored
        while len(self.files) > 1 and sum(len(file.content) for file in self.files.values()) > KEEP_FILES:
            del self.files[next(iter(self.files))]
        return stored

    def new_query(self, chat: SandboxChat) -> CallbackQuery:
        """Create a callback query that waits for its answer."""
        query = CallbackQuery(str(next(self._query_ids)), chat.id, time.monotonic() + self.query_seconds)
        self.queries[query.id] = query
        while len(self.queries) > KEEP:
            del self.queries[next(iter(self.queries))]
        return query

    # ---- events and updates ----

    def happened(self, chat_id: int, kind: str, data: JSON) -> None:
        """Append an event to the log and notify the waiters."""
        self.events.append(
            Event(seq=next(self._event_ids), at=time.time(), chat_id=chat_id, kind=kind, data=data.copy())
        )
        self.changes.notify()

    def events_after(self, seq: int, chat_id: int = 0) -> list[Event]:
        """Return the events after number `seq`, oldest first; `chat_id` 0 means every chat."""
        found = []
        for event in reversed(self.events):
            if event["seq"] <= seq:
                break
            if chat_id in (0, event["chat_id"]):
                found.append(event)
        return found[::-1]

    def tell_bot(self, kind: str, data: JSON) -> JSON | None:
        """Queue an update and return it; None if its kind is not in `allowed_updates`."""
        allowed = self.allowed_updates
        if kind in NOT_BY_DEFAULT if allowed is None else kind not in allowed:
            return None
        update = {"update_id": next(self._update_ids), kind: data.copy()}
        self.updates.append((time.time(), update))
        self.changes.notify()
        return update

    def tell_bot_of(self, message: JSON, *, edited: bool = False) -> JSON | None:
        """Queue the update for a new or edited message."""
        noun = "channel_post" if message["chat"]["type"] == "channel" else "message"
        return self.tell_bot(f"edited_{noun}" if edited else noun, message)

    def acknowledge(self, offset: int) -> None:
        """Drop the updates before `offset` (negative: all but the last -offset), and those older than UPDATE_LIFE."""
        if offset < 0:
            while len(self.updates) > -offset:
                self.updates.popleft()
        oldest = time.time() - UPDATE_LIFE
        while self.updates and (self.updates[0][0] < oldest or self.updates[0][1]["update_id"] < offset):
            self.updates.popleft()


def _private_refusal(chat: SandboxChat, person: Person) -> ApiError | None:
    if person.deactivated:
        return forbidden("user is deactivated")
    return forbidden("bot was blocked by the user") if chat.blocked else None
