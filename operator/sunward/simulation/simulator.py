"""The cluster in virtual time: every period a policy decides, the physics run, the ledger closes.

Deterministic by scenario, seed and policy. The planner, the physics and the accounts are the product's own; this
module only moves time forward. It reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from sunward.accounting.ledger import PeriodLedger
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.compile import horizon
from sunward.simulation.future import Future
from sunward.simulation.machine import Doing, Done, Ran, boot_seconds, first_state, model_of, run_period
from sunward.simulation.operated.cluster import OperatedCluster
from sunward.simulation.outcome import Outcome, Recorder
from sunward.simulation.placing import Placement
from sunward.simulation.policies.base import Orders, Policy, View
from sunward.simulation.scenario import Scenario
from sunward.simulation.settlement import SimulatedSettler
from sunward.simulation.solving import Solve
from sunward.simulation.tasks import Task, Work, tasks_of
from sunward.simulation.world import Power

Progress = Callable[[int, int], None]


class Cluster(Protocol):
    """Whatever runs a policy for one period."""

    def run(self, period: int, tasks: Sequence[Task]) -> Done:
        """One period."""


def simulate(
    scenario: Scenario,
    policy: Policy,
    solve: Solve,
    *,
    seed: int = 0,
    first_period: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Run a scenario under a policy from its first period to its last.

    `first_period` shifts the weather, so that one scenario gives many windows of a long trace.
    Raises InvalidInput for a trace that does not exist.
    """
    future = Future(scenario, seed, first_period=first_period)
    run = _Run(scenario, cluster_of(scenario, policy, future), solve, future)
    for period in range(scenario.periods):
        run.advance(period)
        if progress is not None:
            progress(period + 1, scenario.periods)
    return run.recorder.outcome(policy.name, run.tasks)


def cluster_of(scenario: Scenario, policy: Policy, future: Future) -> Cluster:
    """The operator's cluster for a policy that runs the operator, else one that obeys orders at once."""
    if policy.allowed is not None:
        return OperatedCluster(scenario, policy, policy.allowed, future)
    return OrderedCluster(scenario, policy, future)


class _Run:
    """The state of one simulation."""

    def __init__(self, scenario: Scenario, cluster: Cluster, solve: Solve, future: Future) -> None:
        self.scenario, self.cluster, self.future = scenario, cluster, future
        self.tasks: tuple[Task, ...] = tasks_of(scenario)
        self.settler = SimulatedSettler(scenario, solve)
        self.recorder = Recorder(scenario)

    def advance(self, period: int) -> None:
        """One period: run, clear, book."""
        done = self.cluster.run(period, self.tasks)
        intensity = {zone: float(values[period]) for zone, values in self.future.intensity.items()}
        ledger = self._settle(period, done, intensity)
        self.tasks = tuple(_worked(task, done.work, period) for task in self.tasks)
        marginal = {zone: float(values[period]) for zone, values in self.future.marginal.items()}
        self.recorder.record(ledger, done, intensity, marginal)

    def _settle(self, period: int, done: Done, intensity: Mapping[str, float]) -> PeriodLedger:
        return self.settler.settle(
            period,
            done.ran,
            intensity,
            share=done.share_energy,
            transit_watt_hours=done.transit_watt_hours,
            unmetered=self.scenario.silent(period),
        )


class OrderedCluster:
    """A cluster that does what a policy orders, at once and without questions: how published rules describe it."""

    def __init__(self, scenario: Scenario, policy: Policy, future: Future) -> None:
        """Everything is awake and nothing is ordered yet."""
        self._scenario, self._policy, self._future = scenario, policy, future
        self._models = {name: model_of(scenario, name) for name in scenario.nodes}
        self._states = {name: first_state(scenario, name) for name in scenario.nodes}
        self._ahead: deque[Orders] = deque()

    def run(self, period: int, tasks: Sequence[Task]) -> Done:
        """One period: order, place, run."""
        orders = self._orders(period, tasks)
        placed = Placement(self._scenario, tasks, self._free_hours(period))
        placed.place_all(orders.work, unbounded=self._policy.unbounded)
        ran = {name: self._run_node(name, period, orders, placed) for name in self._scenario.nodes}
        self._states = {name: done.state for name, done in ran.items()}
        return Done(
            ran=ran,
            work=tuple(placed.work),
            transit_watt_hours=placed.transit_watt_hours,
            share_energy=orders.share_energy,
            fallback=orders.fallback,
            slept=self._slept(period, ran),
        )

    def _slept(self, period: int, ran: Mapping[str, Ran]) -> tuple[tuple[datetime, str], ...]:
        """Who was awake and is asleep at the end of the period."""
        end = self._scenario.start + timedelta(seconds=(period + 1) * self._scenario.period_seconds)
        return tuple(
            (end, name) for name, done in ran.items() if done.awake_hours > 0 and done.state.power is Power.ASLEEP
        )

    def _free_hours(self, period: int) -> dict[str, float]:
        """Hours that each node can work in: none while it is dead, and less its boot where it does not run now."""
        dead, hours = self._scenario.dead(period), self._scenario.period_hours
        return {
            name: 0.0 if name in dead else max(0.0, hours - boot_seconds(self._models[name], state) / SECONDS_PER_HOUR)
            for name, state in self._states.items()
        }

    def _orders(self, period: int, tasks: Sequence[Task]) -> Orders:
        """What was thought ahead, else what the policy says now."""
        if not self._ahead:
            count = horizon(tasks, period, self._scenario.horizon_periods)
            view = View(
                scenario=self._scenario,
                period=period,
                outlook=self._future.outlook(period, count, perfect=self._policy.oracle),
                observed=self._future.observed(period),
                states=self._states,
                tasks=tasks,
            )
            self._ahead.extend(self._policy.decide(view, self._scenario.replan_every_periods))
        return self._ahead.popleft()

    def _run_node(self, name: str, period: int, orders: Orders, placed: Placement) -> Ran:
        hours = self._scenario.period_hours
        harvest = self._future.harvest_watt_hours.get(name)
        energy = 0.0 if harvest is None else float(harvest[period])
        if name in self._scenario.dead(period):
            dead = replace(self._models[name], asleep_watts=0.0)
            return run_period(
                dead, self._states[name], Doing(work_hours=0.0, busy_ratio=0.0, awake_hours=0.0), energy, hours
            )
        needed = placed.work_hours(name) + placed.moving_hours(name)
        awake = max(needed, orders.awake_hours.get(name, hours))
        doing = Doing(
            work_hours=placed.work_hours(name),
            busy_ratio=placed.busy_ratio(name),
            awake_hours=awake if self._scenario.nodes[name].can_sleep else hours,
            extra_watt_hours=placed.moving_watt_hours(name),
        )
        return run_period(self._models[name], self._states[name], doing, energy, hours)


def _worked(task: Task, work: Sequence[Work], period: int) -> Task:
    own = [item for item in work if item.task == task.name]
    return task.done(own, period) if own else task
