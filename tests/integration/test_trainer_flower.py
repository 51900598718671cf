"""A real federation on loopback: coordinator and workers as processes, Flower between them."""

import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.trainer import Federation, toy_data

SHARDS = {"a": ("pi-01", 200), "b": ("pi-02", 200)}
SPLIT = {"pi-01": [("a", "pi-01", 5)], "pi-02": [("b", "pi-02", 10), ("a", "pi-01", 5)]}


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    found = Federation(tmp_path, data=toy_data(samples=400, testing=200), shards=SHARDS)
    yield found
    found.close()


def test_a_job_with_a_moved_shard_runs_to_its_result(federation: Federation) -> None:
    federation.assign(SPLIT)
    federation.coordinator("--linger-seconds", "5", rounds=4)
    for node in ("pi-01", "pi-02"):
        federation.worker(node)
    done = federation.wait_for(lambda progress: progress["phase"] == "complete")

    assert done["round"] == 4
    assert done["data_set"] == "data"
    assert done["accuracy_percent"] > 80.0
    assert done["batches_total"] == {
        "nodes": {"pi-01": 20, "pi-02": 60},
        "shards": {"a": 40, "b": 40},
        "offloaded": {"a": 20},
    }
    assert done["batches_owed"] == {}
    assert [record["workers"] for record in done["history"]] == [["pi-01", "pi-02"]] * 4
    assert federation.logs().count("fetched shard a") == 1
    assert [path.name for path in (federation.folder / "pi-01" / "shards").iterdir()] == ["a.npz"]

    assert [federation.process(name).wait(20) for name in ("pi-01", "pi-02", "coordinator")] == [0, 0, 0]
    result = json.loads((federation.state / "result.json").read_text())
    assert result["accuracy_percent"] == done["accuracy_percent"]


def test_a_worker_asked_to_stop_sends_what_it_has_and_is_gone_within_five_seconds(
    federation: Federation,
) -> None:
    """The order is far too long to be finished; the round goes on without it."""
    federation.assign({"pi-01": [("a", "pi-01", 5)], "pi-02": [("b", "pi-02", 200_000)]})
    federation.coordinator("--minimum-workers", "1", rounds=2)
    for node in ("pi-01", "pi-02"):
        federation.worker(node)
    federation.wait_for(
        lambda progress: any(w["round_batches_done"] > 5 for w in progress["workers"]) and progress["round"] == 0
    )
    federation.assign({"pi-01": [("a", "pi-01", 5), ("b", "pi-02", 5)]}, plan="without-pi-02")
    asked = time.monotonic()
    federation.process("pi-02").send_signal(signal.SIGTERM)
    assert federation.process("pi-02").wait(10) == 0
    assert time.monotonic() - asked < 5.0

    first = federation.wait_for(lambda progress: progress["round"] >= 1)
    assert first["history"][0]["missing_batches"] == 200_000
    assert first["batches_owed"] == {"b": 10}
    done = federation.wait_for(lambda progress: progress["phase"] == "complete")
    assert [record["plan"] for record in done["history"]] == ["plan-1", "without-pi-02"]
    assert {w["node"]: w["state"] for w in done["workers"]}["pi-02"] == "left"
