"""The global loop: observe, plan, validate, apply, settle, report. Kopf only tells it that something changed.

One pass is one `tick`. It is level-triggered: it may be stopped after any line and the next pass repairs the rest.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import aiohttp

from sunward.accounting.signed.chain import Signer
from sunward.cluster.access.api import Api, ApiError
from sunward.cluster.access.lease import RENEW_SECONDS, Lease
from sunward.cluster.access.watch_liveness import WatchLiveness
from sunward.cluster.acting.job_applier import JobApplier
from sunward.cluster.acting.stepper import NodeStepper, Wanted
from sunward.cluster.containment import Containment, Failure, Part, Subject
from sunward.cluster.plan_keeper import PlanKeeper
from sunward.cluster.ports import Drivers, Forecaster, Intensities, Reporter, Sensors
from sunward.cluster.reading.observe import Identity, Observation
from sunward.cluster.reading.observer import Observer
from sunward.cluster.reading.pod_memory import PodMemory
from sunward.cluster.reporting import failures
from sunward.cluster.reporting.pin_report import PinMemory
from sunward.cluster.reporting.usage_report import UsageMemory
from sunward.cluster.reporting.writer import Known, StatusWriter
from sunward.cluster.settling.settlement import Settler
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.coordinators import Coordinators
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.nodes import PowerState
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import OperatingMode
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import PowerReading
from sunward.planning.fulfil import fulfilled
from sunward.planning.pins import kept_awake, pinned_nodes
from sunward.planning.ports import SolverPort
from sunward.planning.sleep.transitions import is_ordered_awake

BUSY_CYCLE_SECONDS = 2.0
"""Between passes while a node changes its state or a job trains."""
IDLE_CYCLE_SECONDS = 12.0
"""Between passes otherwise; a change that a watch brings ends the pause."""
STANDBY_CYCLE_SECONDS = 5.0
"""Between looks at the Lease of another operator."""
RETRY_SECONDS = 2.0
"""After a failed pass, and while it is not known whose Lease it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ports:
    """Everything the loop reaches the world through; wired in cli/wiring.py, faked in tests."""

    api: Api
    session: aiohttp.ClientSession
    sensors: Sensors
    intensities: Intensities
    forecaster: Forecaster
    solver: SolverPort
    drivers: Drivers
    reporter: Reporter
    lease: Lease
    authorities: Authorities
    identity: Identity
    signer: Signer | None = None
    watches: WatchLiveness = field(default_factory=WatchLiveness)
    surroundings: Surroundings = field(default_factory=Surroundings)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))


