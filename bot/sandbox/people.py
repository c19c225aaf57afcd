"""Actions of people in the sandbox: they write, press buttons, send files, join and leave; each queues updates."""

import mimetypes
import time
from collections.abc import Sequence

from bot.sandbox.errors import JSON, SandboxError
from bot.sandbox.state import PRESENT, Person, SandboxChat, World
from bot.sandbox.text import clean, trim, with_found

ADA, BEN, CHO = 1001, 1002, 1003  # Ada is the admin of `watchword run --sandbox`
GROUP, CHANNEL = -2001, -1001000000001


def populate(world: World) -> None:
    """Put three people, a group and a channel into an empty world."""
    for person in (Person(ADA, "Ada", "ada"), Person(BEN, "Ben", "ben"), Person(CHO, "Cho", "cho", "ar")):
        world.add_person(person)
    bot_id = world.bot["id"]
    members = {ADA: "creator", BEN: "member", CHO: "member", bot_id: "member"}
    world.chats[GROUP] = SandboxChat(GROUP, "group", "News room", members=members)
    world.chats[CHANNEL] = SandboxChat(
        CHANNEL, "channel", "Front page", username="front_page", members={ADA: "creator", bot_id: "administrator"}
    )


class People:
    """Actions of people. Without `chat_id` they happen in the private chat; an unknown person there is created."""

    def __init__(self, world: World) -> None:
        self.world = world

    def add_person(
        self, user_id: int, first_name: str = "", username: str | None = None, language_code: str | None = "en"
    ) -> int:
        """Add a person who pressed Start; return the id of the private chat."""
        return self.world.add_person(Person(user_id, first_name or f"Person {user_id}", username, language_code)).id

    def add_group(self, chat_id: int, title: str, *, members: Sequence[int] = (ADA,), forum: bool = False) -> int:
        """Add a group with the bot in it (a supergroup if the id begins with -100); its first member is the owner."""
        kind = "supergroup" if str(chat_id).startswith("-100") else "group"
        statuses = {self.world.person(user_id).id: "member" for user_id in members}
        if members:
            statuses[members[0]] = "creator"
        statuses[self.world.bot["id"]] = "member"
        chat = SandboxChat(chat_id, kind, title, members=statuses, topics={} if forum else None)
        self.world.chats[chat_id] = chat
        return chat_id

    def add_channel(self, chat_id: int, title: str, username: str | None = None) -> int:
        """Add a channel owned by Ada with the bot as an administrator."""
        members = {ADA: "creator", self.world.bot["id"]: "administrator"}
        self.world.chats[chat_id] = SandboxChat(chat_id, "channel", title, username, members)
        return chat_id

    def say(
        self,
        text: str,
        *,
        user_id: int | None = None,
        chat_id: int | None = None,
        reply_to: int | None = None,
        thread_id: int | None = None,
        language_code: str | None = None,
    ) -> int:
        """Send a text message; return its id. `language_code` changes the language of the person's app."""
        chat, person = self._where(chat_id, user_id)
        if language_code is not None:
            person.language_code = language_code
        kept, entities = trim(clean(text), [])
        if not kept:
            raise SandboxError("Nobody can send an empty message.")
        return self._post(chat, person, reply_to, thread_id, text=kept, entities=with_found(kept, entities) or None)

    def edit(self, message_id: int, text: str, *, chat_id: int) -> None:
        """Change the text of a person's message."""
        chat = self.world.chat(chat_id)
        message = self._message(chat, message_id)
        kept, entities = trim(clean(text), [])
        message |= {"text": kept, "entities": with_found(kept, entities), "edit_date": int(time.time())}
        self.world.happened(chat.id, "edited", message)
        self.world.tell_bot_of(message, edited=True)

    def forward(self, message_id: int, *, from_chat_id: int, user_id: int, chat_id: int | None = None) -> int:
        """Forward a message of a chat; return the id of the copy."""
        message = self._message(self.world.chat(from_chat_id), message_id)
        origin = {"type": "user", "sender_user": message["from"], "date": message["date"]}
        kept = ("text", "entities", "document", "caption", "caption_entities")
        chat, person = self._where(chat_id, user_id)
        content = {name: message[name] for name in kept if name in message}
        return self._post(chat, person, None, None, forward_origin=origin, **content)

    def upload(
        self,
        name: str,
        content: bytes,
        *,
        user_id: int | None = None,
        chat_id: int | None = None,
        mime_type: str | None = None,
        caption: str | None = None,
        reply_to: int | None = None,
        as_picture: bool = False,
    ) -> int:
        """Send a document, or a picture (reported as 320 × 240); return the message's id."""
        chat, person = self._where(chat_id, user_id)
        mime_type = mime_type or mimetypes.guess_type(name)[0] or "application/octet-stream"
        stored = self.world.add_file(name, mime_type, content)
        captions = {"caption": caption or None, "caption_entities": with_found(caption or "", []) or None}
        file = {"file_id": stored.file_id, "file_unique_id": stored.file_id, "file_size": len(content)}
        if as_picture:
            photo = [file | {"width": 320, "height": 240}]
            return self._post(chat, person, reply_to, None, photo=photo, **captions)
        document = file | {"file_name": name, "mime_type": mime_type}
        return self._post(chat, person, reply_to, None, document=document, **captions)

    def press(self, message_id: int, button: str, *, user_id: int | None = None, chat_id: int | None = None) -> str:
        """Press a button, named by its label or its data; return the callback query's id."""
        chat, person = self._where(chat_id, user_id)
        message = self._message(chat, message_id)
        keyboard = [key for row in message.get("reply_markup", {}).get("inline_keyboard", []) for key in row]
        pressed = next((key for key in keyboard if button in (key["text"], key.get("callback_data"))), None)
        if pressed is None or "callback_data" not in pressed:
            raise SandboxError(f"Message {message_id} has no button {button!r} that can be pressed.")
        query = self.world.new_query(chat)
        data = {
            "id": query.id,
            "from": person.user(),
            "message": message,
            "chat_instance": str(chat.id),
            "data": pressed["callback_data"],
        }
        self.world.happened(chat.id, "callback", {"id": query.id, "from": data["from"], "message_id": message_id})
        self.world.tell_bot("callback_query", data)
        return query.id

    def expire_queries(self) -> None:
        """Expire every callback query that has not been answered."""
        self.world.queries.clear()

    def block(self, user_id: int) -> None:
        """Block the bot."""
        self._private(user_id).blocked = True
        self._bot_status(user_id, user_id, "member", "kicked")

    def unblock(self, user_id: int) -> None:
        """Unblock the bot."""
        self._private(user_id).blocked = False
        self._bot_status(user_id, user_id, "kicked", "member")

    def deactivate(self, user_id: int) -> None:
        """Delete a person's account."""
        self.world.person(user_id).deactivated = True

    def set_bot_status(self, chat_id: int, status: str, *, user_id: int = ADA) -> None:
        """Set the bot's membership: member, administrator, restricted (may not write), left or kicked."""
        chat = self.world.chat(chat_id)
        old = chat.members.get(self.world.bot["id"], "left")
        chat.members[self.world.bot["id"]] = status
        chat.muted = status == "restricted"
        self._bot_status(chat_id, user_id, old, status)

    def join(self, chat_id: int, user_id: int) -> None:
        """Add a person to a group."""
        chat, person = self.world.chat(chat_id), self.world.person(user_id)
        chat.members[user_id] = "member"
        message = self.world.new_message(chat, person.user(), new_chat_members=[person.user()])
        self.world.tell_bot_of(message)

    def leave(self, chat_id: int, user_id: int) -> None:
        """Remove a person from a group, as if they had left."""
        chat, person = self.world.chat(chat_id), self.world.person(user_id)
        chat.members[user_id] = "left"
        message = self.world.new_message(chat, person.user(), left_chat_member=person.user())
        self.world.tell_bot_of(message)

    def promote(self, chat_id: int, user_id: int, status: str = "administrator") -> None:
        """Change a person's status in a group or channel; if the bot is an administrator there, it gets an update."""
        chat, person = self.world.chat(chat_id), self.world.person(user_id)
        old = chat.members.get(person.id, "left")
        chat.members[person.id] = status
        if chat.members.get(self.world.bot["id"]) == "administrator":
            update = {
                "chat": self.world.chat_object(chat),
                "from": self.world.person(ADA).user(),
                "date": int(time.time()),
                "old_chat_member": member_object(person.user(), old),
                "new_chat_member": member_object(person.user(), status),
            }
            self.world.tell_bot("chat_member", update)

    def migrate(self, chat_id: int, new_chat_id: int | None = None) -> int:
        """Upgrade a group to a supergroup, with the service message in both; return the new id."""
        old = self.world.chat(chat_id)
        new_id = new_chat_id if new_chat_id is not None else -1_001_000_000_000 + chat_id
        old.migrated_to = new_id
        new = SandboxChat(new_id, "supergroup", old.title, members=old.members.copy())
        self.world.chats[new_id] = new
        for chat, field, target in ((old, "migrate_to_chat_id", new_id), (new, "migrate_from_chat_id", chat_id)):
            message = self.world.new_message(chat, self.world.bot, **{field: target})
            self.world.tell_bot_of(message)
        return new_id

    def delete_chat(self, chat_id: int) -> None:
        """Delete a group or channel."""
        self.world.chat(chat_id).deleted = True

    def open_topic(self, chat_id: int, name: str, *, user_id: int = ADA) -> int:
        """Open a topic in a forum; return its thread id."""
        chat = self.world.chat(chat_id)
        if chat.topics is None:
            raise SandboxError(f"Chat {chat_id} is not a forum.")
        created = {"name": name, "icon_color": 7322096}
        message = self.world.new_message(
            chat, self.world.person(user_id).user(), forum_topic_created=created, is_topic_message=True
        )
        message["message_thread_id"] = message["message_id"]
        chat.topics[message["message_id"]] = True
        self.world.tell_bot_of(message)
        return int(message["message_id"])

    def close_topic(self, chat_id: int, thread_id: int) -> None:
        """Close a topic: nobody may write there any more."""
        chat = self.world.chat(chat_id)
        if not chat.topics or thread_id not in chat.topics:
            raise SandboxError(f"Chat {chat_id} has no topic {thread_id}.")
        chat.topics[thread_id] = False

    # ---- helpers ----

    def _where(self, chat_id: int | None, user_id: int | None) -> tuple[SandboxChat, Person]:
        """Return the chat and the person; each has a default that follows from the other."""
        if chat_id is None and user_id is None:
            raise SandboxError("Say who speaks (user_id), or where (chat_id).")
        where = chat_id if chat_id is not None else user_id
        assert where is not None
        if where > 0 and where not in self.world.people:
            self.add_person(where)
        chat = self.world.chat(where)
        if chat.blocked:
            self.unblock(chat.id)  # as Telegram requires before the person can write again
        who = user_id if user_id is not None else (where if chat.is_private else ADA)
        return chat, self.world.person(who)

    def _post(
        self, chat: SandboxChat, person: Person, reply_to: int | None, thread_id: int | None, **content: object
    ) -> int:
        replied = self._message(chat, reply_to) if reply_to is not None else None
        if replied:
            replied = {key: value for key, value in replied.items() if key != "reply_to_message"}
        message = self.world.new_message(
            chat,
            person.user(),
            reply_to_message=replied,
            message_thread_id=thread_id,
            is_topic_message=True if thread_id is not None else None,
            **content,
        )
        if self._reaches_bot(chat, message):
            self.world.tell_bot_of(message)
        return int(message["message_id"])

    def _reaches_bot(self, chat: SandboxChat, message: JSON) -> bool:
        """Return whether the bot gets a message: in groups, only those addressed to it (privacy mode)."""
        status = chat.members.get(self.world.bot["id"])
        if chat.type not in ("group", "supergroup") or status == "administrator":
            return status in PRESENT
        name = f"@{self.world.bot['username']}".lower()
        text = str(message.get("text") or message.get("caption") or "").lower()
        command = text.split()[0] if text.startswith("/") else ""
        addressed = name in text or (bool(command) and "@" not in command)
        return status in PRESENT and (addressed or self._answers_bot(message))

    def _answers_bot(self, message: JSON) -> bool:
        sender = message.get("reply_to_message", {}).get("from", {})
        return bool(sender.get("id") == self.world.bot["id"])

    def _message(self, chat: SandboxChat, message_id: int) -> JSON:
        if message_id not in chat.messages:
            raise SandboxError(f"Chat {chat.id} has no message {message_id}.")
        return chat.messages[message_id]

    def _private(self, user_id: int) -> SandboxChat:
        return self.world.chat(self.world.person(user_id).id)

    def _bot_status(self, chat_id: int, user_id: int, old: str, new: str) -> None:
        """Queue the update about a change of the bot's own status by `user_id`."""
        chat = self.world.chat(chat_id)
        update = {
            "chat": self.world.chat_object(chat),
            "from": self.world.person(user_id).user(),
            "date": int(time.time()),
            "old_chat_member": member_object(self.world.bot, old),
            "new_chat_member": member_object(self.world.bot, new),
        }
        self.world.happened(chat.id, "member", {"old": old, "new": new})
        self.world.tell_bot("my_chat_member", update)


