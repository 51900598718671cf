"""The metrics contract, and a collector that fills it from one snapshot at a time.

No `node` label: it comes from the scrape target, so that no exporter can speak for another node.
What is unknown is absent; no series is ever filled with zero or with an old value.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Literal

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from sunward_exporter import __version__
from sunward_exporter.channels import BatteryChannel, PowerChannel, Snapshot
from sunward_exporter.readings import Refusal

MOST_CHOICES = 32
"""Channels that are named; a server has some dozens of rails."""
Value = tuple[tuple[str, ...], float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Family:
    """One metric of the contract. A counter's name is given without its `_total`."""

    name: str
    kind: Literal["gauge", "counter"]
    help: str
    labels: tuple[str, ...] = ()

    def filled(self, values: Iterable[Value]) -> Metric:
        """The family with its values."""
        kind = GaugeMetricFamily if self.kind == "gauge" else CounterMetricFamily
        family = kind(self.name, self.help, labels=self.labels)
        for labels, value in values:
            family.add_metric(labels, value)
        return family


POWER = Family(
    name="sunward_node_power_watts",
    kind="gauge",
    help="Power that the node draws, as last sampled.",
    labels=("source",),
)
ENERGY = Family(
    name="sunward_node_energy_joules",
    kind="counter",
    help="Energy that the node has drawn since the exporter started.",
    labels=("source",),
)
HARVEST_POWER = Family(
    name="sunward_node_harvest_power_watts", kind="gauge", help="Power harvested at the node, as last sampled."
)
HARVEST_ENERGY = Family(
    name="sunward_node_harvest_energy_joules", kind="counter", help="Energy harvested since the exporter started."
)
BATTERY = Family(
    name="sunward_node_battery_state_of_charge_ratio",
    kind="gauge",
    help="Stored energy over capacity, 0 to 1, as last sampled.",
)
LAST_SAMPLE = Family(
    name="sunward_node_last_sample_timestamp_seconds",
    kind="gauge",
    help="Unix time of the last accepted sample.",
    labels=("source",),
)
ERRORS = Family(
    name="sunward_node_sensor_errors",
    kind="counter",
    help="Rejected readings, by reason.",
    labels=("source", "reason"),
)
CHOICES = Family(
    name="sunward_exporter_meter_info",
    kind="gauge",
    help="Always 1; a channel of this machine that can tell a power, as a flag may name it.",
    labels=("meter",),
)
ABSENT = Family(
    name="sunward_exporter_meter_absent",
    kind="gauge",
    help="Always 1; why there is no value of `node`, `harvest` or `battery` now.",
    labels=("source", "reason"),
)
SAMPLES = Family(
    name="sunward_exporter_samples",
    kind="counter",
    help="Accepted power samples; the rate is the actual sampling rate.",
    labels=("source",),
)
BUILD_INFO = Family(
    name="sunward_exporter_build_info",
    kind="gauge",
    help="Always 1; the label is the version of the exporter.",
    labels=("version",),
)
BOARD = Family(
    name="sunward_exporter_board_info",
    kind="gauge",
    help="Always 1; the label is the model of the board, by its device tree or its DMI tables.",
    labels=("model",),
)
CONTRACT = (
    POWER,
    ENERGY,
    HARVEST_POWER,
    HARVEST_ENERGY,
    BATTERY,
    LAST_SAMPLE,
    ERRORS,
    ABSENT,
    SAMPLES,
    CHOICES,
    BOARD,
    BUILD_INFO,
)


class SnapshotCollector(Collector):
    """Answers a scrape from the newest snapshot; reading meters is the sampler's business."""

    def __init__(self, snapshot: Callable[[], Snapshot]) -> None:
        self._snapshot = snapshot

    def collect(self) -> Iterable[Metric]:
        """All families of the contract."""
        snapshot = self._snapshot()
        return [family.filled(values(snapshot)) for family, values in _VALUES.items()]

    def describe(self) -> Iterable[Metric]:
        """The families without values, so that registering reads no meter."""
        return [family.filled(()) for family in CONTRACT]


def _power(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.node is not None:
        yield from _watts(snapshot.node, snapshot.monotonic, (snapshot.node.source,))


def _energy(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.node is not None:
        yield from _joules(snapshot.node, (snapshot.node.source,))


def _harvest_power(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.harvest is not None:
        yield from _watts(snapshot.harvest, snapshot.monotonic, ())


def _harvest_energy(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.harvest is not None:
        yield from _joules(snapshot.harvest, ())


def _watts(channel: PowerChannel, monotonic: float, labels: tuple[str, ...]) -> Iterator[Value]:
    watts = channel.watts(monotonic)
    if watts is not None:
        yield labels, watts


def _joules(channel: PowerChannel, labels: tuple[str, ...]) -> Iterator[Value]:
    if channel.sampled_at is not None:
        yield labels, channel.energy.joules


def _battery(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.battery is not None and snapshot.battery.ratio is not None:
        yield (), snapshot.battery.ratio


def _last_samples(snapshot: Snapshot) -> Iterator[Value]:
    for channel in _channels(snapshot):
        if channel.sampled_at is not None:
            yield (channel.source,), channel.sampled_at


def _errors(snapshot: Snapshot) -> Iterator[Value]:
    """Every reason from the start, so that the first refusal is already an increase."""
    for channel in _channels(snapshot):
        for reason in Refusal:
            yield (channel.source, reason.value), channel.refusals.get(reason, 0)


def _absent(snapshot: Snapshot) -> Iterator[Value]:
    """By the fixed names: whoever asks why there is no meter cannot know what it would be called."""
    powers = (("node", snapshot.node), ("harvest", snapshot.harvest))
    why = {name: channel.absence(snapshot.monotonic) for name, channel in powers if channel is not None}
    if snapshot.battery is not None:
        why["battery"] = snapshot.battery.absence
    yield from (((name, reason.value), 1) for name, reason in why.items() if reason is not None)


def _samples(snapshot: Snapshot) -> Iterator[Value]:
    for channel in (snapshot.node, snapshot.harvest):
        if channel is not None:
            yield (channel.source,), channel.samples


def _choices(snapshot: Snapshot) -> Iterator[Value]:
    yield from (((name,), 1) for name in sorted(set(snapshot.choices))[:MOST_CHOICES])


def _board(snapshot: Snapshot) -> Iterator[Value]:
    if snapshot.board is not None:
        yield (snapshot.board,), 1


def _build_info(_: Snapshot) -> Iterator[Value]:
    yield (__version__,), 1


def _channels(snapshot: Snapshot) -> Iterator[PowerChannel | BatteryChannel]:
    yield from (c for c in (snapshot.node, snapshot.harvest, snapshot.battery) if c is not None)


_VALUES: dict[Family, Callable[[Snapshot], Iterable[Value]]] = {
    POWER: _power,
    ENERGY: _energy,
    HARVEST_POWER: _harvest_power,
    HARVEST_ENERGY: _harvest_energy,
    BATTERY: _battery,
    LAST_SAMPLE: _last_samples,
    ERRORS: _errors,
    ABSENT: _absent,
    SAMPLES: _samples,
    CHOICES: _choices,
    BOARD: _board,
    BUILD_INFO: _build_info,
}
