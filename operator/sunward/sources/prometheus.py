"""Meters of the nodes, read from Prometheus: what they show now, and what flowed in a window.

Every value carries the exporter's own sample time, because a scrape may go on delivering a value long after the
sensor stopped. A node with no series, two series or an impossible number is absent with a reason; nothing is guessed.
It must not know what is done with a reading.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from math import ceil

import yaml

from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import MeterFacts
from sunward.domain.reasons import Reason
from sunward.domain.units import JOULES_PER_WATT_HOUR
from sunward.sources import absences
from sunward.sources.groups import Found, NodeGroups
from sunward.sources.http import JsonReader
from sunward.sources.integrals import Gap, increase, merge
from sunward.sources.plausible import NodeLimits, check_amount, check_ratio
from sunward.sources.promql import Metric, own_time, samples_of_last, selector
from sunward.sources.samples import SPOOFED, Sample, SampleSeries, only_one
from sunward.sources.settings import PrometheusSettings

LONGEST_STEP_SCRAPES = 3.0
"""A counter that began again after more scrape intervals than this was off in between."""

LARGEST_SKEW_SECONDS = 60.0
"""A node whose clock runs further ahead than this tells no usable times."""

SERIES_PER_NODE = 4
BYTES_PER_SERIES = 1024
BYTES_PER_SAMPLE = 48
"""What an honest node's answer takes at most: a few series, each with its labels, and samples as text."""

_GAUGES = (Metric.POWER, Metric.HARVEST_POWER, Metric.BATTERY_RATIO)
_CHANNELS = {Metric.HARVEST_POWER: "harvest", Metric.BATTERY_RATIO: "battery"}
_CHANNEL_LABEL = "source"


@dataclass(frozen=True, slots=True, kw_only=True)
class WindowEnergy:
    """Energy that one meter counted in [start, end), in watt-hours.

    `gaps` are the parts of the window of which nothing is known (the machine was off, the exporter was gone); their
    energy is not in `watt_hours`. Each of `resets` hides what was counted between a last scrape and the counter's end.
    """

    watt_hours: float
    gaps: tuple[Gap, ...]
    resets: int


@dataclass(frozen=True, slots=True, kw_only=True)
class _Instant:
    """What one metric showed at one time, per node: values, and the times of the scrapes that brought them."""

    metric: Metric
    values: Mapping[str, Found]
    scraped: Mapping[str, Found]


