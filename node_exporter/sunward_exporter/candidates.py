"""A channel of a device that can tell a power, and the names by which a person may choose it.

A name holds what survives a reboot: the label of the device tree, the bus address, the driver, the channel's label.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from sunward_exporter.meters import PowerMeter
from sunward_exporter.roles import Role


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """Where a channel is. `address` is that of the bus (`1-0040`), `label` the device tree's."""

    driver: str
    address: str | None = None
    label: str | None = None

    @property
    def names(self) -> frozenset[str]:
        """Everything that selects the device; `ina219-i2c-1-40` is how lm-sensors spells it."""
        names = {self.driver, self.label or self.driver}
        if self.address is not None:
            names |= {self.address, f"{self.driver}@{self.address}"}
            i2c = re.fullmatch(r"(\d+)-00([0-9a-f]{2})", self.address)
            if i2c:
                names.add(f"{self.driver}-i2c-{i2c[1]}-{i2c[2]}")
        return frozenset(names)

    def spelled(self, others: Iterable[Device]) -> str:
        """The shortest name that no other device has."""
        for name in (self.driver, self.label, self.address and f"{self.driver}@{self.address}"):
            if name and not any(other != self and name in other.names for other in others):
                return name
        return f"{self.driver}@{self.address or '?'}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """One channel; `is_first` marks the one that is meant where only its device is named.

    `default_shunt` says that its driver was not told the shunt and took its own default, which is seldom right.
    """

    device: Device
    channel: str
    label: str | None
    is_first: bool
    role: Role
    meter: Callable[[], PowerMeter]
    default_shunt: bool = False

    def matches(self, device: str, channel: str | None) -> bool:
        """Whether a person means it by DEVICE or DEVICE/CHANNEL, or by its channel's label alone."""
        if channel is None:
            return device == self.label or (device in self.device.names and self.is_first)
        return device in self.device.names and channel in (self.channel, self.label)
