"""The coordinator's HTTP interface: what /progress says, and how workers keep in touch."""

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from sunward_trainer.coordinator.checkpoint import Checkpoint, RoundRecord
from sunward_trainer.coordinator.http_api import build_app
from sunward_trainer.coordinator.progress import SCHEMA, Phase, Status, StatusBoard
from sunward_trainer.coordinator.replicas import Replicas
from sunward_trainer.coordinator.roster import Roster
from sunward_trainer.protocol.assignment import AssignmentFile
from sunward_trainer.protocol.callers import NODE_HEADER, LoopbackCallers
from sunward_trainer.protocol.checkpoint_replica import Seal
from sunward_trainer.protocol.members import Members
from sunward_trainer.protocol.rounds import Debt, Missing, MissingReason
from support.trainer import JOB, assignment_text

HELLO = {
    "address": "10.77.1.2:9814",
    "flower_node": 2**63 + 5,
    "shards": [{"name": "a", "sha256": "ab", "samples": 10}],
    "cached": [],
}
RECORD = RoundRecord(
    round=1,
    plan="p1",
    accuracy_percent=91.0,
    loss=0.3,
    seconds=2.0,
    workers=("pi-01",),
    batches=50,
    missing_batches=10,
)
KEPT = Checkpoint(
    job=JOB,
    model="mnist-mlp",
    data_set="digits",
    seed=0,
    round=1,
    weights=np.zeros(2, dtype=np.float32),
    written="2026-11-22T12:00:00.000Z",
    node_batches={"pi-01": 50},
    shard_batches={"a": 50},
    offloaded_batches={"b": 10},
    debt=Debt(owed={"b": 10}),
    history=(RECORD,),
)


class Server:
    """The real application on loopback with the values behind it."""

    def __init__(self, members: Members | None = None) -> None:
        self.members = members or Members(gone_after_seconds=10.0)
        self.board = StatusBoard(Status(job=JOB, rounds=20, target_accuracy_percent=97.0, reason="starting"))
        self.replicas = Replicas(Seal(b"k" * 32))
        app = build_app(self.board, self.members, self.replicas, callers=LoopbackCallers(), keys=None)
        self.client = TestClient(TestServer(app))

    async def post(self, path: str, body: object = None, *, node: str = "pi-01", data: bytes | None = None) -> Any:
        """A worker's request."""
        if data is not None:
            return await self.client.post(path, data=data, headers={NODE_HEADER: node})
        return await self.client.post(path, json=body, headers={NODE_HEADER: node})

    def beat(self, **changes: Any) -> dict[str, Any]:
        return {
            "epoch": self.members.epoch,
            "after": 0,
            "cached": ["b"],
            "seconds_per_batch": 0.25,
            "batches_done": {"a": 3},
            **changes,
        }


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    found = Server()
    await found.client.start_server()
    yield found
    await found.client.close()


async def _progress(server: Server) -> dict[str, Any]:
    answer = await server.client.get("/progress")
    assert answer.status == 200
    found: dict[str, Any] = await answer.json()
    return found


async def test_before_anything_is_known_it_is_null_and_not_zero(server: Server) -> None:
    found = await _progress(server)
    assert (found["schema"], found["job"], found["phase"]) == (SCHEMA, JOB, "waiting")
    assert (found["reason"], found["round"], found["rounds"]) == ("starting", 0, 20)
    for key in ("accuracy_percent", "plan", "round_in_work", "checkpoint_time", "model", "data_set"):
        assert found[key] is None


async def test_progress_tells_who_trained_what_and_what_is_missing(server: Server) -> None:
    await server.post("/register", HELLO)
    server.members.ring("pi-01")
    await server.post("/beat", server.beat())
    lost = Missing(shard="b", node="pi-02", batches=10, reason=MissingReason.WORKER_GONE)
    server.board.show(
        replace(
            server.board.status,
            phase=Phase.TRAINING,
            plan="p2",
            round_in_work=2,
            assigned_batches={"pi-01": 50},
            missing=(lost,),
            checkpoint=KEPT,
        )
    )
    found = await _progress(server)
    assert (found["round"], found["round_in_work"], found["plan"]) == (1, 2, "p2")
    assert (found["accuracy_percent"], found["data_set"], found["model"]) == (91.0, "digits", "mnist-mlp")
    assert found["batches_total"] == {"nodes": {"pi-01": 50}, "shards": {"a": 50}, "offloaded": {"b": 10}}
    assert found["batches_owed"] == {"b": 10}
    assert found["missing"] == [{"shard": "b", "node": "pi-02", "batches": 10, "reason": "WorkerGone", "detail": ""}]
    (worker,) = found["workers"]
    assert worker.pop("last_seen").endswith("Z")
    assert worker == {
        "node": "pi-01",
        "state": "alive",
        "address": "10.77.1.2:9814",
        "home_shards": ["a"],
        "cached_shards": ["b"],
        "seconds_per_batch": 0.25,
        "round_batches_assigned": 50,
        "round_batches_done": 3,
    }
    assert [entry["round"] for entry in found["history"]] == [1]


