"""Meters of nodes from series of other exporters, as the admin mapped them.

The same rules as for our own exporter: every value has the time of its own sample, what is missing, doubled or
impossible is absent with a reason, and energy comes from raw samples, never from Prometheus' extrapolation.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from math import ceil, fsum

from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.reasons import Reason
from sunward.domain.units import JOULES_PER_WATT_HOUR
from sunward.sources.http import JsonReader
from sunward.sources.integrals import Increase, area, increase, merge
from sunward.sources.plausible import check_amount, check_ratio
from sunward.sources.prometheus import LONGEST_STEP_SCRAPES, WindowEnergy
from sunward.sources.promql import mapped
from sunward.sources.samples import Sample, SampleSeries, parse_series
from sunward.sources.sensor_maps import SensorMap, Template
from sunward.sources.settings import PrometheusSettings

NEWEST_SCRAPES = 5.0
"""How far back the newest samples are looked for, in scrape intervals: what is older is stale in any case."""
FIXED_BYTES = 256 << 10
BYTES_PER_NODE = 4096
BYTES_PER_SAMPLE = 48
SERIES_PER_NODE = 16
"""A node's share of an answer: the series of a meter, with the labels of someone else's exporter."""

Series = Mapping[str, Sequence[SampleSeries]] | Cause
"""Series by the value of the node's label, or why there is no answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MappedSource:
    """One mapping, asked of one Prometheus. What is wrong with its series costs no other meter its reading."""

    reader: JsonReader
    settings: PrometheusSettings
    mapping: SensorMap

    @property
    def settle_delay_seconds(self) -> float:
        """How long after a window's end its energy can be read whole."""
        return 2.0 * self.mapping.scrape_interval_seconds

    async def readings(self, limits: Mapping[str, float | None], at: datetime) -> dict[str, Reading]:
        """What is shown at `at`, by node; nodes that the mapping does not cover are left out."""
        asked = self._values(limits)
        found = await self._ask(asked, at, ceil(NEWEST_SCRAPES * self.mapping.scrape_interval_seconds))
        return {
            node: self._reading(found if isinstance(found, Cause) else found.get(value, ()), limits[node])
            for node, value in asked.items()
            if self._covers(found, value)
        }

    async def energy(self, nodes: Collection[str], start: datetime, end: datetime) -> dict[str, WindowEnergy | Absent]:
        """Energy in [start, end), by node; nodes that the mapping does not cover are left out."""
        asked, margin = self._values(nodes), LONGEST_STEP_SCRAPES * self.mapping.scrape_interval_seconds
        after = datetime.fromtimestamp(end.timestamp() + margin, tz=UTC)
        found = await self._ask(asked, after, ceil((end - start).total_seconds() + 2.0 * margin))
        return {
            node: self._window(found if isinstance(found, Cause) else found.get(value, ()), start, end)
            for node, value in asked.items()
            if self._covers(found, value)
        }

    def _values(self, nodes: Collection[str]) -> dict[str, str]:
        """The values of the label that name these nodes."""
        named = self.mapping.nodes
        return {node: named.get(node, node) for node in nodes if not named or node in named}

    def _covers(self, found: Series, value: str) -> bool:
        """A mapping without nodes speaks for those for which there is a series."""
        return bool(self.mapping.nodes) or (not isinstance(found, Cause) and value in found)

    async def _ask(self, asked: Mapping[str, str], at: datetime, seconds: int) -> Series:
        if not asked:
            return {}
        template, job = self.mapping.template, self.mapping.job
        labels = {**template.labels, **({} if job is None else {"job": job})}
        query = mapped(template.series, labels, template.node_label, sorted(asked.values()), seconds)
        samples = SERIES_PER_NODE * ceil(seconds / self.settings.scrape_interval_seconds)
        limit = FIXED_BYTES + len(asked) * (BYTES_PER_NODE + samples * BYTES_PER_SAMPLE)
        form = {"query": query, "time": f"{at.timestamp():.3f}", "timeout": f"{self.settings.timeout_seconds:g}s"}
        limit = min(limit, self.reader.limits.maximum_bytes)
        try:
            body = await self.reader.post_form(f"{self.settings.url}/api/v1/query", form, maximum_bytes=limit)
            return _by(template.node_label, parse_series(self.reader.name, body))
        except SourceUnavailable as error:
            return Cause(Reason.DATA_UNAVAILABLE, f"{template.series}: {error}")

    def _reading(self, series: Sequence[SampleSeries] | Cause, limit: float | None) -> Reading:
        found = series if isinstance(series, Cause) else _newest(series, self.mapping.template)
        if isinstance(found, Sample):
            is_charge = self.mapping.template.unit.is_charge
            value = check_ratio(found.value) if is_charge else check_amount(found.value, limit)
            if not isinstance(value, Cause):
                time = datetime.fromtimestamp(found.seconds, tz=UTC)
                return Measurement(value=value, time=time, quality=Quality.MEASURED, source=self._name)
            found = value
        return Absent(cause=found, source=self._name)

    def _window(self, series: Sequence[SampleSeries] | Cause, start: datetime, end: datetime) -> WindowEnergy | Absent:
        counters = series if isinstance(series, Cause) else _meters(series, self.mapping.template)
        if isinstance(counters, Cause):
            return Absent(cause=counters, source=self._name)
        grown = [self._grown(samples, start.timestamp(), end.timestamp()) for samples in counters]
        if any(one.gap_seconds >= (end - start).total_seconds() for one in grown):
            return Absent(cause=Cause(Reason.DATA_MISSING, "no sample covers the window"), source=self._name)
        return WindowEnergy(
            watt_hours=fsum(one.amount for one in grown) * self.mapping.template.unit.factor / JOULES_PER_WATT_HOUR,
            gaps=tuple(gap for one in grown for gap in one.gaps),
            resets=sum(one.resets for one in grown),
        )

    def _grown(self, samples: Sequence[Sample], start: float, end: float) -> Increase:
        margin = LONGEST_STEP_SCRAPES * self.mapping.scrape_interval_seconds
        add = increase if self.mapping.template.unit.is_energy else area
        return add(samples, start, end, longest_step_seconds=margin)

    @property
    def _name(self) -> str:
        return f"prometheus/{self.mapping.template.series}"


