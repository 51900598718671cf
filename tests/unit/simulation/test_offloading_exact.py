"""The exact offloading optimum: against grids, an independent solver, enumeration, and the units of its parts."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
from scipy import optimize, special

from sunward.simulation.experiments.offloading import account, exact, splits
from sunward.simulation.experiments.offloading.claims import grid_margin
from sunward.simulation.experiments.offloading.model import (
    DECLARED,
    INSIDE,
    LEAST_HERTZ,
    MOST_HERTZ,
    MOST_WATTS,
    OUTSIDE,
    Profile,
    States,
    draw,
    is_in_time,
    joules,
    latency_watts,
    repaired,
    seconds,
)

NOISE, EFFICIENCY, CIRCUIT, RESERVED = 3.2e-20, 0.35, 0.1, 3.0e-8


def states(count: int, seed: int = 5, name: str = "") -> States:
    return draw(count, np.random.default_rng(seed), OUTSIDE[name] if name else INSIDE)


def test_no_point_of_a_fine_grid_is_below_the_optimum() -> None:
    assert grid_margin(200, 400) > 0.0


@pytest.mark.parametrize("name", ["", *OUTSIDE])
def test_the_energy_falls_and_then_grows_with_the_bandwidth(name: str) -> None:
    hertz = np.geomspace(LEAST_HERTZ, MOST_HERTZ, 2000)
    drawn = states(60, name=name)
    for number in range(len(drawn)):
        one = drawn.rows(np.full(len(hertz), number))
        watts = exact.best_watts(one, hertz)
        energies = joules(one, hertz, np.minimum(watts, MOST_WATTS))[watts <= MOST_WATTS]
        turns = np.sign(np.diff(energies))
        assert (np.diff(turns[turns != 0]) != 0).sum() <= 1


def test_lambert_w_is_the_inverse_of_w_exp_w() -> None:
    near = -1.0 / math.e + np.logspace(-15, -2, 200)
    far = np.logspace(-6, 12, 300)
    for x in (near, far, -far[far < 0.3]):
        assert exact.lambert_w(x) == pytest.approx(special.lambertw(x).real, rel=1e-8, abs=1e-9)


def by_scipy(gain: float, bits: float, slot: float) -> float:
    """The least energy by another way: a bounded search over the bandwidth, the power by SciPy's W."""

    def energy(log_hertz: float) -> float:
        hertz = math.exp(log_hertz)
        noise = NOISE * hertz / gain
        needed = noise * (2.0 ** min(900.0, bits / hertz / slot) - 1.0)
        if needed > 1.0:
            return 1e3 + needed
        free = noise * (math.exp(1.0 + special.lambertw((CIRCUIT * EFFICIENCY / noise - 1.0) / math.e).real) - 1.0)
        watts = min(1.0, max(1e-3, free, needed))
        sent = bits / (hertz * math.log2(1.0 + watts / noise))
        return (watts / EFFICIENCY + CIRCUIT) * sent + RESERVED * hertz * slot

    found = optimize.minimize_scalar(
        energy, bounds=(math.log(1e6), math.log(20e6)), method="bounded", options={"xatol": 1e-11}
    )
    return min(found.fun, energy(math.log(1e6)), energy(math.log(20e6)))


def test_two_independent_solvers_agree() -> None:
    drawn = states(150, seed=6)
    found = exact.solve(drawn).joules
    other = [
        by_scipy(gain, bits, slot) for gain, bits, slot in zip(drawn.gain, drawn.bits, drawn.slot_seconds, strict=True)
    ]
    assert found == pytest.approx(other, rel=1e-9)


def test_choices_are_in_time_and_a_little_less_power_is_not_or_is_dearer() -> None:
    drawn = states(300, seed=7)
    choice = exact.solve(drawn)
    assert is_in_time(drawn, choice.hertz, choice.watts).all()
    less = choice.watts * 0.999
    assert (~is_in_time(drawn, choice.hertz, less) | (joules(drawn, choice.hertz, less) >= choice.joules)).all()


def test_what_cannot_be_sent_in_time_has_no_optimum() -> None:
    one = states(1)
    hopeless = dataclasses.replace(one, slot_seconds=one.slot_seconds * 1e-3)
    assert np.isinf(exact.solve(hopeless).joules).all()


