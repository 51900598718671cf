"""Jobs are carried out side by side within a time for all: one that hangs holds up neither the others nor the pass."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

from sunward.cluster.access.api import Body
from sunward.cluster.acting.job_applier import JobApplier
from sunward.cluster.containment import Containment, Part, Subject
from sunward.cluster.reading.observe import Observation
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.jobs import NO_OBJECTS
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.cause import Cause
from sunward.domain.plans import JobDirective
from sunward.domain.reasons import Reason
from support.loop.store import Address, Store
from support.planning import NOW, a_job, a_node, a_plan, a_policy, a_snapshot, an_assignment
from support.store_api import StoreApi

SECONDS = 0.4


class SlowNamespaces(StoreApi):
    """A webhook of some namespaces answers late, or never."""

    def __init__(self, delays: Mapping[str, float]) -> None:
        super().__init__(Store())
        self.delays = delays
        self.tried: list[str] = []

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        namespace = Address.of(path).namespace
        self.tried.append(namespace)
        await asyncio.sleep(self.delays.get(namespace, 0.0))
        return await super().create(path, body)


class Scene:
    """One job in each namespace, at home on one node."""

    def __init__(self, delays: Mapping[str, float], namespaces: list[str]) -> None:
        self.api, self.now = SlowNamespaces(delays), NOW
        self.held = Containment(lambda: self.now, lambda *_: None)
        authorities = Authorities(StoreApi(Store()), "sunward-system")
        self.applier = JobApplier(self.api, Surroundings(), authorities, lambda: self.now, self.held, seconds=SECONDS)
        jobs = [a_job("mnist", namespace=name, progress=None) for name in namespaces]
        rows = {job.spec.key: (an_assignment(job.spec.key, "shard-pi-01", "pi-01", "pi-01"),) for job in jobs}
        self.plan = a_plan(
            jobs=tuple(
                JobDirective(job=key, run=True, cause=Cause(Reason.AT_HOME), assignments=found)
                for key, found in rows.items()
            )
        )
        snapshot = a_snapshot(a_node("pi-01"), jobs=jobs, policy=a_policy(namespaces=tuple(namespaces)))
        objects = dict.fromkeys(namespaces, NO_OBJECTS)
        self.seen = Observation(snapshot=snapshot, state=cast(Any, None), objects=objects, invalid=())

    async def apply(self) -> float:
        """One pass; how many seconds it took."""
        begun = time.monotonic()
        await self.applier.apply(self.plan, self.seen)
        return time.monotonic() - begun

    def coordinators(self) -> list[str]:
        """Namespaces whose job has its coordinator."""
        return [pod["metadata"]["namespace"] for pod in self.api.store.of("pods")]

    def cause(self, namespace: str) -> Cause | None:
        """Why the job of a namespace is not carried out."""
        return self.held.cause(Subject(kind="TrainingJob", name=f"{namespace}/mnist"), Part.APPLY)


async def test_a_job_that_hangs_keeps_no_other_from_being_carried_out() -> None:
    scene = Scene({"slow": 3600.0}, ["a", "slow", "z"])
    assert await scene.apply() < SECONDS + 2.0
    assert scene.coordinators() == ["a", "z"]


async def test_many_jobs_that_hang_take_no_longer_than_one_and_the_others_have_their_turn() -> None:
    slow = [f"slow-{number:02d}" for number in range(30)]
    scene = Scene(dict.fromkeys(slow, 3600.0), [*slow, "z"])
    for _ in range(6):
        assert await scene.apply() < SECONDS + 2.0
        scene.now += timedelta(seconds=1)
    assert scene.coordinators() == ["z"]


async def test_a_job_that_failed_waits_and_then_has_its_turn_after_the_others() -> None:
    scene = Scene({}, ["a", "b"])
    scene.held.note(Part.APPLY, Subject(kind="TrainingJob", name="a/mnist"), Cause(Reason.QUOTA_EXCEEDED))
    await scene.apply()
    assert set(scene.api.tried) == {"b"}
    scene.now += timedelta(seconds=2)
    await scene.apply()
    assert set(scene.api.tried) == {"a", "b"}
    assert scene.cause("a") is None


async def test_nothing_is_asked_about_a_namespace_that_was_not_read() -> None:
    scene = Scene({}, ["a", "b"])
    objects = {"a": NO_OBJECTS}
    scene.seen = Observation(snapshot=scene.seen.snapshot, state=cast(Any, None), objects=objects, invalid=())
    await scene.apply()
    assert set(scene.api.tried) == {"a"}