@dataclass(slots=True, kw_only=True)
class PrometheusSource:
    """Asks one Prometheus. Its methods raise SourceUnavailable when it does not answer as it should.

    Nodes are named as Kubernetes names them (the target label `node`). `refusals` counts values that were not believed.
    """

    reader: JsonReader
    settings: PrometheusSettings
    refusals: Counter[tuple[Metric, Reason]] = field(default_factory=Counter)
    _groups: NodeGroups = field(init=False)

    def __post_init__(self) -> None:
        self._groups = NodeGroups(reader=self.reader, settings=self.settings)

    @property
    def settle_delay_seconds(self) -> float:
        """How long after a window's end its energy can be read whole: the scrape after the end must have come."""
        return 2.0 * self.settings.scrape_interval_seconds

    async def meters(self, nodes: Mapping[str, NodeLimits], at: datetime) -> dict[str, MeterFacts]:
        """What the meters show at `at`; one entry for each of `nodes`, with absent values and their reasons."""
        instants = await asyncio.gather(*(self._instant(metric, nodes, at) for metric in _GAUGES))
        clocks = await self._ask(partial(selector, Metric.LAST_SAMPLE, self.settings.job), nodes, at)
        power, harvest, battery = instants
        facts = {
            node: MeterFacts(
                power_watts=self._reading(power, node, limits.power_watts, clocks.get(node, [])),
                harvest_watts=self._reading(harvest, node, limits.harvest_watts, clocks.get(node, [])),
                battery_ratio=self._reading(battery, node, None, clocks.get(node, [])),
            )
            for node, limits in nodes.items()
        }
        silent = [node for node, found in facts.items() if absences.is_silent(found)]
        return facts | await self._explained({node: facts[node] for node in silent}, at) if silent else facts

    async def _explained(self, silent: Mapping[str, MeterFacts], at: datetime) -> dict[str, MeterFacts]:
        """Nodes of which something was not found, with what their exporters say about it."""
        why = await self._ask(partial(selector, Metric.ABSENT, self.settings.job), silent, at)
        told = [node for node in silent if absences.asks_for_a_choice(why.get(node, []))]
        choices = await self._ask_choices(told, at) if told else {}
        return {
            node: absences.explained(facts, why.get(node, []), choices.get(node, [])) for node, facts in silent.items()
        }

    async def _ask_choices(self, nodes: Collection[str], at: datetime) -> Mapping[str, Found]:
        question = partial(selector, Metric.CHOICES, self.settings.job)
        return await self._groups.ask(question, nodes, at, BYTES_PER_SERIES * absences.MOST_CHOICES)

    async def energy(self, nodes: Collection[str], start: datetime, end: datetime) -> dict[str, WindowEnergy | Absent]:
        """Energy each node consumed in [start, end); ask `settle_delay_seconds` after the end or later."""
        return await self._windows(Metric.ENERGY, nodes, start, end)

    async def harvest(self, nodes: Collection[str], start: datetime, end: datetime) -> dict[str, WindowEnergy | Absent]:
        """Energy each node's harvest offered in [start, end); otherwise as `energy`."""
        return await self._windows(Metric.HARVEST_ENERGY, nodes, start, end)

    async def configuration_faults(self) -> tuple[str, ...]:
        """What in Prometheus' own configuration would make readings unsafe, one sentence each; empty when nothing.

        With `honor_labels: true` any target may overwrite another node's series without leaving a trace, so that no
        query can find out; only the configuration tells. Raises SourceUnavailable when it cannot be read.
        """
        body = await self.reader.get(f"{self.settings.url}/api/v1/status/config", {})
        try:
            jobs = yaml.safe_load(body["data"]["yaml"])["scrape_configs"]
            job = next((job for job in jobs if job["job_name"] == self.settings.job), None)
        except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            raise SourceUnavailable(self.reader.name, f"no readable configuration ({type(error).__name__})") from None
        if job is None:
            return (f"no scrape job is named {self.settings.job}",)
        trusting = bool(job.get("honor_labels", False))
        return (f"scrape job {self.settings.job} has honor_labels: true; set it to false",) if trusting else ()

    async def _ask(
        self, question: Callable[[Sequence[str]], str], nodes: Collection[str], at: datetime
    ) -> Mapping[str, Found]:
        return await self._groups.ask(question, nodes, at, BYTES_PER_SERIES * SERIES_PER_NODE)

    async def _instant(self, metric: Metric, nodes: Collection[str], at: datetime) -> _Instant:
        values, scraped = await asyncio.gather(
            self._ask(partial(selector, metric, self.settings.job), nodes, at),
            self._ask(partial(own_time, metric, self.settings.job), nodes, at),
        )
        return _Instant(metric=metric, values=values, scraped=scraped)

    def _reading(self, instant: _Instant, node: str, limit: float | None, clocks: Found) -> Reading:
        found = _read(instant, node, limit, clocks)
        if isinstance(found, Measurement):
            return found
        return self._refused(instant.metric, found)

    def _refused(self, metric: Metric, refusal: Cause) -> Absent:
        """The absence that a refusal leaves; what was simply not there is not counted as refused."""
        if refusal.reason is not Reason.DATA_MISSING:
            self.refusals[metric, refusal.reason] += 1
        return Absent(cause=refusal, source=f"prometheus/{metric}")

    async def _windows(
        self, metric: Metric, nodes: Collection[str], start: datetime, end: datetime
    ) -> dict[str, WindowEnergy | Absent]:
        if end <= start:
            raise InvalidInput("end", f"{end} is not after start {start}")
        margin = LONGEST_STEP_SCRAPES * self.settings.scrape_interval_seconds
        at = datetime.fromtimestamp(end.timestamp() + margin, tz=UTC)
        length = ceil((end - start).total_seconds() + 2.0 * margin)
        samples = ceil(length / self.settings.scrape_interval_seconds)
        series = await self._groups.ask(
            lambda some: samples_of_last(metric, self.settings.job, some, length),
            nodes,
            at,
            SERIES_PER_NODE * (BYTES_PER_SERIES + samples * BYTES_PER_SAMPLE),
        )
        return {node: self._window(metric, series.get(node, []), start, end) for node in nodes}

    def _window(self, metric: Metric, series: Found, start: datetime, end: datetime) -> WindowEnergy | Absent:
        samples = series if isinstance(series, Cause) else _one_counter(series)
        if isinstance(samples, Cause):
            return self._refused(metric, samples)
        margin = LONGEST_STEP_SCRAPES * self.settings.scrape_interval_seconds
        grown = increase(samples, start.timestamp(), end.timestamp(), longest_step_seconds=margin)
        if grown.gap_seconds >= (end - start).total_seconds():
            return self._refused(metric, Cause(Reason.DATA_MISSING, "no sample covers the window"))
        return WindowEnergy(watt_hours=grown.amount / JOULES_PER_WATT_HOUR, gaps=grown.gaps, resets=grown.resets)


