"""Relations between optima of related problems: what must hold whatever the numbers are."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from sunward.optimisation.problem.instance import EnergyPool, Job, Node, Problem
from sunward.optimisation.problem.schemes import Scheme, with_mode
from sunward.optimisation.solve import solve_exact
from support.optimisation.instances import NETWORK, instance, problem
from support.optimisation.instances import node as plain_node

SEEDS = range(0, 120, 6)


def optimum(made: Problem) -> float:
    """The optimum in grams; infinite where there is no plan."""
    objective = solve_exact(made).objective_grams
    return float("inf") if objective is None else objective


def no_more(left: float, right: float) -> bool:
    """Left at most right, to the precision of the format."""
    return left <= right * (1 + 2e-6) + 2e-7 if right != float("inf") else True


def same(left: float, right: float) -> bool:
    """Equal to the precision of the format."""
    return no_more(left, right) and no_more(right, left)


def nodes(made: Problem, change: Callable[[Node], Node]) -> Problem:
    """The problem with every node changed."""
    return replace(made, nodes=tuple(change(each) for each in made.nodes))


def jobs(made: Problem, change: Callable[[Job], Job]) -> Problem:
    """The problem with every job changed."""
    return replace(made, jobs=tuple(change(each) for each in made.jobs))


def shifting(seed: int) -> Problem:
    """An instance whose optimum is monotone: with a fixed earliest schedule more freedom may cost grams."""
    made = instance(seed)
    return replace(made, policy=replace(made.policy, shift_in_time=True))


@pytest.mark.parametrize("seed", SEEDS)
def test_deta_emits_no_more_than_det_and_dat_and_these_no_more_than_none(seed: int) -> None:
    none, det, dat, deta = (optimum(with_mode(shifting(seed), mode)) for mode in Scheme)
    assert no_more(deta, min(det, dat))
    assert no_more(det, none)
    assert no_more(dat, none)


def without_sun(each: Node) -> Node:
    """The node without harvest, and with a battery that need not be charged and may not be drained."""
    battery = each.battery and replace(each.battery, initial_watt_hours=each.battery.minimum_watt_hours)
    battery = battery and replace(battery, final_watt_hours=battery.minimum_watt_hours, charge_from_grid=False)
    return replace(each, harvest_watt_hours=(0.0,) * len(each.harvest_watt_hours), battery=battery)


@pytest.mark.parametrize("seed", SEEDS)
def test_without_harvest_sharing_energy_changes_nothing(seed: int) -> None:
    made = nodes(shifting(seed), without_sun)
    assert same(optimum(with_mode(made, Scheme.DETA)), optimum(with_mode(made, Scheme.DAT)))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_cap_of_zero_equals_forbidding_to_move(seed: int) -> None:
    made = shifting(seed)
    capped = jobs(made, lambda each: replace(each, maximum_offload_ratio=0.0))
    still = replace(made, policy=replace(made.policy, offload_tasks=False))
    assert same(optimum(capped), optimum(still))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_pool_that_loses_almost_everything_is_hardly_worth_anything(seed: int) -> None:
    made = shifting(seed)
    leaky = replace(made, energy_pools=tuple(replace(pool, efficiency=1e-9) for pool in made.energy_pools))
    still = replace(made, policy=replace(made.policy, share_energy=False))
    assert optimum(leaky) == pytest.approx(optimum(still), rel=2e-6, abs=1e-6)


def more(seed: int) -> list[tuple[str, Problem]]:
    """The instance with one thing made more generous at a time."""
    made = shifting(seed)

    def pools(change: Callable[[EnergyPool], EnergyPool]) -> Problem:
        return replace(made, energy_pools=tuple(change(each) for each in made.energy_pools))

    return [
        (
            "offload cap",
            jobs(made, lambda j: replace(j, maximum_offload_ratio=min(1.0, j.maximum_offload_ratio + 0.3))),
        ),
        ("receivers", jobs(made, lambda j: replace(j, movable_to=None))),
        ("deadline", jobs(made, lambda j: replace(j, deadline_period=made.period_count))),
        ("workers", jobs(made, lambda j: replace(j, minimum_workers=0, minimum_batches_per_worker=0.0))),
        (
            "export ratio",
            nodes(made, lambda n: replace(n, maximum_export_ratio=min(1.0, n.maximum_export_ratio + 0.3))),
        ),
        ("storage", nodes(made, lambda n: replace(n, storage_gigabytes=n.storage_gigabytes + 1))),
        ("pool efficiency", pools(lambda p: replace(p, efficiency=1.0))),
        ("harvest", nodes(made, lambda n: replace(n, harvest_watt_hours=tuple(h + 0.5 for h in n.harvest_watt_hours)))),
        (
            "battery capacity",
            nodes(
                made,
                lambda n: replace(
                    n, battery=n.battery and replace(n.battery, capacity_watt_hours=n.battery.capacity_watt_hours + 5)
                ),
            ),
        ),
        ("asleep watts", nodes(made, lambda n: replace(n, asleep_watts=n.asleep_watts / 2))),
        ("sleepers", replace(made, policy=replace(made.policy, maximum_asleep_nodes=None))),
        ("naps", replace(made, policy=replace(made.policy, partial_period_sleep=True))),
        ("wake", nodes(made, lambda n: replace(n, wake_watt_hours=0.0, wake_seconds=0.0))),
        (
            "network",
            replace(made, network=replace(NETWORK, transit_watt_hours_per_gigabyte=0.0, seconds_per_gigabyte=0.0)),
        ),
    ]


@pytest.mark.parametrize("seed", range(0, 60, 5))
def test_more_generosity_never_emits_more(seed: int) -> None:
    before = optimum(shifting(seed))
    for what, generous in more(seed):
        assert no_more(optimum(generous), before), what


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_nodes_jobs_and_pools_does_not_matter(seed: int) -> None:
    made = instance(seed)
    turned = replace(made, nodes=made.nodes[::-1], jobs=made.jobs[::-1], energy_pools=made.energy_pools[::-1])
    assert same(optimum(made), optimum(turned))


@pytest.mark.parametrize("factor", [1e-3, 2.0, 1e3])
@pytest.mark.parametrize("seed", range(0, 60, 10))
def test_all_emission_factors_times_a_number_give_the_optimum_times_it(seed: int, factor: float) -> None:
    made = instance(seed)
    times = replace(
        made,
        intensity_grams_per_kilowatt_hour={
            zone: tuple(factor * value for value in values)
            for zone, values in made.intensity_grams_per_kilowatt_hour.items()
        },
        harvest_intensity_grams_per_kilowatt_hour=factor * made.harvest_intensity_grams_per_kilowatt_hour,
        network=replace(
            made.network,
            transit_intensity_grams_per_kilowatt_hour=factor * made.network.transit_intensity_grams_per_kilowatt_hour,
        ),
    )
    times = nodes(
        times,
        lambda each: replace(
            each,
            embodied_grams_per_hour=factor * each.embodied_grams_per_hour,
            battery=each.battery
            and replace(each.battery, wear_grams_per_watt_hour=factor * each.battery.wear_grams_per_watt_hour),
        ),
    )
    left, right = optimum(times), factor * optimum(made)
    assert left == right or left == pytest.approx(right, rel=2e-6, abs=2e-7 * max(1.0, factor))


@pytest.mark.parametrize("factor", [1e-3, 1e3])
@pytest.mark.parametrize("seed", range(0, 60, 10))
def test_batches_cut_into_pieces_change_nothing(seed: int, factor: float) -> None:
    made = instance(seed)
    cut = jobs(
        made,
        lambda each: replace(
            each,
            batches={name: factor * value for name, value in each.batches.items()},
            watt_hours_per_batch={name: value / factor for name, value in each.watt_hours_per_batch.items()},
            seconds_per_batch={name: value / factor for name, value in each.seconds_per_batch.items()},
            gigabytes_per_batch=each.gigabytes_per_batch / factor,
            minimum_batches_per_worker=factor * each.minimum_batches_per_worker,
        ),
    )
    assert same(optimum(cut), optimum(made))


def test_equal_intensities_and_no_surplus_leave_nothing_to_gain() -> None:
    made = instance(7)
    flat = replace(
        nodes(made, lambda each: replace(without_sun(each), battery=None, idle_watts=2.0, asleep_watts=2.0)),
        intensity_grams_per_kilowatt_hour=dict.fromkeys(
            made.intensity_grams_per_kilowatt_hour, (300.0,) * made.period_count
        ),
        policy=replace(made.policy, include_embodied=False, shift_in_time=True),
        jobs=(),
    )
    assert same(optimum(with_mode(flat, Scheme.NONE)), optimum(with_mode(flat, Scheme.DETA)))


def test_one_node_works() -> None:
    assert optimum(problem(plain_node("only", can_sleep=False))) == pytest.approx(2.0)
