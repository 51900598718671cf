"""Suite R20: each guard is switched off alone, and at least one test, by name, turns red.

In long mode the rules of the sleep machine are also changed at random places (a comparison turned, a limit moved, a
branch never taken); the share of changes that tests notice is the figure.
"""

from __future__ import annotations

from support.faults.outcome import Options, Outcome
from support.guards import mutants, small_changes
from support.guards import registry as safety_guards

TITLE = "R20 guard removal"
TARGET_RATIO = 0.9


def run(options: Options) -> Outcome:
    """Remove every guard, then, in long mode, change the safety package in small ways."""
    mutants.preload()
    removed = [*safety_guards.of_the_registry(), *safety_guards.elsewhere()]
    small = list(small_changes.of_the_safety_package()) if options.long else []
    violations = _red_already([*removed, *small])
    verdicts = {mutant.name: mutants.judge(mutant) for mutant in removed}
    violations += [f"nothing notices that it is gone: {name}" for name, found in verdicts.items() if not found.red]
    counts = {"guards": len(verdicts), "noticed": sum(bool(v.red) for v in verdicts.values())}
    figures: dict[str, object] = {name: list(found.red) or found.broken for name, found in verdicts.items()}
    if small:
        changed = {change.name: mutants.judge(change) for change in small}
        counts |= _counted(changed)
        figures |= {"unnoticed": [name for name, found in changed.items() if not mutants.is_noticed(found)]}
        violations += _too_few(counts, figures)
    return Outcome(
        suite="guards", title=TITLE, seed=options.seed, counts={**counts}, violations=violations, figures=figures
    )


def _red_already(tried: list[mutants.Mutant]) -> list[str]:
    red = {test.name: mutants.judge(test) for test in mutants.unchanged(tried)}
    return [f"red or broken with nothing changed: {name}" for name, found in red.items() if found.red or found.broken]


def _counted(changed: dict[str, mutants.Verdict]) -> dict[str, int]:
    share = mutants.shares(changed)
    return {
        "small_changes": share["tried"],
        "noticed_small_changes": share["noticed"],
        "declarations_left_out": small_changes.left_out_of_the_safety_package(),
    }


def _too_few(counts: dict[str, int], figures: dict[str, object]) -> list[str]:
    ratio = counts["noticed_small_changes"] / counts["small_changes"]
    figures["share_of_small_changes_noticed"] = ratio
    return [f"only {ratio:.0%} of the small changes are noticed"] if ratio < TARGET_RATIO else []
