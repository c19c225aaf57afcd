"""Bot API methods: each takes the world and its parameters, changes the world and returns `result`.

METHODS maps the documented names to them: Telegram accepts other capitals, a gateway before it need not. getUpdates
blocks, so it is in `bot.sandbox.server`.
"""

import re
import time
from collections.abc import Callable, Mapping
from typing import Any

from bot.sandbox.errors import JSON, ApiError, SandboxError, bad_request
from bot.sandbox.loopback import is_loopback_url
from bot.sandbox.params import Params
from bot.sandbox.people import member_object
from bot.sandbox.profile import PROFILE
from bot.sandbox.state import SandboxChat, SentMessage, StoredFile, World

MAX_TEXT = 4096  # characters after entities
MAX_CAPTION = 1024
MAX_ANSWER = 200
MAX_DOWNLOAD = 20 * 1024 * 1024
STALE = 48 * 3600  # seconds after which a message cannot be deleted
CHAT_ACTIONS = {"typing", "upload_document", "upload_photo", "choose_sticker", "find_location"}
CHAT_ACTIONS |= {f"{verb}_{noun}" for verb in ("record", "upload") for noun in ("voice", "video", "video_note")}
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"
NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same "
    "as a current content and reply markup of the message"
)

SECRET = re.compile(r"[A-Za-z0-9_-]{1,256}")

Method = Callable[[World, Params], Any]


def get_me(world: World, params: Params) -> JSON:
    """Return the bot."""
    return world.bot


def get_chat(world: World, params: Params) -> JSON:
    """Return a chat in full."""
    chat = world.known_chat(params.chat_id())
    gifts = dict.fromkeys(
        ("unlimited_gifts", "limited_gifts", "unique_gifts", "premium_subscription", "gifts_from_channels"), False
    )
    return world.chat_object(chat) | {
        "accent_color_id": 0,
        "max_reaction_count": 11,
        "accepted_gift_types": gifts,
    }


def get_chat_member(world: World, params: Params) -> JSON:
    """Return a user's ChatMember object."""
    chat = world.known_chat(params.chat_id())
    user_id = params.number("user_id")
    if user_id != world.bot["id"] and user_id not in world.people:
        raise bad_request("member not found")
    return member_object(_user(world, user_id), chat.members.get(user_id, "left"))


def get_chat_administrators(world: World, params: Params) -> list[JSON]:
    """Return a chat's owner and administrators."""
    chat = world.known_chat(params.chat_id())
    if chat.is_private:
        raise bad_request("there are no administrators in the private chat")
    return [
        member_object(_user(world, user_id), status)
        for user_id, status in chat.members.items()
        if status in ("creator", "administrator")
    ]


def get_chat_member_count(world: World, params: Params) -> int:
    """Return the number of members of a chat."""
    chat = world.known_chat(params.chat_id())
    return sum(status not in ("left", "kicked") for status in chat.members.values())


def leave_chat(world: World, params: Params) -> bool:
    """Remove the bot from a group or channel."""
    chat = world.writable_chat(params.chat_id())
    if chat.is_private:
        raise bad_request("chat member status can't be changed in private chats")
    chat.members[world.bot["id"]] = "left"
    world.happened(chat.id, "member", {"old": "member", "new": "left"})
    return True


def send_message(world: World, params: Params) -> JSON:
    """Send a text."""
    chat = world.writable_chat(params.chat_id())
    text, entities = params.formatted(
        "text", most=MAX_TEXT, empty="message text is empty", too_long="message is too long"
    )
    content = {"text": text, "entities": entities or None, "link_preview_options": _preview(params)}
    return _send(world, params, chat, "sendMessage", **content)


def send_document(world: World, params: Params) -> JSON:
    """Send a file."""
    chat = world.writable_chat(params.chat_id())
    stored = params.file("document", world)
    document = _file_object(stored) | {"file_name": stored.name, "mime_type": stored.mime_type}
    return _send_file(world, params, chat, "sendDocument", document=document)


def send_photo(world: World, params: Params) -> JSON:
    """Send a picture. Its size is not read: it is reported as 320 × 240."""
    chat = world.writable_chat(params.chat_id())
    stored = params.file("photo", world)
    size = _file_object(stored) | {"width": 320, "height": 240}
    return _send_file(world, params, chat, "sendPhoto", photo=[size])


def edit_message_text(world: World, params: Params) -> JSON:
    """Change the text of one of the bot's messages."""
    chat, message = _own_message(world, params)
    if "text" not in message:
        raise bad_request("there is no text in the message to edit")
    text, entities = params.formatted(
        "text", most=MAX_TEXT, empty="message text is empty", too_long="message is too long"
    )
    edited = _edit(world, chat, message, {"text": text, "entities": entities, "reply_markup": params.keyboard()})
    world.edits.append(_noted(world, params, chat, edited, "editMessageText"))
    return edited


