"""What is left of a simulation as a problem without the operator's caution: the pure optimiser of the paper.

The snapshot of the cluster goes through the operator's own `planning.compile`; then everything that the paper's model
does not have is lifted: whole batches, whole periods, quorums, limits of sleeping nodes, wakes that cost. What remains
is linear, which is what makes a thousand days affordable: ten nodes and a day of hours take some 50 ms, where a plan
with all rules and `shiftInTime` takes 20 s and more. Policies named "..., pure" use it; all others obey every rule.

How much of a shard may still move is one ratio per job in the format. A task whose shards progress each by itself is
therefore described as one job per home, a synchronous task as one job with equal shards.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sunward.domain.jobs import DataMobility, Disruption, JobCost, JobPhase, JobProgress, JobSpec, JobView, Shard
from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.units import JOULES_PER_WATT_HOUR
from sunward.optimisation.problem.instance import Job, Network, Problem
from sunward.planning.compile import compile_problem as compile_snapshot
from sunward.simulation import snapshots
from sunward.simulation.future import Outlook
from sunward.simulation.scenario import Scenario
from sunward.simulation.snapshots import NAMESPACE, Allowed
from sunward.simulation.tasks import Task
from sunward.simulation.world import NodeState, Power

SPLIT = "--"
"""Between the name of a task and the home of its shard."""

STEPS_PER_BATCH = 1000
"""The operator counts whole steps; so fine ones that fractions of a batch are kept."""

_LEAST_BATCHES = 1e-9
_MOST_BOOTING = 0.1
"""Share of its time that a node boots, at most."""
_SAFETY = 1.002
"""Plans leave this much time over, or a last period without any slack would miss its deadline by rounding."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Shards of a task that are one job to the operator: all of them, or those of one home."""

    task: Task
    homes: tuple[str, ...]

    @property
    def name(self) -> str:
        """The job's name, unique within a simulation."""
        return self.task.name if self.homes == self.task.job.homes else f"{self.task.name}{SPLIT}{self.homes[0]}"

    @property
    def key(self) -> str:
        """The job's key, which directives and rows of solutions carry."""
        return f"{NAMESPACE}/{self.name}"

    def shards(self) -> tuple[tuple[str, str], ...]:
        """Names and homes of the shards."""
        return tuple((f"{home}-{number}", home) for home in self.homes for number in range(self._counts[home]))

    @property
    def movable_ratio(self) -> float:
        """Share of what is left that may still leave home, for the home with the least."""
        task = self.task
        homes = [home for home in self.homes if task.remaining[home] > 0.0]
        return min((min(1.0, task.movable[home] / task.remaining[home]) for home in homes), default=0.0)

    @property
    def _counts(self) -> Mapping[str, int]:
        """Shards at each home: of equal size where several homes train together."""
        return self.task.job.equal_shards() if len(self.homes) > 1 else {self.homes[0]: 1}

    def batches_per_shard(self, batches: Mapping[str, float]) -> float:
        """The largest share of one shard in these batches by home."""
        return max(batches[home] / self._counts[home] for home in self.homes)


def together(task: Task) -> tuple[Part, ...]:
    """A task as one job, which is how the operator trains; by home where the shards have no common measure."""
    return (Part(task=task, homes=task.job.homes),) if task.job.has_common_measure else apart(task)


def apart(task: Task) -> tuple[Part, ...]:
    """A task as one job per home."""
    return tuple(Part(task=task, homes=(home,)) for home in task.job.homes)


def parts_of(task: Task) -> tuple[Part, ...]:
    """A task as jobs of the pure problem: shards that may progress each by itself are jobs of their own."""
    return together(task) if task.job.synchronous else apart(task)


def job_spec(scenario: Scenario, part: Part, *, rounds: int, steps: int, gigabytes: float, ratio: float) -> JobSpec:
    """`TrainingJob.spec` of a part; `gigabytes` per shard, `ratio` of its batches that may leave home."""
    return JobSpec(
        namespace=NAMESPACE,
        name=part.name,
        uid=part.name,
        rounds=rounds,
        steps_per_round=steps,
        batch_size=1,
        target_accuracy_percent=None,
        shards=tuple(Shard(name=name, node=home, samples=1, gigabytes=gigabytes) for name, home in part.shards()),
        data_mobility=DataMobility.ANYWHERE,
        maximum_offload_ratio=min(1.0, max(0.0, ratio)),
        minimum_workers=part.task.job.minimum_workers,
        deadline=snapshots.period_start(scenario, part.task.deadline),
        emissions_budget_grams=None,
        suspend=False,
        disruption=Disruption.AT_ROUND_BOUNDARY,
        cost=JobCost(),
    )


def progress(scenario: Scenario, part: Part, *, steps: int = 1, done: int = 0) -> JobProgress:
    """What a coordinator with nothing in work says: rounds done, and how long a step takes on every node."""
    return JobProgress(
        round=done,
        phase=JobPhase.WAITING,
        accuracy_percent=None,
        offloaded_batches_by_shard=(),
        seconds_per_batch=tuple(
            (name, seconds_per_batch(scenario, part.task, name) / steps) for name in scenario.nodes
        ),
        cached_shards=(),
        plan=None,
    )


def seconds_per_batch(scenario: Scenario, task: Task, node: str) -> float:
    """How long one batch takes on a node."""
    return task.job.seconds_per_batch / scenario.profiles[scenario.nodes[node].profile].speed


