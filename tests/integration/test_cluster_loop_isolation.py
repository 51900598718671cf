"""The real loop among objects that fail: each fails by itself, and a person's order to wake a node is carried out in
the very pass that sees it."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import jsonschema
import pytest

from sunward.cluster.access.api import ApiError, core, ours
from sunward.optimisation.problem.instance import OnPattern
from support import crds, statuses
from support.loop.crash import one_sleeper
from support.loop.ports import Solver, WorldDrivers, WorldSensors
from support.loop.process import Hook, Process, run
from support.loop.world import World, Write, add_job, override

Body = dict[str, Any]
SLEEPER = "pi-3"
TEAM = "/api/v1/namespaces/team"
JOB = ours("trainingjobs", "theirs", namespace="team")
Change = Callable[[World], None]


def nothing(_: World) -> None:
    """Nothing but the job of another team."""


def no_fault(verb: str, path: str, after: bool) -> None:
    """Every request succeeds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What is wrong, and what the job of the other team says of it: the reason of its condition Applied or Planned."""

    change: Change = nothing
    faults: Hook = no_fault
    job: Mapping[str, Any] = field(default_factory=dict)
    name: str = "theirs"
    reason: str | None = None
    words: str = ""
    ready: str = "False"
    """Whether the EnergyPolicy says that all works."""


@cache
def _sleeping() -> World:
    """A world whose dirty node sleeps, with an honest job of rounds enough that runs on the others."""
    world = one_sleeper()
    world.timeline.clear()
    world.store.patch(ours("energypolicies", "default"), {"spec": {"namespaces": ["default", "team"]}})
    return world


async def a_world() -> World:
    """A copy of it, as it is once the node sleeps."""
    world = _sleeping()
    while world.power(SLEEPER) != "Asleep":
        assert world.seconds < 200
        await run(world, Process(world, "op"), world.seconds + 60)
    return world.fork()


def refuse(verb: str, path: str, status: int, message: str) -> Hook:
    """The API server refuses requests of a kind."""

    def fault(asked: str, where: str, after: bool) -> None:
        if not after and asked == verb and where.startswith(path):
            raise ApiError(status, verb, where, message)

    return fault


def answers(body: bytes) -> Change:
    """The coordinator of the other team answers this."""
    return lambda world: world.answers.update({"theirs": body})


def patched(path: str, body: Body) -> Change:
    """Somebody patches an object."""
    return lambda world: void(world.store.patch(path, body))


def void(_: object) -> None:
    """Nothing of it is needed."""


def progress(**fields: Any) -> bytes:
    """A coordinator's answer with other fields than an honest one."""
    return json.dumps({"schema": "sunward.dev/progress/v1alpha1", "round": 1, "phase": "training", **fields}).encode()


def an_odd_pod(world: World) -> None:
    """A pod that no API server lets through today."""
    metadata = {"name": "odd", "namespace": "team", "ownerReferences": [{"controller": True}]}
    body = {"kind": "Pod", "metadata": metadata, "spec": {"nodeName": "pi-1"}, "status": {"phase": "Running"}}
    world.store.create(core("pods", namespace="team"), body)


def an_odd_node(world: World) -> None:
    """An EnergyNode in a state of a later version."""
    world.store.patch(ours("energynodes", "pi-2", sub="status"), {"status": {"powerState": "Hibernating"}})


def a_squatter(kind: str, name: str) -> Change:
    """An object of somebody else under a name that the job needs."""
    body = {"kind": kind, "metadata": {"name": name, "namespace": "team"}, "spec": {}, "data": {}}
    plural = {"Pod": "pods", "Service": "services", "ConfigMap": "configmaps"}[kind]
    return lambda world: void(world.store.create(core(plural, namespace="team"), body))


def lies_in_a_foreign_namespace(world: World) -> None:
    """The policy no longer lists the namespace."""
    world.store.patch(ours("energypolicies", "default"), {"spec": {"namespaces": ["default"]}})


