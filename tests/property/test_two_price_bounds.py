"""Relations that hold for every problem the price coordinator plans."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from sunward.optimisation.decomposition.columnar import NODE_FLAGS, NODE_FLOATS, Columns
from sunward.optimisation.decomposition.columnar_convert import to_columns
from sunward.optimisation.decomposition.columns import solve_columns, unsupported
from sunward.optimisation.decomposition.two_price import pairs
from support.optimisation.two_price import fleet

seeds = st.integers(min_value=0, max_value=2**32 - 1)
quietly = settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])


def optimum(columns: Columns) -> float:
    found = solve_columns(columns)
    assert found.plan is not None
    assert found.relative_gap is not None
    assert found.relative_gap <= 1e-7
    return found.plan.objective_grams


def feasible(seed: int) -> Columns:
    columns = to_columns(fleet(seed))
    assume(unsupported(columns) is None)
    assume(solve_columns(columns).plan is not None)
    return columns


@quietly
@given(seeds)
def test_bounds_meet_and_never_cross(seed: int) -> None:
    columns = to_columns(fleet(seed, choices=True))
    assume(unsupported(columns) is None)
    found = solve_columns(columns)
    lowers = [bounds.lower for bounds in found.history]
    assert lowers == sorted(lowers)
    if found.plan is not None:
        assert found.lower_bound_grams is not None
        assert 0 <= found.lower_bound_grams <= found.plan.objective_grams
        assert all(lower <= found.plan.objective_grams * (1 + 1e-9) + 1e-12 for lower in lowers)


@quietly
@given(seeds)
def test_the_order_of_nodes_does_not_matter(seed: int) -> None:
    columns = feasible(seed)
    order = np.random.default_rng(seed).permutation(len(columns))
    names = (*NODE_FLOATS, *NODE_FLAGS, "pool")
    shuffled = replace(columns, names=None, **{name: getattr(columns, name)[order] for name in names})
    assert optimum(shuffled) == pytest.approx(optimum(columns), rel=1e-6, abs=1e-9)


@quietly
@given(seeds)
def test_more_harvest_never_raises_emissions_where_harvest_is_clean(seed: int) -> None:
    columns = feasible(seed)
    columns = replace(columns, settings=replace(columns.settings, harvest_intensity_grams_per_kilowatt_hour=0.0))
    richer = replace(columns, harvest_watt_hours=columns.harvest_watt_hours * 1.5)
    assert optimum(richer) <= optimum(columns) * (1 + 1e-6) + 1e-9


@quietly
@given(seeds)
def test_more_freedom_never_raises_emissions(seed: int) -> None:
    columns = feasible(seed)
    without = {
        field: replace(columns, settings=replace(columns.settings, **{field: False}))
        for field in ("share_energy", "offload_tasks")
    }
    for restricted in without.values():
        plan = solve_columns(restricted).plan
        if plan is not None:
            assert optimum(columns) <= plan.objective_grams * (1 + 1e-6) + 1e-9


@quietly
@given(seeds)
def test_a_tighter_offload_cap_never_lowers_emissions(seed: int) -> None:
    columns = feasible(seed)
    tighter = replace(
        columns, settings=replace(columns.settings, maximum_offload_ratio=columns.settings.maximum_offload_ratio / 2)
    )
    plan = solve_columns(tighter).plan
    if plan is not None:
        assert optimum(columns) <= plan.objective_grams * (1 + 1e-6) + 1e-9


amounts = st.lists(st.floats(min_value=0.0, max_value=1e6), min_size=1, max_size=20)


@given(amounts, seeds)
def test_pairing_gives_every_sender_and_receiver_its_amount(sent: list[float], seed: int) -> None:
    total = sum(sent)
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(sent)))
    received = shares * total
    found = pairs(np.array(sent), received)
    assert len(found) <= 2 * len(sent)
    given_, taken = np.zeros(len(sent)), np.zeros(len(sent))
    for sender, receiver, amount in found:
        given_[sender] += amount
        taken[receiver] += amount
    np.testing.assert_allclose(given_, sent, atol=1e-9 * max(1.0, total))
    np.testing.assert_allclose(taken, received, atol=1e-9 * max(1.0, total))
