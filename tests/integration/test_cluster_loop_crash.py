"""The operator dies before and after every write it makes; whoever comes next ends in the same order."""

from __future__ import annotations

import pytest

from support.loop.crash import (
    Figures,
    crash_everywhere,
    dies_again_and_again,
    dies_for_real,
    misses,
    one_sleeper,
    reference,
    slow_relay,
    whole_day,
)


def check(figures: Figures) -> None:
    print(figures.line())
    assert figures.violations == []
    assert figures.converged == figures.points > 150
    assert figures.duplicate_power_actions == 0


async def test_another_pod_takes_over_after_a_death_at_any_write() -> None:
    check(await crash_everywhere(one_sleeper, same_name=False))


async def test_a_relay_that_is_slow_is_not_asked_twice() -> None:
    figures = await crash_everywhere(slow_relay, same_name=True, offset=2, stride=6)
    assert figures.violations == []
    assert figures.converged == figures.points


async def test_a_death_that_is_raised_in_the_midst_of_a_pass_ends_as_one_between_processes() -> None:
    world, _, _ = await reference(one_sleeper)
    switches = [write.number for write in world.writes if write.verb == "switch"]
    for number in switches:
        for phase in ("before", "after"):
            seen, auditor, good = await dies_for_real(one_sleeper, number, phase)
            assert good, misses(seen)
            assert auditor.violations == []


@pytest.mark.parametrize("seed", range(6))
async def test_one_death_after_the_other_ends_in_the_same_order(seed: int) -> None:
    world, auditor, good = await dies_again_and_again(whole_day, seed)
    assert good, misses(world)
    assert (auditor.violations, auditor.needless_switches) == ([], 0)


async def test_the_same_pod_goes_on_after_a_restart_of_its_container() -> None:
    figures = await crash_everywhere(one_sleeper, same_name=True, stride=7)
    assert figures.violations == []
    assert figures.converged == figures.points
