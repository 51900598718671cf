"""Snapshot and history -> expectations on the planning grid.

Pessimistic where data are bad: a harvest meter that is stale or silent promises nothing, an intensity that is not known
is left out. Values that were judged suspect come here already lowered. Pure; it must not know sources or clocks.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from statistics import median

from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series, is_fresh
from sunward.domain.nodes import NodeView, PowerState
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.forecasting.harvest import Expectation, expect_watts
from sunward.forecasting.history import History
from sunward.forecasting.periods import resample


def expect(snapshot: Snapshot, start: datetime, history: History) -> Forecasts:
    """Harvest (Wh) of every node and intensity (g/kWh) of every zone, (periods,) each, over the horizon from `start`.

    Nodes without a source expect zeros; zones of unknown intensity are left out. `spreads` holds one standard
    deviation per period under `harvest/NODE` and `intensity/ZONE`, where something is known about it.
    """
    period = timedelta(seconds=snapshot.policy.planning_period_seconds)
    count = snapshot.policy.horizon_periods
    hours = period.total_seconds() / SECONDS_PER_HOUR
    spreads: dict[str, tuple[float, ...]] = {}
    harvests: dict[str, tuple[float, ...]] = {}
    for node in snapshot.nodes:
        expected = _harvest(snapshot, node, history, start, period, count)
        harvests[node.name] = tuple(watts * hours for watts in expected.values)
        spreads[f"harvest/{node.name}"] = tuple(watts * hours for watts in expected.spreads)
    intensities: dict[str, tuple[float, ...]] = {}
    for name, zone in snapshot.intensities.items():
        values = intensity(zone, snapshot.taken_at, start, period, count)
        if values is not None:
            intensities[name] = values
    return Forecasts(
        start=start,
        period=period,
        harvest_watt_hours=harvests,
        intensity_grams_per_kilowatt_hour=intensities,
        spreads=spreads,
    )


def _harvest(
    snapshot: Snapshot, node: NodeView, history: History, start: datetime, period: timedelta, count: int
) -> Expectation:
    most = node.spec.harvest_nameplate_watts
    nothing = Expectation(values=(0.0,) * count, spreads=(0.0,) * count)
    if most is None:
        return nothing
    watts = _watts_now(snapshot, node)
    if watts is None:
        return nothing
    past = history.harvest_watts.get(node.name, ())
    ahead = node.meters.harvest_forecast_watts
    return expect_watts(watts, snapshot.taken_at, past, start, period, count, most_watts=most, forecast=ahead)


def _watts_now(snapshot: Snapshot, node: NodeView) -> float | None:
    """Harvest now; for a node that sleeps, and so has no meter, that of its site's panels. None promises nothing."""
    if _is_good(snapshot, node.meters.harvest_watts):
        reading = node.meters.harvest_watts
        assert isinstance(reading, Measurement)
        return reading.value
    if node.record.power_state is not PowerState.ASLEEP or node.spec.site is None:
        return None
    shares = [_share(snapshot, other) for other in snapshot.nodes if other.spec.site == node.spec.site]
    known = [share for share in shares if share is not None]
    return median(known) * (node.spec.harvest_nameplate_watts or 0.0) if known else None


def _share(snapshot: Snapshot, node: NodeView) -> float | None:
    """Which part of its nameplate a node's source gives now."""
    nameplate, reading = node.spec.harvest_nameplate_watts, node.meters.harvest_watts
    if not nameplate or not _is_good(snapshot, reading) or isinstance(reading, Absent):
        return None
    return min(1.0, reading.value / nameplate)


def _is_good(snapshot: Snapshot, reading: Reading) -> bool:
    limits = snapshot.policy.staleness
    return is_fresh(reading, snapshot.taken_at, limits.sensors_seconds, limits.clock_skew_seconds)


def intensity(
    zone: ZoneIntensity, now: datetime, start: datetime, period: timedelta, count: int
) -> tuple[float, ...] | None:
    """g/kWh, (periods,): the provider's forecast where it reaches, what holds now elsewhere; None if nothing is known.
    What was measured replaces the forecast in the slot that holds `now`, because a forecast of the present is a guess.
    """
    known, series = zone.now_grams_per_kilowatt_hour, zone.forecast_grams_per_kilowatt_hour
    present = known.value if isinstance(known, Measurement) else None
    if series is None:
        return None if present is None else (present,) * count
    values = resample(_corrected(series, known, now), start, period, count)
    fallback = present if present is not None else _last(values)
    if fallback is None:
        return None
    return tuple(fallback if value is None else value for value in values)


def _corrected(series: Series, known: Reading, now: datetime) -> Series:
    if isinstance(known, Absent) or known.quality is not Quality.MEASURED or not series.start <= now < series.end:
        return series
    index = (now - series.start) // series.step
    values = (*series.values[:index], known.value, *series.values[index + 1 :])
    return Series(
        start=series.start,
        step=series.step,
        values=values,
        issued_at=series.issued_at,
        quality=series.quality,
        source=series.source,
    )


def _last(values: tuple[float | None, ...]) -> float | None:
    return next((value for value in reversed(values) if value is not None), None)


class RememberingForecaster:
    """Forecasts from snapshot to snapshot, keeping the history between them.

    What it remembers is a cache: after a restart it knows the present only and says so by a larger spread.
    """

    def __init__(self, history: History | None = None) -> None:
        self._history = history or History()

    def __call__(self, snapshot: Snapshot, start: datetime) -> Forecasts:
        """Expectations from `start`, after adding the snapshot to the history."""
        self._history = self._history.after(snapshot)
        return expect(snapshot, start, self._history)

    def remember(self, snapshot: Snapshot) -> None:
        """Add a snapshot for which no forecast is needed."""
        self._history = self._history.after(snapshot)
