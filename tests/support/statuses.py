"""Statuses as the product writes them, made from rich values: one of everything, in every state that there is.

What a merge patch removes (null) counts as not written.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from sunward.accounting.ledger import MissingNode, PeriodLedger, close
from sunward.accounting.none_baseline import Work
from sunward.accounting.signed import chain
from sunward.accounting.signed.chain import Head
from sunward.accounting.values import ZoneFactor
from sunward.cluster.access.api import ours
from sunward.cluster.acting import acts
from sunward.cluster.containment import Containment
from sunward.cluster.objects import records
from sunward.cluster.reporting import (
    job_figures,
    node_figures,
    pin_report,
    plan_objects,
    policy_report,
    report,
    settlement_objects,
)
from sunward.cluster.reporting.usage_report import UsageMemory
from sunward.cluster.settling.job_accounts import Settled, account_jobs, accounts
from sunward.cluster.settling.work_memory import WorkMemory
from sunward.domain.cause import Cause
from sunward.domain.estimate import Estimate
from sunward.domain.eviction import EvictionSettings, LimitSource
from sunward.domain.intensity import BASES, Basis
from sunward.domain.jobs import JobPhase, JobView, Refusal, UpdateChecks, UpdateRule
from sunward.domain.measurement import Absent, Quality
from sunward.domain.nodes import BatterySpec, Intent, Learned, NodeRecord, Operation, PowerState
from sunward.domain.pins import Pin, PinnedNode
from sunward.domain.plans import (
    Decision,
    DecisionKind,
    JobDirective,
    Plan,
    PlannedSleep,
    PlanStatus,
    Prices,
    SolverName,
    SolverReport,
    Transfer,
)
from sunward.domain.policy import OperatingMode, PoolKind
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import judge
from sunward.planning.decide import plan_name
from sunward.planning.guards.case import Blocker
from sunward.planning.guards.drain import BlockingPod
from sunward_power_agent.agent import Agent
from support import fleets
from support.accounting import CLEAN, DIRTY, QUARTER_HOUR, flow, node_period
from support.agent.fakes import LEASE, FakeHost, StoreServer
from support.agent.orders import a_lease, an_energy_node
from support.fleets import a_fleet
from support.guards.cases import an_order
from support.ledgers import SIGNER
from support.loop.store import Store
from support.planning import (
    NOW,
    a_job,
    a_node,
    a_pod,
    a_snapshot,
    a_zone,
    an_assignment,
    measured,
    relay,
    some_facts,
    some_meters,
    some_progress,
)

Body = dict[str, Any]
KEY = "default/mnist"
BATTERY = BatterySpec(capacity_watt_hours=20.0, maximum_charge_watts=10.0, maximum_discharge_watts=10.0)
SILENT = Absent(cause=Cause(Reason.DATA_STALE, "the last sample is old"), source="sunward_node")
SECOND = timedelta(seconds=1)
PINNED = PinnedNode(
    node="pi-01",
    pins=(Pin(namespace="default", holder=KEY, reason=Reason.MINIMUM_WORKERS),),
    grams_per_hour=0.0624,
)


def without_removals(value: Any) -> Any:
    """A merge patch without its nulls, which remove fields."""
    if isinstance(value, Mapping):
        return {name: without_removals(child) for name, child in value.items() if child is not None}
    return [without_removals(child) for child in value] if isinstance(value, list) else value


def a_report(status: PlanStatus = PlanStatus.OPTIMAL, **changes: Any) -> SolverReport:
    """How a plan came about, with every figure."""
    asked = status in (PlanStatus.OPTIMAL, PlanStatus.FEASIBLE)
    report_ = SolverReport(
        status=status,
        cause=None if asked else Cause(Reason.SOLVER_FALLBACK, "m" * 2000),
        solver=SolverName.EXACT,
        objective_grams=1.25,
        lower_bound_grams=1.2,
        relative_gap=0.04,
        solve_seconds=0.2,
        infeasible_because=("deadline of default/mnist: short by 120 batches",),
    )
    return replace(report_, **changes)


def a_plan(**changes: Any) -> Plan:
    """A plan with one of everything."""
    row = an_assignment(KEY, "a", "pi-01", "pi-02")
    moved = Cause(Reason.MOVED_TO_CLEANER_NODE)
    plan = Plan(
        name=plan_name(NOW),
        made_at=NOW,
        start=NOW,
        period=20 * SECOND,
        awake={"pi-01": True, "pi-02": False},
        jobs=(JobDirective(job=KEY, run=True, cause=moved, assignments=(row,)),),
        transfers=tuple(
            Transfer(
                pool=kind.lower(),
                from_node="pi-01",
                to_node="pi-02",
                sent_watt_hours=0.01,
                received_watt_hours=0.0095,
                kind=kind,
            )
            for kind in PoolKind
        ),
        decisions=(
            Decision(kind=DecisionKind.SLEEP, subject="pi-02", cause=Cause(Reason.NO_WORK_PLANNED, "m" * 2000)),
        ),
        solver=a_report(),
        emissions_by_mode_grams={"none": 3.0, "det": 2.5, "dat": 2.0, "deta": 1.25},
        prices=Prices(energy_grams_per_watt_hour={"roof": 0.001}, offload_grams={KEY: -0.5}),
        sleeps=(
            PlannedSleep(node="pi-01", start=NOW, until=NOW + 20 * SECOND),
            PlannedSleep(node="pi-02", start=NOW, until=None),
        ),
        input_digest="sha256:" + "0" * 64,
    )
    return replace(plan, **changes)


def an_operation(intent: Intent = Intent.SLEEP) -> Operation:
    """What a node is on its way to."""
    return Operation(
        id="6f2a5a52",
        intent=intent,
        reason=Reason.NO_WORK_PLANNED,
        started_at=NOW,
        deadline=NOW + 300 * SECOND,
        attempt=2,
        fencing_token=7,
    )


def a_record(state: PowerState, intent: Intent = Intent.SLEEP) -> NodeRecord:
    """A record with every field filled."""
    figure = Estimate(mean=2.5, spread=0.5, observations=3)
    return NodeRecord(
        power_state=state,
        operation=an_operation(intent),
        cordoned_by_us=True,
        last_transition_at=NOW - 300 * SECOND,
        awake_since=NOW,
        asleep_since=NOW,
        next_attempt_at=NOW,
        sleep_times=(NOW,) * 60,
        learned=Learned(idle_watts=figure, busy_watts=figure, wake_seconds=figure, observed_at=NOW - 60 * SECOND),
        shutdown=an_order(halted_at=NOW, cut_at=NOW),
    )


async def written(kind: str) -> list[Mapping[str, Any]]:
    """Everything that the product writes into objects of a kind, part by part, each below `status` or `spec`."""
    match kind:
        case "EnergyNode":
            parts = [*energy_nodes(), *await energy_node_transitions(), *await agents_reports()]
        case "TrainingJob":
            parts = [*training_jobs(), *await training_job_accounts()]
        case "EnergyPlan":
            parts = [*energy_plans()]
        case _:
            parts = [*energy_policies()]
    specs = [*energy_plan_specs()] if kind == "EnergyPlan" else []
    return [*({"status": part} for part in parts), *({"spec": part} for part in specs)]


def energy_nodes() -> Iterator[Mapping[str, Any]]:
    """Everything that is written into the status of an EnergyNode, but for what a step changes."""
    for state, intent in itertools.product(PowerState, Intent):
        yield records.record_patch(a_record(state, intent))
    for state, power in itertools.product(PowerState, (None, relay(True), relay(False))):
        yield figures_of(state, power)
    for quality, basis in zip([*Quality, None], itertools.cycle(BASES)):
        reading = SILENT if quality is None else measured(0.5, quality=quality)
        meters = some_meters(power=reading, harvest=reading, battery=reading)
        node = a_node(meters=meters, battery=BATTERY, harvest_nameplate_watts=10.0)
        zone = replace(a_zone("CLEAN", reading), basis=Basis.parse(basis))
        yield from reported(a_snapshot(node, intensities={"CLEAN": zone}))
    yield pin_report.of_node(PINNED)
    yield pin_report.of_node(None)
    yield report.invalid_status("EnergyNode", Cause(Reason.INVALID_SPEC, "spec.gridZone: is missing"), {}, 1, NOW)


def reported(snapshot: Snapshot) -> Iterator[Mapping[str, Any]]:
    """Readings and conditions of the only node, with its data judged and not."""
    (node,) = snapshot.nodes
    obstacles = (Blocker(guard="dwell", cause=Cause(Reason.DWELL_TIME, "12 s of 600 s")),)
    judged = judge(snapshot, ReadingHistory().after(snapshot)).nodes[node.name]
    for verdict in (None, judged):
        yield report.node_status(node, snapshot, obstacles, verdict, a_plan(), {}, NOW)


def figures_of(state: PowerState, power: PowerReading | None) -> Mapping[str, Any]:
    """Figures of a node in a state that has a pod which may not be evicted now."""
    facts = some_facts(heartbeat_at=NOW - 60 * SECOND)
    node = a_node(record=a_record(state), facts=facts, pods=[a_pod(), a_pod("web-2", owner_kind=None)])
    refused = BlockingPod(pod=node.pods[0], cause=Cause(Reason.DRAIN_BLOCKED, "one must stay"))
    return node_figures.figures(node, a_snapshot(node), power, (refused,), a_plan(), {"drain": {"pending": 5}})


async def energy_node_transitions() -> Sequence[Mapping[str, Any]]:
    """What a step of the sleep state machine writes."""
    server, record = Recorder(), a_record(PowerState.DRAINING)
    step = Step(
        node="pi-01",
        record=record,
        act=Act.NONE,
        cause=Cause(Reason.DRAINING, "cordoned; the drain begins"),
        changed=True,
    )
    await acts.write_record(server, a_node(), step, "1", NOW)
    return server.statuses


async def agents_reports() -> Sequence[Mapping[str, Any]]:
    """What a node's power agent writes: it can shut its host down or not, and does so, fails or refuses."""
    written: list[Mapping[str, Any]] = []
    for refuses, fails, token in (("no", "", 4), ("", "inhibited", 4), ("", "", 4), ("", "", 9)):
        store, host = Store(), FakeHost()
        host.refuses, host.refuses_order = refuses, fails
        store.create(ours("energynodes"), an_energy_node())
        store.create(LEASE.rsplit("/", 1)[0], a_lease(token))
        server = StoreServer(store, lambda: NOW)
        await Agent(server=server, host=host, node="pi-3", boot_id="boot-1").turn()
        written += [{"agent": report} for report in server.reports]
    return written


