"""Parameters of a Bot API request, from the query string, a form, JSON or multipart."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from bot.sandbox.errors import JSON, bad_request
from bot.sandbox.html import parse_html
from bot.sandbox.state import StoredFile, World
from bot.sandbox.text import MAX_ENTITIES, clean, is_link, trim, units, with_found

MAX_DATA = 64  # bytes of callback_data
MAX_BUTTONS = 100
MAX_PHOTO = 10 * 1024 * 1024
MAX_FILE = 50 * 1024 * 1024
ACTIONS = {
    "url",
    "callback_data",
    "web_app",
    "login_url",
    "switch_inline_query",
    "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat",
    "copy_text",
    "callback_game",
    "pay",
}


@dataclass(frozen=True, slots=True)
class Upload:
    """A file uploaded in a request."""

    name: str
    mime_type: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Params:
    """Parameters of a method call, with typed readers that raise the ApiError Telegram gives."""

    values: Mapping[str, Any]
    files: Mapping[str, Upload] = field(default_factory=dict)

    def text(self, name: str, default: str = "") -> str:
        """Return a string."""
        value = self.values.get(name, default)
        return value if isinstance(value, str) else json.dumps(value)

    def number(self, name: str, default: int = 0) -> int:
        """Return an integer; an invalid one counts as the default, as in tdlib's to_integer."""
        try:
            return int(self.values.get(name, default))
        except (TypeError, ValueError):
            return default

    def optional_number(self, name: str) -> int | None:
        """Return a whole number, or None where there is none."""
        return self.number(name) if name in self.values else None

    def flag(self, name: str) -> bool:
        """Return a boolean."""
        return str(self.values.get(name, "")).lower() in ("true", "1", "yes")

    def json(self, name: str) -> Any:
        """Return the value of a JSON-serialized parameter, or None if absent."""
        value = self.values.get(name)
        if not isinstance(value, str) or not value:
            return None if value == "" else value
        try:
            return json.loads(value)
        except ValueError:
            raise bad_request(f"can't parse {name} JSON object") from None

    def object(self, name: str) -> JSON | None:
        """Return a JSON object, or None if absent."""
        value = self.json(name)
        if value is not None and not isinstance(value, dict):
            raise bad_request(f"object expected as {name.replace('_', ' ')}")
        return value

    def chat_id(self, name: str = "chat_id") -> int | str:
        """Return a chat's id, or its @username."""
        value = str(self.values.get(name, "")).strip()
        if not value:
            raise bad_request(f"{name} is empty")
        try:
            return int(value)
        except ValueError:
            return value

    def formatted(self, name: str, *, most: int, empty: str = "", too_long: str = "") -> tuple[str, list[JSON]]:
        """Return a text of at most `most` characters and its entities, parsed by its parse_mode.

        `empty` and `too_long` are error descriptions; without `empty` the text may be empty.
        """
        given = clean(self.text(name))
        mode = self.text("parse_mode").lower()
        if mode == "html":
            text, entities = parse_html(given)
        elif mode:
            raise bad_request("unsupported parse_mode")
        else:
            field_name = "entities" if name == "text" else "caption_entities"
            text, entities = given, _entities(self.json(field_name), given)
        text, entities = trim(text, entities[:MAX_ENTITIES])
        if not text and empty:
            raise bad_request(empty)
        if len(text) > most:
            raise bad_request(too_long)
        return text, with_found(text, entities)

    def keyboard(self) -> JSON | None:
        """Return the reply markup with its inline buttons validated, or None if absent."""
        markup = self.json("reply_markup")
        if markup is None:
            return None
        if not isinstance(markup, dict):
            raise bad_request("object expected as reply markup")
        rows = markup.get("inline_keyboard")
        if rows is None:
            return markup if markup else None
        if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
            raise bad_request('field "inline_keyboard" of the InlineKeyboardMarkup must be an Array of Arrays')
        kept = [[_button(button) for button in row] for row in rows if row]
        if sum(map(len, kept)) > MAX_BUTTONS:
            raise bad_request("REPLY_MARKUP_TOO_LONG")
        return {"inline_keyboard": kept} if kept else None

    def file(self, name: str, world: World) -> StoredFile:
        """Return the file of a parameter: uploaded, or stored earlier and named by its id."""
        given = self.text(name)
        upload = self.files.get(given.removeprefix("attach://")) if given.startswith("attach://") else None
        upload = upload or self.files.get(name)
        if upload is None:
            return _known_file(given, name, world)
        if not upload.content:
            raise bad_request("file must be non-empty")
        if name == "photo" and len(upload.content) > MAX_PHOTO:
            raise bad_request("file is too big")
        mime_type = "image/jpeg" if name == "photo" else upload.mime_type
        return world.add_file(upload.name or name, mime_type, upload.content)


def _entities(given: Any, text: str) -> list[JSON]:
    """Return the entities given in a request, without those outside the text."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(entity, dict) for entity in given):
        raise bad_request("can't parse entities: Expected an Array of Objects")
    for entity in given:
        numbers = (entity.get("offset"), entity.get("length"))
        if not (isinstance(entity.get("type"), str) and all(type(number) is int for number in numbers)):
            raise bad_request("can't parse entities: Can't parse MessageEntity")
    end = units(text)
    return [entity for entity in given if 0 <= entity["offset"] < entity["offset"] + entity["length"] <= end]


def _known_file(given: str, name: str, world: World) -> StoredFile:
    if not given:
        raise bad_request(f"there is no {name} in the request")
    if given not in world.files:
        raise bad_request("wrong file identifier/HTTP URL specified")
    return world.files[given]


def _button(button: Any) -> JSON:
    """Return a validated inline button; raises the ApiError Telegram gives."""
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: Inline keyboard button must be an Object")
    label = button.get("text")
    if not isinstance(label, str) or not label.strip():
        raise bad_request('can\'t parse inline keyboard button: Field "text" must be of type String')
    if not ACTIONS & button.keys():
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    if "callback_data" in button and not 1 <= len(str(button["callback_data"]).encode()) <= MAX_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    if "url" in button and not is_link(str(button["url"])):
        raise bad_request(f"inline keyboard button URL '{button['url']}' is invalid: Wrong HTTP URL")
    return {**button, "text": clean(label)}
