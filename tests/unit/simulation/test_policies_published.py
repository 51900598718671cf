"""Rules against what was published about them, as far as public data go; docs/simulation.md tells the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward.simulation.outcome import Outcome
from sunward.simulation.policies.registry import policies
from sunward.simulation.scenario import load_scenario, parse_scenario
from sunward.simulation.simulator import simulate
from support.simulation import solve

POLICIES = policies(solve)
WORK_HOURS = 16

ONE_ZONE = """
schema: sunward.dev/scenario/v1alpha1
name: one-zone
start: 2021-06-08T00:00:00Z
period_seconds: 900
periods: 384
zones: {Z: {trace: us-ciso}}
profiles: {p: {idle_watts: 0, busy_watts: 100, asleep_watts: 0, boot_watts: 0, boot_seconds: 0}}
nodes: {a: {zone: Z, site: s, profile: p}}
jobs: {j: {batches: {a: 960}, seconds_per_batch: 60, deadline_hours: 96, busy_ratio: 1}}
"""

SUNNY_CLIENTS = """
schema: sunward.dev/scenario/v1alpha1
name: clients
start: 2021-06-08T00:00:00Z
period_seconds: 300
periods: 576
zones: {Z: {mean_grams_per_kilowatt_hour: 400}}
profiles: {p: {idle_watts: 3, busy_watts: 6, asleep_watts: 0, boot_watts: 0, boot_seconds: 0}}
nodes:
  a: {zone: Z, site: s, profile: p, harvest: {city: berlin, nameplate_watts: 12}}
  b: {zone: Z, site: t, profile: p, harvest: {city: lagos, nameplate_watts: 12}}
  c: {zone: Z, site: u, profile: p, harvest: {city: sydney, nameplate_watts: 12}}
jobs: {j: {batches: {a: 180, b: 180, c: 180}, seconds_per_batch: 60, deadline_hours: 48}}
"""

FOUR_KINDS = """
schema: sunward.dev/scenario/v1alpha1
name: four-kinds
start: 2021-06-08T00:00:00Z
trace_offset_hours: 5
period_seconds: 600
periods: 84
zones: {Z: {mean_grams_per_kilowatt_hour: 400}}
profiles: {p: {idle_watts: 0, busy_watts: 9, asleep_watts: 0, boot_watts: 0, boot_seconds: 0}}
nodes:
  sun: {zone: Z, site: s, profile: p, harvest: {city: berlin, nameplate_watts: 40}}
  more: {zone: Z, site: s, profile: p, harvest: {city: stockholm, nameplate_watts: 40}}
  little: {zone: Z, site: s, profile: p, harvest: {city: berlin, nameplate_watts: 4}}
  none: {zone: Z, site: s, profile: p}
jobs:
  pods: {batches: {sun: 60, more: 60, little: 240, none: 240}, seconds_per_batch: 60, deadline_hours: 14,
         maximum_offload_ratio: 1.0}
"""

THREE_SITES = """
schema: sunward.dev/scenario/v1alpha1
name: curtailed
start: 2026-01-11T17:00:00Z
period_seconds: 300
periods: 216
intensity_file: curtailed.csv
zones: {caiso: {trace: caiso}, spp: {trace: spp}, nem: {trace: nem}}
profiles: {gpu: {idle_watts: 468, busy_watts: 2024, asleep_watts: 0, boot_watts: 468, boot_seconds: BOOT}}
nodes:
  north: {zone: caiso, site: a, profile: gpu}
  texas: {zone: spp, site: b, profile: gpu}
  south: {zone: nem, site: c, profile: gpu}
jobs:
  llm: {batches: {north: 357, texas: 357, south: 357}, seconds_per_batch: 60, busy_ratio: 1, deadline_hours: 18,
        maximum_offload_ratio: 1}
