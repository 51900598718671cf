"""A real federation: one worker sends what it should not, and nodes without a part in the job try to register."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.door import client_context, worker_folder
from support.trainer import Federation, toy_data

NODES = ("pi-01", "pi-02", "pi-03", "pi-04")
AT_HOME = {node: [(f"s-{node}", node, 10)] for node in NODES}
LIES = {1: "nan", 2: "garbage", 4: "short", 5: "huge", 7: "batches"}


@pytest.fixture
def federation(tmp_path: Path) -> Iterator[Federation]:
    shards = {f"s-{node}": (node, 100) for node in NODES}
    found = Federation(tmp_path, data=toy_data(samples=400, testing=200), shards=shards)
    yield found
    found.close()


def _register(federation: Federation, node: str) -> int:
    body = {"address": "127.0.0.1:1", "flower_node": 1, "shards": [], "cached": []}
    url = f"https://127.0.0.1:{federation.port}/register"
    context = client_context(worker_folder(federation.folder / "stranger", node))
    request = urllib.request.Request(url, json.dumps(body).encode(), {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=5, context=context) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code


def test_whatever_one_worker_sends_the_job_ends_well_and_without_it(federation: Federation) -> None:
    federation.assign(AT_HOME)
    federation.coordinator("--minimum-workers", "3", rounds=8)
    for node in NODES[:3]:
        federation.worker(node)
    federation.worker(NODES[3], lies=LIES)
    federation.wait_for(lambda progress: progress["round"] >= 1)
    assert [_register(federation, f"stranger-{number}") for number in range(20)] == [403] * 20

    done = federation.wait_for(lambda progress: progress["phase"] in ("complete", "failed"))
    assert (done["phase"], done["round"]) == ("complete", 8), federation.logs()
    assert done["accuracy_percent"] > 80.0
    assert done["updates"]["refused"] == {
        "NotFinite": 1,
        "NormTooLarge": 1,
        "Unreadable": 1,
        "WrongBatches": 1,
        "WrongShape": 1,
    }
    refused_in = [record["round"] for record in done["history"] if "pi-04" not in record["workers"]]
    assert refused_in == sorted(LIES)
    assert {worker["node"] for worker in done["workers"]} == set(NODES)
    assert all(value > 0 for value in done["batches_total"]["nodes"].values())
