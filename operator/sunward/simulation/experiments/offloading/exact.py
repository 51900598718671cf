"""The optimum: for each bandwidth the best power in closed form, and a search over one dimension that misses nothing.

For a fixed bandwidth B the energy (p/xi + P_c) D/R(p) + kappa B tau has one stationary power, given by Lambert's W,
and is quasi-convex in it, so the best allowed power is that one, clipped. Over B there is one minimum only, in three
pieces that follow each other as B grows:

1. The power that is just in time. It falls with B, the time stays tau, and the energy is convex in B: B (2^(a/B) - 1)
   is the perspective of a convex function.
2. The stationary power. It grows with B, as its ratio to the noise falls. By the envelope theorem the derivative is
   kappa tau - P_c u(B) / B^2, where u(B) = B t(B) grows no faster than the square root of B: one zero.
3. The greatest power. Time is 1/R of a concave, increasing R: convex.

Energy and derivative are continuous where pieces meet (there the powers agree, and one of them is stationary), so the
sign changes once over all: a grid finds the two neighbours between which it does, and a golden section the place.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading.model import (
    AMPLIFIER_EFFICIENCY,
    CIRCUIT_WATTS,
    JOULES_PER_KILOWATT_HOUR,
    LEAST_HERTZ,
    LEAST_WATTS,
    MOST_HERTZ,
    MOST_WATTS,
    NOISE_WATTS_PER_HERTZ,
    Column,
    Profile,
    States,
    joules,
    latency_watts,
)

_POINTS: Final = 64
_GOLDEN: Final = (math.sqrt(5.0) - 1.0) / 2.0
_SECTIONS: Final = 34
"""Golden sections: the bracket of two grid steps shrinks below 1e-8 of a step, where energies agree to rounding."""
_HALVINGS: Final = 50
_SERIES: Final = 0.03
"""Distance from -1/e, as e x + 1, below which Halley's step loses digits and the series is exact to 1e-10."""


def lambert_w(x: Column) -> Column:
    """The principal branch of w exp(w) = x for x >= -1/e, by Halley's iteration; by series near the branch point."""
    root = np.sqrt(np.maximum(2.0 * (math.e * x + 1.0), 0.0))
    series: Column = -1.0 + root * (1.0 + root * (-1.0 / 3.0 + root * (11.0 / 72.0 - root * 43.0 / 540.0)))
    logarithm = np.log1p(np.maximum(x, 0.0))
    guess = np.where(x < 0.5, np.maximum(series, -0.9999), logarithm * (1.0 - np.log1p(logarithm) / (2.0 + logarithm)))
    for _ in range(5):
        power = np.exp(guess)
        error = guess * power - x
        guess = guess - error / (power * (guess + 1.0) - (guess + 2.0) * error / (2.0 * guess + 2.0))
    return np.where(root < _SERIES, series, guess)


