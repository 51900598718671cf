"""Battery R3: kill the operator before and after every write it makes, and see where whoever comes next ends.

The operator is the real loop with the real planner and solver; the cluster around it is that of tests/support. Prints
one closing line; exit status 1 when anything was violated.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "operator")]

from support.loop_crash import SCENARIOS, Figures, crash_everywhere, dies_again_and_again, misses  # noqa: E402


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--scenario", choices=sorted(SCENARIOS), default="one-sleeper")
    parser.add_argument("--seed", type=int, default=1, help="first seed of the runs that die again and again")
    parser.add_argument("--runs", type=int, default=10, help="runs that die again and again, one seed each")
    parser.add_argument("--stride", type=int, default=1, help="try every so many points; 1 tries all")
    parser.add_argument("--same-pod", action="store_true", help="restart the container instead of another pod")
    parser.add_argument("--json", type=Path, help="file for all figures")
    return parser.parse_args()


async def storm(options: argparse.Namespace) -> list[str]:
    """Random deaths, several in each run; what was violated."""
    found: list[str] = []
    for seed in range(options.seed, options.seed + options.runs):
        world, auditor, good = await dies_again_and_again(SCENARIOS["whole-day"], seed)
        found += [f"seed {seed}: {why}" for why in auditor.violations]
        found += [] if good else [f"seed {seed}: {'; '.join(misses(world)) or 'never quiet'}"]
    return found


def main() -> int:
    """Run, write the figures, print the closing line."""
    options = arguments()
    figures: Figures = asyncio.run(
        crash_everywhere(SCENARIOS[options.scenario], same_name=options.same_pod, stride=options.stride)
    )
    figures.violations += asyncio.run(storm(options))
    if options.json is not None:
        given = {key: value for key, value in vars(options).items() if key != "json"}
        options.json.write_text(json.dumps({"battery": "R3", **given, **figures.as_json()}, indent=1) + "\n")
    for violation in figures.violations[:20]:
        print(violation)
    print(f"{figures.line()}; {options.runs} runs of repeated deaths from seed {options.seed}")
    return 1 if figures.violations or figures.converged < figures.points else 0


if __name__ == "__main__":
    sys.exit(main())
