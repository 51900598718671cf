"""Suite R5: each event of a trace is kept from the operator's watches once, then all events of every two kinds.

A real operator on a real API server; only its pauses between passes are shorter, for which nothing depends on events.
Whatever was lost, the periodic pass must bring about what the undisturbed operator brought about.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from support.faults.outcome import Options, Outcome
from support.faults.scene import Scene, audit_violations, fault_scene
from support.faults.traces import Losses, pair_losses, reference, single_losses, try_loss
from support.real import quick_operator
from support.real.audit_process import audited

TITLE = "R5 unobserved events"
NODES = 3
LONG_CLUSTERS = 5
"""Every loss once on each: a node may sleep 48 times a day at most, and in one life it would have to more often."""
PROGRAM = (str(Path(quick_operator.__file__)),)


def run(options: Options) -> Outcome:
    """The trace, then every loss, in one life of a cluster; in long mode in five, one after the other."""
    losses = Losses()
    try:
        for _ in range(LONG_CLUSTERS if options.long else 1):
            _one_cluster(losses)
    except pytest.skip.Exception as skipped:
        return _outcome(options, losses, not_run=str(skipped))
    return _outcome(options, losses)


def _one_cluster(losses: Losses) -> None:
    with fault_scene(nodes=NODES, program=PROGRAM) as scene:
        with audited(scene.world) as audit:
            _lose(scene, losses)
            losses.violations += [f"lost change: {lost}" for lost in scene.lost()]
        losses.violations += [*scene.violations(), *audit_violations(audit)]


def _lose(scene: Scene, losses: Losses) -> None:
    trace = reference(scene, losses)
    for cause, loss in single_losses(trace):
        try_loss(scene, cause, loss, losses)
        losses.single += len(loss.lost)
    for cause, loss in pair_losses(trace):
        try_loss(scene, cause, loss, losses)
        losses.pairs += bool(loss.lost)


def _outcome(options: Options, losses: Losses, *, not_run: str | None = None) -> Outcome:
    return Outcome(
        suite="unobserved",
        title=TITLE,
        seed=options.seed,
        counts={
            "events_in_trace": sum(losses.trace.values()),
            "events_lost_alone": losses.single,
            "pairs_of_kinds_lost": losses.pairs,
            "kinds": len(losses.lost),
        },
        violations=losses.violations,
        worst_recovery_seconds=losses.worst_seconds,
        not_run=not_run,
        figures={
            "trace": losses.trace,
            "lost_by_kind": dict(losses.lost),
            "undisturbed_seconds": losses.undisturbed_seconds,
        },
    )