def edit_message_reply_markup(world: World, params: Params) -> JSON:
    """Change the buttons of one of the bot's messages."""
    chat, message = _own_message(world, params)
    return _edit(world, chat, message, {"reply_markup": params.keyboard()})


def delete_message(world: World, params: Params) -> bool:
    """Delete a message that is younger than STALE."""
    chat = world.writable_chat(params.chat_id())
    message = chat.messages.get(params.number("message_id"))
    if message is None:
        raise bad_request("message to delete not found")
    if message["date"] < time.time() - STALE or not _may_delete(world, chat, message):
        raise bad_request("message can't be deleted")
    del chat.messages[message["message_id"]]
    world.happened(chat.id, "deleted", {"message_id": message["message_id"]})
    return True


def answer_callback_query(world: World, params: Params) -> bool:
    """Answer a callback query, once and before it expires."""
    text = params.text("text")
    if len(text) > MAX_ANSWER:
        raise bad_request("MESSAGE_TOO_LONG")
    query = world.queries.pop(params.text("callback_query_id"), None)
    if query is None or query.expires_at < time.monotonic():
        raise bad_request(TOO_OLD)
    answer = {"id": query.id, "text": text, "show_alert": params.flag("show_alert"), "url": params.text("url")}
    world.happened(query.chat_id, "answered", answer)
    return True


def send_chat_action(world: World, params: Params) -> bool:
    """Record a chat action such as "typing"."""
    chat = world.writable_chat(params.chat_id())
    action = params.text("action")
    if action not in CHAT_ACTIONS:
        raise bad_request("wrong parameter action in request")
    world.happened(chat.id, "action", {"action": action})
    return True


def get_file(world: World, params: Params) -> JSON:
    """Return a File object with its download path."""
    stored = world.files.get(params.text("file_id"))
    if stored is None:
        raise bad_request("invalid file_id")
    if len(stored.content) > MAX_DOWNLOAD:
        raise bad_request("file is too big")
    return _file_object(stored) | {"file_path": stored.path}


def set_webhook(world: World, params: Params) -> bool:
    """Set the webhook; unlike Telegram, plain http to this machine is accepted."""
    url = params.text("url")
    if not url:
        return delete_webhook(world, params)
    if not (url.startswith("https://") or is_loopback_url(url)):
        raise bad_request("bad webhook: An HTTPS URL must be provided for webhook")
    secret = params.text("secret_token")
    if secret and not SECRET.fullmatch(secret):
        raise bad_request("secret token contains unallowed characters")
    ask_for_updates(world, params)
    _drop_pending(world, params)
    world.webhook = {"url": url, "secret_token": secret}
    world.changes.notify()
    return True


def delete_webhook(world: World, params: Params) -> bool:
    """Remove the webhook, so that getUpdates works again."""
    _drop_pending(world, params)
    world.webhook = None
    return True


def get_webhook_info(world: World, params: Params) -> JSON:
    """Return the webhook's address, the number of pending updates and the last error."""
    url = world.webhook["url"] if world.webhook else ""
    info = {"url": url, "has_custom_certificate": False, "pending_update_count": len(world.updates)}
    allowed = {"allowed_updates": sorted(world.allowed_updates)} if world.allowed_updates else {}
    return info | allowed | (world.webhook_failure if url else {})


def log_out(world: World, params: Params) -> bool:
    """Do nothing: there is no other server to move to."""
    return True


def ask_for_updates(world: World, params: Params) -> None:
    """Store `allowed_updates` if the request has it."""
    kinds = params.json("allowed_updates")
    if isinstance(kinds, list):
        world.allowed_updates = {str(kind) for kind in kinds} or None


METHODS: Mapping[str, Method] = {
    "getMe": get_me,
    "getChat": get_chat,
    "getChatMember": get_chat_member,
    "getChatAdministrators": get_chat_administrators,
    "getChatMemberCount": get_chat_member_count,
    "leaveChat": leave_chat,
    "sendMessage": send_message,
    "sendDocument": send_document,
    "sendPhoto": send_photo,
    "editMessageText": edit_message_text,
    "editMessageReplyMarkup": edit_message_reply_markup,
    "deleteMessage": delete_message,
    "answerCallbackQuery": answer_callback_query,
    "sendChatAction": send_chat_action,
    "getFile": get_file,
    "setWebhook": set_webhook,
    "deleteWebhook": delete_webhook,
    "getWebhookInfo": get_webhook_info,
    "logOut": log_out,
    "close": log_out,
    **PROFILE,
}
LIMITED = {"sendMessage", "sendDocument", "sendPhoto"}  # methods counted by the flood limits


def call(world: World, method: str, params: Params) -> Any:
    """Run a method by its documented name; raises ApiError."""
    if method not in METHODS:
        raise ApiError(404, "Not Found: method not found")
    try:
        return METHODS[method](world, params)
    except SandboxError as error:
        raise bad_request(str(error)) from error


