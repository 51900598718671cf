"""The ladder of grid intensity: what is said of a zone when its provider answers, and when it does not.

Rungs, best first: the provider's datum; the last known good one (at most two hours old by the datum's own time); the
provider's last forecast, or what held yesterday; the profile of the hour of the week; the annual mean; and then an
explicit absence. Each rung marks its quality, so that a planner can refuse to sleep on it. No rung invents a zone.
It must not know any provider.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import LastDay, ZoneIntensity
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.sources.intensity.provider import Datum, IntensityProvider, yesterday

LONGEST_GOOD_SECONDS = 7200.0
"""A datum older than this is no longer called good, however recently it was fetched."""
LONGEST_FORECAST_SECONDS = 86_400.0
"""A forecast issued longer ago than this is not used."""
FIRST_RETRY_SECONDS = 30.0
"""After a failure the provider is asked again this soon, then after twice as long, up to the refresh interval."""
LONGEST_PAUSE_SECONDS = 86_400.0
"""The longest time that a provider may ask to be left alone; a longer one is cut to this."""
FORECAST_RETRY_REFRESHES = 10.0
"""So many refresh intervals pass before a forecast that was refused, or the last day, is asked for again."""
LARGEST_SKEW_SECONDS = 60.0
"""A datum from further in the future is not of now."""
FEWEST_HOURS_OF_A_DAY = 12
"""Of so many hours of the last day a value must be known before an estimate is compared with it."""
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
LONGEST_LEAD_SECONDS = 3600.0
"""Providers publish the datum of an hour some minutes before it begins; from further ahead, the clock is wrong."""


@dataclass(slots=True, kw_only=True)
class _Memory:
    """What is remembered of one zone; `coming` is the datum of an hour that has not begun, `day` its last day."""

    asked_at: datetime | None = None
    pause_seconds: float = 0.0
    failures: int = 0
    good: Measurement | None = None
    coming: Measurement | None = None
    forecast: Series | None = None
    forecast_due: datetime | None = None
    day: Sequence[Datum] = ()
    day_due: datetime | None = None
    failure: Absent | None = None


@dataclass(slots=True, kw_only=True)
class IntensityLadder:
    """One provider with its fallbacks. Never raises for a provider's failure."""

    name: str
    provider: IntensityProvider
    refresh_seconds: float
    profile: Mapping[str, Sequence[float]] = field(default_factory=dict)
    annual_mean: Mapping[str, float] = field(default_factory=dict)
    _zones: dict[str, _Memory] = field(default_factory=dict)
    _rests_until: datetime | None = None

    async def read(self, zones: Sequence[str], at: datetime) -> dict[str, ZoneIntensity]:
        """Intensity of each zone at `at` and its forecast, asking the provider at most once per refresh interval."""
        found = await asyncio.gather(*(self._zone(zone, at) for zone in zones))
        return dict(zip(zones, found, strict=True))

    async def _zone(self, zone: str, at: datetime) -> ZoneIntensity:
        memory = self._zones.setdefault(zone, _Memory())
        if not self._rests(at) and (
            memory.asked_at is None or abs((at - memory.asked_at).total_seconds()) >= memory.pause_seconds
        ):
            memory.asked_at = at
            await self._refresh(zone, memory, at)
        if memory.coming is not None and memory.coming.time <= at:
            memory.good, memory.coming = memory.coming, None
        best = self._best(zone, memory, at)
        return ZoneIntensity(
            zone=zone,
            now_grams_per_kilowatt_hour=best,
            forecast_grams_per_kilowatt_hour=_usable(memory.forecast, at),
            basis=self.provider.basis,
            last_day=_last_day(memory.day, at) if best is memory.good and _holds(memory, at) else None,
        )

    async def _refresh(self, zone: str, memory: _Memory, at: datetime) -> None:
        """Ask the provider; on failure remember why and keep what is known. A missing forecast is no failure."""
        found = await self._now(zone, at, memory)
        if isinstance(found, Absent):
            memory.failure = found
            return
        memory.failure, memory.failures, memory.pause_seconds = None, 0, self.refresh_seconds
        if found.age(at).total_seconds() < -LARGEST_SKEW_SECONDS:
            memory.coming = found
        else:
            memory.good = found
        try:
            await self._refresh_forecast(zone, memory, at)
        except SourceUnavailable as error:
            self._leave_alone(error, at)

    async def _refresh_forecast(self, zone: str, memory: _Memory, at: datetime) -> None:
        """The provider's forecast; where it gives none, as on a free account, yesterday stands in, asked for rarely."""
        refused: SourceUnavailable | None = None
        if memory.forecast_due is None or at >= memory.forecast_due:
            try:
                found = await self.provider.forecast(zone, at)
            except SourceUnavailable as error:
                found, refused = None, error
            memory.forecast, memory.forecast_due = (found, None) if found else (memory.forecast, self._later(at))
        if not _asks_to_wait(refused):
            await self._refresh_day(zone, memory, at)
        if refused is not None:
            raise refused

    async def _refresh_day(self, zone: str, memory: _Memory, at: datetime) -> None:
        """The zone's last day, where something is taken from it: yesterday as a forecast, or a check of estimates."""
        is_estimate = memory.good is not None and memory.good.quality is Quality.ESTIMATED
        lacks_forecast = _usable(memory.forecast, at) is None
        if not (is_estimate or lacks_forecast) or (memory.day_due is not None and at < memory.day_due):
            return
        memory.day_due = self._later(at)
        memory.day = await self.provider.history(zone, at)
        if lacks_forecast:
            memory.forecast = yesterday(memory.day, at, self.name)

    def _leave_alone(self, error: SourceUnavailable, at: datetime) -> None:
        """Whatever was asked, for whichever zone: a provider that asks to be left alone is, within reason."""
        if error.retry_after_seconds is not None:
            seconds = min(error.retry_after_seconds, LONGEST_PAUSE_SECONDS)
            self._rests_until = at + timedelta(seconds=seconds)

    def _rests(self, at: datetime) -> bool:
        """Whether the provider asked to be left alone. A clock that is put back ends that, rather than prolong it."""
        until = self._rests_until
        return until is not None and until - timedelta(seconds=LONGEST_PAUSE_SECONDS) <= at < until

    def _later(self, at: datetime) -> datetime:
        return at + timedelta(seconds=FORECAST_RETRY_REFRESHES * self.refresh_seconds)

    async def _now(self, zone: str, at: datetime, memory: _Memory) -> Reading:
        """The provider's answer, if it is one that may be believed; otherwise it is left alone for a while."""
        memory.failures += 1
        memory.pause_seconds = min(self.refresh_seconds, FIRST_RETRY_SECONDS * 2.0 ** min(memory.failures - 1, 20))
        try:
            found = await self.provider.now(zone, at)
        except SourceUnavailable as error:
            self._leave_alone(error, at)
            return Absent(cause=Cause(Reason.DATA_UNAVAILABLE, error.why), source=self.name)
        return found if isinstance(found, Absent) else _fault(found, at, self.name) or found

    def _best(self, zone: str, memory: _Memory, at: datetime) -> Reading:
        if memory.good is not None and memory.good.age(at).total_seconds() <= LONGEST_GOOD_SECONDS:
            return memory.good if memory.failure is None else _last_known(memory.good)
        return (
            _of_the_hour_to_come(memory.coming, at)
            or _from_forecast(_usable(memory.forecast, at), at)
            or self._from_profile(zone, at)
            or self._from_annual_mean(zone, at)
            or memory.failure
            or Absent(cause=Cause(Reason.DATA_STALE, "its value is more than two hours old"), source=self.name)
        )

    def _from_profile(self, zone: str, at: datetime) -> Measurement | None:
        values = self.profile.get(zone)
        if values is None:
            return None
        moment = at.astimezone(UTC)
        value = values[moment.weekday() * 24 + moment.hour]
        return Measurement(value=value, time=at, quality=Quality.PROFILE, source=f"{self.name}/profile")

    def _from_annual_mean(self, zone: str, at: datetime) -> Measurement | None:
        value = self.annual_mean.get(zone)
        if value is None:
            return None
        return Measurement(value=value, time=at, quality=Quality.PROFILE, source=f"{self.name}/annual-mean")