def test_units_seconds_joules_and_grams_scale_as_they_must() -> None:
    drawn = states(50, seed=8)
    hertz, watts = np.full(50, 5e6), np.full(50, 0.2)
    double = dataclasses.replace(drawn, bits=2.0 * drawn.bits, slot_seconds=2.0 * drawn.slot_seconds)
    assert seconds(double, hertz, watts) == pytest.approx(2.0 * seconds(drawn, hertz, watts))
    assert joules(double, hertz, watts) == pytest.approx(2.0 * joules(drawn, hertz, watts))
    assert latency_watts(double, hertz) == pytest.approx(latency_watts(drawn, hertz))


def test_the_intensity_moves_no_choice_without_shared_steps() -> None:
    drawn = states(40, seed=9)
    dirty = dataclasses.replace(drawn, grams_per_kilowatt_hour=3.0 * drawn.grams_per_kilowatt_hour)
    first, second = exact.solve(drawn), exact.solve(dirty)
    assert np.array_equal(first.hertz, second.hertz)
    assert np.array_equal(first.watts, second.watts)


def test_repair_makes_everything_in_time_and_leaves_what_is() -> None:
    drawn = states(200, seed=10)
    chance = np.random.default_rng(3)
    hertz, watts = np.exp(chance.uniform(13.9, 16.8, 200)), np.exp(chance.uniform(-6.9, 0.0, 200))
    mended = repaired(drawn, hertz, watts)
    assert is_in_time(drawn, *mended).all()
    timely = is_in_time(drawn, hertz, watts)
    assert mended[0][timely] == pytest.approx(hertz[timely])
    assert mended[1][timely] == pytest.approx(watts[timely])


def least_by_enumeration(drawn: splits.SplitStates, number: int, profile: Profile) -> float:
    """Grams of the best split, one state and one split at a time."""
    one, found = drawn.sending, []
    server, user = one.grams_per_kilowatt_hour[number], drawn.user_grams_per_kilowatt_hour[number]
    for steps in range(profile.steps + 1):
        rest = profile.steps - steps
        slot = drawn.total_seconds[number] - steps * profile.server_seconds - rest * profile.user_seconds
        if steps == 0:
            sent = 0.0 if slot >= 0.0 else math.inf
        else:
            sent = by_scipy(one.gain[number], one.bits[number], slot) if slot > 1e-3 else math.inf
        if sent < 1e3:
            bought = max(0.0, sent + steps * profile.server_joules - drawn.harvest_joules[number])
            found.append((server * bought + user * rest * profile.user_joules) / 3.6e6)
    return min(found, default=math.inf)


def test_shared_steps_are_those_of_enumeration() -> None:
    drawn = splits.drawn(40)
    found = exact.solve_split(drawn, DECLARED)
    other = [least_by_enumeration(drawn, number, DECLARED) for number in range(40)]
    assert found.grams == pytest.approx(other, rel=1e-9)


def test_among_equal_grams_the_least_energy_decides() -> None:
    drawn = splits.drawn(60)
    free = dataclasses.replace(
        drawn,
        harvest_joules=np.full(60, 1e3),
        user_grams_per_kilowatt_hour=np.zeros(60),
        total_seconds=np.full(60, 6.5),
    )
    found = exact.solve_split(free, DECLARED)
    assert (found.grams == 0.0).all()
    assert (found.server_steps == 0.0).all()  # at the user a step takes half the energy, and nothing is sent


def test_every_number_of_steps_is_best_somewhere_and_the_grids_decide() -> None:
    counts = splits.over_draws().counts
    assert min(counts) > 0
    rows = {(server, user): steps for server, user, harvest, steps in splits.strategy_map() if harvest == 0.0}
    assert rows[50.0, 650.0] == DECLARED.steps
    assert rows[650.0, 50.0] == 0


def test_the_account_of_the_papers_training() -> None:
    assert account.of_energy(8.148).grams == pytest.approx(1.672, rel=1e-3)
    assert account.of_energy(8.148, 582.0).grams == pytest.approx(4.74, abs=0.005)
    assert account.of_seconds(3600.0).watt_hours == account.WATTS_PER_BUSY_CORE
