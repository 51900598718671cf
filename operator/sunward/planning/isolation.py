"""A plan although some job or node cannot be planned: the fault is found and left out, and all others are planned.

Pure like the decision itself. A fault is anything that raises: figures that no problem may have, or an error of ours.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sunward.domain.cause import Cause
from sunward.domain.plans import Decision, DecisionKind, JobDirective, Plan
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot
from sunward.planning import decide
from sunward.planning.compile import compile_problem
from sunward.planning.hold import standing_jobs
from sunward.planning.ports import SolverPort


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolated:
    """A plan with what had to be left out of it, by name, and why; `error` is set when there is no plan but a hold."""

    plan: Plan
    jobs: Mapping[str, Cause]
    nodes: Mapping[str, Cause]
    error: Exception | None = None


def plan(snapshot: Snapshot, forecasts: Forecasts, *, solver: SolverPort, previous: Plan | None) -> Isolated:
    """The plan of a period. Never raises: without the faulty parts if there are any, else a hold that says why."""
    try:
        made = decide.plan(snapshot, forecasts, solver=solver, previous=previous)
        return Isolated(plan=made, jobs={}, nodes={})
    except Exception as error:  # the shell around a decision: it must not keep a node from being woken
        nodes = _faulty_nodes(snapshot, forecasts)
        rest = replace(snapshot, nodes=tuple(node for node in snapshot.nodes if node.name not in nodes))
        jobs = _faulty_jobs(rest, forecasts)
        if not jobs and not nodes:
            return Isolated(plan=decide.failed(snapshot, failed_because(error)), jobs={}, nodes={}, error=error)
    sound = replace(rest, jobs=tuple(job for job in rest.jobs if job.spec.key not in jobs))
    try:
        made, left = decide.plan(sound, forecasts, solver=solver, previous=previous), None
    except Exception as error:  # the same shell: another fault than those that were found
        made, left = decide.failed(sound, failed_because(error)), error
    return Isolated(plan=_with_faults(made, jobs, nodes), jobs=jobs, nodes=nodes, error=left)


def failed_because(error: Exception) -> Cause:
    """Why there is no plan, in words that name the fault."""
    return Cause(Reason.PLAN_FAILED, f"planning failed: {type(error).__name__}: {error}"[:512])


def _faulty_jobs(snapshot: Snapshot, forecasts: Forecasts) -> dict[str, Cause]:
    """Jobs that cannot be planned even by themselves; none where planning fails without any job too."""
    if _fault(replace(snapshot, jobs=()), forecasts) is not None:
        return {}
    faults = ((job.spec.key, _fault(replace(snapshot, jobs=(job,)), forecasts)) for job in snapshot.jobs)
    return {key: failed_because(fault) for key, fault in faults if fault is not None}


def _faulty_nodes(snapshot: Snapshot, forecasts: Forecasts) -> dict[str, Cause]:
    """Nodes that cannot be planned even by themselves; none where none can: that is no fault of theirs."""
    without_jobs = replace(snapshot, jobs=())
    faults = ((node.name, _fault(replace(without_jobs, nodes=(node,)), forecasts)) for node in snapshot.nodes)
    found = {name: failed_because(fault) for name, fault in faults if fault is not None}
    return {} if len(found) == len(snapshot.nodes) else found


def _fault(snapshot: Snapshot, forecasts: Forecasts) -> Exception | None:
    """What compiling a problem of the snapshot raises, or None."""
    try:
        for relaxed in (False, True):
            compile_problem(snapshot, forecasts, relaxed=relaxed)
        standing_jobs(snapshot)
    except Exception as error:  # looked for here, told by the caller
        return error
    return None


def _with_faults(made: Plan, jobs: Mapping[str, Cause], nodes: Mapping[str, Cause]) -> Plan:
    """The plan of all others, with what was left out of it as paused jobs and as decisions that say why."""
    waiting = [JobDirective(job=key, run=False, cause=why) for key, why in jobs.items()]
    held = [Decision(kind=DecisionKind.HOLD, subject=name, cause=why) for name, why in {**jobs, **nodes}.items()]
    ordered = tuple(sorted((*made.jobs, *waiting), key=lambda entry: entry.job))
    return replace(made, jobs=ordered, decisions=(*made.decisions, *held))
