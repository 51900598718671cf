"""The global loop: observe, plan, validate, apply, settle, report. Kopf only tells it that something changed.

One pass is one `tick`. It is level-triggered: it may be stopped after any line and the next pass repairs the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp

from sunward.cluster.access import events
from sunward.cluster.access.api import Api, ApiError, ours
from sunward.cluster.access.lease import RENEW_SECONDS, Lease
from sunward.cluster.access.watch_liveness import Sight
from sunward.cluster.acting import acts, recheck
from sunward.cluster.acting.drivers import Drivers
from sunward.cluster.ports import Forecaster, Intensities, Reporter, Sensors
from sunward.cluster.reading.observe import Identity, Observation, observe
from sunward.cluster.reading.read import ClusterState
from sunward.cluster.reporting import plan_objects, report
from sunward.cluster.settling.settlement import Settler
from sunward.cluster.training import jobs
from sunward.cluster.training.placement import placement
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.plans import JobDirective, Plan
from sunward.domain.policy import Mode
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Act, PowerReading, Step
from sunward.planning import decide, validate
from sunward.planning.data_quality import judgement as data_quality
from sunward.planning.data_quality.history import Trail
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.planning.ports import SolverPort
from sunward.planning.sleep import eligibility, transitions

Body = dict[str, Any]
BUSY_TICK_SECONDS = 2.0
IDLE_TICK_SECONDS = 12.0
STANDBY_TICK_SECONDS = 5.0
RETRY_SECONDS = 2.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything the loop reaches the world through; wired in cli/run.py, faked in tests."""

    api: Api
    session: aiohttp.ClientSession
    sensors: Sensors
    intensities: Intensities
    forecaster: Forecaster
    solver: SolverPort
    drivers: Drivers
    reporter: Reporter
    lease: Lease
    identity: Identity
    sight: Sight = field(default_factory=Sight)
    service_account: str = "sunward-trainer"
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Loop:
    """Runs passes until stopped. What it remembers between passes is a cache: losing it loses nothing."""

    def __init__(self, ports: Ports) -> None:
        self._ports = ports
        self._dirty = asyncio.Event()
        self._plan: Plan | None = None
        self._plan_key: Hashable = None
        self._plan_body: Body = {}
        self._drain_failures: dict[str, str] = {}
        self._trail = Trail()
        self._youngest_token = 0
        self._verdict: DataVerdict | None = None
        self._settler = Settler(ports.api, ports.sensors, ports.solver, ports.reporter)
        self.last_pass_at: float | None = None

    def mark_dirty(self) -> None:
        """Something that matters changed: look again soon."""
        self._dirty.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Pass after pass until *stop*; a failed pass is reported and tried again, never fatal."""
        keeping = asyncio.create_task(self._keep_lease())
        while not stop.is_set():
            try:
                pause = await self.tick()
                self.last_pass_at = time.monotonic()
            except Exception as error:  # the shell around a pass: it becomes a metric and a log line
                self._ports.reporter.failed("pass", error)
                pause = RETRY_SECONDS
            await self._wait(stop, pause)
        keeping.cancel()
        await asyncio.gather(keeping, return_exceptions=True)
        await self._ports.lease.release(self._ports.clock())

    async def _keep_lease(self) -> None:
        """A pass that plans for hundreds of nodes takes longer than the Lease lasts: it is renewed beside the pass."""
        while True:
            await asyncio.sleep(RENEW_SECONDS)
            try:
                await self._ports.lease.keep(self._ports.clock())
            except ApiError as error:
                self._ports.reporter.failed("lease", error)

    async def _wait(self, stop: asyncio.Event, seconds: float) -> None:
        waits = {asyncio.create_task(stop.wait()), asyncio.create_task(self._dirty.wait())}
        _, pending = await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        if self._dirty.is_set() and not stop.is_set():
            await asyncio.sleep(min(0.5, seconds))  # let a burst of events settle into one pass
        self._dirty.clear()

    async def tick(self) -> float:
        """One pass; returns the seconds until the next. Raises ApiError when the API server does not answer."""
        ports = self._ports
        leading = await ports.lease.renew(ports.clock(), above=self._youngest_token)
        now = ports.clock()  # the server has answered, and set the clock
        seen = await observe(
            ports.api, ports.session, ports.sensors, ports.intensities, ports.identity, now, is_leader=leading
        )
        self._expect(seen.state)
        seen = self._judged(seen)
        self._youngest_token = _youngest_token(seen.snapshot)
        ports.reporter.observed(seen.snapshot)
        ports.forecaster.remember(seen.snapshot)
        power = await self._read_power(seen.snapshot)
        self._settler.remember(seen.snapshot, power)
        if not leading:
            return STANDBY_TICK_SECONDS if ports.lease.is_others else RETRY_SECONDS
        plan, seen = await self._planned(seen)
        if seen.snapshot.policy.mode is Mode.ACTIVE:
            await self._apply_jobs(plan, seen)
            seen = await self._step_nodes(plan, seen, power)
        await self._report(plan, seen)
        await self._settler.settle(seen.snapshot, plan.name)
        return self._pause(plan, seen.snapshot)

    def _expect(self, state: ClusterState) -> None:
        """What this pass has read, the watches must bring too."""
        sight = self._ports.sight
        for bodies in (state.node_bodies, state.energy_node_bodies, state.job_bodies):
            sight.read_all(bodies.values())
        if state.policy_body is not None:
            sight.read(state.policy_body)

    def _judged(self, seen: Observation) -> Observation:
        """The same view with doubtful data taken out or marked; the trail is only a memory of what came before."""
        self._trail = self._trail.after(seen.snapshot)
        verdict = data_quality.judge(seen.snapshot, self._trail, pending_pods=seen.state.pending_pods)
        self._verdict = verdict
        snapshot = data_quality.cleaned(seen.snapshot, verdict)
        if verdict.hold is not None:
            snapshot = replace(snapshot, data_hold=verdict.hold.reason, data_hold_message=verdict.hold.message)
        return replace(seen, snapshot=snapshot)

    async def _read_power(self, snapshot: Snapshot) -> Mapping[str, PowerReading | None]:
        async def read(node: NodeView) -> tuple[str, PowerReading | None]:
            driver = self._ports.drivers.of(node)
            return node.name, None if driver is None else await driver.read()

        return dict(await asyncio.gather(*(read(node) for node in snapshot.nodes)))

    async def _planned(self, seen: Observation) -> tuple[Plan, Observation]:
        """The plan in force; a new one when a period began or something that matters changed."""
        snapshot = seen.snapshot
        key = _plan_key(snapshot)
        if self._plan is not None and key == self._plan_key:
            return self._plan, seen
        begun = time.monotonic()
        plan = await asyncio.to_thread(self._decide, snapshot)
        fresh = await self._observe_again(seen)
        valid, dropped = validate.still_valid(plan, fresh.snapshot)
        self._ports.reporter.planned(valid, snapshot, time.monotonic() - begun)
        await self._write_plan(valid, fresh.snapshot, Counter(drop.reason for drop in dropped))
        self._plan, self._plan_key = valid, key
        return valid, fresh

    def _decide(self, snapshot: Snapshot) -> Plan:
        forecasts = self._ports.forecaster(snapshot, period_start(snapshot))
        return decide.plan(snapshot, forecasts, solver=self._ports.solver, previous=self._plan)

    async def _observe_again(self, seen: Observation) -> Observation:
        ports = self._ports
        return self._judged(
            await observe(
                ports.api,
                ports.session,
                ports.sensors,
                ports.intensities,
                ports.identity,
                ports.clock(),
                is_leader=seen.snapshot.is_leader,
            )
        )

    async def _write_plan(self, plan: Plan, snapshot: Snapshot, dropped: Mapping[Reason, int]) -> None:
        api, path = self._ports.api, ours("energyplans", plan.name)
        try:
            await api.create(ours("energyplans"), plan_objects.plan_object(plan, snapshot.policy))
        except ApiError as error:
            if error.status != 409:
                raise
        body = await api.get(path)
        status = plan_objects.plan_status(plan, snapshot, dropped, body.get("status") or {}, self._ports.clock())
        self._plan_body = await api.patch(f"{path}/status", {"status": status})

    async def _apply_jobs(self, plan: Plan, seen: Observation) -> None:
        directives = directives_of(plan, seen.snapshot)
        for job in seen.snapshot.jobs:
            directive = directives.get(job.spec.key)
            if directive is None or (not directive.run and job.coordinator_node is None):
                continue
            if report.job_over(job) is not None:
                continue
            where = placement(job, directive, seen.snapshot)
            if where is not None:
                found = seen.objects[job.spec.namespace]
                account = self._ports.service_account
                await jobs.apply_job(self._ports.api, job.spec, directive, where, found, account, plan.name)

    async def _step_nodes(self, plan: Plan, seen: Observation, power: Mapping[str, PowerReading | None]) -> Observation:
        """Take every node's step; returns the view with the EnergyNodes as they were written."""
        snapshot = seen.snapshot
        steps = transitions.advance(
            snapshot,
            self._wanted(plan),
            power,
            snapshot.taken_at,
            fencing_token=self._ports.lease.token,
            drain_failures=self._drain_failures,
            directives=plan.jobs,
        )
        await self._record_inputs(plan, snapshot, steps)
        bodies = dict(seen.state.energy_node_bodies)
        for step in steps:
            if step.changed or step.act is not Act.NONE:
                bodies[step.node] = await self._perform(step, seen, power.get(step.node))
        return replace(seen, state=replace(seen.state, energy_node_bodies=bodies))

    async def _record_inputs(self, plan: Plan, snapshot: Snapshot, steps: Sequence[Step]) -> None:
        """A sleep may begin when a meter is back that was silent for the plan: then the plan's inputs are told anew."""
        begin = {step.node for step in steps if step.reason is Reason.SLEEP_STARTED}
        if begin & plan_objects.nodes_without_power(self._plan_body):
            inputs = plan_objects.inputs(plan, snapshot)
            path = ours("energyplans", plan.name, sub="status")
            self._plan_body = await self._ports.api.patch(path, {"status": {"inputs": inputs}})

    def _wanted(self, plan: Plan) -> Mapping[str, bool]:
        """The plan's wishes; blind for long with pods that fit nowhere, everybody is wanted, one per wake interval."""
        if self._verdict is not None and self._verdict.wake_for_pending is not None:
            return dict.fromkeys(plan.awake, True)
        return plan.awake

    async def _perform(self, step: Step, seen: Observation, power: PowerReading | None) -> Body:
        """Look once more, write the record, act; returns the EnergyNode as it stands then.

        Raises ApiError when the record cannot be written, or is another by now: the steps after it rest on it.
        """
        ports, body = self._ports, seen.state.energy_node_bodies[step.node]
        node = seen.snapshot.node(step.node)
        assert node is not None  # steps are taken for the nodes of the snapshot
        why = await recheck.obstacle(ports.api, step, seen.snapshot, power, ports.lease.token, ports.clock())
        if why is not None:
            await events.emit(ports.api, body, Reason.NO_LONGER_HOLDS, why, ports.clock())
            return body
        if step.changed:
            body = await acts.write_record(ports.api, node, step, body["metadata"]["resourceVersion"], ports.clock())
        done = await acts.act(ports.api, node, step, ports.drivers.of(node), may_act=ports.lease.holds)
        await self._tell(done, node, body)
        return body

    async def _tell(self, done: acts.Done, node: NodeView, body: Body) -> None:
        """Metrics and events of a step that was taken, and what to remember of it."""
        ports, step, now = self._ports, done.step, self._ports.clock()
        ports.reporter.stepped(step)
        self._drain_failures.pop(step.node, None)
        if done.reason is Reason.DRAIN_BLOCKED and " 500 " in done.message:
            self._drain_failures[step.node] = done.message
        if step.record.power_state is not node.record.power_state:
            await events.emit(ports.api, body, step.reason, step.message, now)
        if done.reason is not None:
            await events.emit(ports.api, body, done.reason, done.message, now)
            self.mark_dirty()

    async def _report(self, plan: Plan, seen: Observation) -> None:
        directives = directives_of(plan, seen.snapshot)
        snapshot, now = seen.snapshot, self._ports.clock()
        if seen.state.policy_body is not None:
            old = seen.state.policy_body.get("status") or {}
            new = report.policy_status(snapshot, plan, old, now)
            await self._write_status("energypolicies", seen.state.policy_body, old, new, now)
        for node in snapshot.nodes:
            body = seen.state.energy_node_bodies[node.name]
            old = body.get("status") or {}
            obstacles = eligibility.sleep_obstacles(node, snapshot)
            verdict = self._verdict.nodes.get(node.name) if self._verdict else None
            new = report.node_status(node, snapshot, obstacles, verdict, plan, old, now)
            await self._write_status("energynodes", body, old, new, now)
        await self._report_invalid(seen, now)
        for job in snapshot.jobs:
            body = seen.state.job_bodies[job.spec.key]
            old = body.get("status") or {}
            new = report.job_status(job, directives.get(job.spec.key), plan, old, now)
            await self._write_status("trainingjobs", body, old, new, now)

    async def _report_invalid(self, seen: Observation, now: datetime) -> None:
        """Objects that nothing is done with say so themselves."""
        for item in seen.invalid:
            key = f"{item.namespace}/{item.name}"
            bodies = seen.state.energy_node_bodies if item.kind == "EnergyNode" else seen.state.job_bodies
            body = bodies[item.name if item.kind == "EnergyNode" else key]
            old, generation = body.get("status") or {}, int(body["metadata"].get("generation", 0))
            new = report.invalid_status(item.kind, item.error, old, generation, now)
            await self._write_status(f"{item.kind.lower()}s", body, old, new, now)

    async def _write_status(self, kind: str, body: Body, old: Body, new: Body, now: datetime) -> None:
        """Write when something worth telling changed; new figures alone wait for the next period.

        What was computed from a version that is no longer the newest is dropped: the next pass sees the newer one.
        """
        if not report.worth_writing(old, new):
            return
        metadata = body["metadata"]
        path = ours(kind, metadata["name"], namespace=metadata.get("namespace", ""), sub="status")
        version = {"resourceVersion": metadata["resourceVersion"]}
        try:
            await self._ports.api.patch(path, {"metadata": version, "status": new})
        except ApiError as error:
            if error.status != 409:
                raise
            self.mark_dirty()
            return
        for condition in report.conditions_changed(kind, old, new):
            await events.emit(self._ports.api, body, Reason(condition["reason"]), condition["message"], now)

    def _pause(self, plan: Plan, snapshot: Snapshot) -> float:
        busy = any(node.record.power_state.in_transition for node in snapshot.nodes) or any(
            plan.awake.get(node.name, True) is (node.record.power_state is PowerState.ASLEEP) for node in snapshot.nodes
        )
        training = any(job.finished is None for job in snapshot.jobs)
        until_next = (plan.end - self._ports.clock()).total_seconds()
        limit = BUSY_TICK_SECONDS if busy or training else IDLE_TICK_SECONDS
        return max(0.2, min(limit, until_next))


