"""What Prometheus sees: the contract by name, label and value, over real HTTP."""

from __future__ import annotations

import signal
import socket
import subprocess
import sys
import threading
import tomllib
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.parser import text_string_to_metric_families

from sunward_exporter.__main__ import main
from sunward_exporter.collector import CONTRACT, SnapshotCollector
from sunward_exporter.readings import Refusal
from sunward_exporter.sampler import Sampler
from sunward_exporter.server import application, serve
from support.meters.exporter import START_UNIX_SECONDS, Bench, Sysfs, bench, sample

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def at(tmp_path: Path) -> Bench:
    """A bench with every channel, two seconds old."""
    bench_ = bench(tmp_path)
    bench_.sysfs.node(3.0)
    bench_.sysfs.harvest(8.0)
    bench_.sysfs.battery(stored_watt_hours=11.0, capacity_watt_hours=20.0)
    return bench_


def sampled(at: Bench, seconds: float = 2.0) -> Sampler:
    """A sampler after a while."""
    sampler = at.sampler()
    for _ in range(round(seconds * 10) + 1):
        sample(at, sampler)
        at.clock.now += 0.1
    return sampler


def series(text: str) -> Series:
    """All samples of an exposition."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


@pytest.fixture
def address(at: Bench) -> Iterator[str]:
    """The address of a server for a sampler whose health a test can take away."""
    sampler = sampled(at)
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(lambda: sampler.snapshot))
    with serve("127.0.0.1", 0, application(registry, lambda: at.clock.now < 60.0)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


def get(url: str) -> tuple[int, str]:
    """Status and text of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as refusal:
        with refusal:
            return refusal.code, refusal.read().decode()


def test_every_metric_of_the_contract_is_there_with_its_value(address: str) -> None:
    found = series(get(f"{address}/metrics")[1])
    source = (("source", "sunward_node"),)
    assert found[("sunward_node_power_watts", source)] == pytest.approx(3.0)
    assert found[("sunward_node_energy_joules_total", source)] == pytest.approx(6.0)
    assert found[("sunward_node_harvest_power_watts", ())] == pytest.approx(8.0)
    assert found[("sunward_node_harvest_energy_joules_total", ())] == pytest.approx(16.0)
    assert found[("sunward_node_battery_state_of_charge_ratio", ())] == pytest.approx(0.55)
    assert found[("sunward_node_last_sample_timestamp_seconds", source)] == pytest.approx(START_UNIX_SECONDS + 2.0)
    assert found[("sunward_node_last_sample_timestamp_seconds", (("source", "harvest"),))] > START_UNIX_SECONDS
    assert found[("sunward_node_last_sample_timestamp_seconds", (("source", "battery"),))] > START_UNIX_SECONDS
    assert [value for (name, _), value in found.items() if name == "sunward_exporter_build_info"] == [1.0]


def test_refusals_start_at_zero_for_every_reason_so_that_their_rate_is_right(address: str) -> None:
    found = series(get(f"{address}/metrics")[1])
    for channel in ("sunward_node", "harvest", "battery"):
        for reason in Refusal:
            key = ("sunward_node_sensor_errors_total", (("reason", reason.value), ("source", channel)))
            assert found[key] == 0.0


def test_the_version_shown_is_that_of_the_distribution(address: str) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found = series(get(f"{address}/metrics")[1])
    assert found[("sunward_exporter_build_info", (("version", project["version"]),))] == 1.0


def test_what_is_shown_is_the_contract_and_nothing_else(at: Bench) -> None:
    registry = CollectorRegistry()
    sampler = sampled(at)
    registry.register(SnapshotCollector(lambda: sampler.snapshot))
    shown = {(family.name, family.type, family.documentation) for family in registry.collect()}
    assert shown == {(family.name, family.kind, family.help) for family in CONTRACT}


def test_no_series_speaks_for_a_node(address: str) -> None:
    labels = {name for _, pairs in series(get(f"{address}/metrics")[1]) for name, _ in pairs}
    assert labels <= {"source", "reason", "version", "meter"}


