"""The calibrated session, solved by the product's own solver, against figures computed elsewhere.

The published values come from an independent implementation of the same model with other random placements;
deterministic settings must agree to the printed digit, random ones within the spread of the placements.
"""

from __future__ import annotations

import pytest

from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import Problem
from sunward.optimisation.problem.solution import Solution
from sunward.optimisation.solve import solve_exact
from sunward.simulation.experiments.bench import Bench
from sunward.simulation.experiments.ensembles import CALIBRATED_HARVEST, Siting, run_modes, ten_workers
from sunward.simulation.experiments.paper import REGIONS
from sunward.simulation.experiments.published.fig5 import never_worse
from sunward.simulation.experiments.session import Mode, Session, Trading


def solve(problem: Problem) -> Solution:
    check_problem(problem)
    return solve_exact(problem, time_limit_seconds=20.0, relative_gap=1e-7)


BENCH = Bench(solve=solve)


def reductions(session: Session) -> dict[Mode, float]:
    none = session.emissions(Mode.NONE, solve).market_grams
    return {m: 100 * (1 - session.emissions(m, solve).market_grams / none) for m in (Mode.DET, Mode.DAT, Mode.DETA)}


def uniform(harvest: float, **changes: object) -> Session:
    return ten_workers(Siting.UNIFORM, harvest, **changes)(0)


@pytest.mark.parametrize(("slack", "expected"), [(1.0, 0.0), (1.25, 22.2), (1.5, 34.7), (2.0, 43.2), (3.0, 44.2)])
def test_without_harvest_the_saving_depends_on_the_time_allowed(slack: float, expected: float) -> None:
    found = reductions(uniform(0.0, slack=slack))
    assert found[Mode.DAT] == pytest.approx(expected, abs=0.06)
    assert found[Mode.DETA] == pytest.approx(found[Mode.DAT], abs=1e-5)
    assert found[Mode.DET] == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(("cap", "expected"), [(0.25, 22.1), (0.5, 44.2), (0.75, 66.4), (1.0, 88.5)])
def test_with_unlimited_time_the_saving_is_proportional_to_the_offload_cap(cap: float, expected: float) -> None:
    found = reductions(uniform(0.0, slack=100.0, maximum_offload_ratio=cap))
    assert found[Mode.DAT] == pytest.approx(expected, abs=0.06)


@pytest.mark.parametrize(
    ("harvest", "expected"),
    [
        (0.10, (5.7, 49.1, 54.7)),
        (0.20, (12.7, 55.2, 66.4)),
        (0.27, (17.7, 60.5, 75.3)),
        (0.30, (20.2, 63.1, 79.1)),
        (0.40, (29.6, 73.6, 91.5)),
        (0.60, (54.0, 92.5, 92.5)),
    ],
)
def test_uniform_sun_gives_the_published_row(harvest: float, expected: tuple[float, ...]) -> None:
    found = reductions(uniform(harvest))
    assert [found[m] for m in (Mode.DET, Mode.DAT, Mode.DETA)] == pytest.approx(expected, abs=0.06)


def test_five_random_panels_give_the_calibrated_point_within_its_spread() -> None:
    runs = run_modes(ten_workers(Siting.FIVE, CALIBRATED_HARVEST), range(40), BENCH)
    for mode, published in ((Mode.DET, 18.1), (Mode.DAT, 58.7), (Mode.DETA, 74.9)):
        found = runs.reduction(mode)
        assert found.low - 0.6 <= published <= found.high + 0.6, (mode, found)
    assert never_worse(runs)


def test_without_sleep_waiting_costs_more_than_moving_saves() -> None:
    found = reductions(uniform(0.0, sleeps=False))
    assert found[Mode.DAT] == pytest.approx(2.2, abs=0.06)


def test_selling_only_surplus_is_worth_nothing_when_everybody_is_short() -> None:
    found = reductions(uniform(0.27, trading=Trading.SURPLUS_ONLY))
    assert [found[m] for m in (Mode.DET, Mode.DAT, Mode.DETA)] == pytest.approx((0.0, 60.5, 60.5), abs=0.06)


def test_equal_regions_leave_nothing_to_gain_but_surplus() -> None:
    session = Session(intensities=(326.0,) * len(REGIONS), harvest_ratios=(0.27,) * len(REGIONS))
    assert list(reductions(session).values()) == pytest.approx([0.0, 0.0, 0.0], abs=1e-4)


def test_contractual_transfers_do_not_lower_location_based_emissions() -> None:
    session = ten_workers(Siting.FIVE, CALIBRATED_HARVEST)(3)
    none, det = session.emissions(Mode.NONE, solve), session.emissions(Mode.DET, solve)
    assert det.market_grams < none.market_grams
    assert det.location_grams == pytest.approx(none.location_grams, rel=1e-6)
