"""Bot API methods for the bot's profile: commands per scope and language, name and descriptions."""

import json
import re
from collections.abc import Callable
from typing import Any

from bot.sandbox.errors import JSON, bad_request
from bot.sandbox.params import Params
from bot.sandbox.state import World

COMMAND = re.compile(r"[a-z0-9_]{1,32}")
MAX_COMMANDS = 100
MAX_COMMAND_TEXT = 256
LONGEST = {"name": 64, "description": 512, "short_description": 120}


def set_my_commands(world: World, params: Params) -> bool:
    """Set the commands of a scope and language."""
    commands = params.json("commands") or []
    if not isinstance(commands, list) or not all(isinstance(command, dict) for command in commands):
        raise bad_request("can't parse commands: Expected an Array of BotCommand")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("BOT_COMMANDS_TOO_MUCH")
    for command in commands:
        if not COMMAND.fullmatch(str(command.get("command", "")).removeprefix("/")):
            raise bad_request("BOT_COMMAND_INVALID")
        if not 1 <= len(str(command.get("description", ""))) <= MAX_COMMAND_TEXT:
            raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    world.commands[_scope(world, params)] = commands
    return True


def get_my_commands(world: World, params: Params) -> list[JSON]:
    """Return the commands set for exactly this scope and language."""
    return world.commands.get(_scope(world, params), [])


def delete_my_commands(world: World, params: Params) -> bool:
    """Delete the commands of a scope and language."""
    world.commands.pop(_scope(world, params), None)
    return True


def commands_for(world: World, chat_id: int, user_id: int) -> list[JSON]:
    """Return the command menu of a person in a chat: the narrowest scope first, then their language, then none."""
    chat, language = world.chat(chat_id), world.person(user_id).language_code or ""
    narrow: list[JSON] = [{"type": "chat_member", "chat_id": chat_id, "user_id": user_id}]
    administers = chat.members.get(user_id) in ("creator", "administrator")
    if administers and not chat.is_private:
        narrow.append({"type": "chat_administrators", "chat_id": chat_id})
    narrow.append({"type": "chat", "chat_id": chat_id})
    if administers and not chat.is_private:
        narrow.append({"type": "all_chat_administrators"})
    narrow.append({"type": "all_private_chats" if chat.is_private else "all_group_chats"})
    for scope in (*narrow, {"type": "default"}):
        for code in (language, ""):
            found = world.commands.get((_key(scope), code))
            if found:
                return found
    return []


def _scope(world: World, params: Params) -> tuple[str, str]:
    scope = params.object("scope") or {"type": "default"}
    if "chat_id" in scope:
        world.known_chat(Params(scope).chat_id())
    return _key(scope), params.text("language_code")


def _key(scope: JSON) -> str:
    return json.dumps(scope, sort_keys=True)


def _setter(noun: str) -> Callable[[World, Params], Any]:
    def set_it(world: World, params: Params) -> bool:
        text = params.text(noun)
        if len(text) > LONGEST[noun]:
            raise bad_request(f"bot {noun.replace('_', ' ')} is too long")
        world.profile[noun][params.text("language_code")] = text
        return True

    return set_it


def _getter(noun: str) -> Callable[[World, Params], Any]:
    def get_it(world: World, params: Params) -> JSON:
        texts = world.profile[noun]
        default = world.bot["first_name"] if noun == "name" else ""
        return {noun: texts.get(params.text("language_code")) or texts.get("") or default}

    return get_it


PROFILE: dict[str, Callable[[World, Params], Any]] = {
    "setMyCommands": set_my_commands,
    "getMyCommands": get_my_commands,
    "deleteMyCommands": delete_my_commands,
    **{f"setMy{noun.title().replace('_', '')}": _setter(noun) for noun in LONGEST},
    **{f"getMy{noun.title().replace('_', '')}": _getter(noun) for noun in LONGEST},
}