def test_what_is_unknown_is_absent_and_never_zero(tmp_path: Path) -> None:
    registry = CollectorRegistry()
    sampler = sampled(bench(tmp_path))
    registry.register(SnapshotCollector(lambda: sampler.snapshot))
    shown = {(sample.name, *sample.labels.values()): sample.value for f in registry.collect() for sample in f.samples}
    counted = {key for key, value in shown.items() if value and key[0] == "sunward_node_sensor_errors_total"}
    assert counted == {("sunward_node_sensor_errors_total", "node", "NoMeter")}
    assert {key[0] for key in shown} == {
        "sunward_exporter_build_info",
        "sunward_exporter_meter_absent",
        "sunward_exporter_samples_total",
        "sunward_node_sensor_errors_total",
    }


def test_an_absence_is_said_with_its_reason_until_there_is_a_value(tmp_path: Path) -> None:
    at = bench(tmp_path)
    sampler = sampled(at)
    assert absences(sampler) == {("node", "NoMeter")}
    at.sysfs.node(3.0)
    at.sysfs.write("hwmon/hwmon1/name", "harvest")
    at.sysfs.write("hwmon/hwmon1/power1_input", "none")
    at.sysfs.write("power_supply/battery/type", "Battery")
    sampler.look()
    sample(at, sampler)
    assert absences(sampler) == {("harvest", "NotANumber"), ("battery", "DataMissing")}


def test_a_value_that_grows_old_leaves_the_reason_of_the_newest_attempt(at: Bench) -> None:
    sampler = sampled(at)
    assert absences(sampler) == set()
    at.sysfs.write("hwmon/hwmon0/power1_input", -4_000_000)
    sample(at, sampler)
    assert absences(sampler) == set()
    at.clock.now += 6.0
    sample(at, sampler)
    assert ("node", "NegativeValue") in absences(sampler)


def absences(sampler: Sampler) -> set[tuple[str, str]]:
    """What is said to be absent, with the reasons."""
    registry = CollectorRegistry()
    registry.register(SnapshotCollector(lambda: sampler.snapshot))
    found = [sample for family in registry.collect() for sample in family.samples]
    return {(s.labels["source"], s.labels["reason"]) for s in found if s.name == "sunward_exporter_meter_absent"}


def test_health_tells_whether_the_sampler_lives(address: str, at: Bench) -> None:
    assert get(f"{address}/healthz") == (200, "ok\n")
    at.clock.now = 1000.0
    assert get(f"{address}/healthz")[0] == 503


def test_any_other_path_says_where_to_look(address: str) -> None:
    assert get(f"{address}/")[0] == 404


@pytest.mark.skipif(not socket.has_ipv6, reason="needs IPv6")
def test_an_ipv6_address_is_served_too() -> None:
    with serve("::1", 0, application(CollectorRegistry(), lambda: True)) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        assert get(f"http://[::1]:{server.server_port}/healthz") == (200, "ok\n")
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--rate-hertz", "5000"], "between 0.1 and 1000 Hz"),
        (["--listen", "nowhere"], "is not HOST:PORT or :PORT"),
        (["--listen", ":99999"], "is not HOST:PORT or :PORT"),
    ],
)
def test_wrong_flags_give_one_line_and_code_2(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


@pytest.mark.parametrize("watts", ["0", "-3", "nan", "inf", "three"])
def test_a_nameplate_must_be_a_positive_number(watts: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        main(["--nameplate-watts", watts])
    assert exit_.value.code == 2
    assert "--nameplate-watts" in capsys.readouterr().err


def test_an_address_that_is_taken_gives_one_line_and_code_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--sysfs-root", str(tmp_path), "--listen", f"127.0.0.1:{port}"]) == 2
    assert f"cannot listen on 127.0.0.1:{port}" in capsys.readouterr().err


def test_the_program_serves_and_ends_cleanly_on_sigterm(tmp_path: Path) -> None:
    Sysfs(tmp_path).node(3.0)
    command = [sys.executable, "-m", "sunward_exporter", "--sysfs-root", str(tmp_path), "--listen", "127.0.0.1:0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True, cwd=ROOT / "node_exporter") as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        address = line.rsplit(" ", 1)[-1].strip()
        found = series(get(f"http://{address}")[1])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=10) == 0
    assert found[("sunward_node_power_watts", (("source", "sunward_node"),))] == pytest.approx(3.0)
    assert ("process_cpu_seconds_total", ()) in found
