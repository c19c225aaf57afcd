"""The table of steps is whole."""

import pytest

from bot.runtime.steps import PATIENCE, QUEUES, STEPS, StepSpec
from bot.runtime.wakeups import Step

WITHOUT_QUEUE = {Step.CARE, Step.TIDY, Step.BACKUP, Step.WEEK}  # due by time alone; three failures are a fault


def test_every_step_is_in_the_table_once() -> None:
    assert sorted(spec.step for spec in STEPS) == sorted(Step)


@pytest.mark.parametrize("spec", STEPS, ids=lambda spec: spec.step)
def test_a_step_has_a_tick_one_way_to_work_and_a_queue_whose_patience_is_known(spec: StepSpec) -> None:
    assert spec.tick.total_seconds() > 0
    assert (spec.run is None) != (spec.loop is None)
    assert (spec.oldest is None) == (spec.patience is None) == (spec.step in WITHOUT_QUEUE)
    assert (spec.step in QUEUES) == (spec.step in PATIENCE) == (spec.step not in WITHOUT_QUEUE)