async def test_health_follows_the_phase(server: Server) -> None:
    assert (await server.client.get("/healthz")).status == 200
    server.board.show(replace(server.board.status, phase=Phase.FAILED))
    answer = await server.client.get("/healthz")
    assert (answer.status, await answer.text()) == (500, "failed\n")


async def test_a_beat_hears_of_work_and_of_the_end(server: Server) -> None:
    answer = await server.post("/register", HELLO)
    assert (await answer.json())["epoch"] == server.members.epoch
    server.members.ring("pi-01")
    news = await (await server.post("/beat", server.beat())).json()
    assert news == {"bell": 1, "round": 0, "round_in_work": None, "complete": False}
    server.board.show(replace(server.board.status, phase=Phase.COMPLETE))
    news = await (await server.post("/beat", server.beat(after=1))).json()
    assert news["complete"] is True


async def test_after_a_restart_of_the_coordinator_a_worker_has_to_register_again(server: Server) -> None:
    await server.post("/register", HELLO)
    assert (await server.post("/beat", server.beat(epoch="before"))).status == 409
    assert (await server.post("/beat", server.beat(), node="pi-09")).status == 409


async def test_goodbye_is_shown(server: Server) -> None:
    await server.post("/register", HELLO)
    assert (await server.post("/leave", {})).status == 200
    assert [worker["state"] for worker in (await _progress(server))["workers"]] == ["left"]
    assert (await server.post("/beat", server.beat())).status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/register", {**HELLO, "flower_node": "x"}),
        ("/register", {"address": "10.77.1.2:9814"}),
        ("/register", [1]),
        ("/register", {**HELLO, "kept_round": "x"}),
        ("/beat", {"epoch": "e"}),
    ],
)
async def test_a_body_that_makes_no_sense_is_answered_with_what_is_wrong(
    server: Server, path: str, body: object
) -> None:
    answer = await server.post(path, body)
    assert answer.status == 400
    assert (await answer.text()).startswith(f"{path}: ")


SHARD = {"name": "a", "sha256": "ab", "samples": 10}


@pytest.mark.parametrize(
    ("path", "changes", "where"),
    [
        ("/register", {"address": "a" * 300 + ":9814"}, "address"),
        ("/register", {"address": "10.0.0.1"}, "address"),
        ("/register", {"address": "10.0.0.1:9814/../x"}, "address"),
        ("/register", {"flower_node": -1}, "flower_node"),
        ("/register", {"flower_node": 2**64}, "flower_node"),
        ("/register", {"flower_node": float("inf")}, "flower_node"),
        ("/register", {"shards": [SHARD] * 257}, "shards"),
        ("/register", {"shards": [{**SHARD, "sha256": "a" * 65}]}, "shards.0.sha256"),
        ("/register", {"shards": [{**SHARD, "samples": -1}]}, "shards.0.samples"),
        ("/register", {"cached": ["a"] * 257}, "cached"),
        ("/register", {"cached": ["a" * 254]}, "cached.0"),
        ("/register", {"kept_round": -1}, "kept_round"),
        ("/register", {"kept_round": 10**400}, "kept_round"),
        ("/beat", {"seconds_per_batch": float("inf")}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": float("nan")}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": 1e-320}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": 0.0}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": -1.0}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": 1e9}, "seconds_per_batch"),
        ("/beat", {"seconds_per_batch": "0.5"}, "seconds_per_batch"),
        ("/beat", {"batches_done": {"a": -1}}, "batches_done.a"),
        ("/beat", {"batches_done": {f"s{index}": 1 for index in range(257)}}, "batches_done"),
        ("/beat", {"after": 1.5}, "after"),
    ],
)
async def test_a_worker_may_say_only_what_is_plausible(
    server: Server, path: str, changes: dict[str, Any], where: str
) -> None:
    await server.post("/register", HELLO)
    body = {**HELLO, **changes} if path == "/register" else server.beat(**changes)
    answer = await server.post(path, body)
    assert answer.status == 400
    assert (await answer.text()).startswith(f"{path}: {where}: ")
    (worker,) = (await _progress(server))["workers"]
    assert worker["seconds_per_batch"] is None


