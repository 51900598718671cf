"""The operator's loop in virtual time: look, plan when something changed, step the nodes, let time pass.

The same order as the product's loop: one snapshot per pass, `planning.decide` when a period began or a node or job was
lost or found, the jobs' assignments, then `planning.transitions`. Time passes in ticks while anything is under way and
in one piece when nothing is. It reads no clock and draws no random number.
"""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from datetime import datetime, timedelta

from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.plans import Plan
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.domain.steps import Act, Step
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.planning.compile import LOOK_AHEAD_PERIODS
from sunward.planning.fulfil import fulfilled
from sunward.planning.sleep import transitions
from sunward.simulation import snapshots
from sunward.simulation.compile import horizon, together
from sunward.simulation.future import Future, Outlook
from sunward.simulation.machine import Done, first_state, model_of
from sunward.simulation.operated.machines import Machine, evict, ordinary_pods
from sunward.simulation.operated.training import Training, Worked, training_of, work
from sunward.simulation.policies.base import Observation, Policy, View
from sunward.simulation.scenario import Scenario
from sunward.simulation.scenario_parts import Fault
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import Task, Work

FENCING_TOKEN = 1
UNMET_WISH_SECONDS = 60.0
"""How often a wish is tried again that some guard refuses; most of them ask for minutes."""


