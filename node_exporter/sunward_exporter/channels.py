"""What is known of each channel: pure steps from one state to the next, and the snapshot that metrics are made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from sunward_exporter.integration import Energy, add
from sunward_exporter.readings import Limits, Reading, Refusal, Sample, check_power, check_ratio

MAXIMUM_GAP_SECONDS = 5.0
"""A channel silent for longer has no power to show, and no energy is invented for the time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PowerChannel:
    """Power and energy of the node or of its harvest. Every method gives a new channel.

    `sampled_at` is the Unix time of the last accepted sample in seconds; None before the first one.
    """

    source: str
    limits: Limits = field(default_factory=Limits)
    energy: Energy = field(default_factory=Energy)
    sampled_at: float | None = None
    samples: int = 0
    refusals: Mapping[Refusal, int] = field(default_factory=dict)
    newest_refusal: Refusal | None = None

    def take(self, reading: Reading | Refusal, monotonic: float, wall: float) -> PowerChannel:
        """The channel after one more attempt to read its meter."""
        sample = check_power(reading, monotonic, self.energy.last, self.limits)
        if isinstance(sample, Refusal):
            return self.refuse(sample)
        energy, lost = add(self.energy, sample, MAXIMUM_GAP_SECONDS)
        refusals = self.refusals if lost is None else _counted(self.refusals, lost)
        return replace(
            self, energy=energy, sampled_at=wall, samples=self.samples + 1, refusals=refusals, newest_refusal=None
        )

    def refuse(self, reason: Refusal) -> PowerChannel:
        """The channel after an attempt that gave nothing."""
        return replace(self, refusals=_counted(self.refusals, reason), newest_refusal=reason)

    def absence(self, monotonic: float) -> Refusal | None:
        """Why there is no power to show; None where there is one, and before the first attempt."""
        return self.newest_refusal if self.watts(monotonic) is None else None

    def watts(self, monotonic: float) -> float | None:
        """The last accepted power; None where it is too old to be shown as now."""
        last: Sample | None = self.energy.last
        if last is None or monotonic - last.seconds > MAXIMUM_GAP_SECONDS:
            return None
        return last.watts


@dataclass(frozen=True, slots=True, kw_only=True)
class BatteryChannel:
    """State of charge as a ratio; None before the first reading and while the gauge is silent, `absence` says why."""

    source: str = "battery"
    ratio: float | None = None
    sampled_at: float | None = None
    refusals: Mapping[Refusal, int] = field(default_factory=dict)
    absence: Refusal | None = None

    def take(self, value: float | Refusal, wall: float) -> BatteryChannel:
        """The channel after one more attempt to read the gauge."""
        ratio = check_ratio(value)
        if isinstance(ratio, Refusal):
            return self.refuse(ratio)
        return replace(self, ratio=ratio, sampled_at=wall, absence=None)

    def refuse(self, reason: Refusal) -> BatteryChannel:
        """The channel after an attempt that gave nothing."""
        return replace(self, ratio=None, refusals=_counted(self.refusals, reason), absence=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Snapshot:
    """Everything the metrics say, at one moment; channels that do not exist on this machine are None.

    `choices` are the names of all channels of this machine that can tell a power; `board` is its model, if it says one.
    """

    monotonic: float
    node: PowerChannel | None
    harvest: PowerChannel | None
    battery: BatteryChannel | None
    choices: tuple[str, ...] = ()
    board: str | None = None


def _counted(refusals: Mapping[Refusal, int], reason: Refusal) -> Mapping[Refusal, int]:
    return MappingProxyType({**refusals, reason: refusals.get(reason, 0) + 1})
