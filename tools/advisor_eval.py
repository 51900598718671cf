"""Scores the advisor on requests with known answers: changes, optima, refusals, processor seconds beyond the solver.

    python tools/advisor_eval.py [--requests FILE.jsonl] [--report OUT.json]

A row names a base problem (beside the file), the start, the request and what is expected: statuses, changes by path,
limits and the optimum of an independent solver. Exit status 0 only if every target is met.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

from sunward.advisor.account import Meter
from sunward.advisor.advise import advise
from sunward.advisor.request.types import Base
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.process.guarded import GuardedSolver

DEFAULT = Path(__file__).parents[1] / "tests" / "support" / "advisor" / "examples.jsonl"
TARGETS = {"optimum": 0.95, "changes": 56 / 60, "not_solved": 1.0}
"""Least shares of the rows to solve, to solve exactly, and not to solve."""
MOST_SECONDS_BEYOND_SOLVER = 0.3
RELATIVE = 1e-4
DRAWS = 4000


def rows(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file."""
    for line in path.read_text(encoding="utf-8").splitlines():
        if line.strip():
            yield json.loads(line)


def scored(row: Mapping[str, Any], folder: Path, guarded: GuardedSolver) -> dict[str, Any]:
    """One request answered and compared."""
    problem = parse_problem((folder / row["base"]).read_text(encoding="utf-8"))
    base = Base(problem=problem, start=datetime.fromisoformat(row["start"]))
    meter = Meter(cpu_seconds=time.process_time)
    solve = partial(guarded.solve, solver="exact", time_limit_seconds=120.0)
    answer = advise(row["request"], base, solve, meter).as_data()
    expected = row["expected"]
    beyond = sum(seconds for stage, seconds in meter.stages.items() if stage != "solve")
    found = {"id": row["id"], "status": answer["status"], "code": answer["code"], "seconds_beyond_solver": beyond}
    if "changes" not in expected:
        return {**found, "not_solved": answer["status"] in expected["accept"]}
    changes = {change["path"]: change["to"] for change in answer["changes"]}
    limits = {(limit["limit"], limit["at_most"]): limit["met"] for limit in answer["limits"]}
    wanted = {(limit["limit"], limit["at_most"]): limit["met"] for limit in expected["limits"]}
    is_right = answer["status"] in expected["accept"] and answer["objective"] == expected["objective"]
    return {
        **found,
        "changes": agree(changes, expected["changes"]) and limits == wanted,
        "optimum": is_right and near(answer["objective_value"], expected["objective_value"], RELATIVE),
    }


def agree(got: Mapping[str, Any], want: Mapping[str, Any]) -> bool:
    """Whether the same paths have the same values."""
    return got.keys() == want.keys() and all(near(got[path], want[path], 1e-6) for path in want)


def near(one: Any, other: Any, relative: float) -> bool:
    """Whether two values are equal, numbers to a relative difference."""
    if any(isinstance(value, bool | str | list) or value is None for value in (one, other)):
        return type(one) is type(other) and one == other
    return abs(one - other) <= relative * max(1e-9, abs(one), abs(other))


def interval(hits: int, count: int) -> tuple[float, float]:
    """The middle 95 % of the shares that the same chance would give."""
    draw = random.Random(1)
    shares = sorted(sum(draw.random() < hits / count for _ in range(count)) / count for _ in range(DRAWS))
    return shares[int(DRAWS * 0.025)], shares[int(DRAWS * 0.975)]


def summary(results: Sequence[Mapping[str, Any]]) -> tuple[list[str], bool]:
    """Lines for people, and whether every target is met."""
    lines, met = [], True
    for name, target in TARGETS.items():
        judged = [result[name] for result in results if name in result]
        if judged:
            low, high = interval(sum(judged), len(judged))
            share = sum(judged) / len(judged)
            met &= share >= target - 1e-9
            lines.append(f"{name}: {sum(judged)} of {len(judged)} ({low:.0%} to {high:.0%}); target {target:.0%}")
    wrong = [
        r for r in results if r["status"] == "solved" and not (r.get("changes", False) and r.get("optimum", False))
    ]
    seconds = sorted(result["seconds_beyond_solver"] for result in results)
    slow = seconds[max(0, round(0.95 * len(seconds)) - 1)]
    lines += [f"solved but wrong: {len(wrong)}", f"processor seconds beyond the solver, 95th percentile: {slow:.3f}"]
    return lines, met and not wrong and slow <= MOST_SECONDS_BEYOND_SOLVER


def main() -> int:
    """Entry point."""
    parser = argparse.ArgumentParser(description="Score the advisor on requests with known answers.")
    parser.add_argument("--requests", type=Path, default=DEFAULT)
    parser.add_argument("--report", type=Path)
    options = parser.parse_args()
    with GuardedSolver() as guarded:
        guarded.start()
        results = [scored(row, options.requests.parent, guarded) for row in rows(options.requests)]
    for result in results:
        failed = [name for name in TARGETS if result.get(name) is False]
        print(f"{'FAIL' if failed else 'ok'} {result['id']} {result['status']} {', '.join(failed)}".rstrip())
    lines, met = summary(results)
    print("\n".join(lines))
    if options.report is not None:
        options.report.write_text(json.dumps(results, indent=1), encoding="utf-8")
    return 0 if met else 1


if __name__ == "__main__":
    sys.exit(main())
