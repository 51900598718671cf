"""Admission policy 12 knows the arrows of the sleep state machine: each that is taken, and no other."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from sunward.domain.nodes import NodeFacts, NodeRecord, PowerState
from sunward.domain.reasons import Reason
from sunward.domain.steps import PowerReading
from sunward.planning.sleep.transitions import next_step
from support import chart
from support.guards.cases import an_operation
from support.planning import NOW, a_node, a_snapshot, relay, some_facts

OTHERS = tuple(a_node(f"pi-0{number}") for number in (2, 3, 4))
BY_OTHERS = {Reason.POWERED_OFF_BY_OTHERS, Reason.RELAY_TRIPPED}


def arrows_of_the_chart(folder: Path) -> set[tuple[str, str]]:
    """What the policy allows without a special reason."""
    policy = chart.one(chart.render(folder), "ValidatingAdmissionPolicy", "sunward-12-power-states")
    (text,) = [one["expression"] for one in policy["spec"]["variables"] if one["name"] == "arrows"]
    found: dict[str, list[str]] = json.loads(text)
    return {(before, after) for before, many in found.items() if before for after in many}


def records(state: PowerState) -> Iterator[NodeRecord]:
    """What may stand at a node in a state: with and without an operation, in time and late, first and last try."""
    operations: list[dict[str, Any]] = [{}, {"deadline": NOW - timedelta(seconds=1)}]
    operations.append({"deadline": NOW - timedelta(seconds=1), "attempt": 9})
    for changes, due in itertools.product([None, *operations], [None, NOW - timedelta(seconds=1)]):
        operation = None if changes is None else an_operation(**changes)
        yield NodeRecord(
            power_state=state, operation=operation, asleep_since=NOW - timedelta(hours=2), next_attempt_at=due
        )


def machines() -> Iterator[NodeFacts]:
    """What Kubernetes may say of a node."""
    for ready, cordoned, ours in itertools.product([True, False], repeat=3):
        yield some_facts(ready=ready, unschedulable=cordoned, has_our_cordon_mark=ours, has_our_taint=ours)


def relays() -> list[PowerReading | None]:
    """What a relay may say."""
    return [None, relay(True), relay(False), replace(relay(False), faults=("overpower",))]


def taken() -> set[tuple[str, str, Reason]]:
    """Every transition that the state machine takes from any of these situations, with its reason."""
    found: set[tuple[str, str, Reason]] = set()
    for state in PowerState:
        for record, facts, power, awake in itertools.product(records(state), machines(), relays(), [True, False]):
            node = a_node(record=record, facts=facts)
            step = next_step(node, awake, a_snapshot(node, *OTHERS), power, NOW, fencing_token=1)
            if step.record.power_state is not state:
                found.add((state.value, step.record.power_state.value, step.cause.reason))
    return found


def test_the_policy_allows_every_arrow_that_is_taken_and_no_other(tmp_path: Path) -> None:
    steps = taken()
    planned = {(before, after) for before, after, reason in steps if reason not in BY_OTHERS or after != "Asleep"}
    assert planned == arrows_of_the_chart(tmp_path)
    surprised = {before for before, after, reason in steps if reason in BY_OTHERS and after == "Asleep"}
    assert surprised == {"Awake", "Cordoned", "Draining"}
