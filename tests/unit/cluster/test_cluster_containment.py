"""What fails is remembered with its reason, told once per attempt, and tried again after a growing pause."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import ApiError, Body
from sunward.cluster.access.causes import cause_of, words
from sunward.cluster.access.timed import TimedApi
from sunward.cluster.containment import LONGEST_PAUSE, Containment, Failure, Part, Subject
from sunward.cluster.objects.conditions import MESSAGE_LIMIT
from sunward.domain.errors import InvalidInput, NameTaken, SourceUnavailable
from sunward.domain.reasons import Reason

JOB = Subject(kind="TrainingJob", name="default/a", generation=1)


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


class Told:
    def __init__(self) -> None:
        self.clock = Clock()
        self.failures: list[Failure] = []
        self.held = Containment(self.clock, lambda failure, _: self.failures.append(failure))

    def fail(self, error: Exception, part: Part = Part.APPLY, subject: Subject = JOB) -> None:
        with self.held.contain(part, subject):
            raise error


def refused(status: int, message: str = "no") -> ApiError:
    return ApiError(status, "POST", "/api/v1/namespaces/a/pods", message)


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (refused(403, 'pods "a" is forbidden: exceeded quota: none'), Reason.QUOTA_EXCEEDED),
        (refused(403, "no"), Reason.ACCESS_DENIED),
        (refused(401), Reason.ACCESS_DENIED),
        (refused(404), Reason.REQUEST_REFUSED),
        (refused(409), Reason.WRITE_CONFLICT),
        (refused(422), Reason.REQUEST_REFUSED),
        (refused(429), Reason.API_SERVER_BUSY),
        (refused(500, "etcd"), Reason.API_SERVER_UNAVAILABLE),
        (refused(500, 'failed calling webhook "a"'), Reason.REQUEST_REFUSED),
        (refused(0), Reason.API_SERVER_UNAVAILABLE),
        (InvalidInput("spec.deadline", "must be a time"), Reason.INVALID_SPEC),
        (NameTaken("Pod", "a-coordinator", "TrainingJob default/a"), Reason.NAME_TAKEN),
        (SourceUnavailable("prometheus", "silent"), Reason.DATA_UNAVAILABLE),
        (RecursionError("too deep"), Reason.INTERNAL_ERROR),
    ],
)
def test_every_error_has_a_reason_and_repeats_its_words(error: Exception, reason: Reason) -> None:
    cause = cause_of(error)
    assert cause.reason is reason
    assert str(getattr(error, "message", error)) in cause.message


@given(st.text(max_size=5000))
def test_foreign_words_fit_into_a_condition_and_into_a_line(text: str) -> None:
    assert words(text).isprintable()
    assert len(cause_of(refused(403, text)).message) <= MESSAGE_LIMIT


def test_a_failure_ends_at_its_object_and_a_success_forgets_it() -> None:
    told = Told()
    told.fail(refused(403))
    assert told.held.cause(JOB, Part.READ, Part.APPLY) == told.failures[0].cause
    assert told.held.cause(JOB, Part.REPORT) is None
    with told.held.contain(Part.APPLY, JOB):
        pass
    assert told.held.failing() == []


def test_pauses_double_up_to_the_limit_and_end_at_once_with_another_spec() -> None:
    told, pauses = Told(), []
    for _ in range(9):
        told.fail(refused(403))
        pauses.append(told.failures[-1].again_at - told.clock.now)
    assert pauses[:4] == [timedelta(seconds=seconds) for seconds in (2, 4, 8, 16)]
    assert pauses[-1] == LONGEST_PAUSE[Part.APPLY]
    assert not told.held.is_due(Part.APPLY, JOB)
    assert told.held.is_due(Part.APPLY, Subject(kind="TrainingJob", name="default/a", generation=2))
    told.clock.now += LONGEST_PAUSE[Part.APPLY]
    assert told.held.is_due(Part.APPLY, JOB)


def test_somebody_else_who_wrote_first_is_no_failure_of_the_object() -> None:
    told = Told()
    told.fail(refused(409))
    assert told.held.is_due(Part.APPLY, JOB)
    assert told.held.failing() == []


def test_what_cannot_be_read_is_told_once_although_it_is_read_in_every_pass() -> None:
    told = Told()
    for _ in range(3):
        told.fail(InvalidInput("spec.deadline", "must be a time"), Part.READ)
    assert len(told.failures) == 1
    told.fail(InvalidInput("spec.rounds", "is missing"), Part.READ)
    assert len(told.failures) == 2


def test_a_silent_server_ends_the_pass_after_all_else_was_tried_and_a_silent_webhook_does_not() -> None:
    told = Told()
    told.fail(refused(0), Part.APPLY)
    told.held.ended()
    silent = refused(0)
    told.fail(silent, Part.REPORT)
    with pytest.raises(ApiError) as raised:
        told.held.ended()
    assert raised.value is silent
    told.held.ended()


def test_objects_that_are_gone_are_forgotten() -> None:
    told = Told()
    told.fail(refused(403))
    told.held.keep_only(Part.APPLY, "EnergyNode", [])
    assert told.held.failing()
    told.held.keep_only(Part.APPLY, "TrainingJob", ["default/b"])
    assert told.held.failing() == []


class Hanging:
    """An API server that never answers."""

    async def get(self, path: str) -> Body:
        await asyncio.sleep(3600)
        raise AssertionError(path)

    async def list(self, path: str, **selectors: str) -> list[Body]:
        return [await self.get(path)]

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        return await self.get(path)

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        return await self.get(path)

    async def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        return await self.get(path)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        await self.get(path)


async def test_every_request_about_a_job_ends_in_time() -> None:
    api, begun = TimedApi(Hanging(), 0.01), time.monotonic()
    for asking in (
        api.get("a"),
        api.list("a"),
        api.create("a", {}),
        api.patch("a", {}),
        api.replace("a", {}),
        api.delete("a"),
    ):
        with pytest.raises(ApiError, match="no answer within") as ended:
            await asking
        assert ended.value.status == 0
    assert time.monotonic() - begun < 2.0
