"""Answers with solved numbers: optima, limits, objectives, accounts, conversations."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import datetime
from functools import cache

import pytest

from sunward.advisor.account import Meter
from sunward.advisor.advise import advise
from sunward.advisor.answer import Advice
from sunward.advisor.chat import Conversation
from sunward.advisor.compiling.compile import as_grid_energy
from sunward.advisor.request.types import Base, Code, Status
from sunward.advisor.solving import SolverFailed, grid_watt_hours
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact, solve_greedy
from sunward.optimisation.verify import verify
from support.advisor import expectations

FARM = Base(
    problem=parse_problem(expectations.text_of("farm")), start=datetime.fromisoformat(expectations.STARTS["farm"])
)
LEAST_GRAMS, LEAST_WATT_HOURS = 35.1311, 156.313
"""Optima of the farm, from an independent solver."""


@cache
def solve(problem: str) -> Solution:
    """The optimum of a problem file."""
    return solve_exact(parse_problem(problem))


def solver(problem: Problem) -> Solution:
    """The solver that answers ask; each problem is solved once."""
    return solve(problem.to_json())


def ticking() -> Meter:
    """A meter whose clock advances by one second each time."""
    seconds: Iterator[int] = iter(range(1000))
    return Meter(cpu_seconds=lambda: float(next(seconds)), intensity_grams_per_kilowatt_hour=300.0)


def asked(request: str) -> Advice:
    """The answer to a request on the farm."""
    return advise(request, FARM, solver, ticking())


def test_a_solved_answer_has_the_optimum_of_its_own_problem() -> None:
    data = asked("Keep barn-03 on all day; batteries should end the day at least 60 % full.").as_data()
    assert (data["status"], data["unit"]) == ("solved", "g")
    assert data["objective_value"] == pytest.approx(58.65813173699267, rel=1e-4)
    assert data["base_objective_value"] == pytest.approx(LEAST_GRAMS, rel=1e-4)
    problem, solution = parse_problem(json.dumps(data["problem"])), Solution.from_json(json.dumps(data["solution"]))
    assert verify(problem, solution) == ()


def test_energy_from_the_grid_is_minimised_in_watt_hours() -> None:
    answer = asked("lowest grid energy")
    assert answer.as_data()["unit"] == "Wh"
    assert answer.objective_value == pytest.approx(LEAST_WATT_HOURS, rel=1e-4)
    assert answer.base_objective_value == answer.objective_value


def test_low_energy_and_low_carbon_are_two_plans_and_neither_wins_both() -> None:
    energy = as_grid_energy(FARM.problem)
    least_carbon, least_energy = solver(FARM.problem), solver(energy)
    assert least_energy.objective_grams is not None
    assert grid_watt_hours(FARM.problem, least_carbon) > least_energy.objective_grams * (1 + 1e-4)
    intensity = FARM.problem.intensity_grams_per_kilowatt_hour
    zones = {node.name: node.grid_zone for node in FARM.problem.nodes}
    grams = sum(
        wh * g / 1000
        for row in least_energy.nodes
        for wh, g in zip(row.grid_watt_hours, intensity[zones[row.name]], strict=True)
    )
    assert least_carbon.objective_grams is not None
    assert grams > least_carbon.objective_grams


@pytest.mark.parametrize(("request_", "met"), [("at most 36 g", True), ("at most 29 g", False)])
def test_a_limit_is_met_by_the_optimum_or_out_of_reach(request_: str, met: bool) -> None:
    answer = asked(request_)
    assert answer.status is (Status.SOLVED if met else Status.INFEASIBLE)
    assert answer.limits[0]["met"] is met
    assert answer.objective_value == pytest.approx(LEAST_GRAMS, rel=1e-4)
    assert "cannot be met" in answer.text or met


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ("at most 170 Wh from the grid", Status.SOLVED),
        ("at most 100 Wh from the grid", Status.INFEASIBLE),
        ("at most 156.6 Wh from the grid", Status.CLARIFY),
    ],
)
def test_a_limit_on_the_other_quantity_is_decided_where_the_optima_decide_it(request_: str, status: Status) -> None:
    answer = asked(request_)
    assert answer.status is status
    assert (answer.refusal is not None and answer.refusal.code is Code.NOT_EXPRESSIBLE) == (status is Status.CLARIFY)


def test_an_impossible_plan_says_what_has_to_give() -> None:
    answer = asked("crops only on school-01 and done by 8am")
    assert answer.status is Status.INFEASIBLE
    assert answer.objective_value is None
    assert answer.as_data()["solution"]["infeasible_because"]
    assert "No plan is possible" in answer.text


def test_a_plan_that_is_no_proven_optimum_gives_no_number() -> None:
    with pytest.raises(SolverFailed, match="proven"):
        advise("crops by 3pm", FARM, solve_greedy, ticking())


def test_the_account_counts_stages_and_keeps_what_is_unknown_unknown() -> None:
    account = asked("crops by 3pm").account
    assert set(account["stages"]) == {"retrieve", "draft", "check", "compile", "solve"}
    assert account["energy_watt_hours"] == pytest.approx(account["cpu_seconds"] * 5 / 3600)
    assert account["emissions_grams"] == pytest.approx(account["energy_watt_hours"] * 0.3)
    unknown = advise("crops by 3pm", FARM, solver, Meter(cpu_seconds=lambda: 0.0)).account
    assert unknown["emissions_grams"] is None


def test_a_loosened_rule_is_said() -> None:
    assert any("audio/cows" in warning for warning in asked("the cows may take until 9pm").as_data()["warnings"])


def test_conventions_are_printed() -> None:
    assumptions = asked("crops done by half past three").as_data()["assumptions"]
    assert any("15:30" in line for line in assumptions)
    assert any("period 9" in line for line in assumptions)


def test_a_conversation_adds_replaces_and_takes_back() -> None:
    chat = Conversation(FARM, solver)

    def deadline() -> object:
        answer = chat.accepted[-1].compiled
        assert answer is not None
        return next(job.deadline_period for job in answer.problem.jobs if job.name == "vision/crops")

    chat.say("crops by 3pm", ticking())
    chat.say("no sleeping", ticking())
    assert deadline() == 9
    chat.say("crops by 1pm", ticking())
    assert deadline() == 7
    assert len(chat.accepted[-1].request.edits) == 2  # type: ignore[union-attr]  # accepted answers have one
    assert "policy.sleep" in str(chat.say("changes", ticking()))
    assert "The best plan" in str(chat.say("why", ticking()))
    assert "taken back" in str(chat.say("undo", ticking()))
    assert deadline() == 9
    refused = chat.say("wake up barn-03 now", ticking())
    assert isinstance(refused, Advice)
    assert len(chat.accepted) == 2
    chat.say("reset", ticking())
    assert chat.accepted == []
    assert "no turn" in str(chat.say("undo", ticking()))
    assert "No turn" in str(chat.say("why", ticking()))
