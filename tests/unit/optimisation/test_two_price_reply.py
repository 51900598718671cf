"""A node's closed-form reply against a search over everything the node could do."""

import numpy as np
import pytest

from sunward.optimisation.decomposition.columnar import NO_POOL, Columns
from sunward.optimisation.decomposition.columnar_convert import not_columnar, to_columns
from sunward.optimisation.decomposition.columns import unsupported
from sunward.optimisation.decomposition.reply import Offer, group_detail, group_sums
from sunward.optimisation.decomposition.rows import Group, groups
from support.optimisation.two_price import fleet

STEPS = 4001


def usable(seed: int, *, choices: bool) -> Columns:
    """A fleet with closed-form replies: the seed's, or that of the next seed in a hundred that draws one."""
    fleets = (fleet(other, choices=choices) for other in range(seed, seed + 10_000, 100))
    columns = (to_columns(drawn) for drawn in fleets if not_columnar(drawn) is None)
    return next(found for found in columns if unsupported(found) is None)


def searched(group: Group, position: int, offer: Offer, harvest_price: float) -> float:
    """The node's least cost by trying a fine grid of moves, and the best of all energy sources for each."""
    best = np.inf
    count = len(group.nodes)
    for mode in range(len(group.modes)):
        rows = group.rows.take(np.array([mode * count + position], dtype=np.int32))
        if rows.impossible[0]:
            continue
        received = np.linspace(rows.receive_least[0], rows.receive_most[0], STEPS)
        dispatched = np.linspace(rows.send_least[0], rows.send_most[0], STEPS)
        zero = np.zeros(STEPS)
        for x, y in ((received, zero + rows.send_least[0]), (zero + rows.receive_least[0], dispatched)):
            demand = rows.demand[0] + rows.per_received[0] * x - rows.per_sent[0] * y
            cost = rows.grams[0] + rows.grams_received[0] * x - rows.grams_sent[0] * y - offer.task * (x - y)
            cost = cost + offer.asleep * rows.asleep[0]
            cost = cost + cheapest_energy(group, rows.grid[0], demand, offer, harvest_price, rows)
            best = min(best, float(cost.min()))
    return best


def cheapest_energy(group: Group, grid: float, demand, offer: Offer, harvest_price: float, rows):  # type: ignore[no-untyped-def]
    """Tries every corner of what may be sent; the rest of the demand is met from the cheapest sources first."""
    pooled = group.pool != NO_POOL
    outside = min(grid, offer.energy / group.efficiency if pooled else np.inf)
    options = []
    for sent in {0.0, float(rows.sellable[0])} if pooled else {0.0}:
        own = np.minimum(demand, rows.harvest[0] - sent) if harvest_price < outside else 0.0 * demand
        options.append(own * harvest_price + (demand - own) * outside + sent * (harvest_price - offer.energy))
    if pooled:
        sent = np.clip(rows.harvest[0] - demand, 0.0, rows.sellable[0])
        own = np.minimum(demand, rows.harvest[0] - sent)
        options.append(own * harvest_price + (demand - own) * outside + sent * (harvest_price - offer.energy))
    return np.min(options, axis=0)


@pytest.mark.parametrize("choices", [False, True])
@pytest.mark.parametrize("seed", range(25))
def test_no_node_finds_a_better_answer_to_prices_than_the_closed_form(seed: int, choices: bool) -> None:
    columns = usable(seed, choices=choices)
    draw = np.random.default_rng(seed)
    harvest_price = columns.settings.harvest_intensity_grams_per_kilowatt_hour / 1000
    for group in groups(columns):
        offer = Offer(energy=float(draw.uniform(0, 0.7)), task=float(draw.uniform(0, 0.004)), asleep=0.01)
        mine = group_sums(group, offer, harvest_price).grams
        found = sum(searched(group, position, offer, harvest_price) for position in range(len(group.nodes)))
        if np.isfinite(found):
            assert mine <= found + 1e-9 * abs(found) + 1e-12
            assert mine == pytest.approx(found, rel=2e-3, abs=1e-4)


@pytest.mark.parametrize("seed", range(10))
def test_sums_are_the_sums_of_the_details(seed: int) -> None:
    columns = usable(seed, choices=True)
    offer = Offer(energy=0.2, task=0.001, asleep=0.0)
    for group in groups(columns):
        sums, detail = group_sums(group, offer, 0.0), group_detail(group, offer, 0.0)
        assert sums.tasks == pytest.approx(detail.moved.sum(), abs=1e-9)
        assert sums.energy == pytest.approx(detail.sent.sum() - detail.drawn.sum(), abs=1e-9)
