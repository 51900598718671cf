"""The judges of power actions on a real cluster: what counts as asked twice, and who may not ask at all."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from support.real.journal import Journal, duplicates, fencing, wait_until


def switch(on: bool, operation: str, token: int, process: str = "a-1", *, was_on: bool | None = None) -> dict[str, Any]:
    before = not on if was_on is None else was_on
    return {"node": "pi-01", "on": on, "was_on": before, "operation": operation, "token": token, "process": process}


def test_one_request_for_each_operation_is_in_order() -> None:
    history = [switch(False, "sleep-1", 1), switch(True, "wake-1", 1), switch(False, "sleep-2", 2, "b-1")]
    assert (duplicates(history), fencing(history)) == ([], [])


@pytest.mark.parametrize(
    "history",
    [
        [switch(False, "sleep-1", 1), switch(False, "sleep-1", 1, was_on=True)],
        [switch(False, "sleep-1", 1), switch(False, "sleep-2", 1, was_on=False)],
    ],
    ids=["the same operation again", "another operation for what is done already"],
)
def test_what_a_relay_has_done_is_not_to_be_asked_again(history: list[dict[str, Any]]) -> None:
    assert len(duplicates(history)) == 1


def test_two_nodes_do_not_disturb_each_other() -> None:
    history = [switch(False, "sleep-1", 1), switch(False, "sleep-1", 1) | {"node": "pi-02"}]
    assert duplicates(history) == []


@pytest.mark.parametrize(
    "history",
    [
        [switch(False, "x", 3, "a-1"), switch(True, "y", 3, "b-1")],
        [switch(False, "x", 4, "b-1"), switch(True, "y", 3, "b-1")],
    ],
    ids=["one token from two processes", "an older token after a younger"],
)
def test_a_leader_of_the_past_is_found(history: list[dict[str, Any]]) -> None:
    assert len(fencing(history)) == 1


def test_the_files_hold_every_event_and_the_relays_alone(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal.jsonl")
    journal.record("up", node="pi-01")
    journal.record("switch", **switch(False, "sleep-1", 1))
    lines = [json.loads(line) for line in journal.path.read_text().splitlines()]
    assert [line["event"] for line in lines] == ["up", "switch"]
    assert lines == journal.entries()
    assert [json.loads(line) for line in journal.relays.read_text().splitlines()] == journal.switches("pi-01")


def test_a_wait_says_what_did_not_happen_and_takes_a_dead_server_for_not_yet() -> None:
    def dead() -> bool:
        raise ConnectionRefusedError

    with pytest.raises(TimeoutError, match="the server answers"):
        wait_until(dead, 0.05, "the server answers", every=0.01)
    assert wait_until(lambda: True, 1.0, "at once") < 0.5
