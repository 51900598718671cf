"""The two files that `sunward init` writes for people to review: EnergyNodes, and values of the chart. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import yaml

from sunward.cli.setup.survey import Found

UNKNOWN_BOARD = (
    "its board is not in the table of measured boards: measure the machine idle and busy and fill in both figures, or"
    " name a profile with --board"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayChoice:
    """A relay that a person assigned to a node; `name` is how EnergyNode and values refer to it."""

    name: str
    driver: str
    url: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Intensity:
    """Where grid intensities come from: an account, one number for every zone, or (both None) not said yet."""

    url: str | None = None
    grams_per_kilowatt_hour: float | None = None


def energy_nodes(nodes: Sequence[Found], relays: Mapping[str, RelayChoice], site: str) -> str:
    """EnergyNodes as YAML. A node whose draw nobody published is commented out, with what is missing."""
    return "".join(f"---\n{_energy_node(node, relays.get(node.name), site)}" for node in nodes)


def _energy_node(node: Found, relay: RelayChoice | None, site: str) -> str:
    board = node.board
    idle, busy = (None, None) if board is None else (board.idle_milliwatts, board.busy_milliwatts)
    told = node.model or "not known: no exporter answers there"
    lines = [f"# {node.name}; model: {told}", f"# figures: {UNKNOWN_BOARD if board is None else board.source}"]
    text = yaml.safe_dump(_body(node, relay, site, idle, busy), sort_keys=False)
    if board is not None and idle is not None and busy is not None:
        return "\n".join([*lines, text])
    if board is not None:
        lines.append("# one of the two figures is not published: measure it and fill it in")
    return "\n".join([*lines, *(f"# {line}" for line in text.splitlines()), ""])


def _body(node: Found, relay: RelayChoice | None, site: str, idle: int | None, busy: int | None) -> dict[str, Any]:
    power = {
        "profile": node.board.profile if node.board else "custom",
        "idleMilliwatts": "FILL IN" if idle is None else idle,
        "busyMilliwatts": "FILL IN" if busy is None else busy,
    }
    spec: dict[str, Any] = {"gridZone": node.zone}
    spec |= {"site": site} if site else {}
    spec |= {"role": "AlwaysOn" if node.is_control_plane else "Worker", "power": power}
    if relay is not None:
        spec["sleep"] = {"driver": relay.driver, "driverRef": {"name": relay.name}}
    return {"apiVersion": "sunward.dev/v1alpha1", "kind": "EnergyNode", "metadata": {"name": node.name}, "spec": spec}


def values(
    nodes: Sequence[Found], relays: Sequence[RelayChoice], intensity: Intensity, namespaces: Sequence[str]
) -> str:
    """Values of the chart as YAML, with a comment on what is still open."""
    body: dict[str, Any] = {"jobNamespaces": list(namespaces), "intensitySources": _sources(nodes, intensity)}
    if relays:
        body["relays"] = {one.name: {"driver": one.driver, "url": one.url} for one in relays}
    notes = ["# The policy starts in DryRun: Sunward plans and explains, and changes nothing."]
    if not body["intensitySources"]:
        notes.append(
            "# No source of grid intensity was named: add one, else no zone is known (README.md of the chart)."
        )
    notes += ["# Relays with a password need credentialsSecretRef: {name: SECRET, key: KEY}."] if relays else []
    return "\n".join([*notes, yaml.safe_dump(body, sort_keys=False)])


def _sources(nodes: Sequence[Found], intensity: Intensity) -> dict[str, Any]:
    if intensity.url is not None:
        secret = {"name": "electricity-maps", "key": "token"}
        return {"default": {"provider": "electricity-maps", "url": intensity.url, "tokenSecretRef": secret}}
    if intensity.grams_per_kilowatt_hour is not None:
        zones = sorted({node.zone for node in nodes})
        return {
            "default": {
                "provider": "static",
                "gramsPerKilowattHour": dict.fromkeys(zones, intensity.grams_per_kilowatt_hour),
            }
        }
    return {}
