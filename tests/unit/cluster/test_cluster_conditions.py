"""Conditions keep their transition times, and small differences are not worth a write."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from sunward.cluster.objects import conditions
from sunward.cluster.objects.conditions import Condition
from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
STATUSES = st.sampled_from([True, False, None])
CONDITIONS = st.lists(
    st.builds(
        Condition,
        type=st.sampled_from(["Ready", "Asleep", "Sleepable"]),
        status=STATUSES,
        cause=st.builds(Cause, st.sampled_from(list(Reason)), st.text(max_size=30)),
    ),
    unique_by=lambda condition: condition.type,
)


def test_transition_time_stays_while_the_status_stays() -> None:
    first = conditions.merge([], [Condition(type="Ready", status=True, cause=Cause(Reason.AWAKE, "a"))], NOW, 1)
    later = NOW + timedelta(minutes=5)
    second = conditions.merge(first, [Condition(type="Ready", status=True, cause=Cause(Reason.ASLEEP, "b"))], later, 2)
    assert second[0]["lastTransitionTime"] == first[0]["lastTransitionTime"]
    assert (second[0]["reason"], second[0]["observedGeneration"]) == ("Asleep", 2)


def test_transition_time_moves_with_the_status() -> None:
    first = conditions.merge([], [Condition(type="Ready", status=True, cause=Cause(Reason.AWAKE))], NOW, 1)
    later = NOW + timedelta(minutes=5)
    second = conditions.merge(
        first, [Condition(type="Ready", status=False, cause=Cause(Reason.NODE_NOT_READY))], later, 1
    )
    assert second[0]["lastTransitionTime"] == "2026-11-22T12:05:00.000000Z"


@given(CONDITIONS, CONDITIONS)
def test_merging_twice_changes_nothing(first: list[Condition], second: list[Condition]) -> None:
    once = conditions.merge(conditions.merge([], first, NOW, 1), second, NOW, 1)
    assert conditions.merge(once, second, NOW + timedelta(hours=1), 1) == once


@given(CONDITIONS, CONDITIONS)
def test_no_type_is_lost_or_doubled(first: list[Condition], second: list[Condition]) -> None:
    merged = conditions.merge(conditions.merge([], first, NOW, 1), second, NOW, 1)
    assert [c["type"] for c in merged] == sorted({c.type for c in (*first, *second)})


def test_a_merge_patch_that_removes_what_is_absent_changes_nothing() -> None:
    assert not conditions.changed({"a": 1}, {"a": 1, "b": None})
    assert conditions.changed({"a": 1}, {"a": None})
    assert conditions.changed({"a": {"b": 1}}, {"a": {"b": 2}})
    assert not conditions.changed({"a": {"b": 1, "c": 2}}, {"a": {"b": 1}})
