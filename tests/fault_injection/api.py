"""Suite R6: the API server fails in fourteen ways while nodes fall asleep and wake.

A real operator reaches a real API server through the fault proxy. In each trial a fault begins, a person changes what a
node is held at, the fault ends, and the operator must act on the change: none is lost, nothing is done twice. No fault
may end the process; at the end it is killed some times, and must be back soon. Trials mostly wait, so that in long mode
some clusters live side by side, each with a seed of its own.
"""

from __future__ import annotations

import random
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path

import pytest

from support.faults.ending import end_in_order
from support.faults.kinds import Kind
from support.faults.outcome import Options, Outcome
from support.faults.scene import Scene, audit_violations, fault_scene
from support.faults.trials import PATIENCE_SECONDS, Recovery, Trial, attempt, kill, silence
from support.real.audit_process import audited

TITLE = "R6 faults of the API server"
NODES = 4
REPEATS, LONG_REPEATS = 5, 25
"""How often each kind is met in one life of a cluster."""
KILLS, LONG_KILLS = 3, 7
LONG_LIVES = 3
RECOVERY_SECONDS, SILENT_SECONDS, RESTART_SECONDS = 15.0, 80.0, 10.0
SILENCES: Sequence[Sequence[str]] = (("nodes", "trainingjobs", "energypolicies"), ("energynodes", "nodes"))
"""Watches that fall silent together, while other faults are tried."""


@dataclass(slots=True, kw_only=True)
class Findings:
    """What came of all trials: recoveries, and seconds from each death to the next pass."""

    recoveries: list[Recovery] = field(default_factory=list)
    restarts: list[float] = field(default_factory=list)
    violations: list[str] = field(default_factory=list)
    process_ends: int = 0
    not_run: str | None = None


def run(options: Options) -> Outcome:
    """Every kind as often as asked for, in one life of a cluster or in some."""
    if not options.long:
        return _outcome(options, [live(options.seed, REPEATS, KILLS)])
    seeds = range(options.seed, options.seed + LONG_LIVES)
    with get_context("spawn").Pool(LONG_LIVES, initializer=end_in_order) as pool:
        return _outcome(options, pool.starmap(live, [(seed, LONG_REPEATS, LONG_KILLS) for seed in seeds]))


def live(seed: int, repeats: int, kills: int) -> Findings:
    """One life of a cluster; what is found in it names its seed."""
    found = Findings()
    try:
        with fault_scene(nodes=NODES) as scene:
            with audited(scene.world) as audit:
                _try_all(scene, random.Random(seed), repeats, found)
                found.process_ends = len(scene.operator.exits)
                if found.process_ends:
                    found.violations.append(f"the process ended {found.process_ends} times, see {_kept_log(scene)}")
                _kill_some(scene, kills, found)
                found.violations += _afterwards(scene)
            found.violations += [*_late(found), *audit_violations(audit)]
    except pytest.skip.Exception as skipped:
        found.not_run = str(skipped)
    found.violations = [f"seed {seed}: {why}" for why in found.violations]
    return found


def _kept_log(scene: Scene) -> Path:
    """What the operator said, for whoever wants to know why."""
    kept = Path(tempfile.mkdtemp(prefix="sunward-fault-api-")) / "operator.log"
    return Path(shutil.copy(scene.operator.log, kept))


def _try_all(scene: Scene, dice: random.Random, repeats: int, found: Findings) -> None:
    """Trials that leave watches alone run while some are silent; the others after that."""
    gentle, harsh = _trials(repeats, dice)
    rounds = max(1, repeats // REPEATS)
    for number in range(rounds):
        for half, plurals in enumerate(SILENCES):
            share = gentle[number * 2 + half :: rounds * 2]
            with silence(scene, plurals, found.recoveries, number * REPEATS + 3 * half):
                _attempt_each(scene, share, dice, found)
    _attempt_each(scene, harsh, dice, found)


def _trials(repeats: int, dice: random.Random) -> tuple[list[Trial], list[Trial]]:
    kinds = [kind for kind in Kind if kind is not Kind.SILENT]
    trials = [Trial(kind=kind, repeat=number) for kind in kinds for number in range(repeats)]
    dice.shuffle(trials)
    harsh = [trial for trial in trials if _may_end_watches(trial)]
    return [trial for trial in trials if trial not in harsh], harsh


def _may_end_watches(trial: Trial) -> bool:
    return trial.kind.is_of_watches or trial.kind in (Kind.RESET, Kind.HALF_OPEN) or trial.fault.ends_watches


def _attempt_each(scene: Scene, trials: Sequence[Trial], dice: random.Random, found: Findings) -> None:
    for trial in trials:
        try:
            found.recoveries.append(attempt(scene, trial, dice))
        except TimeoutError as late:
            found.violations.append(str(late))


def _kill_some(scene: Scene, kills: int, found: Findings) -> None:
    for _ in range(kills):
        try:
            found.restarts.append(kill(scene))
        except TimeoutError as late:
            found.violations.append(f"{late}, see {_kept_log(scene)}")


def _afterwards(scene: Scene) -> list[str]:
    """Lost changes and double acts, once everything had time to settle."""
    try:
        scene.world.wait(lambda: not scene.lost(), PATIENCE_SECONDS, "every wish is fulfilled")
    except TimeoutError:
        return [*(f"lost change: {lost}" for lost in scene.lost()), *scene.violations()]
    return scene.violations()


def _late(found: Findings) -> list[str]:
    late = []
    for one in found.recoveries:
        limit = SILENT_SECONDS if one.trial.kind is Kind.SILENT else RECOVERY_SECONDS
        if one.seconds > limit:
            late.append(f"{one.trial}: {one.seconds:.1f} s after the fault, at most {limit:.0f} s")
    slow = [seconds for seconds in found.restarts if seconds > RESTART_SECONDS]
    return late + [f"a pass {seconds:.1f} s after a death, at most {RESTART_SECONDS:.0f} s" for seconds in slow]


def _outcome(options: Options, lives: Sequence[Findings]) -> Outcome:
    recoveries = [one for found in lives for one in found.recoveries]
    restarts = [seconds for found in lives for seconds in found.restarts]
    kinds = sorted({one.trial.kind for one in recoveries})
    worst = {str(kind): max(one.seconds for one in recoveries if one.trial.kind is kind) for kind in kinds}
    others = [seconds for kind, seconds in worst.items() if kind != Kind.SILENT]
    return Outcome(
        suite="api",
        title=TITLE,
        seed=options.seed,
        counts={
            "kinds": len(kinds),
            "faults": len(recoveries),
            "process_ends": sum(found.process_ends for found in lives),
            "kills": len(restarts),
        },
        violations=[why for found in lives for why in found.violations],
        worst_recovery_seconds=max(others, default=None),
        not_run=next((found.not_run for found in lives if found.not_run is not None), None),
        figures={"worst_seconds_by_kind": worst, "restart_seconds": restarts},
    )
