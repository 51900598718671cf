"""R16 tells writes that fail-overs explain from those of two replicas that undo each other's words."""

from __future__ import annotations

from typing import Any

import pytest

from fault_injection import leaders

MOST = leaders.WRITES_PER_DISRUPTION * 3  # two disruptions and the beginning


def _written(code: int = 200, group: str = "sunward.dev") -> dict[str, Any]:
    reference = {"resource": "energynodes", "name": "pi-01", "apiGroup": group}
    return {"objectRef": reference, "responseStatus": {"code": code}}


def test_writes_that_blows_explain_are_nothing_to_tell() -> None:
    assert leaders.unexplained([_written()] * MOST, 2) == []


def test_one_write_more_is_told_by_the_name_of_its_object() -> None:
    told = leaders.unexplained([_written()] * (MOST + 1), 2)
    assert told == [f"energynodes pi-01: written {MOST + 1} times in 2 disruptions, at most {MOST}"]


@pytest.mark.parametrize("other", [_written(code=409), _written(group="coordination.k8s.io")])
def test_refused_writes_and_the_lease_do_not_count(other: dict[str, Any]) -> None:
    assert leaders.unexplained([_written()] * MOST + [other] * MOST, 2) == []
