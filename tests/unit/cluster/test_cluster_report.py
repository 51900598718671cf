"""Which conditions are told as events, beside standing in the status."""

from __future__ import annotations

import pytest

from sunward.cluster.reporting.changes import conditions_changed
from sunward.cluster.reporting.report import node_status
from sunward.domain.nodes import NodeRecord, PowerState
from sunward.domain.policy import Budgets
from sunward.domain.reasons import Reason
from support.loop.store import Body
from support.planning import NOW, a_node, a_policy, a_snapshot


def status(**conditions: str) -> Body:
    reason = str(conditions.pop("reason", Reason.AWAKE))
    return {"conditions": [{"type": kind, "status": value, "reason": reason} for kind, value in conditions.items()]}


def told(kind: str, old: Body, new: Body) -> list[str]:
    return [condition["type"] for condition in conditions_changed(kind, old, new)]


@pytest.mark.parametrize(("kind", "first"), [("energynodes", []), ("trainingjobs", ["Ready", "Planned"])])
def test_the_first_conditions_of_nodes_are_no_events(kind: str, first: list[str]) -> None:
    assert told(kind, {}, status(Ready="True", Planned="False")) == first


def test_a_node_that_cannot_be_used_says_so_from_the_first() -> None:
    assert told("energynodes", {}, status(Ready="False", reason=Reason.INVALID_SPEC)) == ["Ready"]


@pytest.mark.parametrize("kind", ["energynodes", "energypolicies"])
def test_a_status_that_changed_is_an_event_and_one_that_did_not_is_none(kind: str) -> None:
    old, new = status(Ready="True", Asleep="False"), status(Ready="True", Asleep="True", Degraded="False")
    assert told(kind, old, new) == ["Asleep", "Degraded"]


@pytest.mark.parametrize(("pauses", "failed"), [((), 1), ((60.0,), 1), ((60.0, 300.0, 900.0, 900.0), 4)])
def test_a_degraded_node_names_the_failed_attempts(pauses: tuple[float, ...], failed: int) -> None:
    node = a_node(record=NodeRecord(power_state=PowerState.DEGRADED))
    snapshot = a_snapshot(node, policy=a_policy(budgets=Budgets(wake_retry_seconds=pauses)))
    found = node_status(node, snapshot, (), None, None, {}, NOW)["conditions"]
    (degraded,) = [condition for condition in found if condition["type"] == "Degraded"]
    assert degraded["status"] == "True"
    assert f"failed attempts: {failed})" in degraded["message"]
