"""What happens and what is believed about it: harvest and intensity per period, true and forecast.

Forecasts are unbiased. Their error is a random walk over the lead whose spread six hours ahead is the
scenario's ratio, drawn anew for every time of issue, so that a later forecast of the same hour is a better one.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sunward.simulation.scenario import Scenario
from sunward.simulation.weather import harvest_traces, marginal_traces, zone_traces
from sunward.simulation.world import Trace

Series = NDArray[np.float64]  # (periods,)
_REFERENCE_LEAD_HOURS = 6.0
_INTENSITY_STREAMS = 10_000
"""Where the random streams of zones begin, so that they never meet those of nodes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlook:
    """Beliefs from one period on: watt-hours by node and grams per kilowatt-hour by zone, (periods,) each."""

    harvest_watt_hours: dict[str, Series]
    intensity: dict[str, Series]


class Future:
    """All periods of a scenario, with enough beyond the end for the last horizon."""

    def __init__(self, scenario: Scenario, seed: int, *, first_period: int = 0) -> None:
        """Average the traces over every period; raises InvalidInput for a trace that does not exist.

        `intensity` and `marginal` are g/kWh by zone, `harvest_watt_hours` by node, all (periods,) from `first_period`.
        """
        self._scenario = scenario
        self._seed = seed
        self._first = first_period
        hours, count = scenario.period_hours, scenario.periods + scenario.horizon_periods
        starts = scenario.trace_offset_hours + hours * (first_period + np.arange(count, dtype=np.float64))
        panels = harvest_traces(scenario, hours * (first_period + count), seed)
        self.intensity = {name: _means(trace, starts, hours) for name, trace in zone_traces(scenario).items()}
        self.marginal = {name: _means(trace, starts, hours) for name, trace in marginal_traces(scenario).items()}
        self.harvest_watt_hours = {
            name: hours * _nameplate(scenario, name) * _means(trace, starts, hours) for name, trace in panels.items()
        }

    def outlook(self, period: int, count: int, *, perfect: bool = False) -> Outlook:
        """Beliefs issued at the start of `period` about the next `count` periods; the truth when `perfect`."""
        window = slice(period, period + count)
        error = self._scenario.forecast_error
        return Outlook(
            harvest_watt_hours={
                name: values[window] * self._noise(period, count, error.harvest_ratio, number, perfect)
                for number, (name, values) in enumerate(self.harvest_watt_hours.items())
            },
            intensity={
                name: values[window]
                * self._noise(period, count, error.intensity_ratio, _INTENSITY_STREAMS + number, perfect)
                for number, (name, values) in enumerate(self.intensity.items())
            },
        )

    def observed(self, period: int) -> Outlook:
        """What was measured in every period before `period`, from the first."""
        past = slice(0, period)
        return Outlook(
            harvest_watt_hours={name: values[past] for name, values in self.harvest_watt_hours.items()},
            intensity={name: values[past] for name, values in self.intensity.items()},
        )

    def _noise(self, period: int, count: int, ratio: float, stream: int, perfect: bool) -> Series:
        """Factors of mean one, log-normal, whose spread grows with the square root of the lead.

        With sigma^2 = ln(1 + ratio^2) a log-normal factor has the standard deviation `ratio`, and minus half of its
        variance in the exponent keeps its mean at one.
        """
        if perfect or ratio == 0.0:
            return np.ones(count)
        generator = np.random.default_rng((self._seed, self._first + period, stream))
        leads = (np.arange(count) + 0.5) * self._scenario.period_hours
        steps = np.diff(leads, prepend=0.0) / _REFERENCE_LEAD_HOURS
        spread = np.sqrt(np.log1p(ratio**2))
        walk = np.cumsum(generator.standard_normal(count) * np.sqrt(steps)) * spread
        factors: Series = np.exp(walk - 0.5 * spread**2 * leads / _REFERENCE_LEAD_HOURS)
        return factors


def _means(trace: Trace, starts: Series, hours: float) -> Series:
    return np.array([trace.average(start, start + hours) for start in starts])


def _nameplate(scenario: Scenario, name: str) -> float:
    harvest = scenario.nodes[name].harvest
    return 0.0 if harvest is None else harvest.nameplate_watts