def nobody_asks(verb: str, path: str, after: bool) -> None:
    """A namespace that the policy does not list is not asked about at all."""
    assert not path.startswith(f"{TEAM}/") or path.endswith("/events"), f"{verb} {path}"


def many(*hooks: Hook) -> Hook:
    """Several faults at once."""

    def fault(verb: str, path: str, after: bool) -> None:
        for hook in hooks:
            hook(verb, path, after)

    return fault


QUOTA = 'pods "theirs-coordinator" is forbidden: exceeded quota: none, requested: pods=1, used: pods=0, limited: pods=0'
ACCOUNT = 'pods "theirs-coordinator" is forbidden: error looking up service account team/sunward-trainer: not found'
SECURITY = 'pods "theirs-coordinator" is forbidden: violates PodSecurity "restricted:latest": runAsUser=0'
DENIED = 'admission webhook "policy.example.org" denied the request: no'
BROKEN = 'Internal error occurred: failed calling webhook "policy.example.org": connection refused'
FORBIDDEN = 'services is forbidden: User "sunward" cannot list resource "services" in the namespace "team"'
ODD = {"power": "Awake", "until": "2027-01-01T00:00:00+99:99"}
PLANS, NODES = ours("energyplans"), ours("energynodes")

CASES: dict[str, Case] = {
    "nothing is wrong": Case(ready="True"),
    "an exhausted quota": Case(
        faults=refuse("POST", f"{TEAM}/pods", 403, QUOTA), reason="QuotaExceeded", words="exceeded quota: none"
    ),
    "a missing service account": Case(
        faults=refuse("POST", f"{TEAM}/pods", 403, ACCOUNT), reason="AccessDenied", words="service account"
    ),
    "pod security": Case(faults=refuse("POST", f"{TEAM}/pods", 403, SECURITY), reason="AccessDenied"),
    **{
        f"a webhook that denies with {status}": Case(
            faults=refuse("POST", f"{TEAM}/{kind}", status, DENIED), reason=reason, words="policy.example.org"
        )
        for status, kind, reason in (
            (400, "pods", "RequestRefused"),
            (403, "services", "AccessDenied"),
            (422, "configmaps", "RequestRefused"),
            (418, "pods", "RequestRefused"),
        )
    },
    "a webhook that is broken": Case(
        faults=refuse("POST", f"{TEAM}/services", 500, BROKEN), reason="RequestRefused", words="failed calling webhook"
    ),
    "a webhook that hangs": Case(
        faults=refuse("POST", f"{TEAM}/pods", 0, "no answer within 4 s"), reason="ApiServerUnavailable"
    ),
    "an error of ours while a job is carried out": Case(
        faults=many(lambda verb, path, _: {} if (verb, path) != ("POST", f"{TEAM}/pods") else void(1 / 0)),
        reason="InternalError",
        words="ZeroDivisionError",
    ),
    "a namespace without rights": Case(
        faults=refuse("LIST", f"{TEAM}/services", 403, FORBIDDEN), reason="AccessDenied", words="cannot list"
    ),
    "a namespace that is not listed": Case(
        change=lies_in_a_foreign_namespace, faults=nobody_asks, reason="NamespaceNotAllowed", ready="True"
    ),
    **{
        f"a job called {name[:9]}": Case(name=name, reason="InvalidSpec", words="metadata.name")
        for name in ("2026-mnist", "my.job", "a" * 52, "-x", "x-", "x_y")
    },
    **{
        f"the deadline {deadline}": Case(job={"deadline": deadline}, reason="InvalidSpec", words="spec.deadline")
        for deadline in (
            "2027-11-22T18:00:00+99:99",
            "0001-01-01T00:00:00+14:00",
            "9999-12-31T23:59:59-14:00",
            "2027-02-30T18:00:00Z",
            "2027-11-22T18:00:60Z",
            "2027-11-22",
            "soon",
        )
    },
    "a deadline in small letters": Case(job={"deadline": "2027-11-22t18:00:00z"}, ready="True"),
    **{
        f"a coordinator that answers {body[:12]!r}": Case(change=answers(body), ready="True")
        for body in (
            b"[]",
            b"null",
            b'"round"',
            b"\xff\xfe",
            b"[" * 100_000,
            b" " * (17 << 20),
            progress(round=float("inf")),
            progress(round=10**400),
            progress(accuracy_percent=float("nan")),
            progress(workers=[{"node": "pi-1", "state": "alive", "seconds_per_batch": float("inf")}]),
            progress(data_set="x" * 10_000),
        )
    },
    "a coordinator with a tiny second per batch": Case(
        change=answers(progress(workers=[{"node": "pi-1", "state": "alive", "seconds_per_batch": 1e-320}])),
        ready="True",
    ),
    **{
        f"{kind} {name} of somebody else": Case(change=a_squatter(kind, name), reason="NameTaken", words=name)
        for kind, name in (
            ("Pod", "theirs-coordinator"),
            ("Service", "theirs-coordinator"),
            ("ConfigMap", "theirs-assignment"),
        )
    },
    "a plan that is refused": Case(faults=refuse("PATCH", PLANS, 422, "Too many: must have at most 4096 items")),
    "a plan that cannot be created": Case(faults=refuse("POST", PLANS, 403, "forbidden")),
    "a status that is refused": Case(faults=refuse("PATCH", f"{JOB}/status", 422, "is invalid"), reason=""),
    "plans that cannot be listed": Case(faults=refuse("LIST", PLANS, 500, "etcd")),
    "a node whose record cannot be written": Case(
        change=lambda world: override(world, "pi-2", "Asleep"),
        faults=refuse("PATCH", f"{NODES}/pi-2/status", 403, "forbidden"),
    ),
    "an EnergyNode of a later version": Case(change=an_odd_node),
    "an override until a time that is none": Case(
        change=patched(
            f"{NODES}/pi-2", {"spec": {"override": {"power": "Awake", "until": "2027-01-01T00:00:00+99:99"}}}
        )
    ),
    "a pod that cannot be read": Case(change=an_odd_pod, ready="True"),
}


