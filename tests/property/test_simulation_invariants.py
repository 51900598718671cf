"""Whatever the cluster, the sun and the policy: energy closes, work is equal, no answer depends on luck."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunward.simulation.future import Future
from sunward.simulation.operated.cluster import OperatedCluster
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import GUARDED, policies
from sunward.simulation.scenario import Scenario, load_scenario
from sunward.simulation.simulator import simulate
from sunward.simulation.tasks import tasks_of
from sunward.simulation.world import Power
from support.simulation import solve

POLICIES = policies(solve)
GUARDED_NAMES = [name for name in POLICIES if name.endswith(GUARDED)]


@st.composite
def scenarios(draw: st.DrawFn) -> Scenario:
    """Two to four nodes on one or two sites, some with sun, some with a battery, half a day."""
    count = draw(st.integers(2, 4))
    nodes: dict[str, Any] = {}
    for number in range(count):
        node: dict[str, Any] = {
            "zone": draw(st.sampled_from("ab")),
            "site": draw(st.sampled_from("st")),
            "profile": "p",
        }
        if draw(st.booleans()):
            sky = {"latitude_degrees": 52.5, "longitude_degrees": 13.4, "clearness_spread": draw(st.floats(0.0, 0.5))}
            sun = {"city": "berlin"} if draw(st.booleans()) else {"sky": sky}
            node["harvest"] = {"nameplate_watts": draw(st.floats(1.0, 30.0))} | sun
        if draw(st.booleans()):
            node["battery"] = {"capacity_watt_hours": 10, "maximum_charge_watts": 5, "maximum_discharge_watts": 5}
        nodes[f"n{number}"] = node
    hours = draw(st.floats(0.5, 3.0))
    raw = {
        "schema": "sunward.dev/scenario/v1alpha1",
        "name": "drawn",
        "start": datetime(2021, 6, 8, tzinfo=UTC),
        "trace_offset_hours": draw(st.sampled_from([4.0, 9.0, 20.0])),
        "period_seconds": 3600,
        "periods": 8,
        "horizon_periods": 8,
        "zones": {"a": {"trace": "us-ciso"}, "b": {"trace": "us-pjm", "mean_grams_per_kilowatt_hour": 600}},
        "profiles": {
            "p": {"idle_watts": 2.7, "busy_watts": 6.4, "asleep_watts": 0.1, "boot_watts": 4.5, "boot_seconds": 45}
        },
        "nodes": nodes,
        "pools": {"all": {"kind": draw(st.sampled_from(["physical", "contractual"]))}},
        "jobs": {
            "j": {
                "batches": dict.fromkeys(nodes, 100.0),
                "seconds_per_batch": hours * 36.0,
                "deadline_hours": 8,
                "gigabytes_per_batch": draw(st.sampled_from([0.0, 0.0004])),
                "synchronous": draw(st.booleans()),
            }
        },
        "forecast_error": {"harvest_ratio": draw(st.sampled_from([0.0, 0.5])), "intensity_ratio": 0.1},
        "operator": {"minimum_gain_ratio": draw(st.sampled_from([0.0, 0.05]))},
    }
    return Scenario.model_validate(raw)


def ran(scenario: Scenario, name: str) -> Outcome:
    return simulate(scenario, POLICIES[name], solve, seed=1)


@pytest.mark.parametrize("name", list(POLICIES))
@settings(max_examples=4)
@given(scenario=scenarios())
def test_books_close_and_the_work_is_done(name: str, scenario: Scenario) -> None:
    outcome = ran(scenario, name)
    assert outcome.closing_error_ratio < 1e-9
    assert outcome.unfinished_batches == pytest.approx(0.0, abs=1e-3)
    assert outcome.batches == pytest.approx(100.0 * len(scenario.nodes), rel=1e-5)
    assert outcome.load_watt_hours > 0.0
    assert 0.0 <= outcome.curtailed_watt_hours <= outcome.harvest_watt_hours + 1e-9


@settings(max_examples=6)
@given(scenario=scenarios())
def test_trading_after_the_fact_never_emits_more_than_not_trading(scenario: Scenario) -> None:
    assert ran(scenario, "DET").market_grams <= ran(scenario, "none").market_grams * (1 + 1e-6) + 1e-9


@settings(max_examples=4)
@given(scenario=scenarios(), name=st.sampled_from(["none", "packing + sleep", "DETA"]))
def test_the_same_seed_gives_the_same_run(scenario: Scenario, name: str) -> None:
    assert ran(scenario, name) == ran(scenario, name)


FAULTS = st.fixed_dictionaries(
    {"node": st.sampled_from(["n0", "n1"]), "from_hours": st.floats(0.0, 6.0), "to_hours": st.floats(6.5, 8.0)}
)


@settings(max_examples=8)
@given(
    scenario=scenarios(),
    name=st.sampled_from(["none + sleep", "DAT", "DETA", "DETA, pure"]),
    outages=st.lists(FAULTS, max_size=2),
    silences=st.lists(FAULTS, max_size=2),
)
def test_books_close_and_no_batch_is_done_twice_whatever_fails(
    scenario: Scenario, name: str, outages: list[dict[str, Any]], silences: list[dict[str, Any]]
) -> None:
    raw = scenario.model_dump(by_alias=True) | {"outages": outages, "silences": silences}
    outcome = ran(Scenario.model_validate(raw), name)
    assert outcome.closing_error_ratio < 1e-9
    assert outcome.batches + outcome.unfinished_batches == pytest.approx(100.0 * len(scenario.nodes), rel=1e-5)
    assert outcome.power_cycles <= 8


class Watched(OperatedCluster):
    """Counts who is without power whenever time passes, and how much of what a shard may move was moved."""

    most_asleep = 0
    most_moved_of_limit = 0.0

    def _pass(self, seconds: float) -> None:
        asleep = sum(machine.state.power is Power.ASLEEP for machine in self._machines.values())
        self.most_asleep = max(self.most_asleep, asleep)
        super()._pass(seconds)
        for training in self._trainings.values():
            limit = training.part.task.job.maximum_offload_ratio * training.owed_per_shard
            self.most_moved_of_limit = max([self.most_moved_of_limit, *(m / limit for m in training.moved.values())])


def watched_run(scenario: Scenario, policy: str, *, seed: int) -> Watched:
    chosen, tasks = POLICIES[policy], tasks_of(scenario)
    assert chosen.allowed is not None
    cluster = Watched(scenario, chosen, chosen.allowed, Future(scenario, seed))
    for period in range(scenario.periods):
        done = cluster.run(period, tasks)
        tasks = tuple(task.done([w for w in done.work if w.task == task.name], period) for task in tasks)
    return cluster


@settings(max_examples=12)
@given(scenario=scenarios(), name=st.sampled_from(GUARDED_NAMES), cycles=st.integers(0, 3), most=st.none() | st.just(1))
def test_a_guarded_rule_never_has_more_asleep_or_more_often_than_a_plan_may(
    scenario: Scenario, name: str, cycles: int, most: int | None
) -> None:
    operator = scenario.operator.model_copy(update={"maximum_cycles_per_day": cycles, "maximum_asleep_nodes": most})
    held, policy = scenario.model_copy(update={"operator": operator}), POLICIES[name]
    assert policy.allowed is not None
    cluster, tasks, naps = Watched(held, policy, policy.allowed, Future(held, 1)), tasks_of(held), Counter[str]()
    for period in range(held.periods):
        done = cluster.run(period, tasks)
        naps.update(node for _, node in done.slept)
        tasks = tuple(task.done([w for w in done.work if w.task == task.name], period) for task in tasks)
    assert cluster.most_asleep <= (max(2, len(held.nodes) // 2) if most is None else most)
    assert max(naps.values(), default=0) <= cycles  # eight hours: all of them within any day
    assert all(task.left == pytest.approx(0.0, abs=1e-3) for task in tasks)


MOVERS = ["DETA", "DETA, no sleep", "cleanest half" + GUARDED]


def with_periods(scenario: Scenario, seconds: int, **job: Any) -> Scenario:
    """The same hours in other periods, with the job changed."""
    count = round(scenario.periods * scenario.period_seconds / seconds)
    jobs = {name: entry.model_copy(update=job) for name, entry in scenario.jobs.items()}
    return scenario.model_copy(
        update={"period_seconds": seconds, "periods": count, "horizon_periods": count, "jobs": jobs}
    )


@pytest.mark.parametrize("policy", MOVERS)
@pytest.mark.parametrize("seconds", [900, 1800, 3600])
@pytest.mark.parametrize("name", ["three-sites", "paper-day"])
def test_no_shard_moves_more_than_its_job_allows(name: str, seconds: int, policy: str) -> None:
    scenario = with_periods(load_scenario(name), seconds)
    assert watched_run(scenario, policy, seed=seconds % 7).most_moved_of_limit <= 1 + 1e-9


@settings(max_examples=12)
@given(
    scenario=scenarios(),
    seconds=st.sampled_from([900, 1200, 3600]),
    policy=st.sampled_from(MOVERS),
    rounds=st.integers(3, 60),
    ratio=st.floats(0.05, 0.95),
)
def test_no_shard_moves_more_than_allowed_whatever_the_rounds(
    scenario: Scenario, seconds: int, policy: str, rounds: int, ratio: float
) -> None:
    changed = with_periods(scenario, seconds, rounds=rounds, maximum_offload_ratio=ratio)
    assert watched_run(changed, policy, seed=1).most_moved_of_limit <= 1 + 1e-9
