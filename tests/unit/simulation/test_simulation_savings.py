"""What a simulation's report says of savings, harvest, transfers and the life cycle, against sums by hand."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest

from sunward.accounting.stages import Stage
from sunward.simulation.experiments.result import Cell
from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.report.savings import contradictions, gain
from sunward.simulation.report.simulation import result_of
from sunward.simulation.scenario import Scenario, parse_scenario
from sunward.simulation.simulator import simulate
from support.simulation import solve

TWO = """
schema: sunward.dev/scenario/v1alpha1
name: two
start: 2021-06-08T08:00:00Z
period_seconds: 1800
periods: 8
zones:
  clean: {mean_grams_per_kilowatt_hour: 30, marginal_mean_grams_per_kilowatt_hour: 1500}
  dirty: {mean_grams_per_kilowatt_hour: 600, marginal_mean_grams_per_kilowatt_hour: 10}
profiles:
  p: {idle_watts: 3, busy_watts: 6, asleep_watts: 0.1, boot_watts: 4, boot_seconds: 0, embodied_grams: 30000}
nodes:
  a: {zone: clean, site: s, profile: p,
      harvest: {nameplate_watts: 4, sky: {latitude_degrees: 48, longitude_degrees: 0}}}
  b: {zone: dirty, site: t, profile: p}
jobs:
  j: {batches: {a: 30, b: 120}, seconds_per_batch: 60, deadline_hours: 4, maximum_offload_ratio: 1.0,
      gigabytes_per_batch: 0.001}
"""
MOVES = "greedy lowest"


def scenario() -> Scenario:
    return parse_scenario(TWO, "two")


@cache
def ran(policy: str) -> Outcome:
    return simulate(scenario(), policies(solve)[policy], solve)


def table(name: str, *outcomes: Outcome) -> list[dict[str, Cell]]:
    """The rows of a table of the report, by column."""
    found = next(table for table in result_of(scenario(), outcomes, 0).tables if table.name == name)
    return [dict(zip(found.header, row, strict=True)) for row in found.rows]


def test_a_saving_stands_beside_what_belongs_to_it() -> None:
    none, moves = ran("none"), ran(MOVES)
    found = gain(none, moves)
    assert found.location.grams == pytest.approx(none.location_grams - moves.location_grams)
    assert found.location.grams > 0.0
    assert found.market.grams == pytest.approx(none.market_grams - moves.market_grams)
    assert found.location.method == "policy none"
    assert found.net.grams == pytest.approx(found.location.grams), "a rule plans nothing and costs nothing"
    assert found.location.stored_watt_hours == 0.0


def test_a_saving_whose_sign_depends_on_the_signal_is_flagged() -> None:
    found = gain(ran("none"), ran(MOVES))
    assert found.signals is not None
    assert found.signals.own_grams > 0.0 > found.signals.other_grams
    (sentence,) = contradictions([found])
    assert sentence.startswith(f"{MOVES}: +")
    assert contradictions([gain(ran("none"), ran("none"))]) == ()


def test_without_marginal_intensities_nothing_is_said_of_them() -> None:
    unpriced = replace(ran(MOVES), marginal_grams=None)
    assert gain(ran("none"), unpriced).signals is None
    assert contradictions([gain(ran("none"), unpriced)]) == ()


def test_the_planner_pays_for_itself() -> None:
    costly = replace(ran(MOVES), planner_grams=1.0)
    found = gain(ran("none"), costly)
    assert found.net.grams == pytest.approx(found.location.grams - 1.0)
    assert found.net.overhead_ratio == pytest.approx(1.0 / found.location.grams)


def test_the_time_of_work_is_compared_only_where_all_of_it_was_done() -> None:
    none = ran("none")
    assert none.task_hours is not None
    slow = replace(none, task_hours=1.5 * none.task_hours)
    assert gain(none, slow).stretch == pytest.approx(1.5)
    assert gain(none, replace(none, task_hours=None)).stretch is None


def test_the_report_has_savings_against_the_first_policy() -> None:
    (row,) = table("savings", ran("none"), ran(MOVES))
    assert row["policy"] == MOVES
    assert row["location g"] == pytest.approx(ran("none").location_grams - ran(MOVES).location_grams, abs=1e-6)
    assert row["signals contradict"] == "yes"


def test_the_report_says_where_the_harvest_went() -> None:
    (row,) = table("harvest", ran("none"))
    shares = [row[name] for name in ("used", "stored", "sent", "curtailed")]
    assert sum(share for share in shares if isinstance(share, float)) == pytest.approx(1.0)
    dark = replace(ran("none"), harvest_use=None)
    assert table("harvest", dark)[0]["utilisation"] is None


def test_the_report_keeps_wires_and_contracts_apart() -> None:
    moved = replace(ran("none").transferred, sent_physical_watt_hours=2.0, sent_contractual_watt_hours=3.0)
    (row,) = table("transfers", replace(ran("none"), transferred=moved))
    assert (row["sent by wire Wh"], row["sent by contract Wh"]) == (2.0, 3.0)


def test_moving_data_is_preparation_and_the_stages_add_up() -> None:
    outcome = ran(MOVES)
    by_stage = {one.stage: one for one in outcome.stages}
    assert by_stage[Stage.PREPARATION].location_grams == pytest.approx(outcome.transit_grams)
    assert outcome.transit_grams > 0.0
    assert sum(one.location_grams for one in outcome.stages) == pytest.approx(outcome.location_grams)
    assert [row["stage"] for row in table("stages", outcome)] == [str(stage) for stage in Stage]
