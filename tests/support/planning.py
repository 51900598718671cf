"""Builders of planning values with harmless defaults: a healthy, measured, idle node and a job of one shard."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sunward.domain.intensity import DEFAULT_BASIS
from sunward.domain.jobs import (
    Assignment,
    DataMobility,
    Disruption,
    JobCost,
    JobPhase,
    JobProgress,
    JobSpec,
    JobView,
    Shard,
)
from sunward.domain.measurement import Measurement, Quality, Reading
from sunward.domain.nodes import MeterFacts, NodeFacts, NodeRecord, NodeSpec, NodeView, PowerProfile, SleepSpec
from sunward.domain.plans import Plan, PlanStatus, SolverName, SolverReport
from sunward.domain.pods import ONE_POD, FreeCapacity, Needs, PodFacts, Resources
from sunward.domain.policy import OperatingMode, PolicySpec
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.steps import PowerReading
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve

NOW = datetime(2026, 6, 21, 12, 0, tzinfo=UTC)
LONG_AGO = NOW - timedelta(days=2)


def measured(value: float, *, at: datetime = NOW, quality: Quality = Quality.MEASURED) -> Measurement:
    """A reading, by default a fresh and trusted one."""
    return Measurement(value=value, time=at, quality=quality, source="test")


def a_node(
    name: str = "pi-01",
    *,
    record: NodeRecord | None = None,
    facts: NodeFacts | None = None,
    has_facts: bool = True,
    meters: MeterFacts | None = None,
    pods: Iterable[PodFacts] = (),
    volume_attached: bool = False,
    **spec: Any,
) -> NodeView:
    """A worker with a relay, awake for two days and measured a moment ago; keywords change its spec."""
    fields: dict[str, Any] = {
        "name": name,
        "node_name": name,
        "grid_zone": "CLEAN",
        "site": "roof",
        "power": a_profile(),
        "storage_gigabytes": 8.0,
        "sleep": SleepSpec(driver="Shelly", driver_ref=f"relay-{name}"),
    }
    facts = facts or (some_facts(name) if has_facts else None)
    return NodeView(
        spec=NodeSpec(**fields | spec),
        record=record or NodeRecord(),
        facts=facts,
        meters=meters or some_meters(),
        pods=tuple(pods),
        volume_attached=volume_attached,
    )


def a_profile(**changes: float) -> PowerProfile:
    """What a small board draws, and what its wake costs."""
    profile = PowerProfile(idle_watts=2.7, busy_watts=6.4, asleep_watts=0.1, wake_seconds=45.0, wake_watt_hours=0.05)
    return replace(profile, **changes)


def some_facts(name: str = "pi-01", **changes: Any) -> NodeFacts:
    """A Node that is Ready, schedulable and handed over."""
    facts = NodeFacts(
        name=name,
        uid=f"uid-{name}",
        ready=True,
        ready_since=LONG_AGO,
        unschedulable=False,
        is_control_plane=False,
        is_managed=True,
        do_not_sleep=False,
        has_our_taint=False,
        has_our_cordon_mark=False,
    )
    return replace(facts, **changes)


def some_meters(
    power: Reading | None = None, harvest: Reading | None = None, battery: Reading | None = None
) -> MeterFacts:
    """Fresh readings of an idle node at noon."""
    return MeterFacts(
        power_watts=power or measured(2.7),
        harvest_watts=harvest or measured(5.0),
        battery_ratio=battery or measured(0.5),
    )


def a_pod(name: str = "web-1", **changes: Any) -> PodFacts:
    """A running pod of a ReplicaSet."""
    pod = PodFacts(
        namespace="default",
        name=name,
        uid=f"uid-{name}",
        node_name="pi-01",
        phase="Running",
        owner_kind="ReplicaSet",
        is_daemon=False,
        is_mirror=False,
        is_terminating=False,
        do_not_disrupt=False,
        uses_local_storage=False,
    )
    return replace(pod, **changes)


def a_room(node: str = "hub", **changes: Any) -> FreeCapacity:
    """A node with room for a hundred pods; keywords change what is free or the FreeCapacity."""
    plenty = Resources(millicores=4000, memory_bytes=4 << 30, pods=100)
    amounts = {key: changes.pop(key) for key in tuple(changes) if key in Resources.__dataclass_fields__}
    return replace(FreeCapacity(node=node, labels=(), taints=(), free=replace(plenty, **amounts)), **changes)


def needing(**amounts: int) -> Needs:
    """Needs of one pod that requests these amounts."""
    return Needs(requests=replace(ONE_POD, **amounts))


def a_worker_pod(job: str = "mnist", node: str = "pi-01", **changes: Any) -> PodFacts:
    """A training worker as the operator makes it."""
    labels = (("sunward.dev/component", "worker"), ("sunward.dev/job", job))
    defaults: dict[str, Any] = {"labels": labels, "owner_kind": "TrainingJob", "uses_local_storage": True}
    return a_pod(f"{job}-worker-{node}", node_name=node, **defaults | changes)


def a_job(name: str = "mnist", *, homes: Sequence[str] = ("pi-01",), **changes: Any) -> JobView:
    """A job with one shard per home; keywords go to the JobSpec or, where it has them, to the JobView."""
    views = {key: changes.pop(key) for key in tuple(changes) if key in JobView.__dataclass_fields__ and key != "spec"}
    fields: dict[str, Any] = {
        "namespace": "default",
        "name": name,
        "uid": f"uid-{name}",
        "rounds": 10,
        "steps_per_round": 50,
        "batch_size": 32,
        "target_accuracy_percent": None,
        "shards": tuple(Shard(name=f"shard-{home}", node=home, samples=1000, gigabytes=0.005) for home in homes),
        "data_mobility": DataMobility.ANYWHERE,
        "maximum_offload_ratio": 1.0,
        "minimum_workers": 1,
        "deadline": None,
        "emissions_budget_grams": None,
        "suspend": False,
        "disruption": Disruption.AT_ROUND_BOUNDARY,
        "cost": JobCost(watt_hours_per_batch=0.001, seconds_per_batch=0.5),
    }
    view: dict[str, Any] = {"progress": some_progress()} | views
    return JobView(spec=JobSpec(**fields | changes), **view)


def some_progress(**changes: Any) -> JobProgress:
    """A coordinator between two rounds, with nothing done yet."""
    progress = JobProgress(
        round=0,
        phase=JobPhase.WAITING,
        accuracy_percent=None,
        offloaded_batches_by_shard=(),
        seconds_per_batch=(),
        cached_shards=(),
        plan=None,
    )
    return replace(progress, **changes)


def an_assignment(job: str, shard: str, from_node: str, node: str, batches: int = 50) -> Assignment:
    """One row of an assignment file."""
    return Assignment(job=job, shard=shard, from_node=from_node, node=node, batches=batches)


NAMESPACES = ("default", "team-a", "team-b")
"""Namespaces in which the operator of `a_policy` works."""


def a_policy(**changes: Any) -> PolicySpec:
    """An active policy with the default limits."""
    return replace(PolicySpec(mode=OperatingMode.ACTIVE, namespaces=NAMESPACES), **changes)


def a_snapshot(*nodes: NodeView, jobs: Iterable[Any] = (), intensities: Any = None, **changes: Any) -> Snapshot:
    """A leader's snapshot of a warm cluster; zones CLEAN (24 g/kWh) and DIRTY (610 g/kWh) are measured."""
    zones = (
        intensities if intensities is not None else {"CLEAN": a_zone("CLEAN", 24.0), "DIRTY": a_zone("DIRTY", 610.0)}
    )
    snapshot = Snapshot(
        taken_at=NOW,
        policy=a_policy(),
        nodes=nodes or (a_node(),),
        jobs=tuple(jobs),
        intensities=zones,
        operator_started_at=LONG_AGO,
        operator_node="hub",
        total_nodes=max(len(nodes), 1),
        free_capacities=(a_room(),),
    )
    return replace(snapshot, **changes)


