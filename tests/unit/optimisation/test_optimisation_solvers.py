"""The door to the solvers: what they print, what they are given to start from, and how they fail."""

import ctypes
from typing import Any

import numpy as np
import pytest
from ortools.math_opt.python import mathopt

from sunward.optimisation.build import build
from sunward.optimisation.matrix import Scaled, scaled
from sunward.optimisation.solvers import Backend, Outcome, solve_model
from support.optimisation import job, node, problem


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
