"""The loop against its model: a few runs here, three hundred and more in battery R2."""

from __future__ import annotations

from hypothesis import HealthCheck, settings

from support.loop_model import RULES, OperatorMachine


def test_there_are_many_ways_to_disturb_it() -> None:
    assert RULES >= 25


TestOperatorMachine = OperatorMachine.TestCase
TestOperatorMachine.settings = settings(
    max_examples=15, stateful_step_count=30, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
