"""Width of a query, and wider or narrower forms of it with one tap."""

import pytest

from bot.sandbox.people import BEN
from bot.search import suggestions
from bot.storage.database import Database
from bot.storage.schema import hit
from tests.flows.living import Bot
from tests.flows.test_more_commands import ON_ONE, labels


async def test_what_found_nothing_is_widened_with_one_tap_and_back(bot: Bot) -> None:
    bot.news("Bread is dear in Aleppo", "Bakers of Syria said so.")
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Aleppo bread -Syria")
        assert "Nothing in the last 7 days" in made["text"]
        assert "These found something" in made["text"]
        wider = next(label for label in labels(made) if "1 this week" in label)
        bot.sandbox.press(made["message_id"], wider, user_id=BEN)
        await bot.shows(made, "Last 7 days: 1 story")
        await bot.shows(made, "Bread is dear")
        bot.news("Aleppo, where bread is cheap", "It is.")
        bot.news("Bread for Aleppo bread eaters", "")
        await bot.polled()
        bot.sandbox.press(made["message_id"], "Undo", user_id=BEN)
        await bot.shows(made, "Watching Aleppo bread -Syria again.")
        listed = await bot.say("/list")
        assert "1. Aleppo bread -Syria · daily · 1 this week" in listed["text"]
        digest = await bot.say("/digest")  # what came meanwhile for the old words is owed
        assert "Bread for Aleppo bread eaters" in digest["text"]
        assert "cheap" not in digest["text"]


@ON_ONE
async def test_the_confirmation_and_the_list_say_how_much_comes_a_day(bot: Bot) -> None:
    for number in range(120):
        bot.news(f"Harvest{number} of field{number * 7}", f"The grain{number} of year{number * 9} is grain.")
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe grain, grain7")
        assert "about 17 a day" in made["text"]
        listed = await bot.say("/list")
        assert "1. grain · daily · about 17 a day\n2. grain7 · daily · 1 this week" in listed["text"]


@ON_ONE
async def test_narrower_forms_of_what_finds_too_much(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(suggestions, "MOST", 20)
    for number in range(40):
        where = ("Russia", "Egypt")[number % 2]
        title = f"Grain {number}" if number < 8 else f"Report {number}"
        bot.news(title, f"Number {number}: grain of {where} is out, harvest{number} fields{number * 7}.")
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe grain")
        assert "That is a lot" in made["text"]
        assert [label for label in labels(made) if " · " in label] == [
            "title:grain · 8 this week",
            "grain AND Egypt · about 3 a day",
            "grain AND Russia · about 3 a day",
        ]
        await bot.say("/list")
        listed = bot.sandbox.sent_to(BEN)[-1]
        bot.sandbox.press(listed["message_id"], "1", user_id=BEN)
        await bot.shows(listed, "That is a lot")
        bot.sandbox.press(listed["message_id"], "title:grain · 8 this week", user_id=BEN)
        await bot.shows(listed, "Watching title:grain")
        await bot.shows(listed, "in the title: grain")


@ON_ONE
async def test_the_list_searches_nothing_it_counts_what_is_stored(bot: Bot) -> None:
    bot.news("Bread is dear in Aleppo")
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Aleppo")
        assert "1 story" in made["text"]
        async with Database(bot.database_url) as database, database.begin() as connection:
            await connection.execute(hit.delete())  # the index of the week still has it
        assert "1. Aleppo · daily · nothing this week" in (await bot.say("/list"))["text"]