class OperatedCluster:
    """Machines, jobs and the operator's memory over one simulation."""

    def __init__(self, scenario: Scenario, policy: Policy, allowed: Allowed, future: Future) -> None:
        """Everything is awake and has been for long; nothing is planned yet."""
        self._scenario, self._policy, self._future = scenario, policy, future
        self._spec = snapshots.policy_spec(scenario, allowed)
        self._now = scenario.start
        self._machines = {name: _machine(scenario, name) for name in scenario.nodes}
        self._trainings: dict[str, Training] = {}
        self._seen: set[str] = set()
        self._plan: Plan | None = None
        self._key: Hashable = None
        self._forecasts: Forecasts | None = None
        self._done = _Tally()

    def run(self, period: int, tasks: Sequence[Task]) -> Done:
        """One period of the scenario, from its first second to its last."""
        self._open(period, tasks)
        stored = {name: machine.state.stored_watt_hours for name, machine in self._machines.items()}
        end = snapshots.period_start(self._scenario, period + 1)
        while self._now < end:
            self._look()
            seen = self._snapshot(period)
            plan = fulfilled(self._planned(period, seen, tasks), seen)
            self._step(seen, plan)
            self._pass(self._pause(plan, end))
        return self._closed(stored)

    def _open(self, period: int, tasks: Sequence[Task]) -> None:
        """Jobs that are released begin; those whose deadline has come or that are over are taken away."""
        self._done = _Tally()
        for task in tasks:
            for part in together(task) if task.active(period) else ():
                if part.key not in self._seen:
                    self._seen.add(part.key)
                    self._trainings[part.key] = training_of(self._scenario, part)
        self._trainings = {
            key: training
            for key, training in self._trainings.items()
            if not training.is_over and training.part.task.deadline > period
        }
        hours = self._scenario.period_hours
        for name, machine in self._machines.items():
            harvest = self._future.harvest_watt_hours.get(name)
            machine.harvest_watts = 0.0 if harvest is None else float(harvest[period]) / hours

    def _look(self) -> None:
        """Faults begin and end; then Kubernetes notices what it can."""
        hours = (self._now - self._scenario.start).total_seconds() / SECONDS_PER_HOUR
        for name, machine in self._machines.items():
            dead = any(o.node == name and o.from_hours <= hours < o.to_hours for o in self._scenario.outages)
            if dead is not machine.is_dead:
                machine.fail(dead=dead)
            machine.is_silent = any(
                s.node == name and s.from_hours <= hours < s.to_hours for s in self._scenario.silences
            )
            machine.report(self._now)

    def _snapshot(self, period: int) -> Snapshot:
        return snapshots.snapshot(
            self._scenario,
            self._spec,
            (machine.view(self._now) for machine in self._machines.values()),
            (training.view() for training in self._trainings.values() if not training.is_over),
            self._believed(period),
            self._now,
        )

    def _believed(self, period: int) -> Forecasts:
        """Forecasts issued at the beginning of the planning period; as long as the plan will look."""
        length = self._scenario.replan_every_periods
        begun = period // length * length
        start = snapshots.period_start(self._scenario, begun)
        if self._forecasts is None or self._forecasts.start != start:
            ahead = self._spec.horizon_periods if self._spec.shift_in_time else LOOK_AHEAD_PERIODS
            outlook = self._future.outlook(begun, ahead * length, perfect=self._policy.oracle)
            self._forecasts = snapshots.forecasts(self._scenario, outlook, begun, together=length)
        return self._forecasts

    def _planned(self, period: int, seen: Snapshot, tasks: Sequence[Task]) -> Plan:
        """The plan in force; a new one when a period began, a job came or went, or a node was lost or found."""
        forecasts = self._believed(period)
        lost = tuple(name for name, machine in self._machines.items() if machine.is_lost)
        key = (forecasts.start, tuple(job.spec.key for job in seen.jobs), lost)
        if self._plan is not None and key == self._key:
            return self._plan
        view = View(
            scenario=self._scenario,
            period=period,
            outlook=self._outlook(period, tasks),
            observed=self._future.observed(period),
            states={name: machine.state for name, machine in self._machines.items()},
            tasks=tasks,
            observation=Observation(snapshot=seen, forecasts=forecasts, previous=self._plan),
        )
        orders = self._policy.decide(view, 1)[0]
        if orders.plan is None:
            raise ValueError(f"{self._policy.name} gave orders without a plan")
        self._plan, self._key = orders.plan, key
        self._done.plans += 1
        self._done.holds += orders.fallback
        for directive in orders.plan.jobs:
            self._trainings[directive.job].assign(directive)
        return orders.plan

    def _outlook(self, period: int, tasks: Sequence[Task]) -> Outlook:
        """What a rule without guards would be told: to the last deadline, as of this period."""
        count = horizon(tasks, period, self._scenario.horizon_periods)
        return self._future.outlook(period, count, perfect=self._policy.oracle)

    def _step(self, seen: Snapshot, plan: Plan) -> None:
        """The sleep state machine, where anything is under way or wished; each record before its act."""
        if self._is_settled(plan):
            return
        power = {name: machine.reading(self._now) for name, machine in self._machines.items()}
        steps = transitions.advance(
            seen, plan.awake, power, self._now, fencing_token=FENCING_TOKEN, directives=plan.jobs
        )
        for step in steps:
            self._machines[step.node].record = step.record
            self._act(step)

    def _act(self, step: Step) -> None:
        machine = self._machines[step.node]
        match step.act:
            case Act.CORDON | Act.UNCORDON:
                machine.unschedulable = step.act is Act.CORDON
            case Act.EVICT:
                moved = evict(machine, step.pods, self._machines.values())
                self._done.evicted += [(self._now, pod.uid) for pod in moved]
            case Act.POWER_OFF | Act.POWER_ON:
                if step.act is Act.POWER_OFF:
                    self._done.slept.append((self._now, step.node))
                machine.switch(on=step.act is Act.POWER_ON)
            case Act.NONE | Act.SHUT_DOWN:  # the simulated machines have no power agents
                pass

    def _is_settled(self, plan: Plan) -> bool:
        """Whether a pass of the state machine could change nothing: all wishes are met and nothing is in doubt."""
        return all(
            not machine.is_dead
            and machine.ready is machine.is_alive
            and machine.record.power_state is (PowerState.AWAKE if plan.awake[name] else PowerState.ASLEEP)
            for name, machine in self._machines.items()
        )

    def _pause(self, plan: Plan, end: datetime) -> float:
        """Seconds until the next pass: a tick while anything moves, a minute while a wish is unmet, else the rest."""
        rest = (min(end, self._next_fault(end)) - self._now).total_seconds()
        if self._is_settled(plan):
            return rest
        moves = any(
            machine.record.power_state.in_transition or machine.ready is not machine.is_alive
            for machine in self._machines.values()
        )
        return min(rest, self._scenario.operator.tick_seconds if moves else UNMET_WISH_SECONDS)

    def _next_fault(self, end: datetime) -> datetime:
        """The next moment at which a fault begins or ends."""
        start = self._scenario.start
        faults: tuple[Fault, ...] = (*self._scenario.outages, *self._scenario.silences)
        hours = [h for fault in faults for h in (fault.from_hours, fault.to_hours)]
        moments = (start + timedelta(hours=h) for h in hours)
        return min((moment for moment in moments if moment > self._now), default=end)

    def _pass(self, seconds: float) -> None:
        """Time passes: jobs train, machines draw."""
        machines = self._machines
        able = [name for name, machine in machines.items() if machine.can_start_work]
        alive = {name for name, machine in machines.items() if machine.is_alive}
        worked = work(self._trainings, seconds, able, alive, self._now)
        passed = worked.seconds if self._trainings else seconds
        for name, machine in machines.items():
            machine.run(passed, worked.busy.get(name, 0.0) / passed if passed > 0.0 else 0.0)
        self._now += timedelta(seconds=passed)
        self._book(worked)

    def _book(self, worked: Worked) -> None:
        network = self._scenario.network
        self._done.work += worked.work
        for copy in worked.copies:
            for end in (copy.source, copy.target):
                self._machines[end].extra_watt_hours += copy.gigabytes * network.endpoint_watt_hours_per_gigabyte
            self._done.transit_watt_hours += copy.gigabytes * network.transit_watt_hours_per_gigabyte

    def _closed(self, stored: Mapping[str, float]) -> Done:
        hours, tally = self._scenario.period_hours, self._done
        lost = sum(training.lost_batches for training in self._trainings.values())
        for training in self._trainings.values():
            training.lost_batches = 0.0
        ran = {
            name: machine.close(stored[name], machine.harvest_watts * hours, hours)
            for name, machine in self._machines.items()
        }
        return Done(
            ran=ran,
            work=tuple(tally.work),
            transit_watt_hours=tally.transit_watt_hours,
            share_energy=self._spec.share_energy,
            fallback=tally.holds > 0,
            plans=tally.plans,
            slept=tuple(tally.slept),
            evicted=tuple(tally.evicted),
            lost_batches=lost,
        )


class _Tally:
    """What is counted over one period."""

    def __init__(self) -> None:
        self.work: list[Work] = []
        self.transit_watt_hours = 0.0
        self.plans = 0
        self.holds = 0
        self.slept: list[tuple[datetime, str]] = []
        self.evicted: list[tuple[datetime, str]] = []


def _machine(scenario: Scenario, name: str) -> Machine:
    long_ago = scenario.start - snapshots.LONG_BEFORE
    return Machine(
        spec=snapshots.node_spec(scenario, name),
        model=model_of(scenario, name),
        state=first_state(scenario, name),
        record=NodeRecord(awake_since=long_ago),
        ready_since=long_ago,
        last_alive=scenario.start,
        pods=ordinary_pods(name, scenario.nodes[name].pods),
    )
