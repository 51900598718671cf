"""Limits that the cluster's owner set in EnergyPolicy `default`; absent fields have the defaults of the definition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sunward_audit.facts import part


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Budgets and staleness limits, in nodes and seconds; `unhealthy_zone_threshold` is a share of all nodes."""

    nodes_in_transition: int = 1
    minimum_awake_nodes: int = 1
    maximum_asleep_nodes: int | None = None
    unhealthy_zone_threshold: float | None = None
    dwell_seconds: float = 600.0
    drain_timeout_seconds: float = 300.0
    boot_timeout_seconds: float = 300.0
    wake_tries: int = 3
    planning_period_seconds: float = 300.0
    sensors_seconds: float = 120.0
    intensity_seconds: float = 7200.0


def loosest(limits: Sequence[Limits]) -> Limits:
    """The last of several limits, with the budgets of the one that allows most. Raises IndexError without any."""
    asleep = [one.maximum_asleep_nodes for one in limits]
    known = [most for most in asleep if most is not None]
    shares = [one.unhealthy_zone_threshold for one in limits if one.unhealthy_zone_threshold is not None]
    return replace(
        limits[-1],
        nodes_in_transition=max(one.nodes_in_transition for one in limits),
        minimum_awake_nodes=min(one.minimum_awake_nodes for one in limits),
        maximum_asleep_nodes=max(known) if len(known) == len(asleep) else None,
        unhealthy_zone_threshold=max(shares, default=None),
    )


def limits_of(policy: Mapping[str, Any] | None) -> Limits:
    """Read them; without a policy the defaults hold."""
    spec, default = part(policy, "spec"), Limits()
    budgets, stale = part(spec, "budgets"), part(spec, "stalenessLimits")
    retries, percent = budgets.get("wakeRetrySeconds"), budgets.get("unhealthyZoneThresholdPercent")
    return Limits(
        nodes_in_transition=int(budgets.get("nodesInTransition", default.nodes_in_transition)),
        minimum_awake_nodes=int(budgets.get("minimumAwakeNodes", default.minimum_awake_nodes)),
        maximum_asleep_nodes=budgets.get("maximumAsleepNodes"),
        unhealthy_zone_threshold=None if percent is None else percent / 100,
        dwell_seconds=float(budgets.get("dwellSeconds", default.dwell_seconds)),
        drain_timeout_seconds=float(budgets.get("drainTimeoutSeconds", default.drain_timeout_seconds)),
        boot_timeout_seconds=float(budgets.get("bootTimeoutSeconds", default.boot_timeout_seconds)),
        wake_tries=default.wake_tries if retries is None else len(retries),
        planning_period_seconds=float(spec.get("planningPeriodSeconds", default.planning_period_seconds)),
        sensors_seconds=float(stale.get("sensorsSeconds", default.sensors_seconds)),
        intensity_seconds=float(stale.get("intensitySeconds", default.intensity_seconds)),
    )
