"""The rules that find the meters, on the layouts of real devices."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from sunward_exporter.discovery import Choice, Found, Places, discover
from sunward_exporter.meters import Counted, Counter, Scaled
from sunward_exporter.readings import Reading, Refusal
from sunward_exporter.sysfs import Attribute
from support.meters.exporter import Sysfs


@pytest.fixture
def sysfs(tmp_path: Path) -> Sysfs:
    """An empty tree."""
    return Sysfs(tmp_path)


def watts(found: Found | Refusal) -> float | Refusal | None:
    """What a found meter reads."""
    answer = found if isinstance(found, Refusal) else found.meter.read(0.0)
    return answer.watts if isinstance(answer, Reading) else answer


def counter(zone: Path) -> Counter:
    """A counter of microjoules with a span."""
    energy, span = (Scaled(attribute=Attribute(zone, name), unit=1e-6) for name in ("energy_uj", "max_energy_range_uj"))
    return Counter(energy, span)


def test_a_machine_without_meters_has_none(sysfs: Sysfs) -> None:
    found = discover(Places(root=sysfs.root), Choice())
    assert (found.node, found.harvest, found.battery) == (Refusal.NO_METER, Refusal.DATA_MISSING, Refusal.DATA_MISSING)


def test_labels_tell_node_and_harvest_apart(sysfs: Sysfs) -> None:
    sysfs.node(2.7)
    sysfs.harvest(8.25)
    found = discover(Places(root=sysfs.root), Choice())
    assert watts(found.node) == pytest.approx(2.7)
    assert watts(found.harvest) == pytest.approx(8.25)


def test_a_lone_current_sensor_is_the_nodes_meter_beside_a_thermometer(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "cpu_thermal")
    sysfs.write("hwmon/hwmon0/temp1_input", 47000)
    sysfs.write("hwmon/hwmon1/name", "ina219")
    for name, value in {"in0_input": 4, "in1_input": 5100, "curr1_input": 600}.items():
        sysfs.write(f"hwmon/hwmon1/{name}", value)
    found = discover(Places(root=sysfs.root), Choice())
    assert watts(found.node) == pytest.approx(5.1 * 0.6)
    assert not isinstance(found.node, Refusal)
    assert found.node.source == "ina219"


def test_a_usb_meter_counts_voltage_from_zero(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "powerz")
    sysfs.write("hwmon/hwmon0/in0_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 700)
    assert watts(discover(Places(root=sysfs.root), Choice()).node) == pytest.approx(3.5)


@pytest.mark.parametrize("broken", ["in0_input", "curr1_input"])
def test_voltage_without_current_is_no_power(sysfs: Sysfs, broken: str) -> None:
    sysfs.write("hwmon/hwmon0/name", "powerz")
    sysfs.write("hwmon/hwmon0/in0_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 700)
    meter = discover(Places(root=sysfs.root), Choice()).node
    sysfs.write(f"hwmon/hwmon0/{broken}", "nan")
    assert watts(meter) is Refusal.NOT_A_NUMBER


def test_a_counter_that_cannot_be_read_is_no_power(sysfs: Sysfs) -> None:
    zone = sysfs.write("powercap/intel-rapl:0/energy_uj", "locked").parent
    assert counter(zone).read(0.0) is Refusal.NOT_A_NUMBER


def test_a_power_file_is_preferred_to_voltage_times_current(sysfs: Sysfs) -> None:
    sysfs.node(3.0)
    sysfs.write("hwmon/hwmon0/in1_input", 5000)
    sysfs.write("hwmon/hwmon0/curr1_input", 100)
    assert watts(discover(Places(root=sysfs.root), Choice()).node) == pytest.approx(3.0)


def two_meters(sysfs: Sysfs) -> None:
    """An input meter and one of a rail behind it: adding them would count twice."""
    for index, (name, micro) in enumerate([("powerz", 6_000_000), ("ina226", 2_000_000)]):
        sysfs.write(f"hwmon/hwmon{index}/name", name)
        sysfs.write(f"hwmon/hwmon{index}/power1_input", micro)


class Still(Scaled):
    """A counter that never moves."""

    def __init__(self) -> None:
        super().__init__(attribute=Attribute(Path("/"), "none"), unit=1.0)

    def read(self) -> float:
        return 5.0


@dataclass(frozen=True)
class Steady:
    """A power that never changes."""

    power: float
    is_point: bool = True

    def read(self, now: float) -> Reading:
        del now
        return Reading(watts=self.power)


def test_two_meters_are_not_guessed_between(sysfs: Sysfs) -> None:
    two_meters(sysfs)
    assert discover(Places(root=sysfs.root), Choice()).node is Refusal.AMBIGUOUS_METER


def test_a_choice_settles_which_meter_it_is(sysfs: Sysfs) -> None:
    two_meters(sysfs)
    found = discover(Places(root=sysfs.root), Choice(node=("powerz",), harvest=("ina226",)))
    assert watts(found.node) == pytest.approx(6.0)
    assert watts(found.harvest) == pytest.approx(2.0)


def test_chosen_rails_are_summed_and_a_silent_one_makes_the_sum_unknown(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina3221")
    for rail, milliamperes in ((1, 300), (2, 500)):
        sysfs.write(f"hwmon/hwmon0/in{rail}_input", 5000)
        sysfs.write(f"hwmon/hwmon0/curr{rail}_input", milliamperes)
    found = discover(Places(root=sysfs.root), Choice(node=("ina3221/1", "ina3221/2")))
    assert watts(found.node) == pytest.approx(4.0)
    assert not isinstance(found.node, Refusal)
    assert found.node.source == "ina3221+ina3221/2"
    (sysfs.root / "class/hwmon/hwmon0/curr2_input").unlink()
    assert found.node.meter.read(0.0) is Refusal.DATA_MISSING


@pytest.mark.parametrize("name", ["absent", "ina3221/9", "a/b/c", "", "hwmon0"])
def test_a_choice_that_does_not_exist_is_not_found(sysfs: Sysfs, name: str) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina3221")
    sysfs.write("hwmon/hwmon0/power1_input", 1)
    assert discover(Places(root=sysfs.root), Choice(node=(name,))).node is Refusal.DEVICE_NOT_FOUND


def zones(sysfs: Sysfs, **joules: int) -> None:
    """RAPL zones by name; an underscore stands for a colon."""
    names = {"package": "package-0", "core": "core", "psys": "psys", "second": "package-1"}
    paths = {"package": "intel-rapl:0", "core": "intel-rapl:0:0", "psys": "intel-rapl:1", "second": "intel-rapl:2"}
    for name, value in joules.items():
        sysfs.write(f"powercap/{paths[name]}/name", names[name])
        sysfs.write(f"powercap/{paths[name]}/energy_uj", value * 1_000_000)


@pytest.mark.parametrize(
    ("before", "after", "growth"),
    [
        ({"package": 10, "core": 5, "second": 20}, {"package": 12, "core": 6, "second": 23}, 5.0),
        ({"package": 10, "core": 5, "psys": 20}, {"package": 12, "core": 6, "psys": 23}, 3.0),
    ],
)
def test_without_any_other_meter_the_processors_own_counters_are_used(
    sysfs: Sysfs, before: dict[str, int], after: dict[str, int], growth: float
) -> None:
    zones(sysfs, **before)
    found = discover(Places(root=sysfs.root), Choice()).node
    assert isinstance(found, Found)
    assert found.source == "rapl"
    assert found.meter.read(0.0) is None
    zones(sysfs, **after)
    answer = found.meter.read(1.0)
    assert isinstance(answer, Reading)
    assert answer.joules == pytest.approx(growth)


def test_counters_give_mean_power_and_survive_their_wrap(sysfs: Sysfs) -> None:
    zone = sysfs.write("powercap/intel-rapl:0/energy_uj", 90_000_000).parent
    sysfs.write("powercap/intel-rapl:0/max_energy_range_uj", 100_000_000)
    meter = counter(zone)
    assert meter.read(0.0) is None
    sysfs.write("powercap/intel-rapl:0/energy_uj", 96_000_000)
    assert meter.read(2.0) == Reading(watts=pytest.approx(3.0), joules=pytest.approx(6.0))
    sysfs.write("powercap/intel-rapl:0/energy_uj", 6_000_000)
    assert meter.read(4.0) == Reading(watts=pytest.approx(5.0), joules=pytest.approx(10.0))
    assert meter.read(4.0) is None


def test_a_counter_that_was_reset_adds_no_turn_of_its_span(sysfs: Sysfs) -> None:
    zone = sysfs.write("powercap/intel-rapl:0/energy_uj", 90_000_000_000).parent
    sysfs.write("powercap/intel-rapl:0/max_energy_range_uj", 262_143_328_850)
    meter = counter(zone)
    meter.read(0.0)
    sysfs.write("powercap/intel-rapl:0/energy_uj", 7_000_000)
    assert meter.read(1.0) == Reading(watts=pytest.approx(7.0), joules=pytest.approx(7.0))


def test_a_chip_that_counts_energy_shows_its_power_and_its_count(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina228")
    sysfs.write("hwmon/hwmon0/power1_input", 4_590_000)
    sysfs.write("hwmon/hwmon0/energy1_input", 1_000_000)
    found = discover(Places(root=sysfs.root), Choice()).node
    assert isinstance(found, Found)
    assert found.meter.read(0.0) == Reading(watts=pytest.approx(4.59))
    sysfs.write("hwmon/hwmon0/energy1_input", 3_000_000)
    assert found.meter.read(1.0) == Reading(watts=pytest.approx(4.59), joules=pytest.approx(2.0))


def test_a_counter_that_stands_still_beside_a_power_does_not_count() -> None:
    meter = Counted(Steady(4.0), Counter(Still(), None))
    answers = [meter.read(now) for now in (0.0, 1.0, 2.0, 8.0)]
    assert [answer.joules for answer in answers if isinstance(answer, Reading)] == [None, 0.0, 0.0, None]


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
    battery = discover(Places(root=sysfs.root), Choice()).battery
    assert not isinstance(battery, Refusal)
    assert battery.read() == ratio


def supply(sysfs: Sysfs, name: str, **files: object) -> None:
    """One power_supply device, a battery unless *files* say otherwise."""
    for file, value in {"type": "Battery", **files}.items():
        sysfs.write(f"power_supply/{name}/{file}", value)


def charge(sysfs: Sysfs, chosen: str | None = None) -> float | Refusal:
    """What the machine's batteries hold."""
    found = discover(Places(root=sysfs.root), Choice(battery=chosen)).battery
    return found if isinstance(found, Refusal) else found.read()


