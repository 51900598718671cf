"""Which device measures what. The rules stand in docs/exporter-metrics.md; a person's choice always wins.

- harvest: the hwmon device whose `name` or `power1_label` is `harvest`;
- node: the hwmon device whose `name` or `power1_label` is `node`, else the only other one that can tell a power,
  else the machine's RAPL packages. Several candidates are not guessed between: the choice is asked for;
- battery: the only power_supply device of type Battery.

Numbers of hwmon devices change from boot to boot; nothing here depends on them.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from sunward_exporter.meters import CHANNEL_METERS, Battery, EnergyCounters, PowerMeter, Sum
from sunward_exporter.readings import Refusal
from sunward_exporter.sysfs import read_text

HARVEST = "harvest"
NODE = "node"
_CHANNEL = re.compile(r"(?P<device>[^/]+)(/(?P<index>[0-9]{1,2}))?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What a person chose: hwmon channels as `DEVICE` or `DEVICE/INDEX`; several are summed. Empty means by rule."""

    node: tuple[str, ...] = ()
    harvest: tuple[str, ...] = ()
    battery: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Devices:
    """What was found; a Refusal says why there is none."""

    node: PowerMeter | Refusal
    harvest: PowerMeter | Refusal
    battery: Battery | Refusal


@dataclass(frozen=True, slots=True, kw_only=True)
class _Hwmon:
    folder: Path
    name: str
    labels: frozenset[str]


def discover(root: Path, choice: Choice) -> Devices:
    """Look at all devices below a sysfs root. Reads files only, and never fails for a device that vanishes."""
    found = sorted(_hwmon(root), key=lambda device: device.folder.name)
    return Devices(
        node=_chosen(found, choice.node) if choice.node else _node(root, found),
        harvest=_chosen(found, choice.harvest) if choice.harvest else _harvest(found),
        battery=_battery(root, choice.battery),
    )


def _hwmon(root: Path) -> Iterator[_Hwmon]:
    for folder in _folders(root / "class" / "hwmon"):
        name = read_text(folder / "name")
        if name is not None:
            labels = (read_text(path) for path in folder.glob("power*_label"))
            yield _Hwmon(folder=folder, name=name, labels=frozenset({name, *filter(None, labels)}))


def _folders(parent: Path) -> list[Path]:
    try:
        return sorted(parent.iterdir())
    except OSError:
        return []


def _node(root: Path, found: Sequence[_Hwmon]) -> PowerMeter | Refusal:
    meters = [(device, meter) for device in found if (meter := _channel(device, None)) and HARVEST not in device.labels]
    named = [meter for device, meter in meters if NODE in device.labels]
    candidates = named or [meter for _, meter in meters]
    return _only(candidates) if candidates else _rapl(root)


def _harvest(found: Sequence[_Hwmon]) -> PowerMeter | Refusal:
    return _only([meter for d in found if HARVEST in d.labels and (meter := _channel(d, None))])


def _only(candidates: Sequence[PowerMeter]) -> PowerMeter | Refusal:
    if len(candidates) > 1:
        return Refusal.AMBIGUOUS_METER
    return candidates[0] if candidates else Refusal.DATA_MISSING


def _chosen(found: Sequence[_Hwmon], names: Sequence[str]) -> PowerMeter | Refusal:
    meters: list[PowerMeter] = []
    for name in names:
        match = _CHANNEL.fullmatch(name)
        devices = [device for device in found if match and match["device"] in (device.name, *device.labels)]
        if len(devices) != 1 or match is None:
            return Refusal.AMBIGUOUS_METER if devices else Refusal.DATA_MISSING
        meter = _channel(devices[0], match["index"])
        if meter is None:
            return Refusal.DATA_MISSING
        meters.append(meter)
    return meters[0] if len(meters) == 1 else Sum(source="+".join(m.source for m in meters), meters=tuple(meters))


def _channel(device: _Hwmon, index: str | None) -> PowerMeter | None:
    """The meter of one channel of a device, the first by default; None where it cannot tell a power."""
    number = index or "1"
    source = device.name if index is None else f"{device.name}/{index}"
    found = (meter_at(device.folder, number, source) for meter_at in CHANNEL_METERS)
    return next((meter for meter in found if meter is not None), None)


def _rapl(root: Path) -> PowerMeter | Refusal:
    packages = [
        folder
        for folder in _folders(root / "class" / "powercap")
        if re.fullmatch(r"intel-rapl:[0-9]+", folder.name) and (folder / "energy_uj").exists()
    ]
    return EnergyCounters(packages, time.monotonic) if packages else Refusal.DATA_MISSING


def _battery(root: Path, chosen: str | None) -> Battery | Refusal:
    batteries = [
        folder
        for folder in _folders(root / "class" / "power_supply")
        if read_text(folder / "type") == "Battery" and chosen in (None, folder.name)
    ]
    if len(batteries) > 1:
        return Refusal.AMBIGUOUS_METER
    return Battery(device=batteries[0]) if batteries else Refusal.DATA_MISSING
