"""What a solver can get wrong: its answers, spoilt one field at a time, and the ways in which its process can fail."""

from __future__ import annotations

import json
import random
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, SolutionError, Status
from sunward.optimisation.process.guarded import GRACE_SECONDS, GuardedSolver
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import as_document, instance
from support.optimisation.oracle import judge
from support.optimisation.reference import cost_of, optimum
from support.optimisation.reference_cases import document

Document = dict[str, Any]
Spoil = Callable[[Document, random.Random], bool]
"""Spoils a solution in place; False where there is nothing of the kind to spoil."""


def disagreement(seed: int) -> str | None:
    """What is wrong with the answers to one small problem, by the second solver that tries everything; or None."""
    problem = instance(seed)
    truth, found, greedy = judge(as_document(problem)), solve_exact(problem), solve_greedy(problem)
    refused = verify(problem, found, reference=greedy) or verify(problem, greedy)
    if refused:
        return f"the verifier refuses {refused[0]}"
    if truth.objective is None:
        agreed = found.status is Status.INFEASIBLE and greedy.status is Status.INFEASIBLE
        return None if agreed else f"there is no plan, and the answers are {found.status} and {greedy.status}"
    if found.status is not Status.OPTIMAL or found.objective_grams is None:
        return f"the answer is {found.status}, the optimum is {truth.objective:g} g"
    return None if truth.is_close(found.objective_grams) else f"{found.objective_grams:g} g, not {truth.objective:g} g"


def disagreement_with_the_reference(seed: int) -> str | None:
    """What is wrong with the answer to one file that uses every field of the format, by a model made of its text."""
    case = document(seed)
    least, problem = optimum(case), parse_problem(json.dumps(case))
    found = solve_exact(problem)
    if (found.status is Status.INFEASIBLE) != (least is None):
        return f"the answer is {found.status}, the reference optimum is {least}"
    if least is None or found.objective_grams is None:
        return None
    if found.status is not Status.OPTIMAL or not least.agrees(found.objective_grams):
        return f"{found.status}, {found.objective_grams:g} g, not {least.whole:g} g"
    return None if cost_of(case, json.loads(found.to_json())) is not None else "its rows break a rule"


def _scaled_objective(solution: Document, dice: random.Random) -> bool:
    solution["objective_grams"] *= dice.choice((0.5, 0.98, 1.02, 2.0))
    return bool(solution["objective_grams"] > 1e-3)


def _bound_above(solution: Document, dice: random.Random) -> bool:
    solution["lower_bound_grams"] = solution["objective_grams"] * (1.01 + dice.random()) + 1.0
    return True


def _number(value: float) -> Spoil:
    def spoil(solution: Document, dice: random.Random) -> bool:
        solution[dice.choice(("objective_grams", "lower_bound_grams"))] = value
        return True

    return spoil


def _less_work(solution: Document, dice: random.Random) -> bool:
    if not solution["batches"]:
        return False
    solution["batches"].pop(dice.randrange(len(solution["batches"])))
    return True


def _more_work(solution: Document, dice: random.Random) -> bool:
    if not solution["batches"]:
        return False
    dice.choice(solution["batches"])["batches"] += 25.0
    return True


def _stranger(solution: Document, dice: random.Random) -> bool:
    if not solution["nodes"]:
        return False
    dice.choice(solution["nodes"])["name"] = "nobody"
    return True


def _one_node_less(solution: Document, dice: random.Random) -> bool:
    if not solution["nodes"]:
        return False
    solution["nodes"].pop(dice.randrange(len(solution["nodes"])))
    return True


def _free_energy(solution: Document, dice: random.Random) -> bool:
    rows = [row for row in solution["nodes"] if max(row["grid_watt_hours"], default=0.0) > 0.01]
    if not rows:
        return False
    row = dice.choice(rows)
    row["grid_watt_hours"] = [0.5 * value for value in row["grid_watt_hours"]]
    return True


def _claims_infeasible(solution: Document, _: random.Random) -> bool:
    because = [{"constraint": "deadline", "shortfall": 1.0}]
    solution.update(status="infeasible", infeasible_because=because, objective_grams=None, lower_bound_grams=None)
    solution.update(batches=[], sends=[], draws=[], nodes=[], relative_gap=None)
    return True


SPOILS: dict[str, Spoil] = {
    "another objective": _scaled_objective,
    "a bound above the objective": _bound_above,
    "not a number": _number(float("nan")),
    "a negative objective": _number(-1.0),
    "work left out": _less_work,
    "work done twice": _more_work,
    "a node that is not there": _stranger,
    "a node left out": _one_node_less,
    "energy from nowhere": _free_energy,
    "no plan claimed": _claims_infeasible,
}


