"""What the page shows of recorded states of a cluster."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward.views import flows, models, nodes, now, plan, state
from sunward.views.models import Link, State
from sunward.views.state import Resources
from support.page import recorded

NOW = datetime(2026, 11, 22, 12, 7, tzinfo=UTC)
ROOT = Path(__file__).parents[3]


def shown(read: Resources) -> State:
    return state.view(read, NOW)


def test_grams_are_those_of_the_power_that_the_panel_does_not_cover() -> None:
    assert nodes.grams_per_hour(recorded.node("a", watts=4000)) == pytest.approx(1.6)
    assert nodes.grams_per_hour(recorded.node("a", watts=4000, harvest=1500)) == pytest.approx(1.0)
    assert nodes.grams_per_hour(recorded.node("a", watts=4000, harvest=9000)) == 0.0


@pytest.mark.parametrize("gone", ["power", "harvest", "intensity"])
def test_without_one_of_the_three_readings_grams_are_unknown_and_not_zero(gone: str) -> None:
    body = recorded.node("a", harvest=0)
    body["status"][gone] = {"quality": "Missing", "reason": "DataMissing"}
    assert nodes.grams_per_hour(body) is None
    assert nodes.card(body, NOW).grams_per_hour is None


def test_a_reading_that_is_suspect_is_no_reading() -> None:
    body = recorded.node("a")
    body["status"]["power"] |= {"quality": "Suspect", "reason": "StuckSensor"}
    card = nodes.card(body, NOW)
    assert (card.watts, card.watts_missing) == (None, "StuckSensor")


def test_a_node_says_what_it_does_why_and_what_keeps_it_awake() -> None:
    by_name = {card.name: card for card in shown(recorded.asleep()).now.nodes}
    hub, sleeper, pinned = by_name["pi-01"], by_name["pi-03"], by_name["pi-04"]
    assert hub.obstacle is not None
    assert (hub.obstacle.reason, hub.obstacle.message) == ("HostsCoordinator", "default/mnist")
    assert (sleeper.state, sleeper.next_wake, sleeper.problem) == ("Asleep", "2026-11-22T12:35:00Z", None)
    assert (pinned.pinned_by, pinned.pinned_grams_per_hour) == (("media/player",), 1.08)


def test_a_silent_meter_is_a_problem_of_a_node_that_is_awake_only() -> None:
    stale = [recorded.condition("SensorsFresh", "False", "DataStale")]
    problems = [nodes.card(recorded.node("a", power, conditions=stale), NOW).problem for power in ("Awake", "Asleep")]
    assert [problem and problem.reason for problem in problems] == ["DataStale", None]


def test_an_override_is_shown_until_it_ends() -> None:
    body = recorded.node("a")
    body["spec"]["override"] = {"power": "Awake", "until": "2026-11-22T12:08:00Z", "reason": "firmware"}
    assert nodes.card(body, NOW).override == "Awake until 2026-11-22 12:08 UTC: firmware"
    assert nodes.card(body, NOW.replace(minute=8)).override is None


def test_the_emissions_of_now_are_a_sum_over_the_nodes_that_are_known() -> None:
    pane = shown(recorded.asleep()).now
    assert (pane.grams_per_hour, pane.unknown_nodes) == (pytest.approx(0.0 + 0.88 + 1.48), 1)
    none = now.view(None, [recorded.node("a", watts=None)], [], NOW)
    assert (none.grams_per_hour, none.unknown_nodes) == (None, 1)


def test_the_saving_is_signed_and_leaves_unknown_periods_out() -> None:
    worse, unknown, old = (recorded.plan(minute, settled=True, rows=recorded.LEDGER) for minute in (5, 10, 0))
    worse["status"]["settlement"]["totals"] = {"locationBasedMicrogramsCO2e": 3_000, "baselineMicrogramsCO2e": 1_000}
    unknown["status"]["settlement"]["totals"] = {"baselineMicrogramsCO2e": 1_000}
    old["status"]["settlement"]["until"] = "2026-11-22T11:10:00Z"
    saved = now.saved([old, worse, unknown])
    assert saved is not None
    assert (saved.periods, saved.unknown) == (1, 1)
    assert (saved.emitted_grams, saved.baseline_grams, saved.avoided_grams) == (0.003, 0.001, pytest.approx(-0.002))
    assert now.saved([unknown]) is None
    assert now.saved([recorded.plan(5)]) is None


def test_the_flow_picture_has_the_watts_of_the_settled_period() -> None:
    picture = shown(recorded.asleep()).now.flow
    assert picture is not None
    assert (picture.start, picture.end, picture.by_site) == ("2026-11-22T12:00:00Z", "2026-11-22T12:05:00Z", False)
    assert Link(source="Grid", target="pi-04", watts=3.72, kind="Grid") in picture.links
    assert Link(source="Surplus of pi-01", target="pi-02", watts=1.44, kind="Physical") in picture.links
    assert Link(source="Surplus of pi-01", target="pi-04", watts=0.72, kind="Contractual") in picture.links
    assert Link(source="Sun", target="Surplus of pi-01", watts=2.16, kind="Sun") in picture.links


def test_a_node_whose_books_are_unknown_is_counted_and_not_drawn() -> None:
    settled = recorded.plan(0, settled=True, rows=[recorded.row("a", grid=None), recorded.row("b", grid=300_000)])
    picture = flows.picture([settled], [])
    assert picture is not None
    assert picture.incomplete == 1
    assert {link.target for link in picture.links if link.source == "Grid"} == {"b"}


def test_a_fleet_is_drawn_by_site() -> None:
    picture = shown(recorded.fleet()).now.flow
    assert picture is not None
    assert picture.by_site
    assert sum(link.watts for link in picture.links if link.source == "Grid") == pytest.approx(200 * 0.09 * 12)
    assert {link.target for link in picture.links if link.source == "Grid"} == {f"site-{n}" for n in range(8)}


def test_a_lane_has_work_sleep_and_the_times_between() -> None:
    pane = shown(recorded.asleep()).plan
    assert pane is not None
    lanes = {
        lane.node: [(b.kind, b.start[11:16], b.end[11:16], b.open_ended) for b in lane.blocks] for lane in pane.lanes
    }
    assert lanes["pi-01"] == [("Work", "12:05", "12:10", False), ("Awake", "12:10", "13:05", False)]
    assert lanes["pi-03"] == [("Sleep", "12:05", "12:35", False), ("Awake", "12:35", "13:05", False)]
    assert (pane.alternatives["none"], pane.alternatives["deta"], pane.prices["roof"]) == (3.0, 1.25, 0.38)
    assert [one.subject for one in pane.others] == ["default/mnist"]


def test_a_dry_run_is_shown_as_such_everywhere() -> None:
    found = shown(recorded.dry_run())
    assert found.plan is not None
    assert (found.now.mode, found.plan.dry_run) == ("DryRun", True)
    assert {act.dry_run for act in found.acts if act.what == "Sleep"} == {True}


MINUTES = st.integers(0, 200)


@given(st.lists(st.tuples(MINUTES, st.none() | MINUTES), max_size=6), st.booleans())
def test_blocks_leave_no_gap_and_never_overlap(sleeps: list[tuple[int, int | None]], works: bool) -> None:
    def stamp(minute: int) -> str:
        return f"2026-11-22T{11 + minute // 60:02}:{minute % 60:02}:00Z"

    rows = [{"node": "pi-01", "time": stamp(a)} | ({} if b is None else {"until": stamp(b)}) for a, b in sleeps]
    body = recorded.plan(5, sleeps=rows, **({} if works else {"assignments": []}))
    found = plan.view(body, [recorded.node("pi-01")])
    assert found is not None
    blocks = found.lanes[0].blocks
    assert (blocks[0].start, blocks[-1].end) == (found.start, found.reach)
    assert [block.end for block in blocks[:-1]] == [block.start for block in blocks[1:]]
    assert all(block.start < block.end for block in blocks)


def test_a_job_has_its_grams_and_what_is_the_matter() -> None:
    card = shown(recorded.asleep()).jobs[0]
    assert (card.name, card.rounds_done, card.emitted_grams, card.budget_grams) == ("default/mnist", 12, 0.82, 5.0)
    assert card.stages == {"Preparation": 0.02, "Development": 0.8}
    assert [why.reason for why in shown(recorded.failing()).jobs[0].why] == ["UpdateRefused"]
    bare = {"metadata": {"namespace": "a", "name": "b"}, "spec": {"rounds": 3}}
    new = shown(Resources(jobs=[bare])).jobs[0]
    assert (new.rounds_done, new.emitted_grams, new.accuracy_percent) == (None, None, None)


def test_acts_come_youngest_first() -> None:
    acts = shown(recorded.asleep()).acts
    assert [act.time for act in acts] == sorted((act.time for act in acts), reverse=True)
    assert ("Sleep", "pi-03", "NoWorkPlanned") in {(act.what, act.subject, act.why.reason) for act in acts}
    assert not any(act.what == "Assign" for act in acts)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
PLACES = (
    "spec",
    "status",
    "status.power",
    "status.conditions",
    "status.settlement",
    "status.sleeps",
    "status.decisions",
)


@given(JSON, st.sampled_from(PLACES))
def test_whatever_a_resource_holds_the_page_is_shown(value: Any, place: str) -> None:
    read = recorded.asleep()
    for body in (*read.nodes, *read.jobs, *read.plans, read.policy):
        target: Any = body
        *way, last = place.split(".")
        for key in way:
            target = target.setdefault(key, {})
        target[last] = value
    assert len(shown(read).now.nodes) == len(read.nodes)


def test_the_script_reads_every_field_that_is_sent() -> None:
    script = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "page/src").glob("*.js"))
    used = set(re.findall(r"\.([a-z_]+)", script))
    classes = [one for one in vars(models).values() if isinstance(one, type) and is_dataclass(one)]
    sent = {field.name for one in classes for field in fields(one)}
    assert sent - used == set()


def test_the_plan_in_force_is_the_one_that_the_policy_names() -> None:
    read = recorded.asleep()
    older = replace(read, policy=recorded.policy(currentPlan="plan-20261122-120000"))
    found, other = shown(read).plan, shown(older).plan
    assert found is not None
    assert other is not None
    assert (found.name, other.name) == ("plan-20261122-120500", "plan-20261122-120000")
