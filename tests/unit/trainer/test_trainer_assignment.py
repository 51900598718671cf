"""The assignment file: what is read, what is refused and how, and what happens to a bad version."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sunward_trainer.protocol.assignment import AssignmentError, AssignmentFile, ShardWork, parse_assignment
from support.trainer import JOB, assignment_text

GOOD = {"pi-01": [("a", "pi-01", 25)], "pi-02": [("b", "pi-02", 50), ("a", "pi-01", 25)]}


def test_an_assignment_is_read_as_written() -> None:
    found = parse_assignment(assignment_text(GOOD, plan="plan-7"))
    assert (found.job, found.plan) == (JOB, "plan-7")
    assert found.nodes == ("pi-01", "pi-02")
    assert found.workers[1].shards == (
        ShardWork(shard="b", from_node="pi-02", batches=50),
        ShardWork(shard="a", from_node="pi-01", batches=25),
    )
    assert found.workers[1].batches == 75


def test_a_worker_without_batches_is_not_waited_for() -> None:
    text = assignment_text({"pi-01": [("a", "pi-01", 0)], "pi-02": [], "pi-03": [("c", "pi-03", 1)]})
    assert parse_assignment(text).nodes == ("pi-03",)


def test_unknown_fields_are_left_to_newer_versions() -> None:
    document = json.loads(assignment_text(GOOD)) | {"round": 4, "note": "x"}
    assert parse_assignment(json.dumps(document)).plan == "plan-1"


def _set(path: str, value: Any) -> Callable[[dict[str, Any]], None]:
    def change(document: dict[str, Any]) -> None:
        *steps, last = path.split(".")
        target: Any = document
        for step in steps:
            target = target[int(step)] if step.isdigit() else target[step]
        target[int(last) if last.isdigit() else last] = value

    return change


@pytest.mark.parametrize(
    ("change", "path", "why"),
    [
        (_set("schema", "sunward.dev/assignment/v2"), "$.schema", "must be 'sunward.dev/assignment/v1alpha1'"),
        (_set("job", ""), "$.job", "must be a non-empty string"),
        (_set("plan", 7), "$.plan", "must be a non-empty string"),
        (_set("workers", {}), "$.workers", "must be a list"),
        (_set("workers.0", "pi-01"), "$.workers[0]", "must be an object"),
        (_set("workers.1.node", "pi-01"), "$.workers[1].node", "same node twice"),
        (_set("workers.0.shards", None), "$.workers[0].shards", "must be a list"),
        (_set("workers.1.shards.0.batches", -1), "$.workers[1].shards[0].batches", "0 or more, is -1"),
        (_set("workers.1.shards.0.batches", 2.5), "$.workers[1].shards[0].batches", "whole number"),
        (_set("workers.1.shards.0.batches", True), "$.workers[1].shards[0].batches", "whole number"),
        (_set("workers.1.shards.0.shard", "a"), "$.workers[1].shards[1].shard", "same shard twice"),
        (_set("workers.1.shards.1.from_node", "pi-02"), "$.workers[1].shards[1].from_node", "home on 'pi-01'"),
    ],
)
def test_an_error_names_the_path_and_the_fix(change: Callable[[dict[str, Any]], None], path: str, why: str) -> None:
    document = json.loads(assignment_text(GOOD))
    change(document)
    with pytest.raises(AssignmentError) as error:
        parse_assignment(json.dumps(document))
    assert error.value.path == path
    assert why in error.value.why


def test_text_that_is_not_json_says_where_it_breaks() -> None:
    with pytest.raises(AssignmentError, match=r"\$: is not JSON .* line 2"):
        parse_assignment('{\n"schema": oops')


def test_a_partial_file_keeps_the_last_good_assignment_and_says_so(tmp_path: Path) -> None:
    path = tmp_path / "assignment.json"
    file = AssignmentFile(path=path, job=JOB)
    assert file.read() is None
    assert "No such file" in str(file.problem)

    path.write_text(assignment_text(GOOD))
    assert file.read() == parse_assignment(assignment_text(GOOD))
    assert str(file.problem) == "None"

    path.write_text(assignment_text(GOOD, plan="plan-2")[:-20])
    kept = file.read()
    assert kept is not None
    assert kept.plan == "plan-1"
    assert "keeping plan 'plan-1'" in str(file.problem)

    path.write_text(assignment_text(GOOD, plan="plan-3"))
    renewed = file.read()
    assert renewed is not None
    assert renewed.plan == "plan-3"


def test_the_assignment_of_another_job_is_not_obeyed(tmp_path: Path) -> None:
    path = tmp_path / "assignment.json"
    path.write_text(assignment_text(GOOD, job="other"))
    file = AssignmentFile(path=path, job=JOB)
    assert file.read() is None
    assert "$.job: is 'other'" in str(file.problem)


def test_a_file_that_is_not_text_is_a_bad_version_like_any_other(tmp_path: Path) -> None:
    path = tmp_path / "assignment.json"
    path.write_bytes(b"\xff\xfe\x00")
    assert AssignmentFile(path=path, job=JOB).read() is None


@pytest.mark.parametrize("last", [None, 0, 7])
def test_the_last_round_is_read_where_the_plan_names_one(last: int | None) -> None:
    assert parse_assignment(assignment_text(GOOD, until_round=last)).until_round == last


@pytest.mark.parametrize("last", [-1, 2.5, True, "7"])
def test_a_last_round_that_is_no_number_of_rounds_is_refused(last: Any) -> None:
    with pytest.raises(AssignmentError, match=r"\$\.until_round: must be a whole number of 0 or more"):
        parse_assignment(json.dumps(json.loads(assignment_text(GOOD)) | {"until_round": last}))