def best_watts(states: States, hertz: Column) -> Column:
    """The best allowed power for a bandwidth; above MOST_WATTS where none is in time."""
    noise = NOISE_WATTS_PER_HERTZ * hertz / states.gain
    free = noise * np.expm1(1.0 + lambert_w((CIRCUIT_WATTS * AMPLIFIER_EFFICIENCY / noise - 1.0) / math.e))
    needed = latency_watts(states, hertz)
    allowed = np.maximum(np.clip(free, LEAST_WATTS, MOST_WATTS), needed)
    close = needed <= MOST_WATTS * (1.0 + 1e-12)
    return np.where(close, np.minimum(allowed, MOST_WATTS), np.maximum(needed, np.nextafter(MOST_WATTS, 2.0)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Bandwidth, power and energy, one entry a state."""

    hertz: Column
    watts: Column
    joules: Column


def solve(states: States) -> Choice:
    """The choice of least energy that is in time; an infinite energy where there is none."""
    log_hertz = _searched(states)
    hertz = np.clip(np.exp(log_hertz), LEAST_HERTZ, MOST_HERTZ)
    watts = best_watts(states, hertz)
    allowed = np.minimum(watts, MOST_WATTS)
    energy = np.where(watts <= MOST_WATTS, joules(states, hertz, allowed), np.inf)
    return Choice(hertz=hertz, watts=allowed, joules=energy)


def _energy(states: States, log_hertz: Column) -> Column:
    hertz = np.exp(log_hertz)
    return joules(states, hertz, np.minimum(best_watts(states, hertz), MOST_WATTS))


def _narrowest(states: States) -> Column:
    """The logarithm of the least bandwidth that can be in time; rates grow with it, so halving finds it."""
    low = np.full(len(states), math.log(LEAST_HERTZ))
    high = np.full(len(states), math.log(MOST_HERTZ))
    fits = latency_watts(states, np.exp(low)) <= MOST_WATTS
    for _ in range(_HALVINGS):
        middle = 0.5 * (low + high)
        late = latency_watts(states, np.exp(middle)) > MOST_WATTS
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return np.where(fits, math.log(LEAST_HERTZ), high)


def _searched(states: States) -> Column:
    """The logarithm of the best bandwidth."""
    start = _narrowest(states)
    step = (math.log(MOST_HERTZ) - start) / (_POINTS - 1)
    best, place = np.full(len(states), np.inf), np.zeros(len(states))
    for point in range(_POINTS):
        energy = _energy(states, start + point * step)
        better = energy < best
        best, place = np.where(better, energy, best), np.where(better, point, place)
    low = start + np.maximum(place - 1, 0) * step
    high = start + np.minimum(place + 1, _POINTS - 1) * step
    return _golden(states, low, high)


def _golden(states: States, low: Column, high: Column) -> Column:
    left, right = high - _GOLDEN * (high - low), low + _GOLDEN * (high - low)
    at_left, at_right = _energy(states, left), _energy(states, right)
    for _ in range(_SECTIONS):
        keeps = at_left < at_right
        low, high = np.where(keeps, low, left), np.where(keeps, right, high)
        inner = np.where(keeps, high - _GOLDEN * (high - low), low + _GOLDEN * (high - low))
        energy = _energy(states, inner)
        left, right = np.where(keeps, inner, right), np.where(keeps, left, inner)
        at_left, at_right = np.where(keeps, energy, at_right), np.where(keeps, at_left, energy)
    ends = np.stack([low, 0.5 * (low + high), high])
    energies = np.stack([_energy(states, end) for end in ends])
    best: Column = ends[np.argmin(energies, axis=0), np.arange(len(states))]
    return best


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitStates:
    """Tasks whose steps may be shared: what is sent, both grids (g/kWh), harvest at the server (J), time in all (s)."""

    sending: States
    user_grams_per_kilowatt_hour: Column
    harvest_joules: Column
    total_seconds: Column


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitChoice:
    """Steps at the server, bandwidth and power of what is sent, energy and grams; no bandwidth where nothing is."""

    server_steps: Column
    hertz: Column
    watts: Column
    joules: Column
    grams: Column


def solve_split(states: SplitStates, profile: Profile) -> SplitChoice:
    """The least grams over all splits; among equal ones (harvest makes many free) the least energy.

    Each number of steps leaves its own slot for sending and is a search of its own. Grams are infinite where no split
    is in time.
    """
    best = _split(states, profile, 0)
    for steps in range(1, profile.steps + 1):
        other = _split(states, profile, steps)
        better = (other.grams < best.grams) | ((other.grams == best.grams) & (other.joules < best.joules))
        best = SplitChoice(
            **{
                name: np.where(better, getattr(other, name), getattr(best, name))
                for name in ("server_steps", "hertz", "watts", "joules", "grams")
            }
        )
    return best


def _split(states: SplitStates, profile: Profile, server_steps: int) -> SplitChoice:
    user_steps = profile.steps - server_steps
    count = len(states.sending)
    slot = states.total_seconds - server_steps * profile.server_seconds - user_steps * profile.user_seconds
    user_joules = user_steps * profile.user_joules
    if server_steps == 0:
        sent, hertz, watts = np.zeros(count), np.zeros(count), np.zeros(count)
        in_time = slot >= 0.0
    else:
        sending = States(
            gain=states.sending.gain,
            bits=states.sending.bits,
            slot_seconds=np.maximum(slot, 1e-6),
            grams_per_kilowatt_hour=states.sending.grams_per_kilowatt_hour,
        )
        choice = solve(sending)
        sent, hertz, watts = choice.joules, choice.hertz, choice.watts
        in_time = (slot > 0.0) & np.isfinite(sent)
    bought = np.maximum(0.0, sent + server_steps * profile.server_joules - states.harvest_joules)
    grams = states.sending.grams_per_kilowatt_hour * bought + states.user_grams_per_kilowatt_hour * user_joules
    energy = sent + server_steps * profile.server_joules + user_joules
    return SplitChoice(
        server_steps=np.full(count, float(server_steps)),
        hertz=hertz,
        watts=watts,
        joules=np.where(in_time, energy, np.inf),
        grams=np.where(in_time, grams / JOULES_PER_KILOWATT_HOUR, np.inf),
    )