def training_jobs() -> Iterator[Mapping[str, Any]]:
    """Everything that is written into the status of a TrainingJob by a pass."""
    for phase, old in itertools.product(JobPhase, ({}, {"startTime": "2026-06-21T11:00:00Z"})):
        job, plan = a_busy_job(phase), a_plan()
        yield report.job_status(job, plan.jobs[0], plan, old, NOW)
        nodes = [a_node("pi-01", record=a_record(PowerState.AWAKE)), a_node("pi-02")]
        yield job_figures.figures(job, plan.jobs[0], nodes, old, NOW)
        yield pin_report.of_job(job, [PINNED])
    yield report.invalid_status("TrainingJob", Cause(Reason.INVALID_SPEC, "spec.rounds: is missing"), {}, 1, NOW)


def a_busy_job(phase: JobPhase) -> JobView:
    """A job in its fourth round, with everything that a coordinator tells."""
    progress = some_progress(
        phase=phase,
        round=3,
        accuracy_percent=93.71,
        workers=("pi-01", "pi-02"),
        seconds_per_batch=(("pi-01", 0.5), ("pi-02", 0.7)),
        round_seconds=30.0,
        data_set="mnist",
        batches_done=300,
        checkpoint_at=NOW,
        updates=UpdateChecks(refused=((Refusal.NOT_FINITE, 3),), applied_rule=UpdateRule.GATE, norm_bounded=True),
    )
    rows = tuple(an_assignment(KEY, "a", "pi-01", node) for node in ("pi-01", "pi-02"))
    return a_job(
        progress=progress,
        deadline=NOW - SECOND,
        emissions_budget_grams=1.0,
        last_round=3,
        coordinator_node="hub",
        ready_workers=2,
        assignments=rows,
    )