@dataclass(frozen=True, slots=True, kw_only=True)
class IntensitySources:
    """All sources that the admin defined, by name."""

    ladders: Mapping[str, IntensityLadder]

    async def read(self, source: str, zones: Sequence[str], now: datetime) -> Mapping[str, ZoneIntensity]:
        """What the named source says of the zones. Never raises: an unknown source makes every zone absent."""
        ladder = self.ladders.get(source)
        if ladder is not None:
            return await ladder.read(zones, now)
        known = ", ".join(sorted(self.ladders)) or "none"
        detail = f"no intensity source is named {source!r}; the settings define: {known}"
        absent = Absent(cause=Cause(Reason.DATA_UNAVAILABLE, detail), source=source or "unnamed")
        return {
            zone: ZoneIntensity(
                zone=zone,
                now_grams_per_kilowatt_hour=absent,
                forecast_grams_per_kilowatt_hour=None,
                basis=None,
            )
            for zone in zones
        }


def _fault(found: Measurement, at: datetime, source: str) -> Absent | None:
    """Why a fresh answer is still not good, or None."""
    age = found.age(at).total_seconds()
    if age < -LONGEST_LEAD_SECONDS:
        detail = f"its value is {-age:.0f} s in the future"
        return Absent(cause=Cause(Reason.CLOCK_SKEW, detail), source=source)
    if age > LONGEST_GOOD_SECONDS:
        return Absent(cause=Cause(Reason.DATA_STALE, f"its value is {age / SECONDS_PER_HOUR:.1f} h old"), source=source)
    return None


