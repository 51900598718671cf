"""Actions and what they are worth: pairs in [-1, 1], the reward, and its derivatives."""

from __future__ import annotations

from typing import Final, Protocol

import numpy as np

from sunward.simulation.experiments.offloading.model import (
    AMPLIFIER_EFFICIENCY,
    CIRCUIT_WATTS,
    LATE,
    LEAST_HERTZ,
    LEAST_WATTS,
    MOST_HERTZ,
    MOST_WATTS,
    RESERVED_WATTS_PER_HERTZ,
    Column,
    States,
    joules,
    seconds,
    signal_ratio,
)
from sunward.simulation.experiments.offloading.networks import Matrix

FEATURES: Final = 4


ACTIONS: Final = 2


PENALTY: Final = 2.0
"""Reward that a transmission loses that takes twice its slot or longer."""


_GRAMS_SCALE: Final = 500.0
"""Intensity (g/kWh) at which a joule costs a reward of one."""


class Policy(Protocol):
    """Chooses actions."""

    def actions(self, rows: Matrix) -> Matrix:
        """Actions for rows of features, without chance."""


def features(states: States) -> Matrix:
    """States as rows near zero."""
    columns = (
        np.log10(states.gain) + 11.0,
        (states.bits - 8.5e6) / 4.5e6,
        (states.slot_seconds - 0.85) / 0.4,
        (states.grams_per_kilowatt_hour - 360.0) / 200.0,
    )
    return np.stack(columns, axis=1).astype(np.float32)


_LOG_HERTZ: Final = (np.log(LEAST_HERTZ), np.log(MOST_HERTZ / LEAST_HERTZ))


_LOG_WATTS: Final = (np.log(LEAST_WATTS), np.log(MOST_WATTS / LEAST_WATTS))


def chosen(actions: Matrix) -> tuple[Column, Column]:
    """Bandwidth and power of actions, clipped to their ranges."""
    unit = 0.5 * (np.clip(actions.astype(np.float64), -1.0, 1.0) + 1.0)
    return np.exp(_LOG_HERTZ[0] + _LOG_HERTZ[1] * unit[:, 0]), np.exp(_LOG_WATTS[0] + _LOG_WATTS[1] * unit[:, 1])


def actions_of(hertz: Column, watts: Column) -> Matrix:
    """The actions that choose these."""
    first = (np.log(hertz) - _LOG_HERTZ[0]) / _LOG_HERTZ[1]
    second = (np.log(watts) - _LOG_WATTS[0]) / _LOG_WATTS[1]
    return (2.0 * np.stack([first, second], axis=1) - 1.0).astype(np.float32)


def reward(states: States, actions: Matrix) -> Column:
    """Negative energy, weighed by the grid, less the penalty; at most zero."""
    hertz, watts = chosen(actions)
    late = np.clip(seconds(states, hertz, watts) / states.slot_seconds - 1.0 - LATE, 0.0, 1.0)
    return -states.grams_per_kilowatt_hour / _GRAMS_SCALE * joules(states, hertz, watts) - PENALTY * late


def reward_slopes(states: States, actions: Matrix) -> Matrix:
    """Derivatives of the reward by the actions, as the model has them."""
    hertz, watts = chosen(actions)
    ratio, time = signal_ratio(states, hertz, watts), seconds(states, hertz, watts)
    share = ratio / ((1.0 + ratio) * np.log1p(ratio))
    time_by_watts, time_by_hertz = -time * share, -time * (1.0 - share)
    drawn = watts / AMPLIFIER_EFFICIENCY + CIRCUIT_WATTS
    by_watts = watts / AMPLIFIER_EFFICIENCY * time + drawn * time_by_watts
    by_hertz = drawn * time_by_hertz + RESERVED_WATTS_PER_HERTZ * hertz * states.slot_seconds
    over = time / states.slot_seconds - 1.0
    pushes = PENALTY * ((over > LATE) & (over < 1.0)) / states.slot_seconds
    weight = states.grams_per_kilowatt_hour / _GRAMS_SCALE
    slopes = np.stack(
        [
            -(weight * by_hertz + pushes * time_by_hertz) * _LOG_HERTZ[1] / 2.0,
            -(weight * by_watts + pushes * time_by_watts) * _LOG_WATTS[1] / 2.0,
        ],
        axis=1,
    )
    return slopes.astype(np.float32)
