"""Which machine carries which part of a job. Pure."""

from __future__ import annotations

from collections.abc import Iterable

from sunward.cluster.training.jobs import Placement
from sunward.domain.jobs import JobView
from sunward.domain.nodes import NodeView, PowerState, Role
from sunward.domain.plans import JobDirective
from sunward.domain.snapshot import Snapshot


def placement(job: JobView, directive: JobDirective, snapshot: Snapshot) -> Placement | None:
    """Where coordinator and workers belong now; None while no node can carry the coordinator."""
    coordinator = job.coordinator_node or _coordinator_node(snapshot)
    if coordinator is None:
        return None
    wanted = {row.node for row in directive.assignments} | set(_sources(job, directive))
    workers = {node.name: node.spec.node_name for node in snapshot.nodes if node.name in wanted and _can_work(node)}
    sites = {node.name: node.spec.site for node in snapshot.nodes if node.name in workers and node.spec.site}
    return Placement(coordinator_node=coordinator, workers=workers, sites=sites)


def _coordinator_node(snapshot: Snapshot) -> str | None:
    """A node that never sleeps; only without one, any that works (it then stays awake for the coordinator)."""
    ready = [node for node in snapshot.nodes if node.facts is not None and node.facts.ready]
    ranked = sorted(ready, key=lambda node: (_sleepiness(node, snapshot), node.name))
    return ranked[0].spec.node_name if ranked else None


def _sleepiness(node: NodeView, snapshot: Snapshot) -> int:
    if node.spec.role is Role.ALWAYS_ON:
        return 0
    if node.facts is not None and node.facts.is_control_plane:
        return 1
    return 2 if node.spec.node_name == snapshot.operator_node else 3


def _sources(job: JobView, directive: JobDirective) -> Iterable[str]:
    """Homes whose shard another node needs and has not copied yet: their shard server must run."""
    cached = dict(job.progress.cached_shards) if job.progress else {}
    for row in directive.assignments:
        if row.node != row.from_node and row.shard not in cached.get(row.node, ()):
            yield row.from_node


def _can_work(node: NodeView) -> bool:
    facts = node.facts
    awake = node.record.power_state is PowerState.AWAKE
    return facts is not None and facts.ready and not facts.unschedulable and awake