def _one_counter(series: Sequence[SampleSeries]) -> tuple[Sample, ...] | Cause:
    """The samples of a node's counter, joined across restarts of its exporter, or why they cannot be told apart."""
    honest = only_one(series) if len(series) < 2 else None
    if isinstance(honest, Cause):
        return honest
    if any(one.spoofed for one in series):
        return Cause(Reason.AMBIGUOUS_METRIC, SPOOFED)
    merged = merge([one.samples for one in series])
    if merged is None:
        return Cause(Reason.AMBIGUOUS_METRIC, f"{len(series)} counters overlap in time")
    return tuple(sample for sample in merged if sample.value >= 0.0)


def _read(instant: _Instant, node: str, limit: float | None, clocks: Found) -> Measurement | Cause:
    """One node's value with its own time, or the first thing that is wrong with it."""
    series = _only(instant.values.get(node, []))
    if isinstance(series, Cause):
        return series
    scraped = _only(instant.scraped.get(node, []))
    if isinstance(scraped, Cause):
        return scraped
    channel = _CHANNELS.get(instant.metric) or series.labels.get(_CHANNEL_LABEL, "")
    if isinstance(clocks, Cause):
        return clocks
    clock = only_one([one for one in clocks if one.labels.get(_CHANNEL_LABEL) == channel])
    if isinstance(clock, Cause):
        return clock.prefixed("time of the sample: ")
    time = _sample_time(clock.samples[-1].value, scraped.samples[-1].value)
    if isinstance(time, Cause):
        return time
    value = series.samples[-1].value
    checked = check_ratio(value) if instant.metric is Metric.BATTERY_RATIO else check_amount(value, limit)
    if isinstance(checked, Cause):
        return checked
    source = f"prometheus/{instant.metric}/{channel}"
    return Measurement(value=checked, time=time, quality=Quality.MEASURED, source=source)


def _only(found: Found) -> SampleSeries | Cause:
    return found if isinstance(found, Cause) else only_one(found)


def _sample_time(sampled_seconds: float, scraped_seconds: float) -> datetime | Cause:
    """When the sensor was read, by the exporter's word; never later than the scrape that brought the value."""
    ahead = sampled_seconds - scraped_seconds
    if ahead > LARGEST_SKEW_SECONDS:
        return Cause(Reason.CLOCK_SKEW, f"the node's clock is {ahead:.0f} s ahead of Prometheus'")
    seconds = min(sampled_seconds, scraped_seconds)
    try:
        return datetime.fromtimestamp(seconds, tz=UTC)
    except (OverflowError, OSError, ValueError):
        return Cause(Reason.NOT_A_NUMBER, f"{seconds:g} is not a time")