def watt_hours_per_batch(scenario: Scenario, task: Task, node: str) -> float:
    """What one batch takes on a node above idle."""
    profile = scenario.profiles[scenario.nodes[node].profile]
    above = (profile.busy_watts - profile.idle_watts) * task.job.busy_ratio
    return above * seconds_per_batch(scenario, task, node) / JOULES_PER_WATT_HOUR


def pure_problem(
    scenario: Scenario,
    tasks: Sequence[Task],
    states: Mapping[str, NodeState],
    outlook: Outlook,
    period: int,
    allowed: Allowed,
) -> tuple[Problem, Mapping[str, Part]]:
    """The problem at the start of `period` in the paper's model, and what its jobs stand for."""
    now = snapshots.period_start(scenario, period)
    policy = replace(snapshots.policy_spec(scenario, allowed), shift_in_time=True)
    parts = {part.key: part for task in tasks if task.active(period) for part in parts_of(task) if _is_owed(part)}
    believed = snapshots.forecasts(scenario, outlook, period)
    nodes = [
        snapshots.rested(snapshots.effortless(spec), _record(states[name]), now, states[name].stored_watt_hours)
        for name, spec in snapshots.node_specs(scenario).items()
    ]
    jobs = [_remaining(scenario, part) for part in parts.values()]
    view = snapshots.snapshot(scenario, policy, nodes, jobs, believed, now)
    problem = compile_snapshot(view, believed, free=True).problem
    return _lifted(scenario, problem, parts, allowed, period), parts


def _is_owed(part: Part) -> bool:
    return sum(part.task.remaining[home] for home in part.homes) > _LEAST_BATCHES


def _record(state: NodeState) -> NodeRecord:
    return NodeRecord(power_state=PowerState.ASLEEP if state.power is Power.ASLEEP else PowerState.AWAKE)


def _remaining(scenario: Scenario, part: Part) -> JobView:
    """What is left of a part as a job that has just begun, in steps of a thousandth of a batch."""
    task = part.task
    left = part.batches_per_shard(task.remaining)
    rounds = max(1, round(left * STEPS_PER_BATCH))
    gigabytes = left * task.job.gigabytes_per_batch
    return JobView(
        spec=job_spec(scenario, part, rounds=rounds, steps=1, gigabytes=gigabytes, ratio=part.movable_ratio),
        progress=progress(scenario, part, steps=STEPS_PER_BATCH),
    )


def _lifted(scenario: Scenario, problem: Problem, parts: Mapping[str, Part], allowed: Allowed, period: int) -> Problem:
    last = problem.period_count
    return replace(
        problem,
        nodes=tuple(
            replace(
                node, can_sleep=scenario.nodes[node.name].can_sleep, minimum_awake_periods=1, minimum_asleep_periods=1
            )
            for node in problem.nodes
        ),
        jobs=tuple(
            _lifted_job(scenario, job, parts[job.name], is_due=parts[job.name].task.deadline - period <= last)
            for job in problem.jobs
        ),
        network=network_of(scenario),
        policy=replace(
            problem.policy,
            sleep=allowed.sleep,
            shift_in_time=allowed.shift_in_time,
            partial_period_sleep=True,
            maximum_asleep_nodes=None,
            include_embodied=False,
        ),
    )


def _lifted_job(scenario: Scenario, job: Job, part: Part, *, is_due: bool) -> Job:
    """Batches again instead of steps, with the exact figures of every node.

    A boot is no integer decision here: every node plans as if it booted once in a full period of work, or once in ten
    boots' time where periods are short (its batches take a little longer), and the physics charge each boot that really
    happens.
    A job whose deadline `is_due` within the horizon is owed whole, however little time that leaves.
    """
    task, period = part.task, scenario.period_seconds
    every = STEPS_PER_BATCH * part.batches_per_shard(task.remaining) * len(part.shards())
    share = 1.0 if is_due else min(1.0, sum(job.batches.values()) / every)
    boots = {name: scenario.profiles[node.profile].boot_seconds for name, node in scenario.nodes.items()}
    return replace(
        job,
        batches={home: share * task.remaining[home] for home in job.batches},
        watt_hours_per_batch={name: watt_hours_per_batch(scenario, task, name) for name in job.watt_hours_per_batch},
        seconds_per_batch={
            name: _SAFETY * seconds_per_batch(scenario, task, name) / (1.0 - min(_MOST_BOOTING, boots[name] / period))
            for name in job.seconds_per_batch
        },
        gigabytes_per_batch=task.job.gigabytes_per_batch,
        maximum_offload_ratio=part.movable_ratio,
        minimum_workers=0,
        minimum_batches_per_worker=0.0,
    )


def network_of(scenario: Scenario) -> Network:
    network = scenario.network
    return Network(
        send_watt_hours_per_gigabyte=network.endpoint_watt_hours_per_gigabyte,
        receive_watt_hours_per_gigabyte=network.endpoint_watt_hours_per_gigabyte,
        seconds_per_gigabyte=network.seconds_per_gigabyte,
        transit_watt_hours_per_gigabyte=network.transit_watt_hours_per_gigabyte,
        transit_intensity_grams_per_kilowatt_hour=network.transit_intensity_grams_per_kilowatt_hour,
    )


def horizon(tasks: Sequence[Task], period: int, longest: int) -> int:
    """Periods to look ahead: to the last deadline of an active task, at least one and at most `longest`."""
    ends = [task.deadline - period for task in tasks if task.active(period)]
    return max(1, min(longest, max(ends, default=1)))


def steps_of(batches: float, rounds: int) -> int:
    """Whole batches of a round when so many are spread over at most so many rounds."""
    return max(1, math.ceil(batches / rounds - 1e-9))