"""
CURTAILED = {
    "caiso": ((0, 464), (1, 65), (4, 46), (12, 80), (19, 70), (24, 93), (25, 458), (28, 85), (53, 78), (60, 68),
              (72, 50), (77, 450)),
    "spp": ((0, 643), (121, 27), (122, 68), (123, 661), (124, 27), (130, 14), (153, 9), (185, 22), (190, 58),
            (196, 72), (197, 662), (198, 62), (205, 130), (206, 642)),
    "nem": ((0, 870), (52, 915), (53, 698), (54, 457), (55, 149), (56, 0), (181, 47), (182, 815)),
}  # fmt: skip
"""Marginal intensity of the three sites of curtail-llm on 2026-01-11 in rounded levels: from which period of five
minutes after 17:00 UTC, and grams per kilowatt-hour."""


def curtailed(folder: Path, policy: str, boot_seconds: int) -> Outcome:
    """A policy on the 17.9 hours of training of curtail-llm, whose work is common to its three sites."""
    columns = {zone: [steps[0][1]] * 217 for zone, steps in CURTAILED.items()}
    for zone, steps in CURTAILED.items():
        for start, grams in steps:
            columns[zone][start:] = [grams] * (217 - start)
    rows = [f"{300 * k},{','.join(str(values[k]) for values in columns.values())}" for k in range(217)]
    (folder / "curtailed.csv").write_text("\n".join(["seconds," + ",".join(columns), *rows]) + "\n")
    file = folder / "curtailed.yaml"
    file.write_text(THREE_SITES.replace("BOOT", str(boot_seconds)))
    return simulate(load_scenario(str(file)), POLICIES[policy], solve)


def ran(text: str, policy: str, **changes: str) -> Outcome:
    for old, new in changes.items():
        text = text.replace(old, new)
    return simulate(parse_scenario(text, "published"), POLICIES[policy], solve)


def saving_percent(policy: str, offset_hours: int) -> float:
    text = ONE_ZONE + f"trace_offset_hours: {offset_hours}\n"
    return 100.0 * (1.0 - ran(text, policy).location_grams / ran(text, "none").location_grams)


def test_suspend_and_resume_saves_what_the_published_savings_imply() -> None:
    """CarbonScaler: 51 % against running at once and 37 % against suspending, hence suspending saves 22 %."""
    implied = 100.0 * (1.0 - (1.0 - 0.51) / (1.0 - 0.37))
    assert implied == pytest.approx(22.2, abs=0.1)
    found = [saving_percent("suspend-resume", offset) for offset in (0, 24, 72, 240)]
    assert found == pytest.approx([27.1, 35.1, 36.7, 23.6], abs=0.1)
    assert min(found) > implied  # our one zone with much sun; in the other three of the traces it saves at most 8.5 %


@pytest.mark.parametrize("zone", ["us-ciso", "us-erco", "us-isne", "us-pjm"])
def test_a_threshold_hold_delays_by_at_most_its_limit(zone: str) -> None:
    """compute-gardener states a delay of at most 24 h; 51.3 h for 16 h of work cannot be one hold of one job."""
    outcome = ran(ONE_ZONE.replace("us-ciso", zone), "threshold hold")
    assert outcome.stretch is not None
    assert outcome.stretch * 96 <= WORK_HOURS + 24
    assert outcome.power_cycles == 0


def test_a_hold_at_an_absolute_threshold_may_cost_instead_of_save() -> None:
    text = ONE_ZONE.replace("us-ciso", "us-erco") + "trace_offset_hours: 72\n"
    assert ran(text, "threshold hold").location_grams > ran(text, "none").location_grams


def test_fedzero_trains_without_any_grid_energy_where_harvest_suffices() -> None:
    """FedZero: zero operational emissions by design."""
    outcome = ran(SUNNY_CLIENTS, "FedZero rule")
    assert outcome.unfinished_batches == 0.0
    assert outcome.grid_watt_hours == pytest.approx(0.0, abs=1e-9)
    assert ran(SUNNY_CLIENTS, "none + sleep").grid_watt_hours > 5.0


def test_training_under_a_curtailment_threshold_is_nearly_all_clean() -> None:
    """curtail-llm: 97.0 % of the energy in windows with excess; here the windows are those of panels."""
    outcome = ran(SUNNY_CLIENTS, "curtailment threshold")
    assert outcome.unfinished_batches == 0.0
    assert outcome.renewable_coverage >= 0.97


def test_a_curtailment_threshold_emits_what_was_published_on_its_own_trace(tmp_path: Path) -> None:
    """curtail-llm: 1.379 kg, 97.0 % clean, four boots that were not charged, 14.8 h; running at once at each site emits
    11.4, 14.5 and 12.3 kg. Our copy splits the work of two clean sites without loss, so that it ends an hour sooner."""
    outcome = curtailed(tmp_path, "curtailment threshold", boot_seconds=0)
    assert outcome.unfinished_batches == 0.0
    assert outcome.market_grams == pytest.approx(1379.0, rel=0.12)
    assert outcome.wakes == 4
    assert outcome.task_hours == pytest.approx(14.8, abs=1.5)
    periods = list(zip(outcome.load_by_period, outcome.market_grams_by_period, strict=True))
    clean = sum(load for load, grams in periods if 1000.0 * grams < 100.0 * load)
    assert clean / outcome.load_watt_hours == pytest.approx(0.97, abs=0.02)


@pytest.mark.parametrize("boot_seconds", [60, 299, 300, 301, 750])
def test_a_boot_as_long_as_a_period_starves_no_rule(tmp_path: Path, boot_seconds: int) -> None:
    for policy in ("curtailment threshold", "suspend-resume", "greedy lowest"):
        outcome = curtailed(tmp_path, policy, boot_seconds)
        assert (outcome.unfinished_batches, outcome.tasks_on_time) == (0.0, 1), policy
        assert outcome.market_grams > 500.0


def test_every_boot_is_charged_however_long(tmp_path: Path) -> None:
    rule = "curtailment threshold"
    none, short, long = (curtailed(tmp_path, rule, seconds) for seconds in (0, 300, 900))
    assert none.wakes == short.wakes == long.wakes
    for one, seconds in ((short, 300), (long, 900)):
        charged = one.load_watt_hours - none.load_watt_hours
        assert charged == pytest.approx(one.wakes * 468 * seconds / 3600, rel=0.01)


def test_scoring_by_renewables_covers_much_more_than_spreading() -> None:
    """The green-k8s thesis: 91.0 against 53.1 % on its four nodes, whose weather is not published."""
    scored, spread = ran(FOUR_KINDS, "renewable score"), ran(FOUR_KINDS, "spread")
    assert scored.batches == pytest.approx(spread.batches)
    assert scored.renewable_coverage > spread.renewable_coverage + 0.05


def test_sleep_alone_is_most_of_what_load_driven_power_off_promises() -> None:
    """A node that works a quarter of the day and sleeps for the rest draws the part that arithmetic says."""
    text = ONE_ZONE.replace("idle_watts: 0", "idle_watts: 50")
    awake, asleep = ran(text, "none").load_watt_hours, ran(text, "none + sleep").load_watt_hours
    assert awake == pytest.approx(16 * 100 + 80 * 50)
    assert asleep == pytest.approx(16 * 100)


def test_centralising_uses_one_node_as_long_as_time_allows() -> None:
    """Table I's one server: what is trained on the cleanest node emits by its intensity alone."""
    text = SUNNY_CLIENTS.replace("harvest: {city: sydney, nameplate_watts: 12}", "can_sleep: true")
    assert ran(text, "centralise").fairness == pytest.approx(1 / 3, abs=0.01)


def test_every_policy_names_where_it_was_described() -> None:
    assert all(policy.source for policy in POLICIES.values())
    assert len([name for name in POLICIES if not name.endswith((", pure", ", guarded"))]) == 21
    assert len([name for name in POLICIES if name.endswith(", guarded")]) == 4
