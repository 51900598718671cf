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
    watches.read(a_body(7))
    clock.seconds += 12
    assert (watches.blind_seconds(), watches.missing()) == (12, "pi-01")
    watches.watched(a_body(7))
    assert (watches.blind_seconds(), watches.missing()) == (0, "")


@pytest.mark.parametrize("seen", [8, 9])
def test_what_a_watch_brought_before_or_brings_later_is_enough(clock: Clock, seen: int) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(seen))
    watches.read(a_body(8))
    clock.seconds += 5
    assert watches.blind_seconds() == 0


def test_an_older_state_does_not_end_the_waiting(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read(a_body(8))
    clock.seconds += 5
    watches.watched(a_body(7))
    assert watches.blind_seconds() == 5


def test_an_object_that_changes_all_the_time_is_not_awaited_for_ever(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    for version in range(10, 60, 10):
        watches.read(a_body(version + 1))  # the next state is always a moment ahead of the watch
        clock.seconds += 10
        watches.watched(a_body(version + 1))
        watches.read(a_body(version + 2))
        assert watches.blind_seconds() <= 10


def test_a_silent_watch_is_dated_from_the_first_change_that_it_missed(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.watched(a_body(1))
    for version in range(2, 8):
        watches.read(a_body(version))
        clock.seconds += 10
    assert watches.blind_seconds() == 60


def test_an_object_that_is_seen_to_end_is_no_longer_awaited(clock: Clock) -> None:
    watches = WatchLiveness(clock)
    watches.read_all([a_body(3), a_body(4, uid="u2", name="pi-02")])
    clock.seconds += 1
    watches.watched(a_body(9), gone=True)
    clock.seconds += 1
    assert (watches.blind_seconds(), watches.missing()) == (2, "pi-02")
