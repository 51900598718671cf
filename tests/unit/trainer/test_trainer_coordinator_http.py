"""The coordinator's HTTP interface: what /progress says, and how workers keep in touch."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from aiohttp.test_utils import TestClient, TestServer

from sunward_trainer.coordinator.checkpoint import Checkpoint, RoundRecord
from sunward_trainer.coordinator.http_api import build_app
from sunward_trainer.coordinator.progress import SCHEMA, Phase, Status, StatusBoard
from sunward_trainer.protocol.members import Members
from sunward_trainer.protocol.rounds import Debt, Missing, MissingReason
from support.trainer import JOB

HELLO = {
    "node": "pi-01",
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

    def __init__(self) -> None:
        self.members = Members(gone_after_seconds=10.0)
        self.board = StatusBoard(Status(job=JOB, rounds=20, target_accuracy_percent=97.0, reason="starting"))
        self.client = TestClient(TestServer(build_app(self.board, self.members)))

    def beat(self, **changes: Any) -> dict[str, Any]:
        return {
            "node": "pi-01",
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
    await server.client.post("/register", json=HELLO)
    server.members.ring("pi-01")
    await server.client.post("/beat", json=server.beat())
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
    answer = await server.client.post("/register", json=HELLO)
    assert (await answer.json())["epoch"] == server.members.epoch
    server.members.ring("pi-01")
    news = await (await server.client.post("/beat", json=server.beat())).json()
    assert news == {"bell": 1, "round": 0, "round_in_work": None, "complete": False}
    server.board.show(replace(server.board.status, phase=Phase.COMPLETE))
    news = await (await server.client.post("/beat", json=server.beat(after=1))).json()
    assert news["complete"] is True


async def test_after_a_restart_of_the_coordinator_a_worker_has_to_register_again(server: Server) -> None:
    await server.client.post("/register", json=HELLO)
    assert (await server.client.post("/beat", json=server.beat(epoch="before"))).status == 409
    assert (await server.client.post("/beat", json=server.beat(node="pi-09"))).status == 409


async def test_goodbye_is_shown(server: Server) -> None:
    await server.client.post("/register", json=HELLO)
    assert (await server.client.post("/leave", json={"node": "pi-01"})).status == 200
    assert [worker["state"] for worker in (await _progress(server))["workers"]] == ["left"]
    assert (await server.client.post("/beat", json=server.beat())).status == 409


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/register", {**HELLO, "flower_node": "x"}),
        ("/register", {"node": "pi-01"}),
        ("/register", [1]),
        ("/beat", {"node": "pi-01"}),
        ("/leave", {}),
    ],
)
async def test_a_body_that_makes_no_sense_is_answered_with_what_is_wrong(
    server: Server, path: str, body: object
) -> None:
    answer = await server.client.post(path, json=body)
    assert answer.status == 400
    assert (await answer.text()).startswith(f"{path}: ")