# ---- helpers ----


def _drop_pending(world: World, params: Params) -> None:
    if params.flag("drop_pending_updates"):
        world.updates.clear()


def _user(world: World, user_id: int) -> JSON:
    return world.bot_user() if user_id == world.bot["id"] else world.person(user_id).user()


def _send(world: World, params: Params, chat: SandboxChat, method: str, **content: Any) -> JSON:
    """Create a message of the bot and append it to the ledger."""
    thread_id = _thread(chat, params)
    replied = _replied(chat, params)
    keyboard = params.keyboard()
    shown = keyboard if keyboard and "inline_keyboard" in keyboard else None
    message = world.new_message(
        chat,
        world.bot_user(),
        **content,
        reply_markup=shown,
        reply_to_message=replied,
        message_thread_id=thread_id,
        is_topic_message=True if thread_id else None,
    )
    world.sent_count += 1
    world.sent.append(_noted(world, params, chat, message, method, thread_id=thread_id, replied=replied))
    world.changes.notify()
    return message


def _noted(
    world: World,
    params: Params,
    chat: SandboxChat,
    message: JSON,
    method: str,
    *,
    thread_id: int | None = None,
    replied: JSON | None = None,
) -> SentMessage:
    """Return the ledger's entry of a message as it is now."""
    file_id = message["document"]["file_id"] if "document" in message else None
    return SentMessage(
        number=world.sent_count,
        method=method,
        chat_id=chat.id,
        message_id=message["message_id"],
        text=message.get("text") or message.get("caption") or "",
        markup=params.text("text" if method in ("sendMessage", "editMessageText") else "caption"),
        parse_mode=params.text("parse_mode") or None,
        entities=message.get("entities") or message.get("caption_entities") or [],
        reply_markup=params.keyboard(),
        reply_to=replied["message_id"] if replied else None,
        thread_id=thread_id,
        silent=params.flag("disable_notification"),
        file_id=message["photo"][0]["file_id"] if "photo" in message else file_id,
        at=time.monotonic(),
    )


def _send_file(world: World, params: Params, chat: SandboxChat, method: str, **content: Any) -> JSON:
    caption, entities = params.formatted("caption", most=MAX_CAPTION, too_long="message caption is too long")
    texts = {"caption": caption or None, "caption_entities": entities or None}
    return _send(world, params, chat, method, **content, **texts)


def _file_object(stored: StoredFile) -> JSON:
    return {"file_id": stored.file_id, "file_unique_id": stored.file_id, "file_size": len(stored.content)}


def _preview(params: Params) -> JSON | None:
    return params.object("link_preview_options")


def _thread(chat: SandboxChat, params: Params) -> int | None:
    """Return the topic to write to, or None; raises ApiError if it does not exist or is closed."""
    thread_id = params.number("message_thread_id")
    if not thread_id:
        return None
    if chat.topics is None or thread_id not in chat.topics:
        raise bad_request("message thread not found")
    if not chat.topics[thread_id]:
        raise bad_request("TOPIC_CLOSED")
    return thread_id


def _replied(chat: SandboxChat, params: Params) -> JSON | None:
    """Return the message replied to, or None; raises ApiError if it is gone and the reply requires it."""
    reply = params.object("reply_parameters") or {}
    message_id = Params(reply).number("message_id") or params.number("reply_to_message_id")
    if not message_id:
        return None
    message = chat.messages.get(message_id)
    if message is None:
        if reply.get("allow_sending_without_reply") or params.flag("allow_sending_without_reply"):
            return None
        raise bad_request("message to be replied not found")
    return {key: value for key, value in message.items() if key != "reply_to_message"}


def _own_message(world: World, params: Params) -> tuple[SandboxChat, JSON]:
    chat = world.writable_chat(params.chat_id())
    message = chat.messages.get(params.number("message_id"))
    if message is None:
        raise bad_request("message to edit not found")
    if not _is_own(world, chat, message):
        raise bad_request("message can't be edited")
    return chat, message


def _is_own(world: World, chat: SandboxChat, message: JSON) -> bool:
    return chat.type == "channel" or bool(message.get("from", {}).get("id") == world.bot["id"])


def _may_delete(world: World, chat: SandboxChat, message: JSON) -> bool:
    administers = chat.members.get(world.bot["id"]) == "administrator"
    return chat.is_private or administers or _is_own(world, chat, message)


def _edit(world: World, chat: SandboxChat, message: JSON, changes: JSON) -> JSON:
    """Apply changes to a message; a value that is None or empty removes its key."""
    before = {key: message.get(key) or None for key in changes}
    after = {key: value or None for key, value in changes.items()}
    if before == after:
        raise bad_request(NOT_MODIFIED)
    for key, value in after.items():
        if value is None:
            message.pop(key, None)
        else:
            message[key] = value
    message["edit_date"] = int(time.time())
    world.happened(chat.id, "edited", message)
    return message
