"""Suite R19: the solver's answers against two other models, spoilt answers, and processes that fail."""

from __future__ import annotations

import tempfile
from pathlib import Path

from support.faults import solver_faults
from support.faults.outcome import Options, Outcome

TITLE = "R19 solver faults"


def run(options: Options) -> Outcome:
    """Small problems, spoilt plans, failing processes."""
    instances, plans = (5_000, 1_000) if options.long else (500, 200)
    wrong = {seed: why for seed in range(instances) if (why := solver_faults.disagreement(seed)) is not None}
    strange = {
        seed: why
        for seed in range(instances)
        if (why := solver_faults.disagreement_with_the_reference(seed)) is not None
    }
    spoilt = list(solver_faults.spoilt(options.seed, plans))
    with tempfile.TemporaryDirectory() as folder:
        fallen = {name: solver_faults.survive(name, Path(folder)) for name in solver_faults.FAILURES}
    late = [name for name, one in fallen.items() if one.seconds > solver_faults.LONGEST_SECONDS]
    return Outcome(
        suite="solver",
        title=TITLE,
        seed=options.seed,
        counts={
            "instances": instances,
            "files_of_every_field": instances,
            "disagreements": len(wrong) + len(strange),
            "spoilt_plans": len(spoilt),
            "refused": sum(refused for _, refused in spoilt),
            "failing_processes": len(fallen),
        },
        violations=[
            *(f"instance {seed}: {why}" for seed, why in wrong.items()),
            *(f"file {seed}: {why}" for seed, why in strange.items()),
            *(f"accepted: {name}" for name, refused in spoilt if not refused),
            *(f"{name}: {one.wrong}" for name, one in fallen.items() if one.wrong),
            *(f"{name}: the simple plan came after {fallen[name].seconds:.1f} s" for name in late),
        ],
        worst_recovery_seconds=max(one.seconds for one in fallen.values()),
    )
