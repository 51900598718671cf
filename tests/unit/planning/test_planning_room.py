"""Plans give a job's batches to nodes only that have room for its worker."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sunward.domain.jobs import JobView
from sunward.domain.pods import Resources
from sunward.domain.workloads import PodOptions
from sunward.planning.compile import compile_problem
from sunward.planning.jobs.admission import split
from sunward.planning.jobs.room import with_room
from support.planning import a_job, a_node, a_room, a_snapshot, a_worker_pod, some_forecasts

LARGE = PodOptions(needs=(("cpu", 500), ("memory", 2 << 30)))
SMALL = Resources(millicores=400, memory_bytes=8 << 30, pods=10)
BIG = Resources(millicores=4000, memory_bytes=8 << 30, pods=10)
NODES = ("pi-01", "pi-02", "pi-03")


def names(job: JobView, *, worker_on: str = "", closed: bool = False, **free: Resources) -> set[str]:
    """Nodes that may be given the job's batches, with so much room; `closed` is what sleeps."""
    nodes = [a_node(name, pods=[a_worker_pod(node=name)] if name == worker_on else ()) for name in NODES]
    rooms = tuple(a_room(name.replace("_", "-"), free=amount) for name, amount in free.items())
    snapshot = a_snapshot(*nodes, jobs=[job], free_capacities=() if closed else rooms)
    snapshot = replace(snapshot, closed_capacities=rooms if closed else ())
    return set(with_room(job, {node.name: node for node in nodes}, snapshot))


@pytest.mark.parametrize("closed", [False, True])
def test_a_node_without_room_is_given_nothing_awake_or_asleep(closed: bool) -> None:
    assert names(a_job(pod=LARGE), closed=closed, pi_02=SMALL, pi_03=BIG) == {"pi-01", "pi-03"}


def test_a_home_stays_and_so_does_a_node_that_has_the_worker_already() -> None:
    assert names(a_job(pod=LARGE), worker_on="pi-02", pi_01=SMALL, pi_02=SMALL, pi_03=SMALL) == {"pi-01", "pi-02"}


def test_what_is_not_known_takes_no_node_away() -> None:
    assert names(a_job(pod=LARGE)) == set(NODES)
    assert names(a_job(pod=PodOptions(needs=None)), pi_02=SMALL) == set(NODES)


def test_the_problem_and_the_quorum_count_only_nodes_with_room() -> None:
    nodes = [a_node(name) for name in NODES]
    rooms = tuple(a_room(name, free=SMALL if name == "pi-02" else BIG) for name in NODES)
    job = a_job(pod=LARGE, minimum_workers=2)
    snapshot = a_snapshot(*nodes, jobs=[job], free_capacities=rooms)
    entry = compile_problem(snapshot, some_forecasts(snapshot)).problem.jobs[0]
    assert [name for name in NODES if entry.can_work(name)] == ["pi-01", "pi-03"]
    everywhere = {node.name: node for node in nodes}
    demanding = replace(snapshot, jobs=(a_job(pod=LARGE, minimum_workers=3),))
    assert [waiting.job.spec.name for waiting in split(demanding, everywhere, everywhere)[1]] == ["mnist"]
    assert split(snapshot, everywhere, everywhere)[1] == []
