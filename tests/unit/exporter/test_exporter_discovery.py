"""The rules that find the meters, on the layouts of real devices."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward_exporter.discovery import Choice, discover
from sunward_exporter.meters import EnergyCounters, PowerMeter
from sunward_exporter.readings import Refusal
from support.exporter import Sysfs


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """An empty tree."""
    return Sysfs(tmp_path)


def watts(meter: PowerMeter | Refusal) -> float | Refusal:
    """What a found meter reads."""
    return meter if isinstance(meter, Refusal) else meter.read()


def test_a_machine_without_meters_has_none(sysfs: Sysfs) -> None:
    found = discover(sysfs.root, Choice())
    assert (found.node, found.harvest, found.battery) == (Refusal.DATA_MISSING,) * 3


def test_labels_tell_node_and_harvest_apart(sysfs: Sysfs) -> None:
    sysfs.node(2.7)
    sysfs.harvest(8.25)
    found = discover(sysfs.root, Choice())
    assert watts(found.node) == pytest.approx(2.7)
    assert watts(found.harvest) == pytest.approx(8.25)


def test_a_lone_current_sensor_is_the_nodes_meter_beside_a_thermometer(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "cpu_thermal")
    sysfs.write("hwmon/hwmon0/temp1_input", 47000)
    sysfs.write("hwmon/hwmon1/name", "ina219")
    for name, value in {"in0_input": 4, "in1_input": 5100, "curr1_input": 600}.items():
        sysfs.write(f"hwmon/hwmon1/{name}", value)
    found = discover(sysfs.root, Choice())
    assert watts(found.node) == pytest.approx(5.1 * 0.6)
    assert not isinstance(found.node, Refusal)
    assert found.node.source == "ina219"


def test_a_usb_meter_counts_voltage_from_zero(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "powerz")
    sysfs.write("hwmon/hwmon0/in0_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 700)
    assert watts(discover(sysfs.root, Choice()).node) == pytest.approx(3.5)


@pytest.mark.parametrize("broken", ["in0_input", "curr1_input"])
def test_voltage_without_current_is_no_power(sysfs: Sysfs, broken: str) -> None:
    sysfs.write("hwmon/hwmon0/name", "powerz")
    sysfs.write("hwmon/hwmon0/in0_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 700)
    meter = discover(sysfs.root, Choice()).node
    sysfs.write(f"hwmon/hwmon0/{broken}", "nan")
    assert watts(meter) is Refusal.NOT_A_NUMBER


def test_a_counter_that_cannot_be_read_is_no_power(sysfs: Sysfs) -> None:
    zone = sysfs.write("powercap/intel-rapl:0/energy_uj", "locked").parent
    assert EnergyCounters([zone], lambda: 0.0).read() is Refusal.NOT_A_NUMBER


def test_a_power_file_is_preferred_to_voltage_times_current(sysfs: Sysfs) -> None:
    sysfs.node(3.0)
    sysfs.write("hwmon/hwmon0/in1_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 100)
    assert watts(discover(sysfs.root, Choice()).node) == pytest.approx(3.0)


def two_meters(sysfs: Sysfs) -> None:
    """An input meter and one of a rail behind it: adding them would count twice."""
    for index, (name, micro) in enumerate([("powerz", 6_000_000), ("ina226", 2_000_000)]):
        sysfs.write(f"hwmon/hwmon{index}/name", name)
        sysfs.write(f"hwmon/hwmon{index}/power1_input", micro)


def test_two_meters_are_not_guessed_between(sysfs: Sysfs) -> None:
    two_meters(sysfs)
    assert discover(sysfs.root, Choice()).node is Refusal.AMBIGUOUS_METER


def test_a_choice_settles_which_meter_it_is(sysfs: Sysfs) -> None:
    two_meters(sysfs)
    found = discover(sysfs.root, Choice(node=("powerz",), harvest=("ina226",)))
    assert watts(found.node) == pytest.approx(6.0)
    assert watts(found.harvest) == pytest.approx(2.0)


def test_chosen_rails_are_summed_and_a_silent_one_makes_the_sum_unknown(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina3221")
    for rail, milliamperes in ((1, 300), (2, 500)):
        sysfs.write(f"hwmon/hwmon0/in{rail}_input", 5000)
        sysfs.write(f"hwmon/hwmon0/curr{rail}_input", milliamperes)
    found = discover(sysfs.root, Choice(node=("ina3221/1", "ina3221/2")))
    assert watts(found.node) == pytest.approx(4.0)
    assert not isinstance(found.node, Refusal)
    assert found.node.source == "ina3221/1+ina3221/2"
    (sysfs.root / "class/hwmon/hwmon0/curr2_input").unlink()
    assert found.node.read() is Refusal.DATA_MISSING


@pytest.mark.parametrize("name", ["absent", "ina3221/9", "a/b/c", ""])
def test_a_choice_that_does_not_exist_is_missing(sysfs: Sysfs, name: str) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina3221")
    sysfs.write("hwmon/hwmon0/power1_input", 1)
    assert discover(sysfs.root, Choice(node=(name,))).node is Refusal.DATA_MISSING


def test_without_any_other_meter_the_processors_own_counters_are_used(sysfs: Sysfs) -> None:
    for zone, joules in (("intel-rapl:0", 10), ("intel-rapl:0:0", 5), ("intel-rapl:1", 20)):
        sysfs.write(f"powercap/{zone}/energy_uj", joules * 1_000_000)
    meter = discover(sysfs.root, Choice()).node
    assert not isinstance(meter, Refusal)
    assert meter.source == "rapl"


def test_counters_give_mean_power_and_survive_their_wrap(sysfs: Sysfs) -> None:
    zone = sysfs.write("powercap/intel-rapl:0/energy_uj", 90_000_000).parent
    sysfs.write("powercap/intel-rapl:0/max_energy_range_uj", 100_000_000)
    times = iter([0.0, 2.0, 4.0, 4.0])
    meter = EnergyCounters([zone], lambda: next(times))
    assert meter.read() is Refusal.DATA_MISSING
    sysfs.write("powercap/intel-rapl:0/energy_uj", 96_000_000)
    assert meter.read() == pytest.approx(3.0)
    sysfs.write("powercap/intel-rapl:0/energy_uj", 6_000_000)
    assert meter.read() == pytest.approx(5.0)
    assert meter.read() is Refusal.DATA_MISSING


@pytest.mark.parametrize(
    ("files", "ratio"),
    [
        ({"energy_now": 11_000_000, "energy_full": 20_000_000, "capacity": 99}, 0.55),
        ({"charge_now": 1_500_000, "charge_full": 3_000_000, "capacity": 99}, 0.5),
        ({"capacity": 42}, 0.42),
        ({"energy_now": 5, "energy_full": 0, "capacity": 42}, 0.42),
        ({}, Refusal.DATA_MISSING),
        ({"capacity": 42, "present": 0}, Refusal.DATA_MISSING),
    ],
)
def test_a_battery_tells_its_charge_by_the_best_file_it_has(
    sysfs: Sysfs, files: dict[str, int], ratio: float | Refusal
) -> None:
    for name, value in {"type": "Battery", **files}.items():
        sysfs.write(f"power_supply/bat/{name}", value)
    battery = discover(sysfs.root, Choice()).battery
    assert not isinstance(battery, Refusal)
    assert battery.read() == ratio


def test_a_mains_supply_is_no_battery_and_two_batteries_need_a_choice(sysfs: Sysfs) -> None:
    sysfs.write("power_supply/mains/type", "Mains")
    assert discover(sysfs.root, Choice()).battery is Refusal.DATA_MISSING
    for name in ("one", "two"):
        sysfs.write(f"power_supply/{name}/type", "Battery")
    assert discover(sysfs.root, Choice()).battery is Refusal.AMBIGUOUS_METER
    assert not isinstance(discover(sysfs.root, Choice(battery="two")).battery, Refusal)
