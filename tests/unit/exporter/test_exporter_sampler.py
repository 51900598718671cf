"""Sampling over time: rates, holes, meters that come and go."""

from __future__ import annotations

import math
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from sunward_exporter.boards import shown_model
from sunward_exporter.channels import PowerChannel
from sunward_exporter.collector import SnapshotCollector
from sunward_exporter.discovery import Places
from sunward_exporter.readings import Limits, Refusal
from sunward_exporter.sampler import DISCOVERY_SECONDS, Sampler, Settings
from support.meters.exporter import START_UNIX_SECONDS, Bench, bench, sample


def node(sampler: Sampler) -> PowerChannel:
    """The node's channel, which must exist."""
    assert sampler.snapshot.node is not None
    return sampler.snapshot.node


def pass_time(at: Bench, sampler: Sampler, seconds: float, step: float = 0.1) -> None:
    """Sample for a while, and look for meters every five seconds."""
    for _ in range(round(seconds / step)):
        at.clock.now += step
        if int(at.clock.now / DISCOVERY_SECONDS) > int((at.clock.now - step) / DISCOVERY_SECONDS):
            sampler.look()
        sample(at, sampler)


def test_a_waveform_in_files_is_integrated_to_a_thousandth(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(4.5)
    sampler, omega, seconds = at.sampler(), 2.0 * math.pi * 0.2, 37.0
    for tick in range(round(seconds * 10) + 1):
        at.clock.now = tick / 10
        at.sysfs.node(4.5 + 1.8 * math.sin(omega * at.clock.now))
        sample(at, sampler)
    exact = 4.5 * seconds + 1.8 * (1.0 - math.cos(omega * seconds)) / omega
    assert node(sampler).energy.joules == pytest.approx(exact, rel=1e-3)
    assert node(sampler).sampled_at == START_UNIX_SECONDS + seconds


@pytest.mark.parametrize("rate_hertz", [1.0, 10.0, 1000.0])
def test_the_loop_keeps_the_rate_it_was_asked_for(tmp_path: Path, rate_hertz: float) -> None:
    at = bench(tmp_path, rate_hertz=rate_hertz)
    at.sysfs.node(3.0)
    at.clock.alarm_at = 20.0 - 1e-6
    sampler = at.sampler()
    sampler.keep_sampling(sampler.node, at.clock.alarm)
    assert node(sampler).samples == pytest.approx(20.0 * rate_hertz, abs=1)


@pytest.mark.parametrize(("file", "rate_hertz"), [("power1_input", 100.0), ("power1_average", 10.0)])
def test_by_default_a_meter_of_single_moments_is_sampled_more_often(
    tmp_path: Path, file: str, rate_hertz: float
) -> None:
    at = bench(tmp_path)
    at.sysfs.write("hwmon/hwmon0/name", "node")
    at.sysfs.write(f"hwmon/hwmon0/{file}", 3_000_000)
    at.clock.alarm_at = 20.0 - 1e-6
    sampler = at.sampler()
    sampler.keep_sampling(sampler.node, at.clock.alarm)
    assert node(sampler).samples == pytest.approx(20.0 * rate_hertz, abs=2)


def test_the_rate_follows_the_meter_that_was_found(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.clock.alarm_at = 5.0 - 1e-6
    sampler = at.sampler()
    sampler.keep_sampling(sampler.node, at.clock.alarm)
    at.sysfs.node(3.0)
    sampler.look()
    at.clock.alarm.clear()
    at.clock.alarm_at = 10.0 - 1e-6
    sampler.keep_sampling(sampler.node, at.clock.alarm)
    assert node(sampler).samples == pytest.approx(500, abs=2)


def test_refused_readings_are_counted_and_leave_no_trace_in_the_energy(tmp_path: Path) -> None:
    at = bench(tmp_path, node_limits=Limits(nameplate_watts=10.0))
    at.sysfs.node(3.0)
    sampler = at.sampler()
    pass_time(at, sampler, 1.0)
    for text in ("nan", "-5000000", "90000000"):
        at.sysfs.write("hwmon/hwmon0/power1_input", text)
        pass_time(at, sampler, 0.1)
    at.sysfs.node(3.0)
    pass_time(at, sampler, 1.0)
    assert node(sampler).refusals == {
        Refusal.NOT_A_NUMBER: 1,
        Refusal.NEGATIVE_VALUE: 1,
        Refusal.ABOVE_NAMEPLATE: 1,
    }
    assert node(sampler).energy.joules == pytest.approx(3.0 * 2.2)


def test_a_meter_that_falls_silent_is_no_longer_shown_and_its_hole_is_not_filled(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(3.0)
    sampler = at.sampler()
    pass_time(at, sampler, 2.0)
    at.sysfs.write("hwmon/hwmon0/power1_input", "nan")
    pass_time(at, sampler, 8.0)
    assert node(sampler).watts(at.clock.now) is None
    assert node(sampler).sampled_at == pytest.approx(START_UNIX_SECONDS + 2.0)
    at.sysfs.node(3.0)
    pass_time(at, sampler, 1.0)
    assert node(sampler).watts(at.clock.now) == pytest.approx(3.0)
    assert node(sampler).energy.joules == pytest.approx(3.0 * 1.9 + 3.0 * 0.9)
    assert node(sampler).refusals[Refusal.SAMPLES_LOST] == 1


def test_a_meter_plugged_in_later_is_found(tmp_path: Path) -> None:
    at = bench(tmp_path)
    sampler = at.sampler()
    pass_time(at, sampler, 1.0)
    assert node(sampler).sampled_at is None
    assert node(sampler).refusals == {Refusal.NO_METER: 1}
    at.sysfs.node(3.0)
    at.sysfs.harvest(6.0)
    at.sysfs.battery(stored_watt_hours=10.0, capacity_watt_hours=20.0)
    pass_time(at, sampler, 11.0)
    assert node(sampler).watts(at.clock.now) == pytest.approx(3.0)
    assert sampler.snapshot.harvest is not None
    assert sampler.snapshot.battery is not None
    assert sampler.snapshot.battery.ratio == pytest.approx(0.5)


def test_a_meter_that_is_renumbered_is_found_again_and_goes_on_counting(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(3.0)
    sampler = at.sampler()
    pass_time(at, sampler, 5.0)
    hwmon = tmp_path / "class" / "hwmon"
    (hwmon / "hwmon0").rename(hwmon / "hwmon7")
    pass_time(at, sampler, 12.0)
    assert node(sampler).watts(at.clock.now) == pytest.approx(3.0)
    assert node(sampler).energy.joules > 14.0


def test_two_meters_are_reported_as_ambiguous_and_give_no_power(tmp_path: Path) -> None:
    at = bench(tmp_path)
    for index, name in enumerate(("powerz", "ina226")):
        at.sysfs.write(f"hwmon/hwmon{index}/name", name)
        at.sysfs.write(f"hwmon/hwmon{index}/power1_input", 1_000_000)
    sampler = at.sampler()
    pass_time(at, sampler, 1.0)
    assert node(sampler).refusals == {Refusal.AMBIGUOUS_METER: 1}
    assert sampler.snapshot.choices == ("powerz", "ina226")
    assert node(sampler).sampled_at is None


def test_a_battery_is_read_once_a_second(tmp_path: Path) -> None:
    at = bench(tmp_path, rate_hertz=100.0)
    at.sysfs.battery(stored_watt_hours=10.0, capacity_watt_hours=20.0)
    times: list[float] = []
    wall = at.clock.wall

    def told() -> float:
        times.append(at.clock.now)
        return wall()

    at.clock.alarm_at = 9.5
    sampler = Sampler(at.settings, replace(at.clock.port(), wall=told))
    sampler.look()
    sampler.keep_sampling(sampler.battery, at.clock.alarm)
    assert times == pytest.approx(range(11))


@pytest.mark.parametrize("rate_hertz", [0.0, 0.05, 1001.0, math.nan])
def test_a_rate_out_of_range_is_refused_with_the_range(rate_hertz: float) -> None:
    with pytest.raises(ValueError, match=r"between 0\.1 and 1000 Hz"):
        Settings(rate_hertz=rate_hertz)


def test_a_battery_that_vanishes_is_not_shown_and_is_found_again(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.battery(stored_watt_hours=10.0, capacity_watt_hours=20.0)
    sampler = at.sampler()
    pass_time(at, sampler, 2.0)
    supply = tmp_path / "class" / "power_supply"
    (supply / "battery").rename(tmp_path / "away")
    pass_time(at, sampler, 12.0)
    assert sampler.snapshot.battery is not None
    assert sampler.snapshot.battery.ratio is None
    assert sampler.snapshot.battery.refusals[Refusal.DATA_MISSING] > 0
    (tmp_path / "away").rename(supply / "battery")
    pass_time(at, sampler, 12.0)
    assert sampler.snapshot.battery.ratio == pytest.approx(0.5)


def test_a_node_meter_that_becomes_ambiguous_after_falling_silent_gives_no_power(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.write("hwmon/hwmon0/name", "ina226")
    at.sysfs.write("hwmon/hwmon0/power1_input", 2_000_000)
    sampler = at.sampler()
    pass_time(at, sampler, 1.0)
    at.sysfs.write("hwmon/hwmon0/power1_input", "nan")
    at.sysfs.write("hwmon/hwmon1/name", "powerz")
    at.sysfs.write("hwmon/hwmon1/power1_input", 6_000_000)
    pass_time(at, sampler, 20.0)
    assert node(sampler).watts(at.clock.now) is None
    assert node(sampler).refusals[Refusal.AMBIGUOUS_METER] > 0


def test_a_sampler_that_was_stopped_for_long_starts_a_new_schedule_and_does_not_catch_up(tmp_path: Path) -> None:
    at = bench(tmp_path, rate_hertz=10.0)
    at.sysfs.node(3.0)
    waits: list[float] = []
    sleep = at.clock.sleep

    def suspend_once(seconds: float) -> None:
        waits.append(seconds)
        sleep(60.0 if len(waits) == 5 else seconds)

    at.clock.alarm_at = 62.0
    sampler = Sampler(at.settings, replace(at.clock.port(), sleep=suspend_once))
    sampler.look()
    sampler.keep_sampling(sampler.node, at.clock.alarm)
    assert node(sampler).samples < 30
    assert node(sampler).refusals[Refusal.SAMPLES_LOST] == 1
    assert node(sampler).energy.joules < 3.0 * 3.0


def test_a_meter_that_takes_the_number_of_another_is_not_taken_for_it(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(3.8)
    at.sysfs.harvest(18.0)
    sampler = at.sampler()
    pass_time(at, sampler, 3.0)
    hwmon = tmp_path / "class" / "hwmon"
    for old, new in (("hwmon0", "away"), ("hwmon1", "hwmon0"), ("away", "hwmon1")):
        (hwmon / old).rename(hwmon / new)
    pass_time(at, sampler, 20.0)
    assert node(sampler).watts(at.clock.now) == pytest.approx(3.8)
    assert node(sampler).energy.joules == pytest.approx(3.8 * 22.9)
    assert sampler.snapshot.harvest is not None
    assert sampler.snapshot.harvest.watts(at.clock.now) == pytest.approx(18.0)


def test_a_meter_that_answers_in_place_of_one_that_is_gone_is_not_taken_for_it(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(3.8)
    sampler = at.sampler()
    pass_time(at, sampler, 3.0)
    at.sysfs.write("hwmon/hwmon0/name", "amdgpu")
    at.sysfs.write("hwmon/hwmon0/power1_label", "PPT")
    at.sysfs.write("hwmon/hwmon0/power1_input", 95_000_000)
    pass_time(at, sampler, 20.0)
    assert node(sampler).watts(at.clock.now) is None
    assert node(sampler).energy.joules == pytest.approx(3.8 * 2.9)
    assert node(sampler).refusals[Refusal.NOT_OF_THE_MACHINE] > 0


def test_a_boards_model_bounds_what_its_meter_may_show(tmp_path: Path) -> None:
    at = bench(tmp_path)
    model = tmp_path / "firmware" / "devicetree" / "base" / "model"
    model.parent.mkdir(parents=True)
    model.write_bytes(b"Raspberry Pi 4 Model B Rev 1.4\0")
    at.sysfs.node(120.0)
    sampler = at.sampler()
    pass_time(at, sampler, 1.0)
    assert set(node(sampler).refusals) == {Refusal.ABOVE_NAMEPLATE}


class Hanging:
    """A gauge whose read returns when it is let go."""

    def __init__(self, gate: threading.Event) -> None:
        self._gate = gate

    def read(self) -> float:
        self._gate.wait(30.0)
        return 0.5


def test_a_gauge_that_hangs_is_counted_and_delays_no_other_meter(tmp_path: Path) -> None:
    at = bench(tmp_path)
    at.sysfs.node(3.0)
    at.battery_due = math.inf
    sampler, gate = at.sampler(), threading.Event()
    sampler.battery.offer(Hanging(gate))  # type: ignore[arg-type]
    reader = threading.Thread(target=sampler.battery.step, args=(at.clock.now, at.clock.wall()))
    reader.start()
    try:
        pass_time(at, sampler, 4.0)
        assert node(sampler).samples == 40
        at.clock.now += 2.0
        sampler.watch()
        sampler.watch()
        assert sampler.snapshot.battery is not None
        assert sampler.snapshot.battery.refusals == {Refusal.TIMED_OUT: 1}
        assert sampler.snapshot.battery.ratio is None
    finally:
        gate.set()
        reader.join()
    assert sampler.snapshot.battery.ratio == 0.5


@pytest.mark.parametrize(
    ("files", "model"),
    [
        ({"firmware/devicetree/base/model": "Raspberry Pi 4 Model B Rev 1.4\0"}, "Raspberry Pi 4 Model B Rev 1.4"),
        ({"class/dmi/id/sys_vendor": "Intel\n", "class/dmi/id/product_name": "NUC\x1b[1m\n"}, "Intel NUC[1m"),
        ({"class/dmi/id/product_name": "x" * 500}, "x" * 128),
        ({"class/dmi/id/product_name": " \n"}, None),
        ({}, None),
    ],
)
def test_the_board_is_named_as_its_firmware_names_it(tmp_path: Path, files: dict[str, str], model: str | None) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    assert shown_model(tmp_path) == model
    snapshot = Sampler(Settings(places=Places(root=tmp_path))).snapshot
    page = generate_latest(SnapshotCollector(lambda: snapshot)).decode()
    assert ("sunward_exporter_board_info{" in page) is (model is not None)