def directives_of(plan: Plan, snapshot: Snapshot) -> Mapping[str, JobDirective]:
    """What each job does: the plan's word, unless the job's namespace may not influence power at all."""
    allowed = snapshot.policy.namespaces
    refused = {
        job.spec.key: JobDirective(
            job=job.spec.key,
            run=False,
            reason=Reason.NAMESPACE_NOT_ALLOWED,
            message=f"add {job.spec.namespace} to spec.namespaces of EnergyPolicy default",
        )
        for job in snapshot.jobs
        if job.spec.namespace not in allowed
    }
    return {directive.job: directive for directive in plan.jobs} | refused


def period_start(snapshot: Snapshot) -> datetime:
    """Beginning of the period in which the snapshot was taken, on the grid of whole periods since the epoch."""
    length = snapshot.policy.planning_period_seconds
    seconds = snapshot.taken_at.timestamp() // length * length
    return datetime.fromtimestamp(seconds, UTC)


def period_length(snapshot: Snapshot) -> timedelta:
    """Length of a planning period."""
    return timedelta(seconds=snapshot.policy.planning_period_seconds)


def _plan_key(snapshot: Snapshot) -> Hashable:
    """What makes a new plan necessary when it changes: the period, wishes, lost and found nodes, a warm start."""
    return (
        period_start(snapshot),
        snapshot.policy,
        tuple((job.spec.key, job.generation, report.job_over(job)) for job in snapshot.jobs),
        tuple((node.name, node.generation, _lost(node)) for node in snapshot.nodes),
        snapshot.sensors_available,
        _warmed_up(snapshot),
    )


def _warmed_up(snapshot: Snapshot) -> bool:
    """A first plan puts nobody to sleep; the next need not wait for the end of a long period."""
    running = snapshot.taken_at - snapshot.operator_started_at
    return running.total_seconds() >= snapshot.policy.budgets.warm_up_seconds


def _youngest_token(snapshot: Snapshot) -> int:
    """The highest fencing token of an operation on record; 0 without any."""
    operations = (node.record.operation for node in snapshot.nodes)
    return max((operation.fencing_token for operation in operations if operation), default=0)


def _lost(node: NodeView) -> bool:
    """Believed awake and yet not working."""
    ready = node.facts is not None and node.facts.ready
    return node.record.power_state is PowerState.AWAKE and not ready
