"""The real loop with jobs of people who ask for much: what they get, and what stands at their objects."""

from __future__ import annotations

from typing import Any

from sunward.cluster.access.api import core, ours
from support.loop.auditor import Auditor
from support.loop.objects import WORKERS, ZONES
from support.loop.process import Process, run
from support.loop.store import Body
from support.loop.world import World, add_job, override


def limit(world: World, **values: Any) -> None:
    """The administrator limits every namespace."""
    world.store.patch(ours("energypolicies", "default"), {"spec": {"limits": [values]}})


def condition(world: World, job: str, kind: str) -> dict[str, Any]:
    """A condition of a TrainingJob."""
    body = world.store.find("trainingjobs", job, "default")
    assert body is not None
    found: dict[str, Any] = next(c for c in body["status"]["conditions"] if c["type"] == kind)
    return found


async def test_a_job_over_its_limit_waits_with_the_limit_named_and_runs_when_there_is_room() -> None:
    world = World(jobs=False)
    auditor = Auditor(world)
    limit(world, jobs=1)
    add_job(world, "first", {"pi-1": "a"}, rounds=3)
    add_job(world, "second", {"pi-3": "b"}, rounds=3)
    process = await run(world, Process(world, "op"), 30)
    waits = condition(world, "second", "Planned")
    assert (waits["status"], waits["reason"]) == ("False", "JobLimit")
    assert "spec.limits[0].jobs of EnergyPolicy default allows 1" in waits["message"]
    assert condition(world, "first", "Planned")["status"] == "True"
    assert world.store.find("pods", "second-coordinator", "default") is None
    await run(world, process, 300)
    assert [condition(world, name, "Complete")["status"] for name in ("first", "second")] == ["True", "True"]
    assert (auditor.violations, process.failures) == ([], [])


class ClaimingWorld(World):
    """Its coordinators say in every answer that every node trains."""

    def progress(self, address: str) -> Body | None:
        honest = super().progress(address)
        workers = [{"node": node, "state": "alive", "round_batches_assigned": 1} for node in WORKERS]
        return honest and honest | {"phase": "training", "workers": workers}


async def test_a_coordinator_that_claims_every_node_keeps_awake_only_those_that_it_was_given() -> None:
    world = ClaimingWorld(jobs=False)
    auditor = Auditor(world)
    add_job(world, "digits", {"pi-1": "a"}, rounds=1000, mobility="Never")
    process = await run(world, Process(world, "op"), 300)
    assert (world.power("pi-1"), world.power("pi-3")) == ("Awake", "Asleep")
    doubt = condition(world, "digits", "Running")
    assert doubt["reason"] == "ClaimNotConfirmed"
    assert "pi-3" in doubt["message"]
    assert "pi-1" not in doubt["message"]
    assert (auditor.violations, process.failures) == ([], [])


class FickleWorld(World):
    """Its coordinators train in one pass and wait in the next."""

    turns = 0

    def progress(self, address: str) -> Body | None:
        honest = super().progress(address)
        self.turns += 1
        workers = [{"node": "pi-1", "state": "alive", "round_batches_assigned": self.turns % 2}]
        return honest and honest | {"phase": ("waiting", "training")[self.turns % 2], "workers": workers}


async def test_a_coordinator_that_changes_its_mind_in_every_pass_is_written_once_a_minute() -> None:
    world = FickleWorld(period_seconds=300, jobs=False)
    auditor = Auditor(world)
    add_job(world, "digits", {"pi-1": "a"}, rounds=1000, mobility="Never")
    process = await run(world, Process(world, "op"), 60)
    before, start = len(world.writes), world.seconds
    await run(world, process, start + 600)
    writes = world.writes[before:]
    reports = [w for w in writes if w.address.kind == "trainingjobs" and "conditions" in w.body["status"]]
    about = [w for w in writes if w.verb == "POST" and w.address.kind == "events" and "digits" in w.body["message"]]
    assert (len(reports) <= 15, len(about) <= 15) == (True, True)
    assert (auditor.violations, process.failures) == ([], [])


async def test_a_pod_that_asks_to_stay_stands_at_its_node_with_what_it_costs() -> None:
    world = World(jobs=False)
    auditor = Auditor(world)
    for name in ("pi-1", "pi-2"):
        override(world, name, "Awake")  # else they use up what may be asleep at once, and pi-3 could not sleep anyway
    path = core("pods", "web-0", namespace="default")
    world.store.patch(path, {"metadata": {"annotations": {"sunward.dev/do-not-disrupt": "true"}}})
    process = await run(world, Process(world, "op"), 130)
    node, policy = world.store.find("energynodes", "pi-3"), world.store.find("energypolicies", "default")
    assert node is not None
    assert policy is not None
    held = {"namespace": "default", "holder": "default/web-0", "reason": "DoNotDisrupt"}
    assert (world.power("pi-3"), node["status"]["pinnedBy"]) == ("Awake", [held])
    cost = round(2.6 * ZONES["DIRTY"])
    assert node["status"]["pinnedMilligramsCO2ePerHour"] == cost
    assert policy["status"]["pins"] == [{"namespace": "default", "nodes": 1, "milligramsCO2ePerHour": cost}]
    world.store.patch(path, {"metadata": {"annotations": {"sunward.dev/do-not-disrupt": None}}})
    await run(world, process, 400)
    node = world.store.find("energynodes", "pi-3")
    assert node is not None
    assert (world.power("pi-3"), node["status"]["pinnedBy"]) == ("Asleep", [])
    assert (auditor.violations, process.failures) == ([], [])


async def test_a_namespace_that_used_up_its_node_hours_waits_and_its_nodes_sleep() -> None:
    world = World(period_seconds=300, jobs=False)
    auditor = Auditor(world)
    limit(world, awakeNodeHoursPerDay=1)
    add_job(world, "digits", {"pi-1": "a", "pi-3": "b"}, rounds=100000, mobility="Never")
    process = await run(world, Process(world, "op"), 320)
    policy = world.store.find("energypolicies", "default")
    assert policy is not None
    (row,) = policy["status"]["usage"]
    assert row["namespace"] == "default"
    assert 400 < sum(hour["awakeNodeSeconds"] for hour in row["hours"]) <= 2 * 320
    hours = [{**row["hours"][0], "awakeNodeSeconds": 3600}]
    world.store.patch(ours("energypolicies", "default", sub="status"), {"status": {"usage": [{**row, "hours": hours}]}})
    await run(world, process.successor(), 700)
    waits = condition(world, "digits", "Planned")
    assert (waits["status"], waits["reason"]) == ("False", "AwakeNodeHoursLimit")
    assert world.power("pi-3") == "Asleep"
    assert (auditor.violations, process.failures) == ([], [])


async def test_a_pod_beyond_the_limit_of_pins_is_evicted_as_others_are() -> None:
    world = World(jobs=False)
    auditor = Auditor(world)
    limit(world, pins=0)
    path = core("pods", "web-0", namespace="default")
    world.store.patch(path, {"metadata": {"annotations": {"sunward.dev/do-not-disrupt": "true"}}})
    for name in ("pi-1", "pi-2"):
        override(world, name, "Awake")
    process = await run(world, Process(world, "op"), 300)
    evictions = [write.path for write in world.writes if write.path.endswith("/eviction")]
    assert (world.power("pi-3"), evictions) == ("Asleep", [f"{path}/eviction"])
    assert (auditor.violations, process.failures) == ([], [])
