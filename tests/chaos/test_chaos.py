"""A small `make chaos`: a few lives cut short on SQLite, and all promises kept."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import seasons


@pytest.mark.timeout(300)  # on a busy machine its lives are longer
async def test_the_promise_is_kept_through_a_few_kills(tmp_path: Path) -> None:
    verdict = await seasons(f"sqlite:///{tmp_path}/chaos.db", tmp_path, seed=7, kills=4, autumn=False)
    assert verdict.violations == []
