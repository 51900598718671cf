"""The cluster in virtual time: every period a policy orders, the physics run, the ledger closes.

Deterministic by scenario, seed and policy. The planner, the physics and the accounts are the product's own;
this module only moves time forward. It reads no clock.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from sunward.accounting.ledger import PeriodLedger
from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import Solution
from sunward.simulation.compile import compile_problem, horizon
from sunward.simulation.future import Future
from sunward.simulation.machine import Doing, Ran, first_state, model_of, run_period
from sunward.simulation.outcome import Outcome, Recorder
from sunward.simulation.placing import Placement
from sunward.simulation.policies.base import Orders, Policy, View
from sunward.simulation.scenario import Scenario
from sunward.simulation.settlement import Settler
from sunward.simulation.tasks import Task, Work, tasks_of
from sunward.simulation.world import Power

Solve = Callable[[Problem], Solution]
Progress = Callable[[int, int], None]


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
    run = _Run(scenario, policy, solve, Future(scenario, seed, first_period=first_period))
    for period in range(scenario.periods):
        run.advance(period)
        if progress is not None:
            progress(period + 1, scenario.periods)
    return run.recorder.outcome(policy.name, run.tasks)


class _Run:
    """The state of one simulation."""

    def __init__(self, scenario: Scenario, policy: Policy, solve: Solve, future: Future) -> None:
        self.scenario, self.policy, self.future = scenario, policy, future
        self.models = {name: model_of(scenario, name) for name in scenario.nodes}
        self.states = {name: first_state(scenario, name) for name in scenario.nodes}
        self.tasks: tuple[Task, ...] = tasks_of(scenario)
        self.settler = Settler(scenario, solve)
        self.ahead: deque[Orders] = deque()
        self.recorder = Recorder(scenario)

    def advance(self, period: int) -> None:
        """One period: order, place, run, clear, book."""
        orders = self._orders(period)
        placed = Placement(self.scenario, self.tasks, self._free_hours(period))
        placed.place_all(orders.work, unbounded=self.policy.unbounded)
        ran = {name: self._run_node(name, period, orders, placed) for name in self.scenario.nodes}
        ledger = self._settle(period, ran, placed, share=orders.share_energy)
        self.tasks = tuple(_worked(task, placed.work, period) for task in self.tasks)
        self.states = {name: done.state for name, done in ran.items()}
        self.recorder.record(ledger, ran, placed.work, fallback=orders.fallback)

    def _free_hours(self, period: int) -> dict[str, float]:
        """Hours that each node can work in: none while it is dead, and less its boot where it sleeps now."""
        dead, hours = self.scenario.dead(period), self.scenario.period_hours
        boot = {name: self.models[name].boot_seconds / 3600.0 for name in self.models}
        return {
            name: 0.0 if name in dead else hours - (boot[name] if state.power is Power.ASLEEP else 0.0)
            for name, state in self.states.items()
        }

    def _orders(self, period: int) -> Orders:
        """What was thought ahead, else what the policy says now."""
        if not self.ahead:
            view = self._view(period)
            self.ahead.extend(self.policy.decide(view, self.scenario.replan_every_periods))
        return self.ahead.popleft()

    def _view(self, period: int) -> View:
        count = horizon(self.tasks, period, self.scenario.horizon_periods)
        outlook = self.future.outlook(period, count, perfect=self.policy.oracle)
        problem = compile_problem(self.scenario, self.tasks, self.states, outlook, period)
        return View(scenario=self.scenario, period=period, problem=problem, tasks=self.tasks)

    def _run_node(self, name: str, period: int, orders: Orders, placed: Placement) -> Ran:
        hours = self.scenario.period_hours
        harvest = self.future.harvest_watt_hours.get(name)
        energy = 0.0 if harvest is None else float(harvest[period])
        if name in self.scenario.dead(period):
            dead = replace(self.models[name], asleep_watts=0.0)
            return run_period(
                dead, self.states[name], Doing(work_hours=0.0, busy_ratio=0.0, awake_hours=0.0), energy, hours
            )
        needed = placed.work_hours(name) + placed.moving_hours(name)
        awake = max(needed, orders.awake_hours.get(name, hours))
        doing = Doing(
            work_hours=placed.work_hours(name),
            busy_ratio=placed.busy_ratio(name),
            awake_hours=awake if self.scenario.nodes[name].can_sleep else hours,
            extra_watt_hours=placed.moving_watt_hours(name),
        )
        return run_period(self.models[name], self.states[name], doing, energy, hours)

    def _settle(self, period: int, ran: Mapping[str, Ran], placed: Placement, *, share: bool) -> PeriodLedger:
        truth = self.future.outlook(period, 1, perfect=True)
        intensity = {zone: float(values[0]) for zone, values in truth.intensity.items()}
        return self.settler.settle(period, ran, intensity, share=share, transit_watt_hours=placed.transit_watt_hours)


def _worked(task: Task, work: Sequence[Work], period: int) -> Task:
    own = [item for item in work if item.task == task.name]
    return task.done(own, period) if own else task