class Deaf(WorldDrivers):
    """A driver that raises what no driver should, for one relay."""

    def at(self, name: str) -> Any:
        return self if name == "pi-2" else super().at(name)

    async def read(self) -> None:
        raise RuntimeError("an error of ours")


class OddSensors(WorldSensors):
    """A store whose answer is not what any store answers."""

    async def read(self, nodes: object, now: object) -> Any:
        raise TypeError("an error of ours")


class OddForecaster:
    """A forecaster with an error."""

    def __call__(self, snapshot: object, start: object) -> Any:
        raise KeyError("an error of ours")

    def remember(self, snapshot: object) -> None:
        raise KeyError("an error of ours")


class OddSolver:
    """A solver with an error."""

    def solve(self, problem: object, **_: object) -> Any:
        raise RuntimeError("an error of ours")


class SlowSolver(Solver):
    """A solver that is done when the sleeper has been switched on, or after many times the limit."""

    world: World

    def solve(self, problem: Any, *, solver: str, time_limit_seconds: float, start: OnPattern | None = None) -> Any:
        begun = time.monotonic()
        while not self.world.machines[SLEEPER].on and time.monotonic() - begun < 20.0:
            time.sleep(0.01)  # in the thread that plans
        return super().solve(problem, solver=solver, time_limit_seconds=time_limit_seconds, start=start)


def switches(world: World, since: int) -> list[tuple[str, bool]]:
    return [(write.body["node"], write.body["on"]) for write in world.writes[since:] if write.verb == "switch"]


def conditions(world: World, kind: str, name: str, namespace: str = "") -> dict[str, Body]:
    body = world.store.find(kind, name, namespace) or {}
    return {one["type"]: one for one in (body.get("status") or {}).get("conditions") or ()}


def said(world: World, case: Case) -> list[Body]:
    """What the job of the other team says that it cannot do."""
    found = conditions(world, "trainingjobs", case.name, "team")
    return [found[kind] for kind in ("Applied", "Planned") if kind in found and found[kind]["status"] == "False"]