async def training_job_accounts() -> Sequence[Mapping[str, Any]]:
    """What settled periods add to a TrainingJob: one that is known, and one that is not."""
    server, done = Recorder({"metadata": {"resourceVersion": "1", "uid": a_job().spec.uid}}), WorkMemory()
    for rounds in (0, 1):
        assignments = (an_assignment(KEY, "a", "pi-01", "pi-01"),)
        job = a_job(last_round=rounds, assignments=assignments)
        done.remember(a_snapshot(jobs=[job], taken_at=QUARTER_HOUR.start))
    assert done.work(QUARTER_HOUR) == [Work(node="pi-01", home="pi-01", batches=50)]
    held = Containment(lambda: NOW, lambda *_: None)
    for ledger in (a_ledger(), an_empty_ledger()):
        baseline = {"pi-01": 0.5} if ledger.rows else {}
        settled = Settled(ledger=ledger, transfers=(), baseline_grams=baseline, intensities={"dirty": 560.0})
        opened = accounts(done, QUARTER_HOUR, a_snapshot(jobs=[a_job()]), settled)
        await account_jobs(server, done, opened, held)
    return server.statuses


def a_ledger(*, factors: Sequence[ZoneFactor] = (CLEAN, DIRTY)) -> PeriodLedger:
    """Closed books of two nodes that shared energy and state what making them emitted."""
    made = {"reserved_hours": 0.25, "embodied_grams_per_hour": 0.8}
    nodes = [node_period("pi-01", load=1.0, harvest=2.0, **made), node_period("pi-02", load=1.0, **made)]
    return close(QUARTER_HOUR, nodes, [flow("pi-01", sent=0.0), flow("pi-02", drawn=0.0)], factors)


