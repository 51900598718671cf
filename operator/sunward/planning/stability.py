"""Hysteresis: a plan changes who works and who sleeps only when that gains enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunward.domain.plans import JobDirective, Plan
from sunward.optimisation.problem.instance import Problem
from sunward.planning.compile import Compiled
from sunward.planning.jobs.compile_jobs import LATER, pinned
from sunward.planning.jobs.facts import covers, moves_allowed


@dataclass(frozen=True, slots=True, kw_only=True)
class Pattern:
    """Who is awake and who works on what: the part of a plan that costs something to change."""

    awake: Mapping[str, bool]
    jobs: tuple[JobDirective, ...]


def same(one: Pattern, other: Pattern) -> bool:
    """Whether changing from one to the other would change nothing in the cluster."""
    return dict(one.awake) == dict(other.awake) and _rows(one) == _rows(other)


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A previous plan whose pattern is still possible; made by `kept`, which is where that is checked."""

    previous: Plan
    compiled: Compiled

    @property
    def problem(self) -> Problem:
        """The present problem with that pattern fixed. Its optimum is what it would emit to go on as before."""
        problem, directives = self.compiled.problem, self._directives
        parts = {name: part for part in self.compiled.parts for name in (part.name, part.name + LATER)}
        jobs = tuple(
            pinned(entry, parts[entry.name], directives[parts[entry.name].job.spec.key].assignments)
            if entry.name in parts
            else entry
            for entry in problem.jobs
        )
        nodes = tuple(replace(node, can_sleep=not self.previous.awake[node.name]) for node in problem.nodes)
        return replace(problem, nodes=nodes, jobs=jobs, policy=replace(problem.policy, offload_tasks=False))

    def pattern(self, free: Pattern) -> Pattern:
        """The previous pattern, for the nodes and jobs that there are now; `free` says those of the present plan."""
        running = {part.job.spec.key for part in self.compiled.parts}
        jobs = tuple(self._directives[new.job] if new.job in running else new for new in free.jobs)
        known = {node.name for node in self.compiled.problem.nodes}
        awake = {name: self.previous.awake[name] if name in known else state for name, state in free.awake.items()}
        return Pattern(awake=awake, jobs=jobs)

    @property
    def _directives(self) -> Mapping[str, JobDirective]:
        return {directive.job: directive for directive in self.previous.jobs}


def kept(previous: Plan | None, compiled: Compiled) -> Kept | None:
    """The previous plan as something to go on with; None when its pattern is no longer possible."""
    if previous is None or previous.hold is not None or not _still_possible(previous, compiled):
        return None
    return Kept(previous=previous, compiled=compiled)


def _still_possible(previous: Plan, compiled: Compiled) -> bool:
    nodes, limit = compiled.problem.nodes, compiled.problem.policy.maximum_asleep_nodes
    if any(node.name not in previous.awake for node in nodes):
        return False
    if limit is not None and sum(not previous.awake[node.name] for node in nodes) > limit:
        return False
    if any(not previous.awake[node.name] and not node.can_sleep for node in nodes):
        return False
    directives = {directive.job: directive for directive in previous.jobs}
    return all(_goes_on(part.job.spec.key, directives, compiled, previous) for part in compiled.parts)


def _goes_on(key: str, directives: Mapping[str, JobDirective], compiled: Compiled, previous: Plan) -> bool:
    before = directives.get(key)
    if before is None or not before.run:
        return False
    parts = [part for part in compiled.parts if part.job.spec.key == key]
    shards = [shard for part in parts for shard in part.shards]
    awake = {name for name in compiled.workers if previous.awake[name]}
    job, period = parts[0].job, compiled.horizon.period.total_seconds()
    if before.until_round is not None:
        return False  # its rounds were counted for one period
    return covers(before.assignments, job, shards, awake) and moves_allowed(before.assignments, job, period)


def _rows(pattern: Pattern) -> set[object]:
    rows: set[object] = set()
    for directive in pattern.jobs:
        rows.add((directive.job, directive.run, directive.until_round))
        rows.update(directive.assignments)
    return rows
