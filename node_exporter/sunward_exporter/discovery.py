"""Which channel measures what. The rules stand in docs/exporter-metrics.md; a person's choice always wins.

Numbers of hwmon devices change from boot to boot; nothing here depends on them. What is harvest is never consumption,
and what belongs to a part of the machine or to something else is never taken for it. Several that fit are not guessed
between: the choice is asked for.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sunward_exporter import gauges, hwmon, iio, powercap
from sunward_exporter.candidates import Candidate
from sunward_exporter.gauges import Battery
from sunward_exporter.meters import PowerMeter, Sum
from sunward_exporter.readings import Refusal
from sunward_exporter.roles import Role

HARVEST = "harvest"
_MACHINE = (Role.NODE, Role.TOTAL, Role.SUPPLY, Role.OUTPUT)
"""Names that mean the whole machine, the plainest first."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose: channels as `DEVICE` or `DEVICE/CHANNEL`; several are summed. Empty means by rule."""

    node: tuple[str, ...] = ()
    harvest: tuple[str, ...] = ()
    battery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """A meter and its name, the `source` label."""

    source: str
    meter: PowerMeter


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What was found; a Refusal says why there is none. `choices` are the names of all channels, for people."""

    node: Found | Refusal
    harvest: Found | Refusal
    battery: Battery | Refusal
    choices: tuple[str, ...]


def discover(root: Path, choice: Choice) -> Devices:
    """Look at all devices below a sysfs root. Reads files only, and never fails for a device that vanishes."""
    found = [*hwmon.candidates(root), *iio.candidates(root), *powercap.candidates(root)]
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
            return named if role is Role.SUPPLY else _only(named)
    others = [candidate for candidate in found if candidate.device.driver != "rapl"]
    unnamed = [candidate for candidate in others if candidate.role is Role.UNNAMED and candidate.is_first]
    parts = [candidate for candidate in others if candidate.role is Role.PART]
    if unnamed or parts:
        return _only(unnamed or parts)
    processor = [c for c in found if c.device.driver == "rapl" and c.is_first]
    return processor or (Refusal.NOT_OF_THE_MACHINE if others else Refusal.NO_METER)


def _joined(picked: list[Candidate] | Refusal, found: Sequence[Candidate]) -> Found | Refusal:
    if isinstance(picked, Refusal):
        return picked
    meters = [candidate.meter() for candidate in picked]
    source = "+".join(_spelled(candidate, found) for candidate in picked)
    return Found(source=source, meter=meters[0] if len(meters) == 1 else Sum(meters=meters))


def _spelled(candidate: Candidate, found: Sequence[Candidate]) -> str:
    """DEVICE for the first channel of a device, DEVICE/CHANNEL for another: what a person would write."""
    device = candidate.device.spelled([other.device for other in found])
    return device if candidate.is_first else f"{device}/{candidate.channel}"
