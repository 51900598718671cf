"""Grid intensity from a series in Prometheus, such as that of grid-intensity-exporter.

The administrator names the metric and its labels; the zone is the only other part of a query, and it is quoted. It
must not know what happens when it fails.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import aiohttp
from pydantic import Field

from sunward.domain.cause import Cause
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.sources.access import PrometheusAccess
from sunward.sources.http import JsonReader
from sunward.sources.intensity.provider import Datum, IntensityProvider, checked_intensity, reading
from sunward.sources.intensity.section import HttpSection
from sunward.sources.promql import quote
from sunward.sources.samples import Sample, SampleSeries, parse_series

UNITS: Final[Mapping[str, float]] = {
    "g/kWh": 1.0,
    "kg/MWh": 1.0,
    "kg/kWh": 1000.0,
    "lb/MWh": 0.45359237,
    "g/MJ": 3.6,
}
"""What a sample is multiplied by to be in g/kWh."""
DAY_SECONDS: Final = 86_400
LARGEST_ANSWER_BYTES: Final = 4 << 20
LabelName = Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$", max_length=63)]


class PrometheusSeriesSettings(HttpSection, PrometheusAccess):
    """A metric; the defaults are those of grid-intensity-exporter. `labels` are required to be as given.

    A series whose label `is_estimated` is false counts as measured, any other one by `quality`.
    """

    provider: Literal["prometheus"]
    metric: str = Field(default="grid_intensity_carbon_average", pattern=r"^[a-zA-Z_:][a-zA-Z0-9_:]*$", max_length=200)
    zone_label: LabelName = "location"
    labels: dict[LabelName, Annotated[str, Field(max_length=253)]] = Field(default_factory=dict, max_length=16)
    unit: Literal["g/kWh", "kg/MWh", "kg/kWh", "lb/MWh", "g/MJ"] = "g/kWh"
    quality: Literal["Measured", "Estimated"] = "Estimated"

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this Prometheus."""
        reader = self.reader(name, session)
        reader.headers, reader.ca_file = (lambda: self.headers(name)), self.ca_file
        return PrometheusIntensity(
            reader=reader,
            url=self.url,
            basis=self.basis,
            selector=(self.metric, self.zone_label, self.labels),
            factor=UNITS[self.unit],
            quality=Quality(self.quality),
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class PrometheusIntensity:
    """One metric. `selector` is its name, the label that holds the zone, and the labels required besides."""

    reader: JsonReader
    url: str
    basis: Basis
    selector: tuple[str, str, Mapping[str, str]]
    factor: float
    quality: Quality

    async def now(self, zone: str, at: datetime) -> Reading:
        """The newest sample, with its own time."""
        times = _the_one(await self._ask(f"timestamp({self._select(zone)})", at))
        series = _the_one(await self._ask(self._select(zone), at))
        if isinstance(series, Cause) or isinstance(times, Cause):
            cause = series if isinstance(series, Cause) else times
            assert isinstance(cause, Cause)
            return Absent(cause=cause, source=self.reader.name)
        time = _moment(times.samples[-1].value)
        if time is None:
            return Absent(cause=Cause(Reason.NOT_A_NUMBER, "the sample has no time"), source=self.reader.name)
        measured = series.labels.get("is_estimated") == "false"
        quality = Quality.MEASURED if measured else self.quality
        return reading(series.samples[-1].value * self.factor, time, quality, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:  # noqa: ARG002  a store of what was
        """None: Prometheus holds what was."""
        return None

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The first sample of every hour of the last day; empty where there is not exactly one series."""
        series = _the_one(await self._ask(f"{self._select(zone)}[{DAY_SECONDS}s]", at))
        return () if isinstance(series, Cause) else tuple(self._hours(series.samples))

    async def _ask(self, query: str, at: datetime) -> list[SampleSeries]:
        form = {"query": query, "time": f"{at.timestamp():.3f}"}
        url = f"{self.url.rstrip('/')}/api/v1/query"
        body = await self.reader.post_form(url, form, maximum_bytes=LARGEST_ANSWER_BYTES)
        return parse_series(self.reader.name, body)

    def _select(self, zone: str) -> str:
        metric, zone_label, labels = self.selector
        matchers = [f"{zone_label}={quote(zone)}", *(f"{name}={quote(value)}" for name, value in labels.items())]
        return f"{metric}{{{','.join(matchers)}}}"

    def _hours(self, samples: Sequence[Sample]) -> list[Datum]:
        hours: dict[int, Datum] = {}
        for sample in samples:
            time, value = _moment(sample.seconds), checked_intensity(sample.value * self.factor)
            if time is not None and value is not None:
                begins = time.replace(minute=0, second=0, microsecond=0)
                hours.setdefault(
                    int(sample.seconds // SECONDS_PER_HOUR), Datum(time=begins, grams_per_kilowatt_hour=value)
                )
        return list(hours.values())


def _the_one(series: Sequence[SampleSeries]) -> SampleSeries | Cause:
    """The only series of a zone, or why there is none. Labels do not matter: the zone was asked for by its own."""
    if len(series) != 1:
        reason = Reason.AMBIGUOUS_METRIC if series else Reason.DATA_MISSING
        return Cause(reason, f"{len(series)} series for this zone, and one is expected; labels may tell them apart")
    return series[0] if series[0].samples else Cause(Reason.NOT_A_NUMBER, "the sample is not a finite number")


def _moment(seconds: float) -> datetime | None:
    return datetime.fromtimestamp(seconds, tz=UTC) if 0.0 <= seconds <= 4e9 else None
