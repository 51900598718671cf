"""Harvest without a trace: a clear sky by the sun's height, under clouds that come and go.

Clear sky: B. Haurwitz, Insolation in relation to cloudiness and cloud density, Journal of Meteorology 2 (1945)
154-166, with the constants that pvlib uses, 1098 cos z exp(-0.059 / cos z) W/m2. Declination: P. I. Cooper, The
absorption of radiation in solar stills, Solar Energy 12 (1969) 333-346. The equation of time (at most 16 minutes) is
left out. Clouds: a first-order autoregression of the clearness, cut to what a sky can be. Panels lie flat and give
their nameplate at 1000 W/m2.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np

from sunward.domain.units import SECONDS_PER_HOUR
from sunward.simulation.world.traces import Trace

STEP_HOURS = 1.0 / 12.0
"""Five minutes, as the bundled traces of solar output."""
DARKEST_CLEARNESS = 0.05
"""Even under the thickest cloud some light arrives."""

_STANDARD_WATTS_PER_SQUARE_METRE = 1000.0
"""Irradiance of the standard test conditions, at which a panel gives its nameplate."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sky:
    """Where a panel lies and what its weather is like.

    `mean_clearness` is the share of clear-sky light that arrives on average, `clearness_spread` its standard deviation,
    `persistence_hours` the time after which a cloud is mostly forgotten (the autocorrelation has fallen to 1/e).
    """

    latitude_degrees: float
    longitude_degrees: float
    mean_clearness: float = 0.7
    clearness_spread: float = 0.25
    persistence_hours: float = 1.0


def cosine_of_zenith(latitude_degrees: float, longitude_degrees: float, time: datetime) -> float:
    """Cosine of the angle between sun and zenith at an aware time; negative at night."""
    moment = time.astimezone(UTC)
    hours = moment.hour + moment.minute / 60.0 + moment.second / SECONDS_PER_HOUR
    declination = math.radians(23.45) * math.sin(2.0 * math.pi * (284 + moment.timetuple().tm_yday) / 365.0)
    hour_angle = math.radians(15.0 * (hours + longitude_degrees / 15.0 - 12.0))
    latitude = math.radians(latitude_degrees)
    across = math.cos(latitude) * math.cos(declination) * math.cos(hour_angle)
    return math.sin(latitude) * math.sin(declination) + across


def clear_sky_watts_per_square_metre(cosine: float) -> float:
    """Light on a level plane under a clear sky, by the cosine of the sun's zenith angle."""
    return 1098.0 * cosine * math.exp(-0.059 / cosine) if cosine > 0.0 else 0.0


def clearness(sky: Sky, count: int, seed: tuple[int, ...]) -> list[float]:
    """Clearness of `count` steps, an autoregression that begins in its long-run distribution."""
    generator = np.random.default_rng(seed)
    keeps = math.exp(-STEP_HOURS / sky.persistence_hours)
    fresh = math.sqrt(1.0 - keeps**2) * sky.clearness_spread
    state = sky.clearness_spread * float(generator.standard_normal())
    values = []
    for shock in generator.standard_normal(count):
        state = keeps * state + fresh * float(shock)
        values.append(min(1.0, max(DARKEST_CLEARNESS, sky.mean_clearness + state)))
    return values


def sky_trace(sky: Sky, start: datetime, hours: float, seed: tuple[int, ...]) -> Trace:
    """Output of a flat panel as a fraction of its nameplate from an aware time on, in steps of five minutes."""
    count = max(1, math.ceil(hours / STEP_HOURS))
    middles = (start + timedelta(hours=(k + 0.5) * STEP_HOURS) for k in range(count))
    cosines = (cosine_of_zenith(sky.latitude_degrees, sky.longitude_degrees, time) for time in middles)
    values = tuple(
        clear * clear_sky_watts_per_square_metre(cosine) / _STANDARD_WATTS_PER_SQUARE_METRE
        for clear, cosine in zip(clearness(sky, count, seed), cosines, strict=True)
    )
    return Trace(name="sky", step_hours=STEP_HOURS, values=values)