SENDING = ("messages", "audios", "documents", "photos", "videos", "video_notes", "voice_notes", "polls")
CHANGING = ("change_info", "invite_users", "pin_messages", "manage_topics")
# Of ChatMemberAdministrator and ChatMemberRestricted.
RIGHTS = [f"can_manage_{what}" for what in ("chat", "video_chats")] + ["can_delete_messages"]
RIGHTS += [f"can_{verb}_members" for verb in ("restrict", "promote")] + ["can_change_info", "can_invite_users"]
RIGHTS += [f"can_{verb}_stories" for verb in ("post", "edit", "delete")]
PERMISSIONS = [f"can_send_{what}" for what in (*SENDING, "other_messages")] + [f"can_{what}" for what in CHANGING]
PERMISSIONS += ["can_add_web_page_previews", "can_react_to_messages", "can_edit_tag"]


def member_object(user: JSON, status: str) -> JSON:
    """Return the ChatMember object of a user with a status."""
    member: JSON = {"user": user, "status": status}
    match status:
        case "creator":
            member |= {"is_anonymous": False}
        case "administrator":
            member |= {"can_be_edited": False, "is_anonymous": False, "can_post_messages": True}
            member |= dict.fromkeys(RIGHTS, True)
        case "restricted":
            member |= {"is_member": True, "until_date": 0} | dict.fromkeys(PERMISSIONS, False)
        case "kicked":
            member |= {"until_date": 0}
    return member