def test_a_mains_supply_is_no_battery(sysfs: Sysfs) -> None:
    supply(sysfs, "mains", type="Mains")
    assert charge(sysfs) is Refusal.DATA_MISSING


def test_several_batteries_are_one_store(sysfs: Sysfs) -> None:
    supply(sysfs, "one", energy_now=2_000_000, energy_full=20_000_000)
    supply(sysfs, "two", energy_now=7_000_000, energy_full=10_000_000)
    supply(sysfs, "bay", present=0)
    assert charge(sysfs) == pytest.approx(0.3)
    assert charge(sysfs, "two") == pytest.approx(0.7)
    assert charge(sysfs, "three") is Refusal.DEVICE_NOT_FOUND


def test_batteries_whose_sizes_cannot_be_compared_are_not_added(sysfs: Sysfs) -> None:
    supply(sysfs, "one", capacity=20)
    supply(sysfs, "two", capacity=80)
    assert charge(sysfs) is Refusal.AMBIGUOUS_METER


def test_one_silent_battery_of_two_makes_the_store_unknown(sysfs: Sysfs) -> None:
    supply(sysfs, "one", energy_now=2_000_000, energy_full=20_000_000)
    supply(sysfs, "two")
    assert charge(sysfs) is Refusal.DATA_MISSING


def test_a_mouse_is_not_the_machines_battery(sysfs: Sysfs) -> None:
    supply(sysfs, "hidpp_battery_0", scope="Device", capacity=96)
    assert charge(sysfs) is Refusal.NOT_OF_THE_MACHINE
    supply(sysfs, "ups", type="UPS", capacity=40)
    assert charge(sysfs) == pytest.approx(0.4)


def test_what_a_person_chose_for_the_harvest_is_never_consumption(sysfs: Sysfs) -> None:
    sysfs.write("hwmon/hwmon0/name", "ina226")
    sysfs.write("hwmon/hwmon0/power1_input", 12_350_000)
    found = discover(Places(root=sysfs.root), Choice(harvest=("ina226",)))
    assert found.node is Refusal.NO_METER
    assert watts(found.harvest) == pytest.approx(12.35)


def test_the_channels_to_choose_from_are_named_as_a_flag_takes_them(sysfs: Sysfs) -> None:
    two_meters(sysfs)
    choices = discover(Places(root=sysfs.root), Choice()).choices
    assert set(choices) == {"powerz", "ina226"}
    assert all(isinstance(discover(Places(root=sysfs.root), Choice(node=(name,))).node, Found) for name in choices)
