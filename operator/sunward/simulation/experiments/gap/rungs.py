"""One rung of the ladder and how it is computed: the optimum of a model, or a run of the operator.

What is sent to another process is named at module level and pickles. Grams are market-based; work that a run leaves
undone is charged at what the baseline emits per batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any, Final

from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution, Status
from sunward.optimisation.solve import SolveError, solve_exact
from sunward.simulation.experiments.gap import models
from sunward.simulation.experiments.gap.models import Restriction, problem_under, up_to
from sunward.simulation.future import Future
from sunward.simulation.outcome import Outcome
from sunward.simulation.parallel import Run, run_one
from sunward.simulation.policies.registry import BASELINE
from sunward.simulation.scenario import Scenario

RELATIVE_GAP: Final = 1e-4
MANY: Final = 64
"""Transitions at once where their number is not to matter."""


class Step(StrEnum):
    """What carrying out adds to the model, in the order in which it is added."""

    CARRIED_OUT = "whole batches, as run"
    TRANSITIONS = "one transition at a time"
    LOOK_AHEAD = "look-ahead"
    FORECASTS = "forecast error"
    HYSTERESIS = "hysteresis"
    HOLD_BACKS = "hold-backs"


Rule = Restriction | Step | None
"""The last restriction of a rung; None is the optimum without any."""
RULES: Final[tuple[Rule, ...]] = (None, *Restriction, *Step)


@dataclass(frozen=True, slots=True, kw_only=True)
class Effort:
    """How long the search of one model may take: seconds of wall time, and nodes of the tree if a machine-independent
    answer is wanted."""

    seconds: float = 60.0
    nodes: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One scenario under one stream of weather; cases of one `name` are days of one set."""

    name: str
    scenario: Scenario
    seed: int = 0
    first_period: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Rung:
    """What is reached under a restriction and all before it; None where no plan was found in time.

    `bound_grams` is what no plan of the rung can go below; runs of the operator have none.
    """

    rule: Rule
    grams: float | None
    bound_grams: float | None = None
    kilowatt_hours: float | None = None
    idle_hours: float | None = None

    @property
    def is_proven(self) -> bool:
        """Whether the grams are the optimum, within the gap at which the search may stop."""
        if self.grams is None or self.bound_grams is None:
            return False
        return self.grams - self.bound_grams <= 2 * RELATIVE_GAP * max(1e-9, abs(self.grams))


@dataclass(frozen=True, slots=True, kw_only=True)
class Piece:
    """One rung of one case, to be computed somewhere."""

    case: Case
    rule: Rule
    effort: Effort


def rung(piece: Piece) -> Rung:
    """The rung of a piece."""
    if isinstance(piece.rule, Step):
        return _operated(piece.case, piece.rule)
    return _optimum(piece.case, piece.rule, piece.effort)


def baseline(case: Case) -> Outcome:
    """The run without any optimisation."""
    return run_one(Run(scenario=case.scenario, policy=BASELINE, seed=case.seed, first_period=case.first_period))


def _optimum(case: Case, rule: Restriction | None, effort: Effort) -> Rung:
    future = Future(case.scenario, case.seed, first_period=case.first_period)
    problem = problem_under(case.scenario, future, up_to(rule))
    found = _solved(problem, effort)
    limit = case.scenario.operator.maximum_cycles_per_day
    if found is None or Restriction.CYCLES not in up_to(rule) or models.most_sleeps(problem, found) <= limit:
        return _rung(rule, problem, found, found)
    return _rung(rule, problem, _solved(models.calmer(problem, limit), effort), found)


def _solved(problem: Problem, effort: Effort) -> Solution | None:
    """The best plan within the effort; None where there is none."""
    try:
        found = solve_exact(
            problem, relative_gap=RELATIVE_GAP, time_limit_seconds=effort.seconds, node_limit=effort.nodes
        )
    except SolveError:
        return None
    return None if found.status is Status.INFEASIBLE else found


def _rung(rule: Restriction | None, problem: Problem, plan: Solution | None, bound: Solution | None) -> Rung:
    least = None if bound is None else bound.lower_bound_grams
    if plan is None:
        return Rung(rule=rule, grams=None, bound_grams=least)
    return Rung(
        rule=rule,
        grams=plan.objective_grams,
        bound_grams=least,
        kilowatt_hours=models.load_watt_hours(problem, plan) / 1000.0,
        idle_hours=models.idle_hours(problem, plan),
    )


def _operated(case: Case, step: Step) -> Rung:
    """The operator with everything lifted that comes after this step."""
    steps = tuple(Step)
    added = steps[: steps.index(step) + 1]
    policy = "DETA" if Step.FORECASTS in added else "DETA, oracle"
    scenario = loosened(case.scenario, added)
    run = run_one(Run(scenario=scenario, policy=policy, seed=case.seed, first_period=case.first_period))
    return Rung(
        rule=step,
        grams=run.charged_grams(baseline(case)) if run.unfinished_batches else run.market_grams,
        kilowatt_hours=run.load_watt_hours / 1000.0,
        idle_hours=max(0.0, run.awake_hours - run.work_hours),
    )


def loosened(scenario: Scenario, added: Sequence[Step]) -> Scenario:
    """The scenario with the operator's settings opened that are not added yet; with all steps added, as it is."""
    opened: dict[str, Any] = {}
    if Step.TRANSITIONS not in added:
        opened |= {"nodes_in_transition": MANY}
    if Step.LOOK_AHEAD not in added:
        opened |= {"shift_in_time": True, "shift_periods": None}
    if Step.HYSTERESIS not in added:
        opened |= {"minimum_gain_ratio": 0.0}
    if Step.HOLD_BACKS not in added:
        opened |= {"dwell_seconds": 0.0}
    horizon = scenario.horizon_periods if Step.LOOK_AHEAD in added else scenario.periods
    operator = scenario.operator.model_copy(update=opened)
    return scenario.model_copy(update={"operator": operator, "horizon_periods": horizon})


def tightened(rungs: Sequence[Rung]) -> tuple[Rung, ...]:
    """The same optima, each with what its neighbours prove.

    A plan under more restrictions is a plan under fewer, and a bound under fewer holds under more. Runs stay as they
    are: they are no optima.
    """
    models_only = [one for one in rungs if not isinstance(one.rule, Step)]
    runs = [one for one in rungs if isinstance(one.rule, Step)]
    for place in range(len(models_only) - 2, -1, -1):
        models_only[place] = _as_good(models_only[place], models_only[place + 1])
    for place in range(1, len(models_only)):
        models_only[place] = _as_bounded(models_only[place], models_only[place - 1])
    return (*models_only, *runs)


def _as_good(rung: Rung, stricter: Rung) -> Rung:
    if stricter.grams is None or (rung.grams is not None and rung.grams <= stricter.grams):
        return rung
    return replace(stricter, rule=rung.rule, bound_grams=rung.bound_grams)


def _as_bounded(rung: Rung, looser: Rung) -> Rung:
    known = [bound for bound in (rung.bound_grams, looser.bound_grams) if bound is not None]
    return replace(rung, bound_grams=max(known, default=None))