@pytest.mark.parametrize("body", [b"[" * 100_000, b"\xff", b"", b"null", b'{"shards":' * 10_000, b"9" * 10_000])
async def test_a_body_that_is_no_document_is_answered_like_any_other(server: Server, body: bytes) -> None:
    assert (await server.post("/register", data=body)).status == 400


async def test_a_large_body_is_not_even_read(server: Server) -> None:
    assert (await server.post("/register", data=b" " * 200_000)).status == 413


async def test_only_nodes_of_the_job_may_register(tmp_path: Path) -> None:
    path = tmp_path / "assignment.json"
    path.write_text(assignment_text({"pi-02": [("a", "pi-01", 5)]}))
    roster = Roster(["pi-03"], AssignmentFile(path=path, job=JOB))
    server = Server(Members(gone_after_seconds=10.0, knows=roster.knows))
    async with server.client:
        for node, status in (("pi-01", 200), ("pi-02", 200), ("pi-03", 200), ("stranger", 403)):
            assert (await server.post("/register", HELLO, node=node)).status == status
        path.write_text(assignment_text({"stranger": [("a", "pi-01", 5)]}))
        assert (await server.post("/register", HELLO, node="stranger")).status == 200


async def test_a_flood_of_strangers_leaves_progress_small(tmp_path: Path) -> None:
    path = tmp_path / "assignment.json"
    path.write_text(assignment_text({"pi-01": [("a", "pi-01", 5)]}))
    server = Server(Members(gone_after_seconds=10.0, knows=Roster([], AssignmentFile(path=path, job=JOB)).knows))
    shards = [{"name": f"{'s' * 200}{index}", "sha256": "a" * 64, "samples": 1} for index in range(256)]
    async with server.client:
        for index in range(300):
            await server.post("/register", {**HELLO, "shards": shards}, node=f"stranger-{index}")
        await server.post("/register", HELLO)
        assert [worker["node"] for worker in (await _progress(server))["workers"]] == ["pi-01"]


async def test_progress_names_the_newest_rounds_only(server: Server) -> None:
    history = tuple(replace(RECORD, round=number) for number in range(1, 1001))
    server.board.show(replace(server.board.status, checkpoint=replace(KEPT, round=1000, history=history)))
    found = await _progress(server)
    assert [entry["round"] for entry in found["history"]] == list(range(745, 1001))


async def test_a_coordinator_without_a_round_asks_for_the_copy_before_it_takes_the_worker(server: Server) -> None:
    hello = {**HELLO, "kept_round": 1}
    assert (await server.post("/register", hello)).status == 428
    assert server.members.find("pi-01") is None
    assert (await server.post("/replica", data=server.replicas.content(KEPT))).status == 200
    assert (await server.post("/register", hello)).status == 200
    member, newest = server.members.find("pi-01"), server.replicas.newest
    assert member is not None
    assert member.kept_round == 1
    assert newest is not None
    assert (newest.round, newest.history) == (1, KEPT.history)


async def test_a_claim_without_a_copy_counts_for_nothing(server: Server) -> None:
    """A coordinator that has rounds of its own neither asks for copies nor believes in one."""
    server.board.show(replace(server.board.status, checkpoint=KEPT))
    assert (await server.post("/register", {**HELLO, "kept_round": 10**9})).status == 200
    member = server.members.find("pi-01")
    assert member is not None
    assert member.kept_round is None
    copy = Replicas(Seal(b"k" * 32)).content(replace(KEPT, round=9))
    assert (await server.post("/replica", data=copy)).status == 200
    assert server.replicas.newest is None


async def test_a_copy_that_the_coordinator_did_not_seal_is_refused(server: Server) -> None:
    forged = Replicas(Seal(b"x" * 32)).content(replace(KEPT, round=99))
    answer = await server.post("/replica", data=forged)
    assert (answer.status, server.replicas.newest) == (403, None)
    assert "was not sealed by this job's coordinator" in await answer.text()


async def test_each_path_is_for_its_role_alone(server: Server) -> None:
    """The header makes a worker, without it the caller is the operator."""
    for path in ("/register", "/beat", "/leave", "/replica"):
        assert (await server.client.post(path, json={})).status == 403
    assert (await server.client.get("/checkpoint")).status == 403
    assert (await server.client.get("/progress", headers={NODE_HEADER: "pi-01"})).status == 403
    assert (await server.client.get("/nothing")).status == 403