async def ordered_awake(world: World, process: Process) -> list[tuple[str, bool]]:
    """What the one pass switches that first sees a person's order to wake the sleeper."""
    override(world, SLEEPER, "Awake")
    before = len(world.writes)
    await process.tick()
    return switches(world, before)


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
async def test_whatever_fails_fails_alone(case: Case) -> None:
    world = await a_world()
    add_job(world, "honest", {"pi-1": "a"}, rounds=2)
    add_job(world, case.name, {"pi-1": "a"}, rounds=2, namespace="team", **case.job)
    case.change(world)
    process = Process(world, "second", identity="op", faults=case.faults)
    await run(world, process, world.seconds + 15)
    assert await ordered_awake(world, process) == [(SLEEPER, True)]
    await run(world, process, world.seconds + 60)
    assert world.power(SLEEPER) == "Awake"
    assert world.training["honest"].round == 2, process.failures[-3:]
    assert not [failure for failure in process.failures if failure.split(":")[0].endswith("Error")], "a pass failed"
    assert conditions(world, "energypolicies", "default")["Ready"]["status"] == case.ready, process.failures[-3:]
    if case.reason:
        told = said(world, case)
        assert case.reason in {one["reason"] for one in told}
        assert any(case.words in one["message"] for one in told)


PARTS: dict[str, tuple[str, object]] = {
    "a solver": ("Solver", OddSolver),
    "a forecaster": ("FlatForecaster", OddForecaster),
    "a relay's driver": ("WorldDrivers", Deaf),
    "the meters": ("WorldSensors", OddSensors),
}


