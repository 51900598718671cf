"""Settings for some nodes or boards: a file of rules, because one release serves machines of many kinds.

The file is a JSON list. Each rule names `nodes` or `boards` (names as texts, `*` for any characters) and what holds
there in place of the flags. The first rule that fits a node is used.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Final

LONGEST_FILE_BYTES = 1 << 20
"""No ConfigMap is larger."""
MOST_DEVICES = 16
_DEVICE: Final = re.compile(r"\S.{0,127}")
_SELECTORS: Final = frozenset({"nodes", "boards"})


def for_node(path: Path, node: str, board: str) -> Mapping[str, Any]:
    """What the file sets for this node, by the flags' names (`node_device`, `rate_hertz`); empty where no rule fits.

    Raises ValueError that names the rule, the field and what is expected. The settings of a rule are checked where it
    fits: what is wrong for one node stops no other.
    """
    for index, rule in enumerate(_read(path)):
        where = f"{path}: [{index}]"
        _check_selectors(rule, where)
        if _fits(rule, node, board):
            return _settings(rule, where)
    return {}


def _read(path: Path) -> list[Any]:
    try:
        with path.open("rb") as file:
            content = file.read(LONGEST_FILE_BYTES + 1)
    except OSError as error:
        raise ValueError(f"{path}: {error.strerror}") from None
    try:
        rules = json.loads(content) if len(content) <= LONGEST_FILE_BYTES else None
    except (ValueError, RecursionError):
        raise ValueError(f"{path}: not JSON; expected a list of rules") from None
    if not isinstance(rules, list):
        raise ValueError(f"{path}: expected a list of rules of at most 1 MiB")
    return rules


def _check_selectors(rule: Any, where: str) -> None:
    if not isinstance(rule, dict):
        raise ValueError(f"{where}: expected an object with nodes or boards")
    if not any(rule.get(name) for name in _SELECTORS):
        raise ValueError(f"{where}: fits no node; give it nodes or boards")
    for name in _SELECTORS & set(rule):
        _texts(rule[name], f"{where}.{name}")


def _settings(rule: Mapping[str, Any], where: str) -> dict[str, Any]:
    known = (*sorted(_SELECTORS), *_FIELDS)
    unknown = sorted(set(rule) - set(known))
    if unknown:
        raise ValueError(f"{where}.{unknown[0][:64]}: unknown; expected one of {', '.join(known)}")
    return {
        flag: check(rule[name], f"{where}.{name}")
        for name, (flag, check) in _FIELDS.items()
        if rule.get(name) is not None
    }


def _texts(value: Any, where: str) -> Sequence[str]:
    if not isinstance(value, list) or not all(isinstance(one, str) and _DEVICE.fullmatch(one) for one in value):
        raise ValueError(f"{where}: expected a list of names of at most 128 characters")
    return value


def _devices(value: Any, where: str) -> Sequence[str]:
    devices = _texts(value, where)
    if len(devices) > MOST_DEVICES:
        raise ValueError(f"{where}: expected at most {MOST_DEVICES} devices")
    return devices


def _device(value: Any, where: str) -> str | None:
    return next(iter(_texts([value], where))) if value != "" else None


def _positive(value: Any, where: str) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value > 0):
        raise ValueError(f"{where}: expected a positive number")
    return float(value)


def _fits(rule: Mapping[str, Any], node: str, board: str) -> bool:
    """Where a rule names nodes and boards, both have to fit."""
    return all(
        any(fnmatchcase(name, pattern) for pattern in rule[selector])
        for selector, name in (("nodes", node), ("boards", board))
        if rule.get(selector)
    )


_FIELDS: Final = {
    "nodeDevices": ("node_device", _devices),
    "harvestDevices": ("harvest_device", _devices),
    "batteryDevice": ("battery_device", _device),
    "nameplateWatts": ("nameplate_watts", _positive),
    "harvestNameplateWatts": ("harvest_nameplate_watts", _positive),
    "rateHertz": ("rate_hertz", _positive),
}
"""Names in the chart's values -> flags and checks."""
