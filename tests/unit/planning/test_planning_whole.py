"""Shards of unchanged apps move whole or in whole pieces, and never more of them than the job allows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.domain.jobs import Assignment, Shard
from sunward.domain.workloads import FlowerApp, Granularity
from sunward.optimisation.problem.solution import BatchRow
from sunward.planning.compile import compile_problem
from sunward.planning.jobs.assign import assign_part
from sunward.planning.jobs.whole import whole_rows
from support.planning import a_job, a_node, a_snapshot, some_forecasts

PLANNED = {"pi-01": 200.0, "pi-02": 300.0}
NODES = ("pi-01", "pi-02", "pi-03", "pi-04")


def rows(
    shares: Mapping[str, float],
    *,
    shards: int = 1,
    limit: int = 50,
    pieces: int = 1,
    held: Mapping[str, str] | None = None,
) -> tuple[Assignment, ...]:
    own = [Shard(name=f"s{number}", node="pi-01", samples=10, gigabytes=0.0) for number in range(shards)]
    cached = {node: frozenset({name}) for node, name in (held or {}).items()}
    return whole_rows("default/x", own, {"pi-01": shares}, steps=50, limit=limit, pieces=pieces, held=cached)


def found(assigned: tuple[Assignment, ...]) -> list[tuple[str, str, int]]:
    return [(row.shard, row.node, row.batches) for row in assigned]


@pytest.mark.parametrize(
    ("shares", "expected"),
    [
        ({}, [("s0", "pi-01", 50)]),
        ({"pi-01": 30.0, "pi-02": 20.0}, [("s0", "pi-01", 50)]),
        ({"pi-01": 20.0, "pi-02": 30.0}, [("s0", "pi-02", 50)]),
        ({"pi-02": 20.0, "pi-03": 30.0}, [("s0", "pi-03", 50)]),
    ],
)
def test_a_shard_goes_where_most_of_it_was_planned(
    shares: Mapping[str, float], expected: list[tuple[str, str, int]]
) -> None:
    assert found(rows(shares)) == expected


def test_shares_of_several_shards_add_up_to_whole_ones() -> None:
    assert Counter(row.node for row in rows({"pi-01": 60.0, "pi-02": 40.0}, shards=5)) == {"pi-01": 3, "pi-02": 2}


def test_a_shard_goes_first_where_it_is_held_already() -> None:
    assigned = rows({"pi-02": 50.0, "pi-03": 50.0}, shards=2, held={"pi-03": "s0"})
    assert found(assigned) == [("s0", "pi-03", 50), ("s1", "pi-02", 50)]


def test_a_limit_below_a_whole_shard_keeps_it_at_home() -> None:
    assert found(rows({"pi-02": 50.0}, limit=49)) == [("s0", "pi-01", 50)]


def test_pieces_follow_the_shares() -> None:
    assert found(rows({"pi-01": 25.0, "pi-02": 75.0}, pieces=4)) == [("s0", "pi-02", 37), ("s0", "pi-01", 13)]


@given(
    shares=st.dictionaries(st.sampled_from(NODES), st.floats(0.0, 1e6), max_size=4),
    shards=st.integers(1, 6),
    limit=st.integers(0, 50),
    pieces=st.integers(1, 7),
)
def test_every_shard_is_given_whole_and_the_limit_holds(
    shares: dict[str, float], shards: int, limit: int, pieces: int
) -> None:
    assigned = rows(shares, shards=shards, limit=limit, pieces=pieces)
    total, away = Counter[str](), Counter[str]()
    for row in assigned:
        total[row.shard] += row.batches
        away[row.shard] += row.batches if row.node != "pi-01" else 0
        assert row.batches >= 50 // pieces
    assert set(total.values()) == {50}
    assert len(total) == shards
    assert all(batches <= limit for batches in away.values())
    if pieces == 1:
        assert len(assigned) == shards


@pytest.mark.parametrize(
    ("app", "expected"),
    [
        (None, {"pi-01": 20, "pi-02": 30}),
        (FlowerApp(path="/app"), {"pi-02": 50}),
        (FlowerApp(path="/app", granularity=Granularity.PIECES, pieces_per_shard=2), {"pi-01": 25, "pi-02": 25}),
    ],
)
def test_a_plan_of_fractions_becomes_what_the_job_can_do(app: FlowerApp | None, expected: dict[str, int]) -> None:
    nodes = [a_node("pi-01"), a_node("pi-02")]
    snapshot = a_snapshot(*nodes, jobs=[a_job(flower_app=app)])
    (part,) = compile_problem(snapshot, some_forecasts(snapshot)).parts
    shares = [BatchRow(job=part.name, home="pi-01", on=node, period=1, batches=n) for node, n in PLANNED.items()]
    assert {row.node: row.batches for row in assign_part(part, shares)} == expected
