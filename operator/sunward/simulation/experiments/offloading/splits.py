"""Sharing the steps of a picture between server and user: over which intensities and harvests how many go where."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from sunward.simulation.experiments.offloading.exact import SplitChoice, SplitStates, solve_split
from sunward.simulation.experiments.offloading.model import DECLARED, JOULES_PER_KILOWATT_HOUR, States, draw

_SEED: Final = 90_300
_COUNT: Final = 400
_SECONDS: Final = (1.2, 6.5)
_MOST_HARVEST_JOULES: Final = 100.0
MAP_GRAMS: Final = (50.0, 200.0, 350.0, 500.0, 650.0)
MAP_HARVEST_JOULES: Final = (0.0, 25.0, 50.0, 75.0, 100.0)
_MAP_SECONDS: Final = 6.0


def drawn(count: int = _COUNT) -> SplitStates:
    """Tasks with grids, harvests and times of their own."""
    generator = np.random.default_rng(_SEED)
    sending = draw(count, generator)
    return SplitStates(
        sending=sending,
        user_grams_per_kilowatt_hour=generator.uniform(20.0, 700.0, count),
        harvest_joules=generator.uniform(0.0, _MOST_HARVEST_JOULES, count),
        total_seconds=generator.uniform(*_SECONDS, count),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Splits:
    """What the optimum does over drawn states."""

    states: SplitStates
    choice: SplitChoice

    @property
    def counts(self) -> list[int]:
        """States by steps at the server; those that no split can serve in time count nowhere."""
        served = self.choice.server_steps[np.isfinite(self.choice.grams)].astype(int)
        return [int(count) for count in np.bincount(served, minlength=DECLARED.steps + 1)]

    @property
    def sending_share_percent(self) -> float:
        """Joules of sending in all joules of the served states."""
        served = np.isfinite(self.choice.grams)
        steps = self.choice.server_steps[served]
        computed = steps * DECLARED.server_joules + (DECLARED.steps - steps) * DECLARED.user_joules
        total = self.choice.joules[served].sum()
        return float(100.0 * (total - computed.sum()) / total)

    @property
    def whole_server_grams(self) -> tuple[float, float]:
        """Grams of the optimum, and of leaving every step to the server, over states where that is in time."""
        alone = self.states.sending.grams_per_kilowatt_hour * np.maximum(
            0.0, DECLARED.steps * DECLARED.server_joules - self.states.harvest_joules
        )
        served = np.isfinite(self.choice.grams) & (
            self.states.total_seconds >= DECLARED.steps * DECLARED.server_seconds + 1.5
        )
        return float(self.choice.grams[served].sum()), float(alone[served].sum() / JOULES_PER_KILOWATT_HOUR)


def over_draws(count: int = _COUNT) -> Splits:
    """The optimum of drawn states."""
    states = drawn(count)
    return Splits(states=states, choice=solve_split(states, DECLARED))


def strategy_map() -> list[tuple[float, float, float, int]]:
    """Rows of server's intensity, user's intensity, harvest, and steps at the server, for one link."""
    grid = [(server, user, harvest) for harvest in MAP_HARVEST_JOULES for server in MAP_GRAMS for user in MAP_GRAMS]
    server, user, harvest = (np.array(column) for column in zip(*grid, strict=True))
    count = len(grid)
    sending = States(
        gain=np.full(count, 10.0 ** (-(30.5 + 36.7 * np.log10(200.0)) / 10.0)),
        bits=np.full(count, 8.0e6),
        slot_seconds=np.ones(count),
        grams_per_kilowatt_hour=server,
    )
    states = SplitStates(
        sending=sending,
        user_grams_per_kilowatt_hour=user,
        harvest_joules=harvest,
        total_seconds=np.full(count, _MAP_SECONDS),
    )
    steps = solve_split(states, DECLARED).server_steps
    return [(*row, int(step)) for row, step in zip(grid, steps, strict=True)]
