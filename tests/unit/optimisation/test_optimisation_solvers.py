"""The door to the solvers: what they print, what they are given to start from, and how they fail."""

import ctypes
from typing import Any

import numpy as np
import pytest
from ortools.math_opt.python import mathopt

from sunward.optimisation.exact import search as exact
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.model.build import build
from sunward.optimisation.model.matrix import Scaled, scaled
from sunward.optimisation.model.solvers import Answer, Backend, Outcome, solve_model
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import job, node, pool, problem


def sleepers() -> Scaled:
    """Two nodes in whole-period sleep: a model with integers."""
    made = problem(node("a"), node("b", "clean"), jobs=(job({"a": 900.0}, ("b",)),), partial_period_sleep=False)
    return scaled(build(made).matrix.arrays(), 1.0)


def test_stray_lines_of_a_solver_stay_out_of_standard_output(
    monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    solve = mathopt.solve

    def chatty(*arguments: Any, **named: Any) -> mathopt.SolveResult:
        ctypes.CDLL(None).puts(b"a line that nobody asked for")
        return solve(*arguments, **named)

    monkeypatch.setattr(mathopt, "solve", chatty)
    assert solve_model(sleepers(), Backend.HIGHS, seconds=10.0).outcome is Outcome.OPTIMAL
    print("the answer")
    caught = capfd.readouterr()
    assert caught.out == "the answer\n"
    assert "nobody asked for" in caught.err


@pytest.mark.parametrize("hinted", ["the optimum", "nonsense"])
def test_a_hint_never_changes_the_optimum(hinted: str) -> None:
    model = sleepers()
    plain = solve_model(model, Backend.GSCIP, seconds=10.0)
    assert plain.values is not None
    hint = plain.values if hinted == "the optimum" else np.full_like(plain.values, 7.0)
    again = solve_model(model, Backend.GSCIP, seconds=10.0, hint=hint)
    assert again.outcome is Outcome.OPTIMAL
    assert again.bound == pytest.approx(plain.bound)


def test_a_solver_that_throws_is_an_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: Any, **__: Any) -> mathopt.SolveResult:
        raise AttributeError("a status that cannot be represented")

    monkeypatch.setattr(mathopt, "solve", broken)
    answer = solve_model(sleepers(), Backend.HIGHS, seconds=10.0)
    assert answer.outcome is Outcome.FAILED
    assert "cannot be represented" in answer.reason
    assert answer.values is None


@pytest.mark.parametrize("whole", [False, True])
def test_the_relaxation_alone_gives_a_better_plan_than_the_greedy_one(
    monkeypatch: pytest.MonkeyPatch, whole: bool
) -> None:
    def only_linear(model: Scaled, backend: Backend, **named: Any) -> Answer:
        late = Answer(outcome=Outcome.UNKNOWN, reason="late")
        return solve_model(model, backend, **named) if backend is Backend.GLOP else late

    monkeypatch.setattr(exact, "solve_model", only_linear)
    nodes = [node(f"n{i}", "clean" if i % 2 else "dirty", harvest=(1.0,) * 6, initially_awake=whole) for i in range(6)]
    names = tuple(each.name for each in nodes)
    made = problem(
        *nodes,
        jobs=(job(dict.fromkeys(names, 7000.0), names, deadline_period=6, synchronous=True),),
        pools=(pool("n0", "n1", "n2"),),
        partial_period_sleep=not whole,
        maximum_asleep_nodes=3 if whole else None,
        intensity_grams_per_kilowatt_hour={
            "clean": (30.0, 40.0, 50.0, 60.0, 70.0, 30.0),
            "dirty": (400.0, 440.0, 480.0, 520.0, 560.0, 400.0),
        },
    )
    found, greedy = solve_exact(made), solve_greedy(made)
    assert verify(made, found) == ()
    assert found.status is not Status.INFEASIBLE
    assert found.objective_grams is not None
    assert greedy.objective_grams is not None
    assert found.objective_grams < 0.99 * greedy.objective_grams
