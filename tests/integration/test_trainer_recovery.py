"""Power cuts: processes are killed without warning, and no round is lost or counted twice."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.trainer import Federation, toy_data

SHARDS = {"a": ("pi-01", 200), "b": ("pi-02", 200)}
AT_HOME = {"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 10)]}
ROUNDS = 5


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    found = Federation(tmp_path, data=toy_data(samples=400, testing=1500), shards=SHARDS)
    yield found
    found.close()


def _each_round_once(done: dict[str, Any]) -> None:
    assert [record["round"] for record in done["history"]] == list(range(1, ROUNDS + 1))
    assert done["batches_total"]["shards"] == {"a": 10 * ROUNDS, "b": 10 * ROUNDS}
    assert done["batches_total"]["nodes"] == {"pi-01": 10 * ROUNDS, "pi-02": 10 * ROUNDS}


@pytest.mark.parametrize("phase", ["waiting", "training", "aggregating"])
def test_a_coordinator_killed_in_any_phase_goes_on_where_it_was(federation: Federation, phase: str) -> None:
    # The convolutional network is slow enough to be caught while it is evaluated; the others need no such help.
    model = "mnist-cnn" if phase == "aggregating" else "mnist-mlp"
    federation.assign(AT_HOME)
    arguments = ("--minimum-workers", "2", "--learning-rate", "0.02")
    federation.coordinator(*arguments, rounds=ROUNDS, model=model)
    if phase == "waiting":
        federation.wait_for(lambda progress: "workers are present" in progress["reason"])
        federation.kill("coordinator")
    for node in ("pi-01", "pi-02"):
        federation.worker(node)
    before = 0
    if phase != "waiting":
        seen = federation.wait_for(
            lambda progress: progress["round"] >= 2 and progress["phase"] == phase, poll_seconds=0.005
        )
        before = seen["round"]
        federation.kill("coordinator")
    federation.coordinator(*arguments, rounds=ROUNDS, model=model)
    resumed = federation.wait_for(lambda progress: progress["model"] is not None)
    assert resumed["round"] >= before
    _each_round_once(federation.wait_for(lambda progress: progress["phase"] == "complete"))


def test_a_worker_killed_in_a_round_is_left_behind_and_taken_back(federation: Federation) -> None:
    """Its batches are owed and trained later, when it is there again."""
    federation.assign({})  # nobody works before both are there: with a quorum of one the first would begin alone
    quick = ("--minimum-workers", "1", "--gone-after-seconds", "5", "--join-seconds", "0.1")
    federation.coordinator(*quick, rounds=5000, steps=10)
    for node in ("pi-01", "pi-02"):
        federation.worker(node)
    federation.wait_for(lambda progress: sum(w["state"] == "alive" for w in progress["workers"]) == 2)
    federation.assign({"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 200_000)]})
    federation.wait_for(
        lambda progress: any(w["node"] == "pi-02" and w["round_batches_done"] > 0 for w in progress["workers"])
    )
    federation.assign(AT_HOME, plan="plan-2")
    federation.kill("pi-02")
    closed = federation.wait_for(lambda progress: progress["round"] >= 1)
    assert closed["history"][0]["workers"] == ["pi-01"]
    assert closed["history"][0]["missing_batches"] == 200_000

    federation.worker("pi-02")
    back = federation.wait_for(lambda progress: progress["batches_total"]["nodes"].get("pi-02", 0) > 0)
    first = next(record for record in back["history"] if "pi-02" in record["workers"])
    assert first["batches"] == 10 + 20  # its own ten, and the ten that were still owed


def test_a_coordinator_that_lost_its_disk_continues_from_what_its_workers_kept(federation: Federation) -> None:
    federation.assign(AT_HOME)
    federation.coordinator("--minimum-workers", "2", rounds=5000)
    for node in ("pi-01", "pi-02"):
        federation.worker(node)
    before = federation.wait_for(lambda progress: progress["round"] >= 3)["round"]
    federation.kill("coordinator")
    shutil.rmtree(federation.state)

    federation.assign(AT_HOME, plan="plan-2")
    federation.coordinator("--minimum-workers", "2", rounds=5000)
    after = federation.wait_for(lambda progress: progress["round"] > 0)
    assert after["round"] >= before - 1  # the copy of the last round may have been on its way
    rounds = [record["round"] for record in after["history"]]
    assert rounds == list(range(1, after["round"] + 1))
    assert after["batches_total"]["shards"] == {"a": 10 * after["round"], "b": 10 * after["round"]}
    assert after["history"][0]["plan"] == "plan-1"
