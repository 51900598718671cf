"""A few trials of suites R4, R5, R6 and R25, so that every run of the tests meets each way to lose watches."""

from __future__ import annotations

import asyncio
import random
from pathlib import Path

import pytest

from fault_injection import tenants
from support.faults.kinds import Kind
from support.faults.outcome import Options
from support.faults.scene import fault_scene, fault_stage
from support.faults.stale import StaleTrials
from support.faults.traces import CAUSES, Loss, happen
from support.faults.trials import Trial, attempt
from support.real.operator_process import token

pytestmark = pytest.mark.cluster

RECOVERY_SECONDS = 15.0


def test_garbage_lost_answers_and_lost_events_neither_end_the_operator_nor_lose_a_change() -> None:
    dice = random.Random(1)
    with fault_scene(nodes=3) as scene:
        for trial in (Trial(kind=Kind.GARBAGE, repeat=0), Trial(kind=Kind.RESET, repeat=1)):
            assert attempt(scene, trial, dice).seconds <= RECOVERY_SECONDS
        scene.world.wait(lambda: not scene.lost(), 60.0, "every wish is fulfilled")
        happen(scene, CAUSES[8], Loss(number=0))
        assert (scene.operator.exits, scene.violations()) == ([], [])


def test_no_object_of_a_tenant_ends_a_pass_or_delays_an_order_to_wake() -> None:
    found = tenants.attempt(Options(seed=2), 20)
    if found.not_run is not None:  # only where no control plane can run; with SUNWARD_REQUIRE_CLUSTER that has failed
        pytest.skip(found.not_run)
    assert found.violations == []
    assert (found.counts["orders_to_wake"], found.counts["passes_ended_by_an_object"]) == (1, 0)


def test_a_successor_with_lists_of_the_past_cuts_no_power_by_them(tmp_path: Path) -> None:
    with fault_stage(nodes=2, warmUpSeconds=0) as scene:
        kubeconfig = scene.proxy.kubeconfig(tmp_path / "proxy.json", token(scene.world.admin))
        trials = StaleTrials(scene=scene, kubeconfig=kubeconfig, dice=random.Random(1))
        asyncio.run(trials.run(3))
        assert (trials.tally.violations, scene.violations()) == ([], [])
        assert trials.tally.stale_passes >= trials.tally.plans == 3
