"""An order does something for this node, this boot, this leader and this moment only; whatever it holds, it is read."""

from __future__ import annotations

import copy
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.access.times import format_time
from sunward_power_agent.orders import order_in, refusal
from support.agent.orders import NOW, SECOND, Body, a_lease, an_energy_node, known


def why(body: Body, **changes: Any) -> str | None:
    """Why the order in an EnergyNode is void."""
    order = order_in(body)
    assert order is not None
    return refusal(order, body, known(**changes))


def test_an_order_that_is_right_in_every_word_is_carried_out() -> None:
    assert why(an_energy_node()) is None


@pytest.mark.parametrize(
    ("body", "changes", "words"),
    [
        (an_energy_node(), {"node": "pi-2"}, "another node"),
        (an_energy_node(bootId="boot-0"), {}, "another boot"),
        (an_energy_node(), {"boot_id": "boot-2"}, "another boot"),
        (an_energy_node(cutAt=format_time(NOW)), {}, "no longer in force"),
        (an_energy_node(haltedAt=format_time(NOW)), {}, "no longer in force"),
        (an_energy_node(operationId="pi-3-sleep-0"), {}, "not of the operation in progress"),
        (an_energy_node(), {"now": None}, "time is not known"),
        (an_energy_node(), {"now": NOW + 60 * SECOND}, "deadline of the order has passed"),
        (an_energy_node(), {"now": NOW + timedelta(days=300)}, "deadline of the order has passed"),
        (an_energy_node(), {"now": NOW - 11 * SECOND}, "from the future"),
        (an_energy_node(), {"lease": None}, "Lease cannot be read"),
        (an_energy_node(), {"lease": {}}, "no operator holds"),
        (an_energy_node(), {"lease": a_lease(holder="")}, "no operator holds"),
        (an_energy_node(), {"lease": a_lease(5)}, "not of the operator that leads now"),
        (an_energy_node(), {"lease": a_lease(3)}, "not of the operator that leads now"),
        (an_energy_node(), {"lease": a_lease("4")}, "not of the operator that leads now"),
        (an_energy_node(), {"lease": a_lease(None)}, "not of the operator that leads now"),
    ],
)
def test_an_order_is_void_for_all_others(body: Body, changes: dict[str, Any], words: str) -> None:
    assert words in str(why(body, **changes))


@pytest.mark.parametrize("state", ["Awake", "Draining", "Asleep", "WakeRequested", None, 7])
def test_an_order_counts_only_while_its_power_off_is_requested(state: object) -> None:
    body = an_energy_node()
    body["status"]["powerState"] = state
    assert why(body) == "the order is no longer in force"


def test_a_node_may_have_an_energy_node_of_another_name() -> None:
    body = an_energy_node()
    body["metadata"]["name"], body["spec"]["nodeName"] = "roof", "pi-3"
    assert why(body) is None


@pytest.mark.parametrize("now", [NOW + 59.9 * SECOND, NOW - 9 * SECOND])
def test_both_ends_of_an_order_are_where_they_are_said_to_be(now: object) -> None:
    assert why(an_energy_node(), now=now) is None


@pytest.mark.parametrize("field", ["operationId", "bootId", "leaseTransitions", "issuedAt", "deadline"])
@pytest.mark.parametrize("value", [None, "", 3.5, True, [], {}, "x" * 100, "2026-06-21T12:00:00"])
def test_an_order_that_cannot_be_read_is_none(field: str, value: object) -> None:
    body = an_energy_node(**{field: value})
    readable = field in ("operationId", "bootId") and value == "2026-06-21T12:00:00"
    assert (order_in(body) is None) is not readable


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda child: st.lists(child, max_size=3) | st.dictionaries(st.text(max_size=12), child, max_size=3),
    max_leaves=8,
)
PATHS: tuple[Callable[[Body], tuple[Body, str]], ...] = (
    lambda body: (body, "status"),
    lambda body: (body, "spec"),
    lambda body: (body, "metadata"),
    lambda body: (body["status"], "shutdown"),
    lambda body: (body["status"], "operation"),
    lambda body: (body["status"]["shutdown"], "deadline"),
    lambda body: (body["status"]["shutdown"], "leaseTransitions"),
)


@given(value=JSON, path=st.sampled_from(PATHS), lease=JSON)
def test_nothing_that_stands_in_an_object_raises(
    value: Any, path: Callable[[Body], tuple[Body, str]], lease: Any
) -> None:
    body = copy.deepcopy(an_energy_node())
    parent, key = path(body)
    parent[key] = value
    order = order_in(body)
    if order is not None:
        assert refusal(order, body, known(lease=lease if isinstance(lease, dict) else None)) is not None