def a_zone(zone: str, grams: float | Reading) -> ZoneIntensity:
    """Intensity of a zone, measured now unless a reading is given."""
    return ZoneIntensity(
        zone=zone,
        now_grams_per_kilowatt_hour=measured(grams) if isinstance(grams, int | float) else grams,
        forecast_grams_per_kilowatt_hour=None,
        basis=DEFAULT_BASIS,
    )


def some_forecasts(
    snapshot: Snapshot,
    *,
    harvest: dict[str, Sequence[float]] | None = None,
    intensity: dict[str, Sequence[float]] | None = None,
) -> Forecasts:
    """Flat forecasts on the policy's grid: no harvest and the intensities of the snapshot unless given."""
    count = snapshot.policy.horizon_periods
    given = intensity or {}
    return Forecasts(
        start=snapshot.taken_at,
        period=timedelta(seconds=snapshot.policy.planning_period_seconds),
        harvest_watt_hours={
            node.name: tuple((harvest or {}).get(node.name, (0.0,) * count)) for node in snapshot.nodes
        },
        intensity_grams_per_kilowatt_hour={
            name: tuple(given.get(name, (zone.now_grams_per_kilowatt_hour.value,) * count))
            for name, zone in snapshot.intensities.items()
            if isinstance(zone.now_grams_per_kilowatt_hour, Measurement)
        },
    )


def relay(is_on: bool, *, watts: float | None = None, at: datetime = NOW) -> PowerReading:
    """What a relay proves; by default its meter agrees with its output."""
    return PowerReading(is_on=is_on, watts=(2.7 if is_on else 0.0) if watts is None else watts, time=at)


FOUND = SolverReport(
    status=PlanStatus.FEASIBLE,
    solver=SolverName.EXACT,
    objective_grams=1.25,
    lower_bound_grams=1.2,
    relative_gap=0.04,
    solve_seconds=0.2,
)
"""What a solver says of a plan of which everything is known."""


def a_plan(**changes: Any) -> Plan:
    """A plan with emissions for every mode, that decides nothing."""
    plan = Plan(
        name="plan-1",
        start=NOW,
        period=timedelta(seconds=300),
        awake={},
        jobs=(),
        transfers=(),
        decisions=(),
        solver=FOUND,
        emissions_by_mode_grams={"none": 3.0, "det": 2.5, "dat": 2.0, "deta": 1.25},
    )
    return replace(plan, **changes)


class InProcessSolver:
    """The solvers of this package without a child process; remembers the problems it was given."""

    def __init__(self, force: str | None = None) -> None:
        self.problems: list[Problem] = []
        self._force = force

    def solve(
        self, problem: Problem, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None
    ) -> Solution:
        """Solve as asked, or with the solver that the test forces."""
        self.problems.append(problem)
        return solve(problem, solver=self._force or solver, time_limit_seconds=time_limit_seconds, start=start)