def _by(label: str, series: Sequence[SampleSeries]) -> dict[str, list[SampleSeries]]:
    groups: defaultdict[str, list[SampleSeries]] = defaultdict(list)
    for one in series:
        groups[one.labels.get(label, "")].append(one)
    return dict(groups)


def _meters(series: Sequence[SampleSeries], template: Template) -> list[tuple[Sample, ...]] | Cause:
    """The samples of each meter that belongs to the node: one, or several that are added."""
    filled = [one.samples for one in series if one.samples]
    if not filled:
        return Cause(Reason.DATA_MISSING if not series else Reason.NOT_A_NUMBER, f"no sample of {template.series}")
    joined = merge(filled)  # the same meter under a new pod's labels
    if joined is not None:
        return [joined]
    if template.added:
        return list(filled)
    return Cause(Reason.AMBIGUOUS_METRIC, f"{len(filled)} series of {template.series}; one expected: narrow select")


def _newest(series: Sequence[SampleSeries], template: Template) -> Sample | Cause:
    """What all meters of the node show now, in base units, at the time of the oldest of them."""
    meters = _meters(series, template)
    if isinstance(meters, Cause):
        return meters
    shown = [_shown(samples, is_energy=template.unit.is_energy) for samples in meters]
    newest = [one for one in shown if one is not None]
    if len(newest) < len(shown):
        return Cause(Reason.DATA_MISSING, "one sample of a counter only: its power shows with the next")
    value = template.unit.factor * fsum(one.value for one in newest)
    return replace(newest[0], value=value, seconds=min(one.seconds for one in newest))


def _shown(samples: Sequence[Sample], *, is_energy: bool) -> Sample | None:
    """The newest value of a gauge; of a counter its growth a second between its two newest samples."""
    if not is_energy:
        return samples[-1]
    if len(samples) < 2:
        return None
    before, after = samples[-2:]
    grown = after.value - before.value if after.value >= before.value else after.value
    return Sample(seconds=after.seconds, value=grown / (after.seconds - before.seconds))
