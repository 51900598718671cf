"""The degradation ladder: what each number of a snapshot may still be used for, and why.

Every answer that is not plain use has a reason for people; the rows are those of docs/data-quality.md. Pure: no clock,
no source, so that every row can be tried in a test.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import timedelta

from sunward.domain.cause import Cause
from sunward.domain.measurement import Reading
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.nodes import judge_node, should_answer
from sunward.planning.data_quality.verdict import DataVerdict, Finding, NodeVerdict, Use
from sunward.planning.data_quality.zones import judge_zone

FAILURES_BEFORE_HOLD = 3
"""Misses of the metrics store in a row; before that each node's own age limits decide."""
BLIND_BEFORE_WAKING = timedelta(minutes=30)
SUSPECT_NODES_RATIO = 0.3
"""More nodes than this bad at once are one bad pipeline."""


def judge(
    snapshot: Snapshot,
    trail: ReadingHistory,
    *,
    pending_pods: int = 0,
    second_opinions: Mapping[str, Reading] | None = None,
) -> DataVerdict:
    """Judge a snapshot in the light of `trail`, which already holds it (`trail.after(snapshot)`).

    `pending_pods` counts pods that wait for a node; `second_opinions` are another source's intensities by zone.
    """
    others = second_opinions or {}
    nodes = {node.name: judge_node(node, snapshot, trail) for node in snapshot.nodes}
    zones = {name: judge_zone(zone, snapshot, trail, others.get(name)) for name, zone in snapshot.intensities.items()}
    blind = _blind(snapshot, trail, pending_pods)
    whole = (*_cluster(snapshot, trail, nodes), *([blind] if blind else []))
    of_nodes = (finding for node in nodes.values() for finding in node.findings)
    of_zones = (finding for zone in zones.values() for finding in zone.findings)
    return DataVerdict(
        nodes=nodes,
        zones=zones,
        hold=next((finding for finding in whole if finding.use is Use.HOLD), None),
        wake_for_pending=blind,
        findings=(*whole, *of_nodes, *of_zones),
    )


def cleaned(snapshot: Snapshot, verdict: DataVerdict) -> Snapshot:
    """The snapshot with the values that may be used in place of those that were read, and what holds everything."""
    nodes = tuple(replace(node, meters=verdict.nodes[node.name].meters) for node in snapshot.nodes)
    zones = {name: zone.intensity for name, zone in verdict.zones.items()}
    hold = None if verdict.hold is None else verdict.hold.cause
    return replace(snapshot, nodes=nodes, intensities=zones, data_hold=hold)


def _cluster(snapshot: Snapshot, trail: ReadingHistory, nodes: Mapping[str, NodeVerdict]) -> Iterator[Finding]:
    """What concerns all nodes at once, the gravest first."""
    if not snapshot.is_leader:
        yield _of_cluster(
            Use.HOLD,
            Cause(Reason.NOT_LEADER, "the operator does not hold the Lease, or the API server does not respond"),
        )
    if not snapshot.sensors_available and trail.sensors_failures >= FAILURES_BEFORE_HOLD:
        message = f"the metrics store failed {trail.sensors_failures} times in a row"
        yield _of_cluster(Use.HOLD, Cause(Reason.DATA_UNAVAILABLE, message))
    running = [node.name for node in snapshot.nodes if should_answer(node)]
    bad = [name for name in running if not nodes[name].supports_sleep]
    if snapshot.sensors_available and len(running) > 1 and len(bad) > SUSPECT_NODES_RATIO * len(running):
        message = (
            f"{len(bad)} of {len(running)} running nodes have unusable data at once; "
            "the metrics pipeline is suspected rather than the nodes"
        )
        yield _of_cluster(Use.HOLD, Cause(Reason.PIPELINE_SUSPECT, message))
    warm_at = snapshot.operator_started_at + timedelta(seconds=snapshot.policy.budgets.warm_up_seconds)
    if snapshot.taken_at < warm_at:
        seconds = (warm_at - snapshot.taken_at).total_seconds()
        yield _of_cluster(
            Use.PESSIMISTIC, Cause(Reason.WARMING_UP, f"no node is put to sleep for another {seconds:.0f} s")
        )


def _blind(snapshot: Snapshot, trail: ReadingHistory, pending_pods: int) -> Finding | None:
    """Availability comes before emissions: who is blind for long while pods wait wakes nodes, step by step."""
    since = trail.sensors_silent_since
    if since is None or pending_pods <= 0 or snapshot.taken_at - since <= BLIND_BEFORE_WAKING:
        return None
    minutes = (snapshot.taken_at - since).total_seconds() / 60.0
    message = (
        f"no metrics for {minutes:.0f} min while {pending_pods} pods are pending; nodes are woken until the pods fit"
    )
    return _of_cluster(Use.PESSIMISTIC, Cause(Reason.AVAILABILITY_FIRST, message))


def _of_cluster(use: Use, why: Cause) -> Finding:
    return Finding(subject="cluster", use=use, cause=why)