@pytest.mark.parametrize(("port", "odd"), PARTS.values(), ids=PARTS)
async def test_an_error_of_ours_in_one_part_keeps_no_node_asleep(
    port: str, odd: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    world = await a_world()
    monkeypatch.setattr(f"support.loop.process.{port}", odd)
    add_job(world, "honest", {"pi-1": "a"}, rounds=2)
    process = Process(world, "second", identity="op")
    await run(world, process, world.seconds + 15)
    assert await ordered_awake(world, process) == [(SLEEPER, True)]
    await run(world, process, world.seconds + 60)
    assert world.training["honest"].round == 2
    assert not [failure for failure in process.failures if failure.split(":")[0].endswith("Error")]


async def test_an_order_to_wake_does_not_wait_for_a_plan_that_takes_long(monkeypatch: pytest.MonkeyPatch) -> None:
    world = await a_world()
    SlowSolver.world = world
    monkeypatch.setattr("support.loop.process.Solver", SlowSolver)
    process = Process(world, "second", identity="op")
    override(world, SLEEPER, "Awake")
    add_job(world, "new", {"pi-1": "a"}, rounds=2)
    before, begun = len(world.writes), time.monotonic()
    await process.tick()
    assert (switches(world, before), process.failures) == ([(SLEEPER, True)], [])
    assert time.monotonic() - begun < 10.0


@pytest.mark.parametrize("moment", [("LIST", f"{TEAM}/pods"), ("POST", f"{TEAM}/pods"), ("PATCH", f"{JOB}/status")])
async def test_a_job_that_is_deleted_in_the_middle_of_a_pass_ends_nothing(moment: tuple[str, str]) -> None:
    world = await a_world()
    add_job(world, "honest", {"pi-1": "a"}, rounds=2)
    add_job(world, "theirs", {"pi-1": "a"}, rounds=2, namespace="team")

    def delete(verb: str, path: str, after: bool) -> None:
        if (verb, path) == moment and world.store.find("trainingjobs", "theirs", "team") is not None:
            world.store.delete(JOB)

    process = Process(world, "second", identity="op", faults=delete)
    await run(world, process, world.seconds + 15)
    assert await ordered_awake(world, process) == [(SLEEPER, True)]
    await run(world, process, world.seconds + 60)
    assert world.training["honest"].round == 2
    assert not [failure for failure in process.failures if failure.split(":")[0].endswith("Error")]
    assert conditions(world, "energypolicies", "default")["Ready"]["status"] == "True"


async def test_no_sleep_begins_under_a_plan_that_is_not_on_record() -> None:
    world = one_sleeper()
    world.timeline.clear()
    process = Process(world, "op", faults=refuse("PATCH", PLANS, 422, "Too many"))
    await run(world, process, 150)
    assert {world.power(name) for name in ("pi-1", "pi-2", SLEEPER)} == {"Awake"}
    process.faults = None
    await run(world, process, 250)
    assert world.power(SLEEPER) == "Asleep"


async def two_orders(status: int) -> str:
    """What a node is that is to sleep, after two passes in which the sleeper is to wake and that cannot be recorded.

    Both are ordered before, so that no plan is made in these passes, and only one look is taken in each.
    """
    world = await a_world()
    await run(world, Process(world, "second", identity="op"), world.seconds + 45 - world.seconds % 40)
    override(world, SLEEPER, "Awake")
    override(world, "pi-2", "Asleep")
    world.store.patch(ours("energynodes", "pi-2"), {"spec": {"sleep": {"driver": "Shelly"}}})
    process = Process(world, "third", identity="op", faults=refuse("PATCH", NODES, 403, "no"))
    await run(world, process, world.seconds + 15)
    process.faults = refuse("PATCH", f"{NODES}/{SLEEPER}/status", status, "no")
    await run(world, process, world.seconds + 10)
    assert world.power(SLEEPER) == "Asleep"
    return world.power("pi-2")


async def test_nobody_goes_to_sleep_while_it_is_not_known_which_record_of_another_node_stands() -> None:
    assert await two_orders(500) == "Awake"


async def test_a_node_whose_record_is_refused_keeps_nobody_from_sleeping() -> None:
    assert await two_orders(403) in ("Cordoned", "Draining", "PowerOffRequested", "Asleep")


async def test_a_wake_that_cannot_be_recorded_delays_no_other() -> None:
    """Wakes are apart in time; one that did not happen does not count."""
    world = await a_world()
    world.store.patch(ours("energynodes", "pi-2"), {"spec": {"sleep": {"driver": "Shelly"}}})
    override(world, "pi-2", "Asleep")
    await run(world, Process(world, "second", identity="op"), world.seconds + 60)
    assert world.power("pi-2") == "Asleep"
    override(world, "pi-2", "Awake")
    faults = refuse("PATCH", f"{NODES}/pi-2/status", 403, "no")
    assert await ordered_awake(world, Process(world, "third", identity="op", faults=faults)) == [(SLEEPER, True)]


async def test_a_job_tells_what_was_refused_and_that_it_is_well_again() -> None:
    world = await a_world()
    add_job(world, "theirs", {"pi-1": "a"}, rounds=2, namespace="team")
    process = Process(world, "second", identity="op", faults=refuse("POST", f"{TEAM}/pods", 403, QUOTA))
    await run(world, process, world.seconds + 20)
    ready = conditions(world, "energypolicies", "default")["Ready"]
    assert (ready["status"], ready["reason"]) == ("False", "PartsFailing")
    assert ready["message"].startswith("1 of 1 TrainingJobs cannot be carried out: team/theirs (QuotaExceeded: POST")
    running = conditions(world, "trainingjobs", "theirs", "team")["Running"]
    assert (running["status"], running["reason"]) == ("False", "QuotaExceeded")
    events = [event["reason"] for event in world.store.of("events") if event["metadata"]["namespace"] == "team"]
    assert "QuotaExceeded" in events
    process.faults = None
    await run(world, process, world.seconds + 80)
    assert conditions(world, "trainingjobs", "theirs", "team")["Applied"]["status"] == "True"
    assert conditions(world, "energypolicies", "default")["Ready"]["status"] == "True"


async def test_what_fails_is_tried_less_and_less_often() -> None:
    world = await a_world()
    add_job(world, "theirs", {"pi-1": "a"}, rounds=2, namespace="team")
    tried: list[float] = []

    def refused(verb: str, path: str, after: bool) -> None:
        if (verb, path) == ("POST", f"{TEAM}/pods"):
            tried.append(world.seconds)
            raise ApiError(403, verb, path, QUOTA)

    await run(world, Process(world, "second", identity="op", faults=refused), world.seconds + 300)
    pauses = [later - earlier for earlier, later in pairwise(tried)]
    assert pauses == sorted(pauses)
    assert pauses[-1] == 60.0
    assert len(tried) < 12


def checked_by_the_definitions(world: World, write: Write) -> None:
    """Statuses are refused as the API server refuses them."""
    kinds = {"energyplans": "EnergyPlan", "trainingjobs": "TrainingJob", "energynodes": "EnergyNode"}
    kind = kinds.get(write.address.kind)
    if kind is None or write.address.sub != "status":
        return
    definition = next(one for one in crds.definitions() if one["spec"]["names"]["kind"] == kind)
    status = statuses.without_removals(write.body["status"])
    try:
        jsonschema.validate(status, crds.schema_of(definition)["properties"]["status"])
    except jsonschema.ValidationError as error:
        raise ApiError(422, "PATCH", write.path, error.message[:200]) from error


async def test_twenty_jobs_of_256_shards_make_a_plan_that_is_stored() -> None:
    world = await a_world()
    shards = [{"name": f"s{n:03d}", "node": f"pi-{1 + n % 2}", "samples": 1, "sizeMebibytes": 1} for n in range(256)]
    for number in range(20):
        add_job(world, f"large-{number}", {}, rounds=2, namespace="team", shards=shards)
    add_job(world, "honest", {"pi-1": "a"}, rounds=2)
    world.before_write.append(checked_by_the_definitions)
    process = Process(world, "second", identity="op")
    await run(world, process, world.seconds + 15)
    assert await ordered_awake(world, process) == [(SLEEPER, True)]
    await run(world, process, world.seconds + 30)
    assert world.training["honest"].round >= 1
    assert process.failures == []
    newest = max(world.store.of("energyplans"), key=lambda body: str(body["metadata"]["name"]))
    folded = {one["field"]: one["count"] for one in newest["status"]["omitted"]}
    assert sum(row.get("shards", 1) for row in newest["status"]["assignments"]) >= 20 * 256
    assert folded["assignments"] > 0


async def test_an_operator_whose_lease_lapses_in_the_middle_of_a_pass_leaves_jobs_and_reports_to_the_next() -> None:
    world = await a_world()
    add_job(world, "honest", {"pi-1": "a"}, rounds=2)
    process = Process(world, "second", identity="op")

    def stop(now: World, write: Write) -> None:
        if write.address.kind == "energyplans":
            now.now += timedelta(seconds=12)
            now.after_write.remove(stop)

    world.after_write.append(stop)
    before = len(world.writes)
    await process.tick()
    kinds = {write.address.kind for write in world.writes[before:]}
    assert kinds == {"leases", "energyplans"}
    await process.tick()
    assert "configmaps" in {write.address.kind for write in world.writes[before:]}


async def test_reports_of_jobs_take_turns_when_they_are_too_many_for_one_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunward.cluster.reporting.writer.JOBS_SECONDS", 0.0)
    world = await a_world()
    names = ("a", "b", "2026-bad", "c")
    for name in names:
        add_job(world, name, {"pi-1": "a"}, rounds=2, namespace="team")
    process = Process(world, "second", identity="op")
    told: list[int] = []
    for _ in range(5):
        await process.tick()
        told.append(sum(bool(conditions(world, "trainingjobs", name, "team")) for name in names))
    assert told == [1, 2, 3, 4, 4]


async def test_an_object_with_the_longest_name_has_events() -> None:
    world = await a_world()
    add_job(world, "x" * 253, {"pi-1": "a"}, rounds=2, namespace="team")
    await run(world, Process(world, "second", identity="op"), world.seconds + 5)
    names = [event["metadata"]["name"] for event in world.store.of("events") if "x" * 100 in event["metadata"]["name"]]
    assert names
    assert all(len(name) <= 253 for name in names)