def an_empty_ledger() -> PeriodLedger:
    """The books of a period in which no meter saw a node whole."""
    why = Cause(Reason.DATA_MISSING, "no energy reading covers the whole period")
    return close(QUARTER_HOUR, [], [], (), missing=[MissingNode(node="pi-01", cause=why, load_watt_hours=1.0)])


def energy_plans() -> Iterator[Mapping[str, Any]]:
    """Everything that is written into the status of an EnergyPlan."""
    nodes = (a_node("pi-01"), a_node("pi-02", meters=some_meters(power=SILENT)))
    for mode, status, basis in itertools.product(OperatingMode, PlanStatus, BASES):
        zone = replace(a_zone("CLEAN", 24.0), basis=Basis.parse(basis))
        snapshot = a_snapshot(*nodes, jobs=[a_job()], intensities={"CLEAN": zone})
        snapshot = replace(snapshot, policy=replace(snapshot.policy, mode=mode))
        for solver in (a_report(status, relative_gap=-1e-9), SolverReport(status=status, cause=a_report(status).cause)):
            plan = a_plan(solver=solver)
            yield plan_objects.plan_status(plan, snapshot, {Reason.NO_LONGER_HOLDS: 2}, {}, NOW)
    yield plan_objects.plan_status(*a_fleet(64, 20, shards=256), {}, {}, NOW)
    many = fleets.a_ledger(2000)
    yield {"settlement": settlement_objects.settlement_status(many, (), {}, {}, {}, "none mode", NOW)}
    for signer in (SIGNER, None):
        seal = settlement_objects.seal_status(chain.seal("plan-1", {}, Head(), signer))
        yield {"settlement": {"seal": without_removals(seal)}}
    for ledger in (a_ledger(), a_ledger(factors=()), an_empty_ledger()):
        baseline = {row.node: 0.5 for row in ledger.rows}
        intensities = {row.grid_zone: 560.0 for row in ledger.rows}
        yield {
            "settlement": settlement_objects.settlement_status(
                ledger,
                a_plan().transfers,
                baseline,
                intensities,
                {row.node: "571313174112345678" for row in ledger.rows},
                "none mode with metered loads",
                NOW,
            )
        }


def fleet_status(**fleet: Any) -> dict[str, Any]:
    """The whole status of an EnergyPlan: what was planned, and what the period came to."""
    plan, snapshot = a_fleet(**fleet)
    ledger = fleets.a_ledger(fleet["nodes"], fleet.get("length", 12))
    settled = settlement_objects.settlement_status(ledger, plan.transfers, {}, {}, {}, "method", NOW)
    planned = plan_objects.plan_status(plan, snapshot, {}, {}, NOW)
    status: dict[str, Any] = without_removals({**planned, "settlement": settled})
    return status


def energy_plan_specs() -> Iterator[Mapping[str, Any]]:
    """Everything that is written into the spec of an EnergyPlan."""
    for mode in OperatingMode:
        yield plan_objects.plan_object(a_plan(), replace(a_snapshot().policy, mode=mode))["spec"]


def energy_policies() -> Iterator[Mapping[str, Any]]:
    """Everything that is written into the status of the EnergyPolicy."""
    awake = a_node(record=a_record(PowerState.AWAKE))
    yield pin_report.of_policy([PINNED, replace(PINNED, grams_per_hour=None)])
    yield pin_report.of_policy([PINNED])
    usage = UsageMemory()
    for seconds in range(0, 7200, 60):
        usage.add({"default": 1.5}, NOW + seconds * SECOND)
    yield usage.status({}, NOW + 7200 * SECOND)
    for status in PlanStatus:
        yield policy_report.policy_status(a_snapshot(awake, total_nodes=3), a_plan(solver=a_report(status)), {}, NOW)
    for source in LimitSource:
        snapshot = a_snapshot(awake, controllers=(EvictionSettings(source=source),))
        yield policy_report.policy_status(snapshot, a_plan(), {}, NOW)


class Recorder:
    """An API server that keeps the statuses it is sent and answers every read with one object."""

    def __init__(self, body: Body | None = None) -> None:
        self.statuses: list[Mapping[str, Any]] = []
        self._body = body or {}

    async def get(self, path: str) -> Body:
        return self._body

    async def list(self, path: str, **selectors: str) -> list[Body]:
        return []

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        raise NotImplementedError(path)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        assert isinstance(body, Mapping)
        self.statuses.append(body["status"])
        return self._body

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        raise NotImplementedError(path)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        raise NotImplementedError(path)
