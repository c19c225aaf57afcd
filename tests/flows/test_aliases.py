"""Aliases that an admin makes in chat: in force at once, undone with one tap."""

from pathlib import Path

import pytest
import sqlalchemy as sa

from bot.actions import aliases
from bot.sandbox.people import ADA, BEN
from bot.storage.database import Database
from bot.storage.schema import admin_act
from tests.flows.living import Bot
from tests.flows.test_more_commands import ON_ONE, labels


async def test_an_alias_counts_from_the_next_article_on_and_can_be_undone(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say("/subscribe Nusra Front")
        bot.sandbox.press(made["message_id"], "At once", user_id=BEN)
        await bot.shows(made, "at once")
        bot.news("HTS takes a town", "It was quiet.")
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == 1

        said = await bot.say("/alias Hayat Tahrir al-Sham = HTS, Nusra Front, هيئة تحرير الشام", user_id=ADA)
        assert said["text"].startswith("Hayat Tahrir al-Sham, HTS, Nusra Front, ")
        assert "one name from now on" in said["text"]
        bot.news("هيئة تحرير الشام تتقدم", "")
        alert = await bot.told(2)
        bot.sandbox.press(alert["message_id"], "Why?", user_id=BEN)
        await bot.shows(alert, "Matched Nusra Front as \u2068هيئة تحرير الشام\u2069 in the headline.")
        again = await bot.say("/subscribe Nusra Front")
        assert "Nusra Front, also as Hayat Tahrir al-Sham, HTS, " in again["text"]

        bot.sandbox.press(said["message_id"], "Undo", user_id=ADA)
        await bot.shows(said, "There are no aliases")
        bot.news("HTS takes another town", "It was loud.")
        await bot.polled()
        assert len(bot.sandbox.sent_to(BEN)) == 3


async def test_the_list_pages_extends_and_removes(bot: Bot) -> None:
    async with bot.running():
        assert "There are no aliases" in (await bot.say("/alias", user_id=ADA))["text"]
        for number in range(11):
            await bot.say(f"/alias Firm{number}x = Company{number}x", user_id=ADA)
        said = await bot.say("/alias Company3x = Group3x", user_id=ADA)
        assert said["text"].startswith("Firm3x, Company3x, Group3x are one name")
        same = await bot.say("/alias group3X = firm3x", user_id=ADA)
        assert "are one name" in same["text"]
        assert "already" in same["text"]
        assert "“=” once" in (await bot.say("/alias Firm3x = Company = Group", user_id=ADA))["text"]
        crossed = await bot.say("/alias Firm1x = Firm2x", user_id=ADA)
        assert "two aliases" in crossed["text"]

        shown = await bot.say("/alias", user_id=ADA)
        assert "4. Firm3x = Company3x, Group3x" in shown["text"]
        assert "11." not in shown["text"]
        bot.sandbox.press(shown["message_id"], "›", user_id=ADA)
        await bot.shows(shown, "11. Firm10x = Company10x")
        bot.sandbox.press(shown["message_id"], "✕ 11", user_id=ADA)
        await bot.shows(shown, "Firm10x, Company10x stand for themselves again.")
        bot.sandbox.press(shown["message_id"], "Undo", user_id=ADA)
        await bot.shows(shown, "10. Firm9x")

        gone = await bot.say("/alias remove company3x", user_id=ADA)
        assert gone["text"] == "Company3x stands for itself again; Firm3x, Group3x are still one name."
        assert labels(gone) == ["Undo", "All aliases"]
        whole = await bot.say("/alias remove 4", user_id=ADA)
        assert whole["text"] == "Firm3x, Group3x stand for themselves again."
        bot.sandbox.press(gone["message_id"], "Undo", user_id=ADA)  # it is not as it was left
        assert "No alias has" in (await bot.say("/alias remove Company3x", user_id=ADA))["text"]
        assert "No alias has 99" in (await bot.say("/alias remove 99", user_id=ADA))["text"]
        async with Database(bot.database_url) as database, database.read() as connection:
            acts = list((await connection.execute(sa.select(admin_act.c.act).order_by(admin_act.c.id))).scalars())
        assert acts[-2:] == ["unalias Firm3x = Group3x", "unalias Firm3x = Group3x"]


@ON_ONE
async def test_what_stands_in_the_file_counts_and_is_removed_there_only(bot: Bot) -> None:
    path = Path(bot.database_url.removeprefix("sqlite:///")).with_name("aliases.txt")
    path.write_text("# ours\n\nWagner = Вагнер, PMC Wagner\n", encoding="utf-8")
    bot.changes = {"matching": {"aliases": path}}
    async with bot.running():
        assert "1. Wagner = Вагнер, PMC Wagner (in the configuration’s file)" in (await bot.say("/alias", ADA))["text"]
        assert "removed there only" in (await bot.say("/alias remove wagner", user_id=ADA))["text"]
        assert "also as Wagner, PMC Wagner" in (await bot.say("/subscribe Вагнер"))["text"]
        said = await bot.say("/alias Africa Corps = Wagner", user_id=ADA)
        assert said["text"].startswith("Wagner, Вагнер, PMC Wagner, Africa Corps are one name")
        assert "also as Africa Corps, Wagner, PMC Wagner" in (await bot.say("/subscribe вагнер"))["text"]


@ON_ONE
async def test_what_cannot_be_an_alias_is_told_and_only_admins_may(bot: Bot) -> None:
    async with bot.running():
        assert "two places" in (await bot.say("/alias Syria = Iraq", user_id=ADA))["text"]
        assert "Write a name" in (await bot.say("/alias Syria", user_id=ADA))["text"]
        bold = await bot.say("/alias <b>Foo = Bar & Sons, B<i>z", user_id=ADA)
        assert "cannot be a name" in bold["text"] or "one name" in bold["text"]
        assert "Only the bot's admins" in (await bot.say("/alias Foo = Bar"))["text"]


@ON_ONE
async def test_a_name_that_the_week_is_full_of_is_refused(bot: Bot, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(aliases, "ENOUGH", 10)
    for number in range(20):
        bot.news(f"Harvest{number} of field{number * 7}", f"The ministry of Syria has year{number * 9}.")
    async with bot.running():
        await bot.polled()
        said = await bot.say("/alias Foo Office = Ministry", user_id=ADA)
        assert said["text"] == "“Ministry” is in 100 of 100 articles: too common to be another name."
        assert "one name from now on" in (await bot.say("/alias Syria = Old Levant", user_id=ADA))["text"]


@ON_ONE
async def test_what_is_made_in_chat_joins_no_two_aliases_of_the_file_by_a_third_name(bot: Bot) -> None:
    path = Path(bot.database_url.removeprefix("sqlite:///")).with_name("aliases.txt")
    many = ", ".join(f"Firm{letter}" for letter in "abcdefghijklmnopqr")
    path.write_text(f"Syria = Shamiya\nFrance = Hexagonia\nHolding = {many}\n", encoding="utf-8")
    bot.changes = {"matching": {"aliases": path}}
    async with bot.running():
        made = await bot.say("/alias Foobarland = Shamiya", user_id=ADA)
        assert "one name from now on" in made["text"]
        assert (
            "Syria and France are two aliases" in (await bot.say("/alias Foobarland = Hexagonia", user_id=ADA))["text"]
        )
        assert "two places" in (await bot.say("/alias Iraq = Foobarland", user_id=ADA))["text"]
        assert "one name from now on" in (await bot.say("/alias Newco = Firma", user_id=ADA))["text"]
        assert "20 names at most" in (await bot.say("/alias Newco = Newcorp", user_id=ADA))["text"]
        removed = await bot.say("/alias remove Foobarland", user_id=ADA)
        assert "one name from now on" in (await bot.say("/alias Foobarland = Hexagonia", user_id=ADA))["text"]
        bot.sandbox.press(removed["message_id"], "Undo", user_id=ADA)
        shown = (await bot.say("/alias", user_id=ADA))["text"]
        assert "Foobarland = Hexagonia" in shown
        assert "Foobarland = Shamiya" not in shown


@ON_ONE
async def test_undo_is_refused_where_the_names_would_join_what_is_apart_in_the_file(bot: Bot) -> None:
    path = Path(bot.database_url.removeprefix("sqlite:///")).with_name("aliases.txt")
    path.write_text("Syria = Shamiya\nFrance = Hexagonia\n", encoding="utf-8")
    async with bot.running():
        made = await bot.say("/alias Shamiya = Foobarland, Hexagonia", user_id=ADA)
        removed = await bot.say("/alias remove Shamiya", user_id=ADA)
        assert "one name from now on" in made["text"]
    bot.changes = {"matching": {"aliases": path}}
    async with bot.running():
        bot.sandbox.press(removed["message_id"], "Undo", user_id=ADA)
        shown = (await bot.say("/alias", user_id=ADA))["text"]
        assert "Hexagonia = " in shown or "Foobarland = Hexagonia" in shown
        assert "Shamiya = Foobarland" not in shown
        assert "Shamiya, Hexagonia" not in shown


@ON_ONE
async def test_no_more_are_made_in_chat_than_a_file_can_have_with_its_own(
    bot: Bot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(aliases, "MOST_ALIASES", 3)
    path = Path(bot.database_url.removeprefix("sqlite:///")).with_name("aliases.txt")
    path.write_text("Wagner = Вагнер\nFoo = Shamiya\n", encoding="utf-8")
    bot.changes = {"matching": {"aliases": path}}
    async with bot.running():
        assert "one name from now on" in (await bot.say("/alias Firm1x = Company1x", user_id=ADA))["text"]
        assert "the most there can be" in (await bot.say("/alias Firm2x = Company2x", user_id=ADA))["text"]
        assert "one name from now on" in (await bot.say("/alias PMC W = Wagner", user_id=ADA))["text"]
        gone = await bot.say("/alias remove Company1x", user_id=ADA)
        assert "one name from now on" in (await bot.say("/alias Firm2x = Company2x", user_id=ADA))["text"]
        bot.sandbox.press(gone["message_id"], "Undo", user_id=ADA)
        assert "Firm1x" not in (await bot.say("/alias", user_id=ADA))["text"]
