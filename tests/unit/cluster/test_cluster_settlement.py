"""Settling a period: what the readings that were remembered make of its books."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from sunward.cluster.access.api import ours
from sunward.cluster.access.times import format_time
from sunward.cluster.containment import Containment
from sunward.cluster.settling.settlement import Settler
from sunward.domain.cause import Cause
from sunward.domain.intensity import DEFAULT_BASIS, Basis
from sunward.domain.measurement import Absent
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Snapshot, ZoneIntensity
from support.loop.ports import Solver, WorldSensors
from support.loop.process import Process, ProcessApi, SilentReporter
from support.loop.world import World
from support.planning import NOW, a_node, a_snapshot, a_zone

PERIOD = timedelta(minutes=5)
LATER = NOW + PERIOD + timedelta(minutes=1)
DIRECT = Basis.parse("average-direct")
GONE = Absent(cause=Cause(Reason.DATA_UNAVAILABLE), source="test")


def a_settler(world: World) -> Settler:
    """A settler over the store and the meters of a world."""
    process = Process(world, "op")
    held = Containment(lambda: world.now, lambda *_: None)
    return Settler(ProcessApi(process), WorldSensors(world), Solver(), SilentReporter(process), held)


async def settlement(settler: Settler, world: World, snapshot: Snapshot, start: datetime = NOW) -> Mapping[str, Any]:
    """What is written into the plan of the period that began at a time."""
    name = f"plan-{start:%H%M%S}"
    body = {
        "metadata": {"name": name, "labels": {"app.kubernetes.io/managed-by": "sunward"}},
        "spec": {"periodStart": format_time(start), "periodEnd": format_time(start + PERIOD)},
    }
    world.store.create(ours("energyplans"), body)
    await settler.settle(snapshot, name)
    written: Mapping[str, Any] = world.store.get(ours("energyplans", name))["status"]["settlement"]
    return written


def two_zones(at: datetime, clean: Any, dirty: Any, basis: Basis = DEFAULT_BASIS) -> Snapshot:
    """A node in each of two zones."""

    def zone(name: str, grams: Any) -> ZoneIntensity:
        return replace(a_zone(name, grams), basis=basis)

    nodes = (a_node("clean", grid_zone="CLEAN"), a_node("dirty", grid_zone="DIRTY"))
    zones = {"CLEAN": zone("CLEAN", clean), "DIRTY": zone("DIRTY", dirty)}
    return replace(a_snapshot(*nodes, intensities=zones), taken_at=at)


async def test_a_zone_is_priced_by_its_mean_over_the_period() -> None:
    world = World(period_seconds=300, jobs=False)
    settler = a_settler(world)
    settler.remember(two_zones(NOW, 100.0, 600.0), {})
    settler.remember(two_zones(NOW + PERIOD / 2, 200.0, 600.0), {})
    rows = rows_of(await settlement(settler, world, two_zones(LATER, 900.0, 900.0)))
    assert rows["clean"]["intensityMilligramsPerKilowattHour"] == 150_000
    assert rows["dirty"]["intensityMilligramsPerKilowattHour"] == 600_000


async def test_readings_of_two_bases_are_never_averaged_and_the_younger_one_counts() -> None:
    world = World(period_seconds=300, jobs=False)
    settler = a_settler(world)
    settler.remember(two_zones(NOW, 100.0, 600.0), {})
    settler.remember(two_zones(NOW + PERIOD / 2, 80.0, 500.0, DIRECT), {})
    rows = rows_of(await settlement(settler, world, two_zones(LATER, 80.0, 500.0, DIRECT)))
    assert rows["clean"]["intensityMilligramsPerKilowattHour"] == 80_000
    assert rows["dirty"]["intensityMilligramsPerKilowattHour"] == 500_000


async def test_a_zone_that_the_new_source_does_not_know_is_unknown_and_not_priced_by_the_old_one() -> None:
    world = World(period_seconds=300, jobs=False)
    settler = a_settler(world)
    settler.remember(two_zones(NOW, 100.0, 600.0), {})
    settler.remember(two_zones(NOW + PERIOD / 2, 80.0, GONE, DIRECT), {})
    written = await settlement(settler, world, two_zones(LATER, 80.0, GONE, DIRECT))
    rows = rows_of(written)
    assert rows["clean"]["intensityMilligramsPerKilowattHour"] == 80_000
    assert "locationBasedMicrogramsCO2e" not in rows["dirty"]
    assert rows["dirty"]["reason"] == Reason.UNKNOWN_ZONE
    assert "locationBasedMicrogramsCO2e" not in written["totals"]


async def test_an_older_period_keeps_the_basis_that_its_readings_had() -> None:
    world = World(period_seconds=300, jobs=False)
    settler = a_settler(world)
    settler.remember(two_zones(NOW, 100.0, 600.0), {})
    settler.remember(two_zones(NOW + PERIOD, 80.0, GONE, DIRECT), {})
    rows = rows_of(await settlement(settler, world, two_zones(LATER, 80.0, GONE, DIRECT)))
    assert rows["clean"]["intensityMilligramsPerKilowattHour"] == 100_000
    assert rows["dirty"]["intensityMilligramsPerKilowattHour"] == 600_000


def rows_of(written: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The rows of a settlement by node."""
    return {row["node"]: row for row in written["nodes"]}
