"""A coordinator's answer is read whole, or the first wrong field is named; nothing it says can do more than that."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.reporting.report import job_status
from sunward.cluster.training.progress import parse_progress
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobProgress, Refusal, RefusedWorker, UpdateRule
from support.planning import a_job

NOW = datetime(2026, 11, 22, tzinfo=UTC)
PROGRESS: dict[str, Any] = {
    "schema": "sunward.dev/progress/v1alpha1",
    "round": 3,
    "phase": "training",
    "accuracy_percent": 91.5,
    "plan": "plan-1",
    "data_set": "mnist",
    "checkpoint_time": "2026-11-22T10:00:00.250Z",
    "batches_total": {"nodes": {"pi-01": 300}, "offloaded": {"b": 150}},
    "history": [{"round": 3, "seconds": 2.5}],
    "workers": [
        {
            "node": "pi-01",
            "state": "alive",
            "round_batches_assigned": 100,
            "home_shards": ["a"],
            "cached_shards": ["b"],
        },
        {"node": "pi-02", "state": "alive", "round_batches_assigned": 0, "home_shards": ["b"], "cached_shards": []},
        {"node": "pi-03", "state": "gone", "round_batches_assigned": 50, "home_shards": [], "cached_shards": ["a"]},
    ],
}
ALIVE = {"node": "pi-01", "state": "alive"}


def read(document: object) -> JobProgress:
    return parse_progress(json.dumps(document))


def fault(document: object) -> str:
    with pytest.raises(InvalidInput) as found:
        read(document)
    return found.value.where


def spoken(document: object) -> str:
    """The fault, or nothing where there is none."""
    try:
        assert read(document).round >= 0
    except InvalidInput as error:
        return str(error)
    return ""


def test_progress_counts_only_those_who_train_now() -> None:
    found = read(PROGRESS)
    assert found.workers == ("pi-01",)
    assert dict(found.cached_shards) == {"pi-01": ("a", "b"), "pi-02": ("b",)}
    assert dict(found.offloaded_batches_by_shard) == {"b": 150.0}


def test_progress_tells_what_is_done_and_when_it_was_saved() -> None:
    found = read(PROGRESS)
    assert found.batches_done == 300
    assert found.checkpoint_at == datetime(2026, 11, 22, 10, 0, 0, 250_000, tzinfo=UTC)
    new = read({**PROGRESS, "batches_total": {}, "checkpoint_time": None})
    assert (new.batches_done, new.checkpoint_at) == (None, None)


UPDATES: dict[str, Any] = {
    "rule": "MultiKrum",
    "applied_rule": "Median",
    "norm_bounded": True,
    "refused": {"NotFinite": 3, "Sulked": 2, "Moped": 1},
    "workers": [{"node": "pi-02", "refusal": "NotFinite", "in_a_row": 3}],
}


def test_progress_tells_what_became_of_updates_and_words_unknown_here_are_counted_together() -> None:
    found = read({**PROGRESS, "updates": UPDATES}).updates
    assert found is not None
    assert dict(found.refused) == {Refusal.NOT_FINITE: 3, Refusal.OTHER: 3}
    assert found.refused_count == 6
    assert found.workers == (RefusedWorker(node="pi-02", refusal=Refusal.NOT_FINITE, in_a_row=3),)
    assert (found.applied_rule, found.norm_bounded) == (UpdateRule.MEDIAN, True)
    assert read(PROGRESS).updates is None


def test_a_newer_trainer_may_say_more() -> None:
    assert read({**PROGRESS, "temperature": {"deep": [1, 2]}}) == read(PROGRESS)


@pytest.mark.parametrize(
    ("changes", "where"),
    [
        ({"schema": "other"}, "/progress.schema"),
        ({"round": True}, "/progress.round"),
        ({"round": 1.5}, "/progress.round"),
        ({"round": 10**400}, "/progress.round"),
        ({"phase": "resting"}, "/progress.phase"),
        ({"accuracy_percent": float("nan")}, "/progress.accuracy_percent"),
        ({"accuracy_percent": 101.0}, "/progress.accuracy_percent"),
        ({"batches_total": {"offloaded": {"shard-b": -1}}}, '/progress.batches_total.offloaded["shard-b"]'),
        ({"history": [{"seconds": 1.0}, {}]}, "/progress.history[1].seconds"),
        ({"workers": [{"node": "pi-01", "state": "asleep"}]}, "/progress.workers[0].state"),
        ({"workers": [{**ALIVE, "cached_shards": ["a", 1]}]}, "/progress.workers[0].cached_shards[1]"),
        ({"plan": 7}, "/progress.plan"),
        ({"plan": "two\nlines"}, "/progress.plan"),
        ({"workers": [{**ALIVE, "seconds_per_batch": 0}]}, "/progress.workers[0].seconds_per_batch"),
        ({"workers": [{**ALIVE, "seconds_per_batch": 1e-320}]}, "/progress.workers[0].seconds_per_batch"),
        ({"workers": [{**ALIVE, "seconds_per_batch": 1e308}]}, "/progress.workers[0].seconds_per_batch"),
        ({"workers": [ALIVE, ALIVE]}, "/progress.workers"),
        ({"workers": [{**ALIVE, "node": f"n{number}"} for number in range(1025)]}, "/progress.workers"),
        ({"checkpoint_time": 1e308}, "/progress.checkpoint_time"),
        ({"checkpoint_time": "9999-12-31T23:59:59-23:59"}, "/progress.checkpoint_time"),
        ({"updates": []}, "/progress.updates"),
        ({"updates": {**UPDATES, "applied_rule": "Best"}}, "/progress.updates.applied_rule"),
        ({"updates": {**UPDATES, "refused": {"NotFinite": -1}}}, "/progress.updates.refused.NotFinite"),
        ({"updates": {**UPDATES, "refused": {str(n): 1 for n in range(65)}}}, "/progress.updates.refused"),
        ({"updates": {**UPDATES, "workers": UPDATES["workers"] * 1025}}, "/progress.updates.workers"),
        ({"updates": {**UPDATES, "workers": [{"node": "pi-02"}]}}, "/progress.updates.workers[0].refusal"),
        ({"data_set": "m" * 129}, "/progress.data_set"),
        ({"checkpoint_time": "2026-11-22T10:00:00"}, "/progress.checkpoint_time"),
        ({"checkpoint_time": "noon"}, "/progress.checkpoint_time"),
        ({"batches_total": {"nodes": {"pi-01": 1e13}}}, '/progress.batches_total.nodes["pi-01"]'),
    ],
)
def test_a_wrong_field_is_named(changes: Mapping[str, Any], where: str) -> None:
    assert fault({**PROGRESS, **changes}) == where


@pytest.mark.parametrize("body", [b"", b"null", b"[]", b"\xff", b"[" * 100_000, b'{"a":' * 100_000])
def test_what_is_no_document_is_refused_as_a_whole(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="/progress"):
        parse_progress(body)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=300),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=300), inner, max_size=3),
    max_leaves=8,
)


@given(name=st.sampled_from(sorted(PROGRESS)), value=JSON, worker=st.sampled_from(sorted(PROGRESS["workers"][0])))
def test_any_value_anywhere_ends_in_progress_or_in_one_short_line(name: str, value: object, worker: str) -> None:
    for document in ({**PROGRESS, name: value}, {**PROGRESS, "workers": [{**PROGRESS["workers"][0], worker: value}]}):
        said = spoken(document)
        assert said.isprintable()
        assert len(said) < 500


def test_a_fault_says_what_is_expected_and_which_number_was_found() -> None:
    text = json.dumps({**PROGRESS, "workers": [{**ALIVE, "seconds_per_batch": 1.0}]}).replace("1.0", "1e999")
    with pytest.raises(InvalidInput) as found:
        parse_progress(text)
    assert str(found.value) == "/progress.workers[0].seconds_per_batch: must be a finite number, not inf"


def test_small_letters_are_valid_in_a_time() -> None:
    assert read({**PROGRESS, "checkpoint_time": "2026-11-22t10:00:00z"}).checkpoint_at == NOW.replace(hour=10)


def test_people_read_which_field_is_wrong() -> None:
    job = replace(a_job(progress=None), progress_fault="/progress.round: Input should be a valid integer")
    status = job_status(job, None, None, {}, NOW)
    running = next(one for one in status["conditions"] if one["type"] == "Running")
    assert (running["status"], running["reason"]) == ("False", "ProgressUnknown")
    assert "/progress.round: Input should be a valid integer" in running["message"]
