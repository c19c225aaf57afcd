"""Short run of `make chaos`: a few killed lives on SQLite, with every promise kept."""

from pathlib import Path

import pytest

from tests.chaos.__main__ import seasons


@pytest.mark.timeout(600)  # a life takes longer on a busy machine
async def test_the_promise_is_kept_through_a_few_kills(tmp_path: Path) -> None:
    verdict = await seasons(f"sqlite:///{tmp_path}/chaos.db", tmp_path, seed=7, kills=4, autumn=False)
    assert verdict.violations == []