class Loop:
    """Runs cycles until stopped. What its parts remember between cycles is a cache: losing it loses nothing."""

    def __init__(self, ports: Ports, *, renew_seconds: float = RENEW_SECONDS) -> None:
        self._ports = ports
        self._renew_seconds = renew_seconds
        self._dirty = asyncio.Event()
        self._youngest_token = 0
        api, clock, dirty, memory = ports.api, ports.clock, self.mark_dirty, PodMemory()
        self._containment = Containment(clock, self._contained)
        held, coordinators = self._containment, Coordinators(ports.session, ports.authorities, clock)
        sources = (ports.sensors, ports.intensities, ports.identity, ports.watches)
        self._observer = Observer(api, coordinators, *sources, memory)
        self._keeper = PlanKeeper(api, ports.forecaster, ports.solver, ports.reporter, clock, held)
        self._stepper = NodeStepper(api, ports.lease, ports.drivers, ports.reporter, clock, dirty, held, memory)
        self._jobs = JobApplier(api, ports.surroundings, ports.authorities, clock, held)
        self._statuses = StatusWriter(api, clock, dirty, held)
        self._settler = Settler(api, ports.sensors, ports.solver, ports.reporter, held, ports.signer)
        self._pins = PinMemory()
        self._usage = UsageMemory()
        self.last_cycle_at: float | None = None

    def _contained(self, failure: Failure, error: Exception | None) -> None:
        self._ports.reporter.contained(failure.part, str(failure.subject), failure.cause, error)

    def mark_dirty(self) -> None:
        """Something that matters changed: look again soon."""
        self._dirty.set()

    async def run(self, stop: asyncio.Event) -> None:
        """Pass after pass until *stop*; a failed pass is reported and tried again, never fatal."""
        keeping = asyncio.create_task(self._keep_lease())
        while not stop.is_set():
            try:
                pause = await self.reconcile()
                self.last_cycle_at = time.monotonic()
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
            await asyncio.sleep(self._renew_seconds)
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

    async def reconcile(self) -> float:
        """One cycle; returns the seconds until the next. Raises ApiError when the API server does not answer.

        Nodes come first, and whatever fails about a plan, a job, a report or a settlement ends at that object.
        """
        ports = self._ports
        leading = await ports.lease.renew(ports.clock(), above=self._youngest_token)
        now = ports.clock()  # the server has answered, and set the clock
        seen = await self._observer.look(now, is_leader=leading)
        self._youngest_token = _youngest_token(seen.snapshot)
        power = await self._stepper.read_power(seen.snapshot)
        self._remember(seen, power)
        if not leading:
            return STANDBY_CYCLE_SECONDS if ports.lease.is_others else RETRY_SECONDS
        plan, seen, power = await self._plan(seen, power)
        plan = fulfilled(plan, seen.snapshot)
        if seen.snapshot.policy.mode is OperatingMode.ACTIVE:
            seen = await self._step_nodes(plan, seen, power)
            if not ports.lease.holds():  # it was lost in the middle of the pass, and another may lead by now
                self._containment.ended()
                return RETRY_SECONDS
            await self._jobs.apply(plan, seen)
        pinned = self._pinned(plan, seen.snapshot)
        known = Known(
            verdict=self._observer.verdict, power=power, refused=self._stepper.refused, pinned=pinned, usage=self._usage
        )
        await self._statuses.write(plan, seen, known)
        await self._settler.settle(seen.snapshot, plan.name)
        self._containment.ended()
        return self._pause(plan, seen.snapshot)

    def _remember(self, seen: Observation, power: Mapping[str, PowerReading | None]) -> None:
        """Metrics, forecasts and books learn what was seen; what one of them makes of it is no reason to stop."""
        failures.note_unreadable(self._containment, seen)
        with self._containment.contain(Part.REPORT, Subject(kind="Metrics", name="snapshot")):
            self._ports.reporter.observed(seen.snapshot)
        with self._containment.contain(Part.READ, Subject(kind="Forecaster", name="history")):
            self._ports.forecaster.remember(seen.snapshot)
        with self._containment.contain(Part.READ, Subject(kind="Settler", name="history")):
            self._settler.remember(seen.snapshot, power)

    def _pinned(self, plan: Plan, snapshot: Snapshot) -> Sequence[PinnedNode]:
        """Who keeps which nodes awake, and what that has cost since the pass before."""
        pinned: Sequence[PinnedNode] = ()
        with self._containment.contain(Part.REPORT, Subject(kind="Metrics", name="pins")):
            pinned = pinned_nodes(plan, snapshot, self._stepper.refused)
            grams = self._pins.grams_since(pinned, snapshot.taken_at)
            self._ports.reporter.pinned(pinned, grams, snapshot.policy)
            self._usage.add(kept_awake(plan, snapshot), snapshot.taken_at)
        return pinned

    async def _look_again(self) -> Observation:
        return await self._observer.look_again(self._ports.clock(), is_leader=True)

    async def _plan(
        self, seen: Observation, power: Mapping[str, PowerReading | None]
    ) -> tuple[Plan, Observation, Mapping[str, PowerReading | None]]:
        """The plan in force, the view it holds on and what the relays read then.

        All are new when a period began or what the plan rests on changed. Planning takes seconds: what a person has
        ordered awake does not wait for it.
        """
        plan = self._keeper.in_force(seen.snapshot)
        if plan is not None:
            await self._keeper.record(seen.snapshot)
            return plan, seen, power
        begun, snapshot = time.monotonic(), seen.snapshot
        planning = asyncio.create_task(self._keeper.decide(snapshot))
        try:
            while True:
                await self._wake_ordered(seen, power)
                done, _ = await asyncio.wait({planning}, timeout=BUSY_CYCLE_SECONDS)
                seen = await self._look_again()
                power = await self._stepper.read_power(seen.snapshot)
                if done:
                    break
        finally:
            plan = await planning
        plan = await self._keeper.adopt(plan, snapshot, seen.snapshot, time.monotonic() - begun)
        return plan, seen, power

    async def _wake_ordered(self, seen: Observation, power: Mapping[str, PowerReading | None]) -> None:
        """The next step of each node that a person has ordered awake; all others keep their state meanwhile."""
        ordered = {
            node.name
            for node in seen.snapshot.nodes
            if is_ordered_awake(node, seen.snapshot) and node.record.power_state is not PowerState.AWAKE
        }
        if ordered and seen.snapshot.policy.mode is OperatingMode.ACTIVE:
            wanted = Wanted(awake={})
            steps = self._stepper.steps(wanted, seen.snapshot, power)
            await self._stepper.take([step for step in steps if step.node in ordered], wanted, seen, power)

    async def _step_nodes(self, plan: Plan, seen: Observation, power: Mapping[str, PowerReading | None]) -> Observation:
        wanted = Wanted(awake=self._wanted(plan), directives=plan.jobs)
        steps = self._stepper.steps(wanted, seen.snapshot, power)
        steps = await self._keeper.record_inputs(plan, seen.snapshot, steps)
        return await self._stepper.take(steps, wanted, seen, power)

    def _wanted(self, plan: Plan) -> Mapping[str, bool]:
        """The plan's desired state; blind for long with pods that fit nowhere, every node is wanted awake."""
        verdict = self._observer.verdict
        if verdict is not None and verdict.wake_for_pending is not None:
            return dict.fromkeys(plan.awake, True)
        return plan.awake

    def _pause(self, plan: Plan, snapshot: Snapshot) -> float:
        busy = any(node.record.power_state.in_transition for node in snapshot.nodes) or any(
            plan.awake.get(node.name, True) is (node.record.power_state is PowerState.ASLEEP) for node in snapshot.nodes
        )
        training = any(job.finished is None for job in snapshot.jobs)
        until_next = (plan.end - self._ports.clock()).total_seconds()
        limit = BUSY_CYCLE_SECONDS if busy or training else IDLE_CYCLE_SECONDS
        return max(0.2, min(limit, until_next))


def _youngest_token(snapshot: Snapshot) -> int:
    """The highest fencing token of an operation on record; 0 without any."""
    operations = (node.record.operation for node in snapshot.nodes)
    return max((operation.fencing_token for operation in operations if operation), default=0)
