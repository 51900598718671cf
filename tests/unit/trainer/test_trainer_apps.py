"""Other people's Flower apps, unchanged: what they get and give under plans, sleep, restarts and bad workers."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, Message

from sunward_trainer.apps.checkpoint import AppCheckpoint, load
from sunward_trainer.apps.session import Metric
from support.flower_apps import Scene, flower_loops, stock
from support.trainer import JOB

NAMES = ("quick", "sklearning", "stateful", "legacy", "growing")
METRICS = {
    "quick": Metric(name="eval_acc", scale=100.0, source="Evaluate"),
    "sklearning": Metric(name="eval_acc", scale=100.0, source="Evaluate"),
    "stateful": Metric(name="accuracy", scale=100.0, source="Server"),
    "legacy": Metric(name="accuracy", scale=100.0, source="Evaluate"),
    "growing": Metric(name="trees", scale=1.0, source="Train"),
}


@pytest.fixture(autouse=True)
def loops() -> Iterator[None]:
    with flower_loops():
        yield


def scene(name: str, folder: Path, **changes: Any) -> Scene:
    return Scene(name, folder, metric=METRICS[name], **changes)


def arrays(found: AppCheckpoint) -> list[np.ndarray]:
    assert found.arrays is not None
    return found.arrays.to_numpy_ndarrays()


@pytest.mark.parametrize("name", NAMES)
def test_an_app_ends_with_the_arrays_of_the_stock_runtime(name: str, tmp_path: Path) -> None:
    world = scene(name, tmp_path)
    world.at_home()
    found = world.run()
    assert found.kept.round == 3
    expected = stock(name, 3, 3)
    ours = arrays(found)
    if name == "growing":
        assert sorted(ours[0].tolist()) == sorted(expected[0].tolist())
    else:
        for one, other in zip(ours, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
    assert found.kept.accuracy_percent is not None


@pytest.mark.parametrize("name", NAMES)
def test_a_shard_that_is_moved_while_its_node_sleeps_gives_the_same_arrays(name: str, tmp_path: Path) -> None:
    world = scene(name, tmp_path)
    world.at_home()
    asleep = {"pi-01": [("a", "pi-01", 10)], "pi-02": [("b", "pi-02", 10), ("c", "pi-03", 10)]}
    usual = {node: [(shard, node, 10)] for node, shard in zip(("pi-01", "pi-02", "pi-03"), "abc", strict=True)}

    def replan(number: int, reply: Message) -> Message:
        world.assign(asleep if number == 1 else usual, plan=f"plan-{number + 1}")
        return reply

    world.fleet.changes["pi-01"] = replan
    found = world.run()
    trained = [(number, shard, node) for number, kind, shard, node in world.fleet.asked if kind == "train"]
    assert sorted(trained) == [
        (1, "a", "pi-01"), (1, "b", "pi-02"), (1, "c", "pi-03"),
        (2, "a", "pi-01"), (2, "b", "pi-02"), (2, "c", "pi-02"),
        (3, "a", "pi-01"), (3, "b", "pi-02"), (3, "c", "pi-03"),
    ]  # fmt: skip
    still = scene(name, tmp_path)
    still.at_home()
    for one, other in zip(arrays(found), arrays(still.run()), strict=True):
        np.testing.assert_allclose(np.sort(one, axis=0), np.sort(other, axis=0), rtol=1e-6, atol=1e-6)
    assert found.kept.node_batches == {"pi-01": 30, "pi-02": 40, "pi-03": 20}
    assert found.kept.offloaded_batches == {"c": 10}


def test_a_clients_state_moves_with_its_shard(tmp_path: Path) -> None:
    world = scene("stateful", tmp_path)
    world.at_home()
    moved = {"pi-02": [("a", "pi-01", 10), ("b", "pi-02", 10)], "pi-03": [("c", "pi-03", 10)]}
    seen: list[float] = []

    def look(number: int, reply: Message) -> Message:
        world.assign(moved, plan="plan-2")
        seen.append(float(reply.content.metric_records["metrics"]["rounds_seen"]))
        return reply

    for node in ("pi-01", "pi-02", "pi-03"):
        world.fleet.changes[node] = look
    world.run()
    assert sorted(seen) == [1.0, 1.0, 1.0, 2.0, 2.0, 2.0, 3.0, 3.0, 3.0]


@pytest.mark.parametrize("name", [name for name in NAMES if name != "growing"])
def test_a_restart_goes_on_after_the_checkpoint(name: str, tmp_path: Path) -> None:
    first = scene(name, tmp_path, rounds=2)
    first.at_home()
    first.run()
    kept = load(tmp_path / "checkpoint", job=JOB, app=name)
    assert kept is not None
    assert kept.kept.round == 2
    again = scene(name, tmp_path, rounds=3)
    again.at_home()
    found = again.run(kept)
    assert {number for number, *_ in again.fleet.asked} == {3}
    assert [record.round for record in found.kept.history] == [1, 2, 3]
    if name != "stateful":  # its strategy keeps momentum in memory, which a restart loses
        for one, other in zip(arrays(found), stock(name, 3, 3), strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_the_jobs_target_ends_the_app(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=50, target=80.0)
    world.at_home()
    found = world.run()
    assert found.kept.round < 50
    assert found.kept.accuracy_percent is not None
    assert found.kept.accuracy_percent >= 80.0


def _poisoned(value: float) -> Any:
    def change(number: int, reply: Message) -> Message:
        if number == 2 and reply.content.array_records:
            record = reply.content.array_records["arrays"]
            poisoned = [array.numpy() + value for array in record.values()]
            reply.content["arrays"] = ArrayRecord(
                array_dict={name: Array(one) for name, one in zip(record, poisoned, strict=True)}
            )
        return reply

    return change


@pytest.mark.parametrize(("value", "refusal"), [(np.nan, "NotFinite"), (np.inf, "NotFinite"), (1e6, "NormTooLarge")])
def test_a_bad_reply_never_reaches_the_strategy_and_is_owed_and_told(
    tmp_path: Path, value: float, refusal: str
) -> None:
    world = scene("quick", tmp_path)
    world.at_home()
    world.fleet.changes["pi-03"] = _poisoned(value)
    found = world.run()
    assert found.kept.round == 3
    assert all(np.isfinite(one).all() and np.abs(one).max() < 100 for one in arrays(found))
    assert found.kept.refused_updates == {refusal: 1}
    assert found.kept.debt.owed == {"c": 10}
    assert found.kept.history[1].workers == ("pi-01", "pi-02")
    assert found.kept.history[1].missing_batches == 10


def test_a_shape_unlike_all_others_is_refused(tmp_path: Path) -> None:
    def short(number: int, reply: Message) -> Message:
        if reply.content.array_records:
            reply.content["arrays"] = ArrayRecord([np.zeros(7), np.zeros(10)])
        return reply

    world = scene("quick", tmp_path, rounds=1)
    world.at_home()
    world.fleet.changes["pi-01"] = short
    assert world.run().kept.refused_updates == {"WrongShape": 1}


def test_a_worker_that_does_not_answer_is_given_up_and_the_round_counts_without_it(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=1)
    world.at_home()
    world.fleet.mute.add("pi-02")
    found = world.run()
    assert found.kept.history[0].workers == ("pi-01", "pi-03")
    missing = world.session.board.status.missing
    assert [(one.shard, one.node, one.reason) for one in missing] == [("b", "pi-02", "TimedOut")]


def test_an_app_that_raises_loses_its_clients_update_and_nothing_else(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=1)
    world.at_home()
    world.fleet.works["pi-02"]._app = _Broken()  # type: ignore[assignment]
    found = world.run()
    assert found.kept.history[0].workers == ("pi-01", "pi-03")
    assert [one.detail for one in world.session.board.status.missing] == ["RuntimeError: no memory"]


class _Broken:
    def call(self, *given: object) -> None:
        raise RuntimeError("no memory")


def test_pieces_of_a_shard_go_to_workers_in_the_plans_proportions(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=1, pieces=4, shards=("a", "b"))
    world.assign({"pi-01": [("a", "pi-01", 8)], "pi-02": [("b", "pi-02", 8), ("a", "pi-01", 2)]})
    world.fleet.join("pi-01", "pi-02")
    found = world.run()
    trained = sorted((shard, node) for _, kind, shard, node in world.fleet.asked if kind == "train")
    assert trained == [("a", "pi-01")] * 3 + [("a", "pi-02")] + [("b", "pi-02")] * 4
    assert found.kept.shard_batches == {"a": 10, "b": 10}
    expected = stock("quick", 1, 8)
    for one, other in zip(arrays(found), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_plan_without_work_is_a_wait_and_no_error(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=2)
    world.at_home()
    work = {node: [(shard, node, 10)] for node, shard in zip(("pi-01", "pi-02", "pi-03"), "abc", strict=True)}
    world.assign(work, plan="plan-1", until_round=1)
    ended = threading.Thread(target=world.run, daemon=True)
    ended.start()
    while not hasattr(world, "session") or "rounds up to 1" not in world.session.board.status.reason:
        assert ended.is_alive()
    assert world.session.round == 1
    assert world.session.board.status.checkpoint is not None
    assert world.session.board.status.checkpoint.round == 1
    world.assign(work, plan="plan-2")
    ended.join(30.0)
    assert world.session.round == 2


def test_a_round_in_which_every_reply_is_bad_is_repeated_and_the_arrays_stay(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=2)
    world.at_home()
    left = [3]

    def once(number: int, reply: Message) -> Message:
        if number == 2 and left[0] and reply.content.array_records:
            left[0] -= 1
            return _poisoned(np.nan)(number, reply)
        return reply

    for node in ("pi-01", "pi-02", "pi-03"):
        world.fleet.changes[node] = once
    found = world.run()
    assert [record.round for record in found.kept.history] == [1, 2]
    for one, other in zip(arrays(found), stock("quick", 2, 3), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)


def test_a_round_below_the_quorum_is_tried_again_from_the_same_arrays(tmp_path: Path) -> None:
    world = scene("quick", tmp_path, rounds=1, minimum_workers=3)
    world.at_home()
    left = [1]

    def once(number: int, reply: Message) -> Message:
        if left[0] and reply.content.array_records:
            left[0] -= 1
            return _poisoned(np.nan)(2, reply)
        return reply

    world.fleet.changes["pi-02"] = once
    found = world.run()
    assert found.kept.history[0].workers == ("pi-01", "pi-02", "pi-03")
    for one, other in zip(arrays(found), stock("quick", 1, 3), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6, atol=1e-6)
