"""How many nodes may be out before Kubernetes stops moving pods off a node that really failed.

The node lifecycle controller takes a sleeping node for a failed one. A failure zone with more than two such nodes, and
with at least `unhealthy-zone-threshold` of all its nodes, counts as partially disrupted: its evictions then go on at
`secondary-node-eviction-rate` in a zone larger than `large-cluster-size-threshold`, and stop in any other. Source:
pkg/controller/nodelifecycle/node_lifecycle_controller.go of Kubernetes (ComputeZoneState, ReducedQPSFunc).
"""

from __future__ import annotations

from collections.abc import Sequence
from ctypes import c_float
from dataclasses import dataclass
from enum import StrEnum

HARMLESS_NODES = 2
"""Below three failed nodes Kubernetes evicts as usual, however few there are in all."""
LARGE_NODES = 50
"""Kubernetes' own large-cluster-size-threshold."""
REDUCED_PER_SECOND = 0.01
"""Kubernetes' own secondary-node-eviction-rate: a node in 100 s. Less than that does not count as healing."""


class LimitSource(StrEnum):
    """Where the setting comes from that limits how many nodes may sleep."""

    DEFAULT = "Default"
    NODE_ARGS = "NodeArgs"
    STATIC_POD = "StaticPod"
    POLICY = "Policy"


@dataclass(frozen=True, slots=True, kw_only=True)
class EvictionSettings:
    """How one kube-controller-manager is set; None for what its arguments leave out.

    `unhealthy_zone_threshold` is a share of the nodes of a zone, `secondary_evictions_per_second` counts nodes.
    """

    source: LimitSource = LimitSource.DEFAULT
    unhealthy_zone_threshold: float | None = None
    large_cluster_nodes: int | None = None
    secondary_evictions_per_second: float | None = None

    def bearable(self, nodes: int) -> int:
        """Most of so many nodes that may be out while pods of one more failed node would still have been moved.

        Without a setting it is half of them, which is below Kubernetes' own 55 %.
        """
        limit = self.unhealthy_zone_threshold
        most = nodes // 2 if limit is None else _below(limit, nodes)
        return max(HARMLESS_NODES, nodes - 1 if self._heals_large(nodes) else most)

    def _heals_large(self, nodes: int) -> bool:
        """Whether evictions go on in a partially disrupted zone of this size, because the cluster is set up for it."""
        size, rate = self.large_cluster_nodes, self.secondary_evictions_per_second
        if size is None and rate is None:
            return False
        is_large = nodes > (LARGE_NODES if size is None else size)
        return is_large and (REDUCED_PER_SECOND if rate is None else rate) >= REDUCED_PER_SECOND


UNCONFIGURED = (EvictionSettings(),)
"""What holds where nothing is known of the cluster's own settings."""


def binding(controllers: Sequence[EvictionSettings], nodes: int) -> EvictionSettings:
    """Of several controllers any one may lead: the settings that bear the fewest of so many nodes."""
    return min(controllers, key=lambda one: one.bearable(nodes))


def known_settings(
    read: Sequence[EvictionSettings | None], threshold_ratio: float | None
) -> tuple[EvictionSettings, ...]:
    """What is known of every controller: what was read, else the administrator's word, else nothing.

    `read` has one entry per controller, None for one whose arguments cannot be read; empty where none is seen.
    """
    word = EvictionSettings()
    if threshold_ratio is not None:
        word = EvictionSettings(source=LimitSource.POLICY, unhealthy_zone_threshold=threshold_ratio)
    return tuple(one or word for one in read) or (word,)


def _below(threshold: float, nodes: int) -> int:
    """Most nodes, less than all, whose share is below the threshold, in single precision as Kubernetes has it."""
    limit = c_float(threshold).value
    return next((out for out in range(nodes - 1, 0, -1) if c_float(out / nodes).value < limit), 0)
