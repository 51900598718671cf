"""What settlements may still ask for is kept, and nothing else: nodes, zones, relays and jobs come and go."""

from __future__ import annotations

from datetime import timedelta

from sunward.accounting.values import Period
from sunward.cluster.settling.meter_logs import kept_for
from sunward.cluster.settling.meter_memory import MeterMemory
from sunward.cluster.settling.work_memory import WorkMemory
from sunward.domain.snapshot import Snapshot
from support.planning import NOW, a_job, a_node, a_policy, a_snapshot, a_zone

CLEAN = "CLEAN"
PERIOD = timedelta(seconds=300)
POLICY = a_policy(planning_period_seconds=300)


def seen(at: timedelta, *zones: str, **changes: object) -> Snapshot:
    intensities = {zone: a_zone(zone, 24.0) for zone in zones}
    return a_snapshot(a_node("pi-01"), intensities=intensities, policy=POLICY, taken_at=NOW + at, **changes)


def test_the_last_known_intensity_holds_as_long_as_periods_are_settled_and_not_for_ever() -> None:
    memory = MeterMemory()
    memory.remember(seen(timedelta(0), CLEAN), {})
    soon = Period(start=NOW + PERIOD, end=NOW + 2 * PERIOD)
    assert CLEAN in memory.factors([CLEAN], soon)
    late = kept_for(POLICY) + timedelta(seconds=1)
    memory.remember(seen(late), {})
    assert memory.factors([CLEAN], Period(start=NOW + late, end=NOW + late + PERIOD)) == {}


def test_a_job_that_was_deleted_long_ago_is_forgotten_and_one_that_was_deleted_now_is_not() -> None:
    memory, trained = WorkMemory(), a_job("mnist", last_round=3)
    memory.remember(seen(timedelta(0), jobs=[trained]))
    memory.remember(seen(PERIOD))
    period = Period(start=NOW, end=NOW + PERIOD)
    assert memory.has_begun(trained.spec.key, period)
    memory.remember(seen(kept_for(POLICY) + timedelta(seconds=1)))
    assert not memory.has_begun(trained.spec.key, period)
