from pathlib import Path

import pytest

from bot.storage.database import Database
from tests.pipeline import replay


@pytest.mark.skipif(not replay.DATA.is_dir(), reason="WATCHWORD_DATA names no directory with data/feeds/series")
@pytest.mark.parametrize("name", ["bbc", "rnz", "nzherald", "straittimes", "aljazeera-2026-08"])
async def test_every_entry_of_a_real_feed_comes_once(name: str, tmp_path: Path) -> None:
    """The last forty snapshots; `make bench ARGS=replay` plays them all."""
    async with Database(f"sqlite:///{tmp_path}/watchword.db") as database:
        played = await replay.replay(name, database, last=40)
    assert played.entries == played.ids
    assert (played.repeated, played.differences) == (0, ())
