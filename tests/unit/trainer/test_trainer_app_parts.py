"""The parts around an unchanged app: its folder, its process, its data, its checkpoint."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import tarfile
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flwr.app import Array, ArrayRecord, ConfigRecord, Context, Message, MetricRecord, RecordDict

from sunward_trainer.apps.checkpoint import AppCheckpoint, fresh, load, save
from sunward_trainer.apps.clients import VirtualClient
from sunward_trainer.apps.envelope import (
    Envelope,
    EnvelopeError,
    open_envelope,
    open_reply,
    pack_state,
    seal,
    seal_reply,
    unpack_state,
)
from sunward_trainer.apps.folders import FolderStore, pack, unpack
from sunward_trainer.apps.gate import judged, refusals
from sunward_trainer.apps.injection import SCRIPT, inject
from sunward_trainer.apps.project import ProjectError, load_project
from sunward_trainer.apps.sandbox import Abandoned, AppError, AppProcess
from sunward_trainer.coordinator.checkpoint import CheckpointError
from sunward_trainer.learning.data import DataError
from sunward_trainer.learning.inspection import Refusal
from sunward_trainer.protocol.members import Source
from support.flower_apps import APPS, RUN_ID, flower_loops

CLIENT = VirtualClient(shard="a", home="pi-01", node="pi-02", batches=10, partition=0, partitions=3)


@pytest.fixture(autouse=True)
def loops() -> Iterator[None]:
    with flower_loops():
        yield


def test_a_jobs_changes_have_the_types_of_the_apps_own_values() -> None:
    found = load_project(APPS / "quick", {"learning-rate": "0.1", "local-epochs": "2", "verbose": "true"}, rounds=7)
    assert found.run_config == {"num-server-rounds": 7, "learning-rate": 0.1, "local-epochs": 2, "verbose": True}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"epochs": "2"}, r"runConfig\.epochs: the app has no such key; it has: learning-rate, local-epochs"),
        ({"local-epochs": "two"}, r"runConfig\.local-epochs: must be of type int like the app's own 1"),
        ({"verbose": "yes"}, r"runConfig\.verbose: must be of type bool"),
    ],
)
def test_a_wrong_change_is_named(changes: dict[str, str], said: str) -> None:
    with pytest.raises(ProjectError, match=said):
        load_project(APPS / "quick", changes)


def test_a_folder_without_an_app_is_named(tmp_path: Path) -> None:
    with pytest.raises(ProjectError, match="is no Flower app"):
        load_project(tmp_path, {})


def test_the_program_runs_from_the_folder_that_it_was_injected_into(tmp_path: Path) -> None:
    inject(tmp_path)
    inject(tmp_path)  # an init container may run twice
    asked = subprocess.run(
        [sys.executable, str(tmp_path / SCRIPT), "client", "--help"], capture_output=True, text=True, check=True
    )
    assert "--shard-data NAME=FOLDER" in asked.stdout
    assert (tmp_path / "libraries" / "aiohttp" / "__init__.py").is_file()


def a_message() -> Message:
    arrays = ArrayRecord([np.zeros((64, 10)), np.zeros(10)])
    message = Message(RecordDict({"arrays": arrays, "config": ConfigRecord({"lr": 0.5})}), 1, "train")
    message.metadata.__dict__["_message_id"] = "m1"
    return message


def a_context(**config: float) -> Context:
    node = {"partition-id": 0, "num-partitions": 3}
    known = {**load_project(APPS / "quick", {}).run_config, **config}
    return Context(run_id=RUN_ID, node_id=5, node_config=node, state=RecordDict(), run_config=known)


def test_an_app_in_its_own_process_answers_fails_and_is_ended_at_once() -> None:
    process = AppProcess(APPS / "quick", {})
    try:
        reply, _ = process.call(a_message(), a_context(), lambda: False)
        assert reply.metadata.reply_to_message_id == "m1"
        assert reply.content.metric_records["metrics"]["num-examples"] == 599
        with pytest.raises(AppError, match="KeyError: 'partition-id'"):
            process.call(a_message(), replace(a_context(), node_config={}), lambda: False)
        with pytest.raises(Abandoned):
            process.call(a_message(), a_context(**{"local-epochs": 10**6}), lambda: True)
        assert process._process is None
    finally:
        process.kill()


def test_an_app_whose_process_dies_is_told_and_started_again() -> None:
    process = AppProcess(APPS / "quick", {})
    try:
        process.call(a_message(), a_context(), lambda: False)
        assert process._process is not None
        assert process._process.pid is not None
        os.kill(process._process.pid, signal.SIGKILL)
        until = time.monotonic() + 30
        while process._process.is_alive():
            assert time.monotonic() < until
        with pytest.raises(AppError, match="the app's process ended with status -9"):
            process.call(a_message(), a_context(), lambda: False)
        assert process.call(a_message(), a_context(), lambda: False)[0].has_content()
    finally:
        process.kill()


def store(folder: Path, data: dict[str, Path], *, own: str = "", sent: bytes = b"") -> FolderStore:
    """A node's folders; the other nodes' servers send these bytes."""

    def fetching(address: str, path: str, credentials: object, *, server_name: str) -> bytes:
        assert (address, path, credentials) == ("x:1", "/shards/a", None)
        assert server_name.startswith("worker-")
        return sent

    return FolderStore(
        data,
        own=frozenset(own.split()),
        serves=True,
        archives=folder / "archives",
        cache=folder / "cache",
        credentials=None,
        fetching=fetching,
    )


def a_folder(folder: Path) -> Path:
    (folder / "deep").mkdir(parents=True)
    (folder / "images.bin").write_bytes(b"\1\2")
    (folder / "deep" / "labels.csv").write_text("1,2")
    return folder


def test_a_shard_of_any_files_is_packed_the_same_and_unpacked_whole(tmp_path: Path) -> None:
    source = a_folder(tmp_path / "source")
    first, second = pack("a", source, tmp_path / "one"), pack("a", source, tmp_path / "two")
    assert first.sha256 == second.sha256
    unpack(first.path.read_bytes(), tmp_path / "copy")
    assert (tmp_path / "copy" / "deep" / "labels.csv").read_text() == "1,2"
    assert (tmp_path / "copy" / "images.bin").read_bytes() == b"\1\2"


ELSEWHERE = {
    "above": ("../outside", tarfile.REGTYPE),
    "above, by a detour": ("a/../../outside", tarfile.REGTYPE),
    "from the root": ("/tmp/outside", tarfile.REGTYPE),  # nothing is written there
    "a link": ("link", tarfile.SYMTYPE),
    "a hard link": ("link", tarfile.LNKTYPE),
    "a pipe": ("pipe", tarfile.FIFOTYPE),
    "a device": ("device", tarfile.CHRTYPE),
}


@pytest.mark.parametrize("what", ELSEWHERE)
def test_an_archive_that_would_write_elsewhere_is_refused(tmp_path: Path, what: str) -> None:
    name, kind = ELSEWHERE[what]
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        entry = tarfile.TarInfo(name)
        entry.type, entry.linkname = kind, "../../outside"
        entry.size = 1 if kind == tarfile.REGTYPE else 0
        archive.addfile(entry, io.BytesIO(b"x"))
    with pytest.raises(DataError, match="cannot be unpacked"):
        unpack(buffer.getvalue(), tmp_path / "cache" / "a")
    assert not list(tmp_path.rglob("outside"))
    assert not (tmp_path / "cache" / "a").exists()


def test_own_data_are_used_where_they_are_and_others_are_fetched_with_their_hash(tmp_path: Path) -> None:
    source = a_folder(tmp_path / "source")
    home = store(tmp_path / "home", {"a": source}, own="a")
    assert home.get("a", None, home="pi-01") == source
    assert home.get("b", None, home="pi-02") is None  # a shard without data of its own
    away = store(tmp_path / "away", {"a": Path("/nowhere")}, sent=home.own["a"].path.read_bytes())
    with pytest.raises(DataError, match="its home node does not serve it now"):
        away.get("a", None, home="pi-01")
    with pytest.raises(DataError, match="SHA-256 is"):
        away.get("a", Source(address="x:1", sha256="0" * 64), home="pi-01")
    found = away.get("a", Source(address="x:1", sha256=home.own["a"].sha256), home="pi-01")
    assert found is not None
    assert (found / "deep" / "labels.csv").read_text() == "1,2"
    assert store(tmp_path / "away", {"a": Path("/nowhere")}).cached == ("a",)  # after a restart


def test_what_travels_beside_the_apps_records_is_taken_off_again() -> None:
    content = a_message().content
    envelope = Envelope(
        client=CLIENT, plan="p", round_number=3, source=Source(address="x:1", sha256="00"), state=b"\0\xff"
    )
    records, found = open_envelope(seal(content, envelope))
    assert found == envelope
    assert set(records) == set(content)
    assert open_reply(seal_reply(content, b"s"))[1] == b"s"
    with pytest.raises(EnvelopeError):
        open_envelope(content)
    with pytest.raises(EnvelopeError):
        open_reply(RecordDict({"sunward.dev/envelope": ConfigRecord({"state": "text"})}))


def test_a_clients_state_is_the_same_after_its_journey() -> None:
    state = RecordDict({"mine": ConfigRecord({"rounds": 2}), "arrays": ArrayRecord([np.arange(3)])})
    found = unpack_state(pack_state(state))
    assert found["mine"]["rounds"] == 2
    assert found["arrays"].to_numpy_ndarrays()[0].tolist() == [0, 1, 2]
    assert pack_state(RecordDict()) == b""
    assert not unpack_state(b"")


def test_arrays_of_any_type_and_the_clients_states_survive_a_restart(tmp_path: Path) -> None:
    arrays = ArrayRecord(
        array_dict={"w": Array(np.ones((2, 3), dtype=np.float16)), "trees": Array(np.array([7], dtype=np.uint8))}
    )
    kept = AppCheckpoint(kept=fresh("j", "quick", "now").kept, arrays=arrays, states={"a/0": b"\0x"})
    save(kept, tmp_path / "checkpoint")
    found = load(tmp_path / "checkpoint", job="j", app="quick")
    assert found is not None
    assert found.arrays is not None
    assert [(name, array.dtype, array.shape) for name, array in found.arrays.items()] == [
        ("w", "float16", (2, 3)),
        ("trees", "uint8", (1,)),
    ]
    assert found.states == {"a/0": b"\0x"}
    with pytest.raises(CheckpointError, match="model is 'quick', this run has 'other'"):
        load(tmp_path / "checkpoint", job="j", app="other")
    (tmp_path / "checkpoint").write_bytes(b"PK")
    with pytest.raises(CheckpointError, match="is damaged"):
        load(tmp_path / "checkpoint", job="j", app="quick")
    assert load(tmp_path / "nothing", job="j", app="quick") is None


def content(*arrays: np.ndarray, examples: float = 3) -> RecordDict:
    return RecordDict({"arrays": ArrayRecord(list(arrays)), "metrics": MetricRecord({"num-examples": examples})})


@pytest.mark.parametrize(
    ("last", "why"),
    [
        (content(np.ones(2)), None),
        (content(np.full(2, np.nan)), Refusal.NOT_FINITE),
        (content(np.full(2, -np.inf)), Refusal.NOT_FINITE),
        (content(np.ones(3)), Refusal.WRONG_SHAPE),
        (content(np.ones(2), np.ones(2)), Refusal.WRONG_SHAPE),
        (content(np.full(2, 11.0)), Refusal.NORM_TOO_LARGE),
        (content(np.ones(2), examples=float("nan")), Refusal.WRONG_FIGURES),
        (content(np.ones(2), examples=-1), Refusal.WRONG_FIGURES),
    ],
)
def test_the_gate_refuses_what_would_spoil_any_strategy(last: RecordDict, why: Refusal | None) -> None:
    sent = content(np.zeros(2))
    replies = [judged(one, sent, "num-examples") for one in (content(np.ones(2)), content(np.ones(2)), last)]
    assert refusals(replies, factor=10.0, usual=None) == [None, None, why]


def test_arrays_of_whole_numbers_may_grow_each_in_its_own_way() -> None:
    trees = [content(np.zeros(length, dtype=np.uint8)) for length in (1, 5, 9)]
    replies = [judged(one, content(np.zeros(0, dtype=np.uint8)), "num-examples") for one in trees]
    assert refusals(replies, factor=10.0, usual=1.0) == [None, None, None]


def test_two_replies_are_compared_with_an_earlier_round_only() -> None:
    replies = [judged(content(np.full(2, value)), content(np.zeros(2)), "n") for value in (1.0, 100.0)]
    assert refusals(replies, factor=10.0, usual=None) == [None, None]
    assert refusals(replies, factor=10.0, usual=1.5) == [None, Refusal.NORM_TOO_LARGE]
