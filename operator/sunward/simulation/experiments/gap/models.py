"""The rungs that a model can say: a whole scenario as one problem, under more and more of the operator's restrictions.

Forecasts are the truth and jobs may wait until their deadline. Every rung keeps the restrictions of those before it, so
that a plan of a later rung is a plan of every earlier one, and optima can only rise.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from enum import StrEnum
from itertools import pairwise
from math import ceil

from sunward.domain.nodes import NodeRecord
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.problem.instance import Job, Node, Problem
from sunward.optimisation.problem.solution import NodeRow, Solution
from sunward.planning.compile import compile_problem
from sunward.simulation import snapshots
from sunward.simulation.compile import network_of, seconds_per_batch, watt_hours_per_batch
from sunward.simulation.future import Future
from sunward.simulation.machine import first_state
from sunward.simulation.scenario import Scenario
from sunward.simulation.snapshots import Allowed
from sunward.simulation.tasks import Task, tasks_of

HOURS_PER_DAY = 24.0


class Restriction(StrEnum):
    """What the operator adds to the paper's model, in the order in which it is added."""

    ROUNDS = "synchronous rounds"
    PERIODS = "whole periods"
    BOOTS = "boots"
    TIMES = "minimum times"
    CYCLES = "cycle limit"
    SLEEPERS = "limit of sleepers"


def up_to(last: Restriction | None) -> tuple[Restriction, ...]:
    """Every restriction as far as this one; none at all before the first."""
    every = tuple(Restriction)
    return every[: every.index(last) + 1] if last is not None else ()


def problem_under(scenario: Scenario, future: Future, restrictions: Collection[Restriction]) -> Problem:
    """The scenario from its first period to its last as one problem; cycles are not in the format (see `calmer`)."""
    base = _bare(scenario, future)
    whole = Restriction.PERIODS in restrictions
    return replace(
        base,
        nodes=tuple(_restricted(node, restrictions) for node in base.nodes),
        jobs=tuple(_jobs(scenario, in_rounds=Restriction.ROUNDS in restrictions)),
        network=network_of(scenario),
        policy=replace(
            base.policy,
            partial_period_sleep=not whole,
            maximum_asleep_nodes=base.policy.maximum_asleep_nodes if Restriction.SLEEPERS in restrictions else None,
            include_embodied=False,
        ),
    )


def _bare(scenario: Scenario, future: Future) -> Problem:
    """Nodes, energy and limits as the operator's own compilation has them, without any job."""
    allowed = Allowed(share_energy=True, offload_tasks=True, sleep=True, shift_in_time=True)
    policy = replace(snapshots.policy_spec(scenario, allowed), horizon_periods=scenario.periods)
    rested = NodeRecord(awake_since=scenario.start - snapshots.LONG_BEFORE)
    nodes = [
        snapshots.rested(spec, rested, scenario.start, first_state(scenario, name).stored_watt_hours)
        for name, spec in snapshots.node_specs(scenario).items()
    ]
    truth = snapshots.forecasts(scenario, future.outlook(0, scenario.periods, perfect=True), 0)
    view = snapshots.snapshot(scenario, policy, nodes, (), truth, scenario.start)
    return compile_problem(view, truth, free=True).problem


def _restricted(node: Node, restrictions: Collection[Restriction]) -> Node:
    if Restriction.BOOTS not in restrictions:
        node = replace(node, wake_seconds=0.0, wake_watt_hours=0.0)
    if Restriction.TIMES not in restrictions:
        node = replace(node, minimum_awake_periods=1, minimum_asleep_periods=1)
    return node


def _jobs(scenario: Scenario, *, in_rounds: bool) -> Iterable[Job]:
    """Every task as the operator trains it, all shards in each round; else every home's shards by themselves."""
    for task in tasks_of(scenario):
        together = in_rounds and task.job.has_common_measure
        for homes in (task.job.homes,) if together else tuple((home,) for home in task.job.homes):
            yield _job(scenario, task, homes, synchronous=together)


