"""How often an object is written for what other people's programs say, and how many events that makes."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import Api, ApiError
from sunward.cluster.access.events import Events
from sunward.cluster.reporting.changes import is_urgent
from sunward.cluster.reporting.pace import AT_ONCE, INTERVAL, Pace
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from support.planning import NOW

SECOND = timedelta(seconds=1)
JOB = {"kind": "TrainingJob", "metadata": {"name": "mnist", "namespace": "team-a", "uid": "1"}}


@given(st.lists(st.floats(0.0, 100.0), max_size=60))
def test_writes_are_one_a_minute_beside_the_first_few(pauses: list[float]) -> None:
    pace, now, writes = Pace(), NOW, 0
    for pause in pauses:
        now += timedelta(seconds=pause)
        writes += pace.allows("1", False, now)
    assert writes <= AT_ONCE + (now - NOW) / INTERVAL


def test_an_urgent_write_is_never_late_and_one_object_does_not_delay_another() -> None:
    pace = Pace()
    assert [pace.allows("1", False, NOW) for _ in range(AT_ONCE + 1)] == [True] * AT_ONCE + [False]
    assert (pace.allows("1", True, NOW), pace.allows("2", False, NOW)) == (True, True)
    assert [pace.allows("1", False, NOW + seconds * SECOND) for seconds in (119, 121)] == [False, True]


def status(**fields: Any) -> dict[str, Any]:
    conditions = [{"type": kind, "status": fields.pop(kind)} for kind in ("Running", "Planned") if kind in fields]
    return fields | {"conditions": conditions}


@pytest.mark.parametrize(
    ("old", "new", "urgent"),
    [
        (status(round=1, Running="True"), status(round=2, Running="False"), False),
        (status(workers=1), status(workers=3), False),
        (status(plan="a"), status(plan="b"), True),
        (status(assignments=[]), status(assignments=[{"shard": "a"}]), True),
        (status(), status(completionTime="2026-06-21T12:00:00Z"), True),
        (status(Planned="True"), status(Planned="False"), True),
        (status(observedGeneration=1), status(observedGeneration=2), True),
    ],
)
def test_what_the_operator_decided_is_urgent_and_what_a_coordinator_says_is_not(
    old: Mapping[str, Any], new: Mapping[str, Any], urgent: bool
) -> None:
    assert is_urgent(old, new) is urgent


class Server:
    """Takes events; refuses them all when told to."""

    def __init__(self, *, refuses: bool = False) -> None:
        self.refuses = refuses
        self.created: list[tuple[str, Mapping[str, Any]]] = []
        self.patched: list[tuple[str, Mapping[str, Any]]] = []

    async def create(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        if self.refuses:
            raise ApiError(403, "POST", path, "events is forbidden")
        self.created.append((f"{path}/{body['metadata']['name']}", body))
        return body

    async def patch(self, path: str, body: Mapping[str, Any]) -> Mapping[str, Any]:
        self.patched.append((path, body))
        return body


def storm(server: Server, seconds: int, *causes: Cause) -> Server:
    """An event of every cause in every second."""
    events = Events(cast(Api, server))

    async def emit() -> None:
        for second in range(seconds):
            for cause in causes:
                await events.emit(JOB, cause, NOW + second * SECOND)

    asyncio.run(emit())
    return server


def test_the_first_events_stand_alone_and_the_others_are_counted_in_the_last() -> None:
    server = storm(Server(), 300, Cause(Reason.RUNNING, "round 1"))
    assert len(server.created) == 5
    assert len(server.patched) == 4
    path, body = server.patched[-1]
    assert path == server.created[-1][0]
    assert (body["count"], body["message"]) == (1 + 240, "round 1")


def test_other_reasons_and_other_times_have_events_of_their_own() -> None:
    server = storm(Server(), 1201, Cause(Reason.RUNNING), Cause(Reason.WAITING_FOR_QUORUM))
    assert len(server.created) == 2 * (5 + 5 + 1)


def test_events_that_are_refused_are_dropped() -> None:
    assert storm(Server(refuses=True), 20, Cause(Reason.RUNNING)).created == []
