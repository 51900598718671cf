"""Old plans go, and none whose books are still open."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.api import ApiError
from sunward.cluster.access.times import format_time
from sunward.cluster.reporting.retention import MOST_AT_ONCE, expired, remove
from sunward.planning.decide import plan_name

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


def plan(number: int) -> dict[str, Any]:
    start = START + timedelta(minutes=15 * number)
    end = start + timedelta(minutes=15)
    spec = {"periodStart": format_time(start), "periodEnd": format_time(end)}
    return {"metadata": {"name": plan_name(start), "uid": f"uid-{number}"}, "spec": spec}


def names(plans: Any) -> set[str]:
    return {body["metadata"]["name"] for body in plans}


@given(st.sets(st.integers(0, 60)), st.sets(st.integers(0, 60)), st.integers(1, 20))
def test_the_youngest_stay_and_so_does_whatever_is_not_settled(all_of: set[int], closed: set[int], keep: int) -> None:
    plans = [plan(number) for number in all_of]
    gone = names(expired(plans, names(map(plan, closed)), keep))
    youngest = sorted(all_of)[-keep:]
    assert gone == names(plan(number) for number in all_of & closed if number not in youngest)


def test_the_oldest_go_first() -> None:
    plans = [plan(number) for number in (3, 1, 4, 0, 2)]
    assert [body["metadata"]["uid"] for body in expired(plans, names(plans), 2)] == ["uid-0", "uid-1", "uid-2"]


class Server:
    """Deletes what it has, and answers as told for some."""

    def __init__(self, **answers: int) -> None:
        self.answers = answers
        self.asked: list[tuple[str, str | None]] = []

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        self.asked.append((path.rsplit("/", 1)[1], uid))
        if uid in self.answers:
            raise ApiError(self.answers[uid], "DELETE", path, "told so")


async def test_only_the_object_that_was_seen_is_deleted_and_few_at_once() -> None:
    server, plans = Server(), [plan(number) for number in range(9)]
    gone = await remove(server, plans)  # type: ignore[arg-type]  # it answers the one call that is made
    assert server.asked == [(body["metadata"]["name"], body["metadata"]["uid"]) for body in plans[:MOST_AT_ONCE]]
    assert set(gone) == names(plans[:MOST_AT_ONCE])


@pytest.mark.parametrize("status", [404, 409])
async def test_what_somebody_else_deleted_or_made_anew_is_no_error(status: int) -> None:
    server = Server(**{"uid-0": status})
    assert len(await remove(server, [plan(0), plan(1)])) == 2  # type: ignore[arg-type]


async def test_a_refusal_is_told() -> None:
    with pytest.raises(ApiError):
        await remove(Server(**{"uid-0": 403}), [plan(0)])  # type: ignore[arg-type]