def _job(scenario: Scenario, task: Task, homes: tuple[str, ...], *, synchronous: bool) -> Job:
    return Job(
        name=task.name if synchronous else f"{task.name}--{homes[0]}",
        release_period=task.release + 1,
        deadline_period=task.deadline,
        synchronous=synchronous,
        batches={home: task.remaining[home] for home in homes},
        watt_hours_per_batch={name: watt_hours_per_batch(scenario, task, name) for name in scenario.nodes},
        seconds_per_batch={name: seconds_per_batch(scenario, task, name) for name in scenario.nodes},
        gigabytes_per_batch=task.job.gigabytes_per_batch,
        maximum_offload_ratio=task.job.maximum_offload_ratio,
        movable_to=None,
        minimum_workers=0,
        minimum_batches_per_worker=0.0,
    )


def most_sleeps(problem: Problem, solution: Solution) -> int:
    """The most that any node falls asleep within 24 hours."""
    window = max(1, ceil(HOURS_PER_DAY / problem.period_hours - 1e-9))
    initially = {node.name: node.initially_awake for node in problem.nodes}
    return max((_most_within(row, window, awake=initially[row.name]) for row in solution.nodes), default=0)


def _most_within(row: NodeRow, window: int, *, awake: bool) -> int:
    falls = [place for place, (before, now) in enumerate(pairwise((awake, *row.on))) if before and not now]
    return max((sum(fall - first < window for fall in falls[k:]) for k, first in enumerate(falls)), default=0)


def calmer(problem: Problem, cycles: int) -> Problem:
    """The problem with minimum times so long that no node can sleep more often than so many times in 24 hours.

    That asks for more than the limit does: its optimum is a plan within the limit, not the best one.
    """
    window = max(1, ceil(HOURS_PER_DAY / problem.period_hours - 1e-9))
    rhythm = ceil(window / max(1, cycles))
    return replace(problem, nodes=tuple(_in_rhythm(node, rhythm, may_sleep=cycles > 0) for node in problem.nodes))


def _in_rhythm(node: Node, periods: int, *, may_sleep: bool) -> Node:
    longest = max(node.minimum_asleep_periods, periods - node.minimum_awake_periods)
    return replace(node, minimum_asleep_periods=longest, can_sleep=node.can_sleep and may_sleep)


def load_watt_hours(problem: Problem, solution: Solution) -> float:
    """What all nodes draw over all periods, charging and sending aside."""
    hours = {row.name: sum(row.awake_hours) for row in solution.nodes}
    asleep = problem.period_hours * problem.period_count
    standing = sum(
        node.idle_watts * hours[node.name] + node.asleep_watts * (asleep - hours[node.name]) for node in problem.nodes
    )
    return standing + _work_watt_hours(problem, solution) + _wake_watt_hours(problem, solution)


def idle_hours(problem: Problem, solution: Solution) -> float:
    """Node-hours awake without work, boots and moving data included."""
    jobs = {job.name: job for job in problem.jobs}
    busy = sum(row.batches * jobs[row.job].seconds_per_batch[row.on] for row in solution.batches) / SECONDS_PER_HOUR
    return max(0.0, sum(sum(row.awake_hours) for row in solution.nodes) - busy)


def _work_watt_hours(problem: Problem, solution: Solution) -> float:
    jobs, network = {job.name: job for job in problem.jobs}, problem.network
    both_ends = network.send_watt_hours_per_gigabyte + network.receive_watt_hours_per_gigabyte
    return sum(
        row.batches
        * (
            jobs[row.job].watt_hours_per_batch[row.on]
            + (jobs[row.job].gigabytes_per_batch * both_ends if row.on != row.home else 0.0)
        )
        for row in solution.batches
    )


def _wake_watt_hours(problem: Problem, solution: Solution) -> float:
    nodes = {node.name: node for node in problem.nodes}
    return sum(
        nodes[row.name].wake_watt_hours * _wakes(row, awake=nodes[row.name].initially_awake) for row in solution.nodes
    )


def _wakes(row: NodeRow, *, awake: bool) -> int:
    return sum(now and not before for before, now in pairwise((awake, *row.on)))