def spoilt(first: int, count: int) -> Iterator[tuple[str, bool]]:
    """So many spoilt answers by name, and whether each was refused."""
    dice, seed, made = random.Random(first), first, 0
    while made < count:
        problem = instance(seed)
        seed += 1
        good = solve_exact(problem)
        if good.status is not Status.OPTIMAL:
            continue
        for name, spoil in SPOILS.items():
            document = json.loads(good.to_json())
            if made < count and spoil(document, dice):
                made += 1
                yield f"{name}, instance {seed - 1}", refused(problem, document)


def refused(problem: Problem, document: Document) -> bool:
    """Whether such an answer is refused, by its shape or by the verifier beside the greedy plan."""
    try:
        found = Solution.from_json(json.dumps(document))
    except (SolutionError, ValueError):
        return True
    return bool(verify(problem, found, reference=solve_greedy(problem)))


PRELUDE = """
import json, os, signal, sys, time
from sunward.optimisation.process.frames import read_frame, write_frame
write_frame(1, b"ready")
read_frame(0)
def answer(document):
    write_frame(1, json.dumps(document).encode())
    time.sleep(60)
"""
UNKNOWN = {"schema": "sunward.dev/solution/v1alpha1", "status": "optimal", "objective_grams": 0.0}
NOTHING: Document = {
    "schema": "sunward.dev/solution/v1alpha1",
    **{"status": "optimal", "objective_grams": 0.0, "lower_bound_grams": 0.0, "relative_gap": 0.0},
    **{
        "solver": "exact",
        "solve_seconds": 0.0,
        "rounded": False,
        "batches": [],
        "sends": [],
        "draws": [],
        "nodes": [],
    },
    **{"prices": {"energy_grams_per_watt_hour": {}, "offload_cap_grams": {}}, "infeasible_because": []},
}
LESS_THAN_NOTHING = {**NOTHING, "lower_bound_grams": -1.0}
INFEASIBLE = {
    **NOTHING,
    **{"status": "infeasible", "objective_grams": None, "lower_bound_grams": None, "relative_gap": None},
    "infeasible_because": [{"constraint": "deadline", "shortfall": 1.0}],
}
FAILURES = {
    "it kills itself": "os.kill(os.getpid(), signal.SIGKILL)",
    "it ends at once": "sys.exit(3)",
    "it hangs": "time.sleep(60)",
    "it breaks off": "os.write(1, b'\\x00\\x00\\x10\\x00half'); sys.exit(0)",
    "it talks nonsense": "os.write(1, b'x' * 100); time.sleep(60)",
    "it answers with no object": "answer([1, 2])",
    "it finds the model invalid": "answer({'error': 'SolveError: model_invalid at row 7'})",
    "it has no plan in time": "answer({'error': 'SolveError: no plan within the time limit'})",
    "it says zero for everything": f"answer({{'solution': json.dumps({UNKNOWN!r})}})",
    "it stops": "os.kill(os.getpid(), signal.SIGSTOP)",
    "it announces more than there is": "os.write(1, b'\\0\\0\\0\\0\\x3f\\xff\\xff\\xff'); time.sleep(60)",
    "it answers without end": "write_frame(1, b'[' + b'[],' * 10_000_000 + b'[]]'); time.sleep(60)",
    "it nests without end": "write_frame(1, b'[' * 1_000_000); time.sleep(60)",
    "it calls a feasible problem infeasible": f"answer({{'solution': json.dumps({INFEASIBLE!r})}})",
    "it promises less than nothing": f"answer({{'solution': json.dumps({LESS_THAN_NOTHING!r})}})",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Fallen:
    """What came of a failing process: the seconds it took, and what was wrong with the answer."""

    seconds: float
    wrong: str | None


def survive(failure: str, folder: Path, limit_seconds: float = 1.0) -> Fallen:
    """Solve with a process that fails: the simple plan must come, correct, within the limit and two seconds."""
    problem = next(made for made in map(instance, range(100)) if solve_greedy(made).status is not Status.INFEASIBLE)
    script = folder / "solver.py"
    script.write_text(PRELUDE + FAILURES[failure])
    with GuardedSolver((sys.executable, str(script))) as solver:
        started = time.monotonic()
        found = solver.solve(problem, time_limit_seconds=limit_seconds)
        seconds = time.monotonic() - started
    if found.status is not Status.FALLBACK:
        return Fallen(seconds=seconds, wrong=f"the answer is {found.status}")
    refused_by = verify(problem, found)
    return Fallen(seconds=seconds, wrong=f"the simple plan is wrong: {refused_by[0]}" if refused_by else None)


LONGEST_SECONDS = 1.0 + GRACE_SECONDS + 2.0
"""Limit, grace, and a start of the process on a busy machine."""
