"""Told is what was shown: of alike headlines, and of any grouping, every text is seen, listed, or still owed.

Reads what Telegram took, not the table `told`: the fault that hid most news had every row of it right.
"""

from datetime import timedelta

import pytest

from bot.messages.digests import STORIES
from bot.sandbox.people import ADA, BEN, CHANNEL, GROUP
from tests.flows.accounted import labels, links_seen, open_lists
from tests.flows.living import Bot, all_sent
from tests.flows.test_more_commands import ON_ONE
from tests.flows.test_outage import headlines

TEMPLATES = {
    "floods": [f"Flood warning for the River {river} issued" for river in ("Thames", "Severn", "Trent", "Wye", "Ouse")],
    "airstrikes": [
        f"Airstrike hits market in {town}, killing civilians" for town in ("Idlib", "Homs", "Hama", "Raqqa", "Daraa")
    ],
    "vulnerabilities": [f"CVE-2026-{number}: flood of requests crashes the server" for number in range(3094, 3102)],
    "scores": [f"Flood Town {home}-{away} River United" for home, away in ((1, 0), (2, 1), (0, 0), (3, 3), (2, 0))],
    "retold": [
        "Flood kills two in Idlib",
        "Two dead as flood hits Idlib",
        "Rescuers search Idlib homes after flood",
        "Idlib flood closes all schools",
    ],
}
AN_EDIT = timedelta(minutes=2)  # the first edit of an alert has its turn by then
WATCHED = "flood, airstrike"
BOT = "@watchword_sandbox_bot"


def publish(bot: Bot, titles: list[str]) -> set[str]:
    """Publish articles; return their links."""
    before = len(bot.items)
    for number, title in enumerate(titles):
        bot.news(title, f"Report number {number} of {title.split()[-1]}.")
    return {f"https://demo.example/{number}" for number in range(before, len(bot.items))}


@ON_ONE
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("schedule", ["At once", "Daily"])
async def test_a_person_sees_every_text_of_a_template(bot: Bot, name: str, schedule: str) -> None:
    async with bot.running():
        await bot.polled()
        made = await bot.say(f"/subscribe {WATCHED}")
        for label in labels(bot, BEN, made["message_id"]):
            if label.endswith(schedule):
                bot.sandbox.press(made["message_id"], label, user_id=BEN)
        await bot.polled()
        links = publish(bot, TEMPLATES[name])
        await bot.polled()
        await bot.say("/digest")
        bot.clock.ahead += AN_EDIT
        await bot.until(all_sent)
        await open_lists(bot, BEN)
        assert links - links_seen(bot, BEN) == set()


@ON_ONE
@pytest.mark.parametrize("name", TEMPLATES)
@pytest.mark.parametrize("where", [GROUP, CHANNEL])
async def test_a_group_and_a_channel_see_every_text_without_pressing_anything(bot: Bot, name: str, where: int) -> None:
    async with bot.running():
        await bot.polled()
        command = f"/subscribe{BOT if where == GROUP else ''} {WATCHED}"
        await bot.say(command, ADA, chat_id=where)
        links = publish(bot, TEMPLATES[name])
        await bot.polled()
        await bot.say(f"/digest{BOT if where == GROUP else ''}", ADA, chat_id=where)
        await bot.until(all_sent)
        assert links - links_seen(bot, where) == set()
        news = [message for message in bot.sandbox.sent_to(where) if "demo.example" in str(message["entities"])]
        assert not any(message["reply_markup"] for message in news)


@ON_ONE
async def test_a_list_of_several_pages_shows_all_that_a_digest_counts(bot: Bot) -> None:
    async with bot.running():
        await bot.polled()
        await bot.say("/subscribe Idlib")
        links = publish(bot, headlines(STORIES + 45))
        await bot.polled()
        await bot.say("/digest")
        await bot.until(all_sent)
        assert len(links - links_seen(bot, BEN)) == 45
        await open_lists(bot, BEN)
        assert links - links_seen(bot, BEN) == set()
