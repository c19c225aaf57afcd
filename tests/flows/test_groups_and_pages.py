"""Groups: their admins are requested once a minute; a chosen language reaches the menu; /latest has pages."""

import json
from functools import partial
from typing import Any

from bot.sandbox.people import ADA, BEN, GROUP
from tests.flows.living import Bot
from tests.flows.test_more_commands import ON_ONE


def asked(bot: Bot) -> int:
    return sum(one.method.lower() == "getchatmember" for one in bot.sandbox.requests)


@ON_ONE
async def test_a_say_in_a_group_is_asked_once_and_anew_when_telegram_says_it_changed(bot: Bot) -> None:
    async with bot.running():
        bot.sandbox.set_bot_status(GROUP, "administrator")
        refused = await bot.say("/subscribe@watchword_sandbox_bot Idlib", BEN, chat_id=GROUP)
        assert refused["text"] == "Only admins of this group can do that."
        await bot.say("/subscribe@watchword_sandbox_bot Idlib", BEN, chat_id=GROUP)
        assert asked(bot) == 1
        bot.sandbox.promote(GROUP, BEN)
        taken = await bot.say("/subscribe@watchword_sandbox_bot Idlib", BEN, chat_id=GROUP)
        assert taken["text"].startswith("Watching Idlib")
        bot.sandbox.press(taken["message_id"], "At once", user_id=BEN, chat_id=GROUP)
        await bot.shows(taken, "at once")
        assert asked(bot) == 2
        bot.sandbox.promote(GROUP, BEN, "member")
        assert "Only admins" in (await bot.say("/unsubscribe@watchword_sandbox_bot 1", BEN, chat_id=GROUP))["text"]


@ON_ONE
async def test_a_chosen_language_is_that_of_the_menu(bot: Bot) -> None:
    def menu(chat_id: int, language: str = "") -> dict[str, str]:
        scope = json.dumps({"type": "chat", "chat_id": chat_id}, sort_keys=True)
        found = bot.sandbox.world.commands.get((scope, language), [])
        return {one["command"]: one["description"] for one in found}

    def is_arabic(chat_id: int, language: str = "") -> bool:
        return menu(chat_id, language).get("list") == "ما تتابعه"

    async with bot.running():
        for person, commands in ((BEN, False), (ADA, True)):
            shown = await bot.say("/settings", person)
            bot.sandbox.press(shown["message_id"], "العربية", user_id=person)
            for app in ("", "ar"):
                await bot.sandbox.until(partial(is_arabic, person, app), 10.0, "a menu")
            assert ("stats" in menu(person)) is commands
    bot.sandbox.world.commands.clear()
    async with bot.running():  # Telegram keeps a person's; the admins' are told at every start
        await bot.sandbox.until(partial(is_arabic, ADA), 10.0, "the admin's menu")


@ON_ONE
async def test_the_latest_are_turned_page_by_page_and_none_is_left_out(bot: Bot) -> None:
    for number in range(23):
        bot.news(f"Harvest{number} of field{number * 7}", f"The grain{number} of year{number * 9} is grain.")
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe grain")
        page = await bot.say("/latest")

        def shown() -> dict[str, Any]:
            return bot.sandbox.world.chats[BEN].messages[page["message_id"]]

        def turned() -> bool:
            return bool(shown()["text"] != seen[-1])

        seen = [page["text"]]
        while "Older ›" in str(shown().get("reply_markup")):
            bot.sandbox.press(page["message_id"], "Older ›", user_id=BEN)
            await bot.sandbox.until(turned, 10.0, "another page")
            seen.append(shown()["text"])
        assert len(seen) == 3
        assert all(f"Harvest{number} of" in " ".join(seen) for number in range(23))
        assert "‹ Newer" in str(shown()["reply_markup"])
