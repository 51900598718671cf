"""The paper's own numbers, recomputed: what Table I says about itself."""

from __future__ import annotations

import pytest

from sunward.simulation.experiments.paper import REGIONS, TABLE_ONE, Model
from sunward.simulation.experiments.published.fig3 import fig3, growth_exponent, random_intensity
from sunward.simulation.experiments.published.fits import (
    mean_intensity,
    servers_fit,
    simulated_kilowatt_hours,
    workers_fit,
)
from sunward.simulation.experiments.published.table1 import (
    emissions_error_percent,
    emissions_rms_percent,
    energy_error_percent,
    table1,
)


@pytest.mark.parametrize(("model", "limit"), [(Model.MLP, 12), (Model.CNN, 6), (Model.LSTM, 3)])
def test_energies_lie_on_the_published_line(model: Model, limit: float) -> None:
    cells = [cell for cell in TABLE_ONE if cell.model is model and cell.servers >= 3]
    assert max(abs(energy_error_percent(cell)) for cell in cells) < limit


@pytest.mark.parametrize(
    ("model", "base", "per_worker", "r_squared"),
    [(Model.MLP, 0.00344, 0.00057, 0.933), (Model.CNN, 0.00835, 0.00148, 0.973), (Model.LSTM, 2.979, 1.114, 0.998)],
)
def test_the_fit_is_the_published_one(model: Model, base: float, per_worker: float, r_squared: float) -> None:
    fit = workers_fit(model)
    assert fit.base == pytest.approx(base, rel=0.003)
    assert fit.per_unit == pytest.approx(per_worker, rel=0.005)
    assert fit.r_squared == pytest.approx(r_squared, abs=0.0006)
    assert servers_fit(model).r_squared > 0.95


def test_ten_regions_give_the_emissions_within_the_published_error() -> None:
    assert emissions_rms_percent() == pytest.approx(7.1, abs=0.05)


def test_single_rows_have_the_published_errors() -> None:
    by_row = {(cell.model, cell.servers): emissions_error_percent(cell) for cell in TABLE_ONE}
    assert by_row[Model.MLP, 11] == pytest.approx(-9.3, abs=0.05)
    assert by_row[Model.CNN, 11] == pytest.approx(18.0, abs=0.05)
    assert by_row[Model.LSTM, 1] == pytest.approx(10.8, abs=0.05)


def test_a_single_server_stands_in_the_cleanest_region() -> None:
    assert mean_intensity(1) == min(REGIONS.values())
    assert mean_intensity(11) == pytest.approx((24.0 + sum(REGIONS.values())) / 11)


def test_the_physics_integrates_the_energy_that_the_line_gives() -> None:
    for cell in TABLE_ONE:
        wanted = workers_fit(cell.model).at(cell.workers)
        assert simulated_kilowatt_hours(cell) == pytest.approx(wanted, rel=1e-12)


def test_growth_exponents_are_the_published_ones() -> None:
    found = [(growth_exponent(m, emissions=False), growth_exponent(m, emissions=True)) for m in Model]
    assert [(round(e, 2), round(c, 2)) for e, c in found] == [(0.42, 1.59), (0.30, 1.36), (0.84, 1.99)]


def test_random_placement_is_the_same_for_the_same_seed_and_lies_among_the_regions() -> None:
    values = [random_intensity(5, seed) for seed in range(20)]
    assert values == [random_intensity(5, seed) for seed in range(20)]
    assert all(min(REGIONS.values()) <= value <= max(REGIONS.values()) for value in values)


@pytest.mark.parametrize("result", [table1(), fig3(range(30))], ids=lambda result: result.name)
def test_every_claim_that_can_be_decided_holds(result: object) -> None:
    claims = result.claims  # type: ignore[attr-defined]
    assert {claim.name for claim in claims if claim.holds is False} == set()


def test_nothing_claims_to_reproduce_the_headline() -> None:
    for result in (table1(), fig3(range(30))):
        assert "we reproduce" not in str(result.to_data()).lower()
