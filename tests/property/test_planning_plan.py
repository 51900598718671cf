"""What holds for every plan, whatever the cluster looks like."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sunward.domain.nodes import PowerState
from sunward.domain.snapshot import Snapshot
from sunward.planning.compile import unusable
from sunward.planning.sleep.eligibility import sleep_obstacles
from sunward.planning.validate import still_valid
from support.planning_space import (
    PROPERTIES,
    Property,
    Situation,
    planned,
    planned_under,
    same_decisions,
    situations,
    snapshots,
)

FAST = settings(max_examples=20)


@pytest.mark.parametrize("holds", PROPERTIES, ids=lambda one: one.__name__)
def test_every_property_holds_for_every_plan(holds: Property) -> None:
    @FAST
    @given(snapshots())
    def of_every_snapshot(snapshot: Snapshot) -> None:
        holds(snapshot, planned(snapshot))

    of_every_snapshot()


@settings(FAST, max_examples=60)
@given(situations())
def test_every_property_holds_whatever_meters_providers_and_people_say(situation: Situation) -> None:
    made = planned_under(situation.snapshot, situation.forecasts)
    for holds in PROPERTIES:
        holds(situation.snapshot, made)


@FAST
@given(snapshots(), st.randoms(use_true_random=False))
def test_the_order_of_nodes_and_jobs_does_not_matter(snapshot: Snapshot, random: Any) -> None:
    shuffled_nodes, shuffled_jobs = list(snapshot.nodes), list(snapshot.jobs)
    random.shuffle(shuffled_nodes)
    random.shuffle(shuffled_jobs)
    shuffled = replace(snapshot, nodes=tuple(shuffled_nodes), jobs=tuple(shuffled_jobs))
    one, other = planned(snapshot), planned(shuffled)
    assert same_decisions(one, other)
    assert one.input_digest == other.input_digest
    assert one.decisions == other.decisions


@FAST
@given(snapshots())
def test_the_same_input_gives_the_same_plan_and_a_second_look_changes_nothing(snapshot: Snapshot) -> None:
    first = planned(snapshot)
    assert same_decisions(first, planned(snapshot))
    assert same_decisions(first, planned(snapshot, previous=first))


@FAST
@given(snapshots(), snapshots())
def test_against_another_snapshot_a_plan_only_becomes_safer(old: Snapshot, fresh: Snapshot) -> None:
    valid, _ = still_valid(planned(old), fresh)
    by_name = {node.name: node for node in fresh.nodes}
    for name, awake in valid.awake.items():
        if by_name[name].record.power_state is PowerState.AWAKE and not awake:
            assert sleep_obstacles(by_name[name], fresh) == ()
    for directive in valid.jobs:
        for row in directive.assignments:
            assert unusable(by_name[row.node], fresh) is None
