"""A power agent that dies, lies or hangs beside the real loop: what it costs, and that nothing worse comes of it."""

from __future__ import annotations

import pytest

from support.faults.agents import CASES, Case, dies_at, play


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
async def test_a_bad_agent_costs_the_time_of_a_shutdown_and_nothing_worse(case: Case) -> None:
    seen = await play(case)
    assert seen.violations == []


@pytest.mark.parametrize("phase", ["before", "after"])
async def test_an_operator_that_dies_in_a_shutdown_has_a_successor_that_ends_it(phase: str) -> None:
    writes, found = await dies_at(0, "never")
    for number in range(8, writes, 9):
        found += (await dies_at(number, phase))[1]
    assert found == []