def _holds(memory: _Memory, at: datetime) -> bool:
    """Whether the value is still of now: without its provider, an estimate is one of the hour that it names only."""
    return memory.failure is None or (memory.good is not None and memory.good.age(at) < HOUR)


def _asks_to_wait(error: SourceUnavailable | None) -> bool:
    return error is not None and error.retry_after_seconds is not None


def _last_day(day: Sequence[Datum], at: datetime) -> LastDay | None:
    """What the hours of the day before `at` were between, or None when too few of them are known."""
    known = [datum for datum in day if at - DAY <= datum.time <= at]
    if len({datum.time.replace(minute=0, second=0, microsecond=0) for datum in known}) < FEWEST_HOURS_OF_A_DAY:
        return None
    values = [datum.grams_per_kilowatt_hour for datum in known]
    return LastDay(lowest_grams_per_kilowatt_hour=min(values), highest_grams_per_kilowatt_hour=max(values))


def _usable(series: Series | None, at: datetime) -> Series | None:
    """The forecast while it covers `at` and was issued recently enough."""
    if series is None or not series.start <= at < series.end:
        return None
    fresh = (at - series.issued_at).total_seconds() <= LONGEST_FORECAST_SECONDS
    return series if fresh else None


def _from_forecast(series: Series | None, at: datetime) -> Measurement | None:
    if series is None:
        return None
    index = (at - series.start) // series.step
    time = series.start + index * series.step
    return Measurement(value=series.values[index], time=time, quality=series.quality, source=series.source)


def _last_known(good: Measurement) -> Measurement:
    """A measured datum whose provider fails is the last known good one; an estimate remains an estimate."""
    return good if good.quality is not Quality.MEASURED else replace(good, quality=Quality.LAST_KNOWN_GOOD)


def _of_the_hour_to_come(coming: Measurement | None, at: datetime) -> Measurement | None:
    """Where nothing is known of this hour, the next one's datum is an estimate of it."""
    return None if coming is None else replace(coming, time=at, quality=Quality.ESTIMATED)
