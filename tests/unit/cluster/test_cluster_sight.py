"""A watch is blind when it does not bring what a fresh read has shown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest

from sunward.cluster.access.watch_liveness import WatchLiveness


@dataclass
class Clock:
    seconds: float = 100.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


def a_body(version: int, uid: str = "u1", name: str = "pi-01") -> dict[str, Any]:
    return {"metadata": {"name": name, "uid": uid, "resourceVersion": str(version)}}


def test_what_was_read_is_awaited_until_a_watch_brings_it(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read_all("nodes", [a_body(7)])
    clock.seconds += 12
    assert (watches.blind_seconds(), watches.missing()) == (12, "pi-01")
    watches.watched(a_body(7))
    assert (watches.blind_seconds(), watches.missing()) == (0, "")


@pytest.mark.parametrize("seen", [8, 9])
def test_what_a_watch_brought_before_or_brings_later_is_enough(clock: Clock, seen: int) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(seen))
    watches.read_all("nodes", [a_body(8)])
    clock.seconds += 5
    assert watches.blind_seconds() == 0


def test_an_older_state_does_not_end_the_waiting(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read_all("nodes", [a_body(8)])
    clock.seconds += 5
    watches.watched(a_body(7))
    assert watches.blind_seconds() == 5


def test_an_object_that_changes_all_the_time_is_not_awaited_for_ever(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    for version in range(10, 60, 10):
        watches.read_all("nodes", [a_body(version + 1)])  # the next state is always a moment ahead of the watch
        clock.seconds += 10
        watches.watched(a_body(version + 1))
        watches.read_all("nodes", [a_body(version + 2)])
        assert watches.blind_seconds() <= 10


def test_a_silent_watch_is_dated_from_the_first_change_that_it_missed(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(1))
    for version in range(2, 8):
        watches.read_all("nodes", [a_body(version)])
        clock.seconds += 10
    assert watches.blind_seconds() == 60


def test_an_object_that_is_seen_to_end_is_no_longer_awaited(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read_all("nodes", [a_body(3), a_body(4, uid="u2", name="pi-02")])
    clock.seconds += 1
    watches.watched(a_body(9), gone=True)
    clock.seconds += 1
    assert (watches.blind_seconds(), watches.missing()) == (2, "pi-02")


def test_an_object_that_the_newest_list_lacks_is_no_longer_awaited(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read_all("trainingjobs", [a_body(3), a_body(4, uid="u2", name="pi-02")])
    watches.read_all("nodes", [])
    clock.seconds += 100
    assert watches.blind_seconds() == 100
    watches.read_all("trainingjobs", [a_body(4, uid="u2", name="pi-02")])
    assert watches.missing() == "pi-02"
    watches.watched(a_body(4, uid="u2", name="pi-02"))
    assert watches.blind_seconds() == 0


def test_an_object_whose_end_came_before_an_older_list_is_not_awaited(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(5), gone=True)
    for _ in range(3):
        watches.read_all("trainingjobs", [a_body(3)])
        clock.seconds += 100
        assert (watches.blind_seconds(), watches.missing()) == (0, "")
    watches.read_all("trainingjobs", [])
    watches.read_all("trainingjobs", [a_body(7, uid="u2", name="pi-01")])  # of the same name, and another object
    clock.seconds += 100
    assert (watches.blind_seconds(), watches.missing()) == (100, "pi-01")


def test_a_change_that_a_watch_misses_is_found_however_many_lists_show_it(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(1))
    for version in (2, 2, 3):
        watches.read_all("nodes", [a_body(version)])
        clock.seconds += 30
    assert watches.blind_seconds() == 90


def test_the_memory_of_ends_that_no_list_confirms_is_bounded(clock: Clock, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sunward.cluster.access.watch_liveness.ENDS_LIMIT", 2)
    watches = WatchLiveness(clock)
    for uid in ("u1", "u2", "u3"):
        watches.watched(a_body(5, uid=uid), gone=True)
    watches.read_all("nodes", [a_body(4, uid="u1", name="first"), a_body(4, uid="u3", name="third")])
    assert watches.missing() == "first"
