"""Which nodes have room for a worker of a job beside what runs there already."""

from __future__ import annotations

from collections.abc import Mapping

from sunward.domain.jobs import JobView
from sunward.domain.nodes import NodeView
from sunward.domain.pods import Resources
from sunward.domain.snapshot import Snapshot
from sunward.planning.jobs.claims import has_worker


def with_room(job: JobView, workers: Mapping[str, NodeView], snapshot: Snapshot) -> Mapping[str, NodeView]:
    """The nodes that may be given the job's batches: its homes, where its worker runs, and where one fits.

    A home stays in any case: its data are nowhere else, and if its worker finds no room, the scheduler says so. A node
    whose free capacity is not known stays too.
    """
    needs = job.spec.pod.room
    if needs is None:
        return workers
    homes = {shard.node for shard in job.spec.shards}
    rooms = {room.node: room.free for room in (*snapshot.free_capacities, *snapshot.closed_capacities)}
    return {
        name: node
        for name, node in workers.items()
        if name in homes or has_worker(node, job) or _holds(rooms.get(node.spec.node_name), needs)
    }


def _holds(free: object, needs: Resources) -> bool:
    return not isinstance(free, Resources) or free.holds(needs)
