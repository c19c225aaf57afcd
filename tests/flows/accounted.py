"""News that a person saw: read from the messages that Telegram took, never from the bot's own tables."""

from bot.sandbox.state import SentMessage
from tests.flows.living import Bot

NEWS = ("sendMessage", "editMessageText")
MORE = "More ›"


def links_in(message: SentMessage) -> list[str]:
    """Return the addresses that stand in a message: linked ones, and in a text without markup those written out."""
    linked = [entity["url"] for entity in message["entities"] if entity["type"] == "text_link"]
    return linked + [word for word in message["text"].split() if word.startswith("http")]


def links_seen(bot: Bot, chat_id: int) -> set[str]:
    """Return the addresses that a chat was shown, in messages and in edits of them."""
    ledger = (*bot.sandbox.world.sent, *bot.sandbox.world.edits)
    shown = (message for message in ledger if message["chat_id"] == chat_id and message["method"] in NEWS)
    return {link for message in shown for link in links_in(message)}


async def open_lists(bot: Bot, person: int) -> None:
    """Press each button of a private chat that lists what a message counts, and turn the pages of the lists."""
    done: set[int] = set()
    while True:
        shown = [message for message in bot.sandbox.sent_to(person) if message["message_id"] not in done]
        if not shown:
            return
        for message in shown:
            done.add(message["message_id"])
            for label in labels(bot, person, message["message_id"]):
                if label.startswith("Show "):
                    await _press(bot, person, message["message_id"], label, "message")
            while MORE in labels(bot, person, message["message_id"]):
                await _press(bot, person, message["message_id"], MORE, "edited")


def labels(bot: Bot, person: int, message_id: int) -> list[str]:
    """Return what is written on the buttons of a message."""
    markup = bot.sandbox.world.chats[person].messages[message_id].get("reply_markup") or {}
    return [key["text"] for row in markup.get("inline_keyboard", []) for key in row]


async def _press(bot: Bot, person: int, message_id: int, label: str, shown: str) -> None:
    """Press a button; wait for its answer, and for the event `shown` that brings the list."""
    before = len(bot.sandbox.world.events)
    bot.sandbox.press(message_id, label, user_id=person)

    def is_over() -> bool:
        return {"answered", shown} <= {event["kind"] for event in list(bot.sandbox.world.events)[before:]}

    await bot.sandbox.until(is_over, 10.0, f"an answer to {label}")
