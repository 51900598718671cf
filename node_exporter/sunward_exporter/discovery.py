"""Which channel measures what. The rules stand in docs/exporter-metrics.md; a person's choice always wins.

Numbers of hwmon devices change from boot to boot; nothing here depends on them. What is harvest is never consumption,
and what belongs to a part of the machine or to something else is never taken for it. Several that fit are not guessed
between: the choice is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sunward_exporter import gauges, hwmon, iio, pmic, powercap, supplies
from sunward_exporter.candidates import Candidate
from sunward_exporter.gauges import Battery
from sunward_exporter.meters import PowerMeter, Sum
from sunward_exporter.readings import Refusal
from sunward_exporter.roles import Role

HARVEST = "harvest"
_MACHINE = (Role.NODE, Role.TOTAL, Role.SUPPLY, Role.OUTPUT)
"""Names that mean the whole machine, the plainest first."""
_BY_ITSELF = ("rapl", pmic.DRIVER)
"""What the machine knows of itself without a meter, in part: used where there is no meter."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose: channels as `DEVICE` or `DEVICE/CHANNEL`; several are summed. Empty means by rule."""

    node: tuple[str, ...] = ()
    harvest: tuple[str, ...] = ()
    battery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A meter and its name, the `source` label; `default_shunt` as in `Candidate`."""

    source: str
    meter: PowerMeter
    default_shunt: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What was found; a Refusal says why there is none. `choices` are the names of all channels, for people."""

    node: Found | Refusal
    harvest: Found | Refusal
    battery: Battery | Refusal
    choices: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Places:
    """Where devices are: the sysfs root, device files, the opener of RAPL counters, and the firmware's device."""

    root: Path = Path("/sys")
    devices: Path = Path("/dev")
    opener: Path | None = None
    firmware: Path | None = None


def discover(places: Places, choice: Choice) -> Devices:
    """Look at all devices. Reads files only, and never fails for a device that vanishes."""
    root = places.root
    found = [*hwmon.candidates(root), *iio.candidates(root, places.devices), *powercap.candidates(root, places.opener)]
    found += supplies.candidates(root, found) + pmic.candidates(places.firmware)
    chosen = _chosen(found, choice.node)
    harvest = (
        _chosen(found, choice.harvest) if choice.harvest else _harvest([c for c in found if c not in _list(chosen)])
    )
    node = chosen if choice.node else _node([c for c in found if c not in _list(harvest)])
    return Devices(
        node=_joined(node, found),
        harvest=_joined(harvest, found),
        battery=gauges.find(root, choice.battery),
        choices=tuple(_spelled(candidate, found) for candidate in found),
    )


def _chosen(found: Sequence[Candidate], names: Sequence[str]) -> list[Candidate] | Refusal:
    picked: list[Candidate] = []
    for name in names:
        device, _, channel = name.partition("/")
        matching = [candidate for candidate in found if candidate.matches(device, channel or None)]
        if not matching:
            return Refusal.DEVICE_NOT_FOUND
        if len(matching) > 1 and any(candidate.role is not Role.SUPPLY for candidate in matching):
            return Refusal.AMBIGUOUS_METER
        picked += [candidate for candidate in matching if candidate not in picked]
    return picked


def _list(picked: list[Candidate] | Refusal) -> list[Candidate]:
    return [] if isinstance(picked, Refusal) else picked


def _harvest(found: Sequence[Candidate]) -> list[Candidate] | Refusal:
    return _only([candidate for candidate in found if candidate.role is Role.HARVEST]) or Refusal.DATA_MISSING


def _only(fitting: list[Candidate]) -> list[Candidate] | Refusal:
    return Refusal.AMBIGUOUS_METER if len(fitting) > 1 else fitting


def _node(found: Sequence[Candidate]) -> list[Candidate] | Refusal:
    """By the plainest name; supplies add up; else the only one without a name; else the processor's counters."""
    for role in _MACHINE:
        named = [candidate for candidate in found if candidate.role is role]
        if named:
            return named if role is Role.SUPPLY and _are_alike(named) else _only(named)
    others = [candidate for candidate in found if candidate.device.driver not in _BY_ITSELF]
    unnamed = [candidate for candidate in others if candidate.role is Role.UNNAMED and candidate.is_first]
    parts = [candidate for candidate in others if candidate.role in (Role.PART, Role.CORE)]
    if unnamed:
        return _only([*unnamed, *_alone(parts, others)])
    if any(candidate.role is Role.PART for candidate in parts):
        return _only(parts)
    itself = [c for c in found if c.device.driver in _BY_ITSELF and c.is_first]
    return itself or (Refusal.NOT_OF_THE_MACHINE if others else Refusal.NO_METER)


def _alone(parts: Sequence[Candidate], others: Sequence[Candidate]) -> list[Candidate]:
    """Parts that are the only channel of their device: what their label means is less sure than that of many rails."""
    devices = [candidate.device for candidate in others]
    return [part for part in parts if part.role is Role.PART and devices.count(part.device) == 1]


def _are_alike(supplies: Sequence[Candidate]) -> bool:
    """Supplies side by side are of one make; inputs of different makes may lie in series."""
    return len({candidate.device.driver for candidate in supplies}) == 1


def _joined(picked: list[Candidate] | Refusal, found: Sequence[Candidate]) -> Found | Refusal:
    if isinstance(picked, Refusal):
        return picked
    meters = [candidate.meter() for candidate in picked]
    source = "+".join(_spelled(candidate, found) for candidate in picked)
    meter = meters[0] if len(meters) == 1 else Sum(meters=meters)
    return Found(source=source, meter=meter, default_shunt=any(candidate.default_shunt for candidate in picked))


def _spelled(candidate: Candidate, found: Sequence[Candidate]) -> str:
    """DEVICE for the first channel of a device, DEVICE/CHANNEL for another: what a person would write."""
    device = candidate.device.spelled([other.device for other in found])
    return device if candidate.is_first else f"{device}/{candidate.channel}"
