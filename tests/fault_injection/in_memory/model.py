"""Suite R2: the operator against a model, under everything that people, machines and crashes can do to it.

The real loop runs in the cluster of tests/support; rules disturb it at random, the auditor and the model judge every
write, and every run ends with all faults mended, the goal reached and silence. A failing run is shrunk and printed.
"""

from __future__ import annotations

from hypothesis import HealthCheck, Phase, settings
from hypothesis.stateful import run_state_machine_as_test

from support.faults.outcome import Options, Outcome
from support.loop.model import RULES, SEEN, OperatorMachine

TITLE = "R2 stateful model"
SLICE = 50


def run(options: Options) -> Outcome:
    """Slices of runs, one seed each, so that a failure can be had again without those before it."""
    runs, steps = (5_000, 100) if options.long else (300, 40)
    SEEN.clear()
    violations = [why for index in range(runs // SLICE) for why in one_slice(options.seed + index, steps)]
    return Outcome(
        suite="model",
        title=TITLE,
        seed=options.seed,
        counts={"rules": RULES, **SEEN},
        violations=violations,
        figures={"steps_of_a_run": steps, "runs_of_a_seed": SLICE},
    )


def one_slice(seed: int, steps: int, runs: int = SLICE) -> list[str]:
    """The runs of one seed; what failed, shrunk."""
    machine = type("Seeded", (OperatorMachine,), {"_hypothesis_internal_use_seed": seed})
    try:
        run_state_machine_as_test(
            machine,
            settings=settings(
                max_examples=runs,
                stateful_step_count=steps,
                database=None,
                deadline=None,
                phases=(Phase.generate, Phase.shrink),
                suppress_health_check=list(HealthCheck),
            ),
        )
    except Exception as found:  # whatever it is: it ends this slice and is told
        story = " ".join(getattr(found, "__notes__", ()))
        return [f"seed {seed}: {type(found).__name__}: {found} {story}"]
    return []
