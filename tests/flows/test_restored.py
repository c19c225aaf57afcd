"""After an old backup was restored, what it has not seen comes as one message, not as all its alerts once more."""

from pathlib import Path

from bot.sandbox.people import BEN
from bot.storage.backup import backup, restore
from bot.storage.database import Database
from tests.flows.accounted import links_seen
from tests.flows.living import Bot, all_sent
from tests.flows.test_calm import watch_at_once
from tests.flows.test_missed import HOUR, TITLES, news, publish
from tests.flows.test_more_commands import ON_ONE


@ON_ONE
async def test_an_old_backup_repeats_no_alerts_but_one_digest(bot: Bot, tmp_path: Path) -> None:
    async with bot.running():
        await bot.polled()
        await watch_at_once(bot, "Idlib")
        database = Database(bot.database_url)
        await backup(database, tmp_path / "saved.db")
        await database.close()
        links = publish(bot, TITLES)
        await bot.sandbox.until(lambda: len(news(bot)) == len(TITLES), 30.0, "the alerts")
        await bot.until(all_sent)

    bot.database_url = f"sqlite:///{tmp_path}/restored.db"
    restored = Database(bot.database_url)
    await restore(tmp_path / "saved.db", restored)
    await restored.close()
    bot.clock.ahead += HOUR
    async with bot.running():
        await bot.sandbox.until(lambda: len(news(bot)) > len(TITLES), 30.0, "what the backup has not seen")
        await bot.until(all_sent)
        assert len(news(bot)) == len(TITLES) + 1
        assert all(title in news(bot)[-1] for title in TITLES)
        assert links <= links_seen(bot, BEN)
        bot.news("Rain falls on Idlib", "At last.")
        await bot.sandbox.until(lambda: len(news(bot)) == len(TITLES) + 2, 20.0, "an alert")
