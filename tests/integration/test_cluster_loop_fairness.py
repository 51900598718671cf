"""The real loop with jobs of people who ask for much: what they get, and what stands at their objects."""

from __future__ import annotations

from typing import Any

from sunward.cluster.access.api import ours
from support.loop.auditor import Auditor
from support.loop.process import Process, run
from support.loop.world import World, add_job


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
