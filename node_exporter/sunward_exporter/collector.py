"""The metrics contract, made from one snapshot at a time.

No `node` label: it comes from the scrape target, so that no exporter can speak for another node.
What is unknown is absent; no series is ever filled with zero or with an old value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from importlib.metadata import PackageNotFoundError, version

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sunward_exporter.channels import BatteryChannel, PowerChannel, Snapshot
from sunward_exporter.readings import Refusal


class SnapshotCollector(Collector):
    """Answers a scrape from the newest snapshot; reading meters is the sampler's business."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """All families, in the order of docs/exporter-metrics.md."""
        snapshot = self._snapshot()
        yield from _node_power(snapshot)
        yield from _harvest_power(snapshot)
        yield _battery(snapshot.battery)
        yield _last_samples(snapshot)
        yield _errors(snapshot)
        yield _samples(snapshot)
        yield _build_info()

    def describe(self) -> Iterable[Metric]:
        """The families without samples, for registries and documentation."""
        return list(_without_samples(self.collect()))


def _node_power(snapshot: Snapshot) -> Iterator[Metric]:
    power = GaugeMetricFamily(
        "sunward_node_power_watts", "Power that the node draws, as last sampled.", labels=["source"]
    )
    energy = CounterMetricFamily(
        "sunward_node_energy_joules",
        "Energy that the node has drawn since the exporter started; power integrated by the trapezoid rule.",
        labels=["source"],
    )
    if snapshot.node is not None:
        _fill(power, energy, [snapshot.node.source], snapshot.node, snapshot.monotonic)
    yield power
    yield energy


def _harvest_power(snapshot: Snapshot) -> Iterator[Metric]:
    power = GaugeMetricFamily("sunward_node_harvest_power_watts", "Power harvested at the node, as last sampled.")
    energy = CounterMetricFamily(
        "sunward_node_harvest_energy_joules",
        "Energy harvested since the exporter started; power integrated by the trapezoid rule.",
    )
    if snapshot.harvest is not None:
        _fill(power, energy, [], snapshot.harvest, snapshot.monotonic)
    yield power
    yield energy


def _fill(
    power: GaugeMetricFamily,
    energy: CounterMetricFamily,
    labels: list[str],
    channel: PowerChannel,
    monotonic: float,
) -> None:
    watts = channel.watts(monotonic)
    if watts is not None:
        power.add_metric(labels, watts)
    if channel.sampled_at is not None:
        energy.add_metric(labels, channel.energy.joules)


def _battery(channel: BatteryChannel | None) -> Metric:
    family = GaugeMetricFamily(
        "sunward_node_battery_state_of_charge_ratio", "Stored energy over capacity, 0 to 1, as last sampled."
    )
    if channel is not None and channel.ratio is not None:
        family.add_metric([], channel.ratio)
    return family


def _last_samples(snapshot: Snapshot) -> Metric:
    family = GaugeMetricFamily(
        "sunward_node_last_sample_timestamp_seconds",
        "Unix time of the last sample that was accepted.",
        labels=["source"],
    )
    for channel in _channels(snapshot):
        if channel.sampled_at is not None:
            family.add_metric([channel.source], channel.sampled_at)
    return family


def _errors(snapshot: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "sunward_node_sensor_errors", "Readings that were refused, by reason.", labels=["source", "reason"]
    )
    for channel in _channels(snapshot):
        for reason in Refusal:
            family.add_metric([channel.source, reason.value], channel.refusals.get(reason, 0))
    return family


def _samples(snapshot: Snapshot) -> Metric:
    family = CounterMetricFamily(
        "sunward_exporter_samples", "Power samples that were accepted; its rate is the true rate.", labels=["source"]
    )
    for channel in (snapshot.node, snapshot.harvest):
        if channel is not None:
            family.add_metric([channel.source], channel.samples)
    return family


def _build_info() -> Metric:
    family = GaugeMetricFamily(
        "sunward_exporter_build_info", "Always 1; tells the version of the exporter.", labels=["version"]
    )
    family.add_metric([_version()], 1)
    return family


def _channels(snapshot: Snapshot) -> Iterator[PowerChannel | BatteryChannel]:
    yield from (c for c in (snapshot.node, snapshot.harvest, snapshot.battery) if c is not None)


def _without_samples(families: Iterable[Metric]) -> Iterator[Metric]:
    for family in families:
        family.samples = []
        yield family


def _version() -> str:
    try:
        return version("sunward")
    except PackageNotFoundError:
        return "unknown"
