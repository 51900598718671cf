"""Every field of every foreign document with each of the classic bad values: a value, or one short line of why not."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self, cast

import pytest
from aiohttp import ClientSession

from sunward.cli.manifests import problem_of
from sunward.cli.plan import read_document
from sunward.cli.settings import load_settings
from sunward.cluster.reporting.job_figures import figures
from sunward.cluster.reporting.report import job_status
from sunward.cluster.training.progress import parse_progress
from sunward.cluster.training.templates import work_of
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.intensity import DEFAULT_BASIS
from sunward.domain.jobs import Assignment
from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.solution import Solution
from sunward.power.drivers.shelly import ShellySettings
from sunward.power.drivers.tasmota import TasmotaSettings
from sunward.power.relay import Line, RelaySection, reading
from sunward.simulation.scenario import load_scenario
from sunward.sources.http import JsonReader
from sunward.sources.intensity.ladder import IntensityLadder
from sunward.sources.intensity.providers.electricity_maps import ElectricityMaps
from sunward.sources.intensity.providers.file import FileIntensity
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource, WindowEnergy
from sunward.sources.settings import PrometheusSettings
from support.hostile import Spoilt, spoilt
from support.optimisation.instances import as_document, job, node, pool, problem
from support.planning import a_job, a_node

NOW = datetime(2026, 11, 22, 10, 30, tzinfo=UTC)
LONGEST_LINE = 800
LARGEST_INT64 = 2**63 - 1

PROGRESS = {
    "schema": "sunward.dev/progress/v1alpha1",
    "round": 3,
    "phase": "training",
    "accuracy_percent": 91.5,
    "plan": "plan-1",
    "data_set": "mnist",
    "checkpoint_time": "2026-11-22T10:00:00.250Z",
    "batches_total": {"nodes": {"pi-01": 300}, "offloaded": {"b": 150}},
    "history": [{"round": 3, "seconds": 2.5}],
    "workers": [
        {
            "node": "pi-01",
            "state": "alive",
            "round_batches_assigned": 100,
            "seconds_per_batch": 0.5,
            "home_shards": ["a"],
            "cached_shards": ["b"],
        },
        {"node": "pi-02", "state": "gone", "seconds_per_batch": 0.7},
    ],
}
VECTOR = {
    "status": "success",
    "data": {
        "resultType": "vector",
        "result": [{"metric": {"node": "pi-01", "source": "node"}, "value": [NOW.timestamp(), "4.5"]}],
    },
}
MATRIX = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"node": "pi-01", "source": "node"},
                "values": [[NOW.timestamp() + step, str(9.5 + step)] for step in (-300, -200, -100, 0)],
            }
        ],
    },
}
ELECTRICITY_MAPS = {
    "zone": "DE",
    "carbonIntensity": 300,
    "datetime": "2026-11-22T10:00:00.000Z",
    "updatedAt": "2026-11-22T10:00:00.000Z",
    "isEstimated": False,
    "forecast": [{"carbonIntensity": 300, "datetime": f"2026-11-22T{hour}:00:00Z"} for hour in (10, 11, 12)],
    "history": [{"carbonIntensity": 300, "datetime": f"2026-11-22T{hour}:00:00Z"} for hour in ("08", "09", "10")],
}
ROWS = [{"time": f"2026-11-22T{hour}:00:00Z", "zone": "DE", "gramsPerKilowattHour": 300} for hour in (10, 11, 12)]
SHELLY = {"id": 1, "src": "shelly", "result": {"id": 0, "output": True, "apower": 4.5}}
TASMOTA = {"POWER": "ON", "StatusSNS": {"ENERGY": {"Power": [4.5]}}}
ASSIGNMENT = {"schema": "x", "workers": [{"node": "pi-01", "shards": [{"shard": "a", "batches": 3}]}]}


class Canned:
    """A session whose every request has one answer: a body of JSON."""

    status = 200
    content_type = "application/json"
    headers: Mapping[str, str] = {}  # nobody writes into it

    def __init__(self, body: bytes) -> None:
        self._body = body

    def request(self, method: str, url: str, **_: Any) -> Self:
        assert (method in ("GET", "POST"), url.startswith("http")) == (True, True)
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None: ...

    @property
    def content(self) -> Self:
        return self

    async def iter_chunked(self, size: int) -> AsyncIterator[bytes]:
        for start in range(0, len(self._body), size):
            yield self._body[start : start + size]


def canned(body: bytes) -> ClientSession:
    return cast(ClientSession, Canned(body))


def progress(body: bytes) -> None:
    """A coordinator's answer, as far as the status of its job: what is written must fit the definition."""
    found = parse_progress(body)
    rows = (Assignment(job="default/mnist", shard="a", from_node="pi-01", node="pi-01", batches=100),)
    job = a_job(progress=found, last_round=found.round, assignments=rows)
    status = job_status(job, None, None, {}, NOW) | figures(job, None, [a_node("pi-01")], {}, NOW)
    for number in numbers_of(status):
        assert 0 <= number <= LARGEST_INT64
    assert status["round"] <= 2**31 - 1
    assert 0 <= status.get("accuracyPercent", 0) <= 100
    assert len(status.get("dataSet") or "") <= 128
    assert json.dumps(status, ensure_ascii=False).encode()


def numbers_of(value: Any) -> Iterator[float]:
    """Every number in a status."""
    rows = value.values() if isinstance(value, dict) else value if isinstance(value, list | tuple) else ()
    for row in rows:
        yield from [row] if isinstance(row, int | float) and not isinstance(row, bool) else numbers_of(row)


def prometheus(body: bytes) -> PrometheusSource:
    return PrometheusSource(
        reader=JsonReader(name="test", session=canned(body)), settings=PrometheusSettings(url="http://prometheus")
    )


def meters(body: bytes) -> None:
    found = asyncio.run(prometheus(body).meters({"pi-01": NodeLimits()}, NOW))["pi-01"]
    for one in asdict(found).values():
        assert len(str(one)) < 2 * LONGEST_LINE
        assert all(abs(number) <= 1e15 for number in numbers_of(one))


def energy(body: bytes) -> None:
    found = asyncio.run(prometheus(body).energy(["pi-01"], NOW - timedelta(minutes=5), NOW))["pi-01"]
    assert not isinstance(found, WindowEnergy) or 0 <= found.watt_hours < 1e15


def electricity_maps(body: bytes) -> None:
    reader = JsonReader(name="test", session=canned(body))
    provider = ElectricityMaps(reader=reader, url="http://maps", basis=DEFAULT_BASIS)
    ladder = IntensityLadder(name="maps", provider=provider, refresh_seconds=1.0)
    zone = asyncio.run(ladder.read(["DE"], NOW))["DE"]
    assert len(str(zone.now_grams_per_kilowatt_hour)) < 2 * LONGEST_LINE
    series = zone.forecast_grams_per_kilowatt_hour
    assert series is None or all(0 <= value <= 1500 for value in series.values)


def relay(section: RelaySection) -> Callable[[bytes], None]:
    def read(body: bytes) -> None:
        driver = section.build(Line(session=canned(body), name="relay", relay=section))
        found = asyncio.run(driver.read())
        assert found is None or found.watts is None or 0 <= found.watts <= 1e6

    return read


def in_file(name: str, read: Callable[[Path], object], folder: Path) -> Callable[[bytes], None]:
    def run(body: bytes) -> None:
        path = folder / name
        path.write_bytes(body)
        read(path)

    return run


def intensities(path: Path) -> None:
    found = FileIntensity(name="file", path=path, basis=DEFAULT_BASIS)
    asyncio.run(found.now("DE", NOW))
    asyncio.run(found.forecast("DE", NOW))
    asyncio.run(found.history("DE", NOW))


def tried(good: object, read: Callable[[bytes], object], *, every: int = 1) -> tuple[int, int]:
    """How many documents were read and refused. Anything but a value or one short line ends the test, with its name."""
    taken = refused = 0
    for number, case in enumerate(spoilt(good)):
        if number % every:
            continue
        try:
            read(case.body)
            taken += 1
        except (InvalidInput, SourceUnavailable) as error:
            refused += 1
            check_line(case, str(error))
        except Exception as error:  # the defect that this test looks for
            raise AssertionError(f"{case.name}: {type(error).__name__}: {error}") from error
    return taken, refused


def check_line(case: Spoilt, said: str) -> None:
    """An error for people: one printable line of bounded length."""
    assert said.isprintable(), f"{case.name}: {said!r}"
    assert len(said) < LONGEST_LINE, f"{case.name}: {len(said)} characters"


@pytest.mark.parametrize(
    ("good", "read"),
    [
        (PROGRESS, progress),
        (VECTOR, meters),
        (MATRIX, energy),
        (ELECTRICITY_MAPS, electricity_maps),
        (SHELLY, relay(ShellySettings(driver="Shelly", url="http://10.0.0.1"))),
        (TASMOTA, relay(TasmotaSettings(driver="Tasmota", url="http://10.0.0.1"))),
        (ASSIGNMENT, lambda body: work_of(body.decode("utf-8", "replace"))),
    ],
    ids=["progress", "meters", "energy", "electricity-maps", "shelly", "tasmota", "assignment"],
)
def test_what_arrives_over_the_network(good: object, read: Callable[[bytes], object]) -> None:
    read(json.dumps(good).encode())
    taken, refused = tried(good, read)
    assert taken + refused > 100


NODE = {
    "apiVersion": "sunward.dev/v1alpha1",
    "kind": "EnergyNode",
    "metadata": {"name": "pi-01"},
    "spec": {
        "gridZone": "DE",
        "power": {"idleMilliwatts": 2700, "busyMilliwatts": 6400},
        "sleep": {"driver": "CordonOnly"},
        "override": {"power": "Awake", "until": "2026-11-22T18:00:00Z", "reason": "x"},
    },
}
JOB = {
    "apiVersion": "sunward.dev/v1alpha1",
    "kind": "TrainingJob",
    "metadata": {"name": "mnist"},
    "spec": {
        "runtime": {"flower": {"image": "trainer:1", "app": "mnist-mlp"}},
        "rounds": 10,
        "stepsPerRound": 50,
        "batchSize": 32,
        "deadline": "2027-11-22T18:00:00Z",
        "shards": [{"name": "a", "node": "pi-01", "samples": 6000, "sizeMebibytes": 5}],
    },
}
SETTINGS = {
    "prometheus": {"url": "http://prom:9090", "job": "x"},
    "intensitySources": {"a": {"provider": "static", "gramsPerKilowattHour": {"DE": 300}}},
    "relays": {"r": {"driver": "Shelly", "url": "http://10.0.0.1", "switchId": 0}},
}
SCENARIO = {
    "schema": "sunward.dev/scenario/v1alpha1",
    "name": "tiny",
    "start": "2026-06-01T00:00:00Z",
    "period_seconds": 3600,
    "periods": 4,
    "zones": {"DE": {"trace": "US-CAL-CISO"}},
    "profiles": {
        "rpi4b": {"idle_watts": 2.7, "busy_watts": 6.4, "asleep_watts": 0.1, "boot_watts": 4, "boot_seconds": 45}
    },
    "nodes": {"a": {"zone": "DE", "profile": "rpi4b", "site": "x"}},
}
YAML_CASES = 7
"""One of so many spoilt YAML documents is read: the parser in Python takes some milliseconds for each."""


@pytest.mark.parametrize("kind", ["node", "job"])
def test_manifests(kind: str, tmp_path: Path) -> None:
    (tmp_path / "node.yaml").write_text(json.dumps(NODE))
    others = [tmp_path / "node.yaml"] if kind == "job" else []
    read = in_file("m.yaml", lambda path: problem_of([path, *others], {"DE": 300.0}, {}, NOW), tmp_path)
    good = NODE if kind == "node" else JOB
    read(json.dumps(good).encode())
    assert min(tried(good, read, every=YAML_CASES)) > 5


@pytest.mark.parametrize(
    ("good", "read"), [(SETTINGS, load_settings), (SCENARIO, load_scenario)], ids=["settings", "scenario"]
)
def test_files_of_the_administrator(good: object, read: Callable[[Path], object], tmp_path: Path) -> None:
    run = in_file("f.yaml", read, tmp_path)
    run(json.dumps(good).encode())
    assert all(tried(good, run, every=YAML_CASES))  # some were read, some refused


@pytest.mark.parametrize("name", ["i.json", "i.csv"])
def test_files_of_intensities(name: str, tmp_path: Path) -> None:
    run = in_file(name, intensities, tmp_path)
    if name.endswith(".json"):
        run(json.dumps(ROWS).encode())
    assert sum(tried(ROWS, run)) > 100


def test_problems_and_solutions(tmp_path: Path) -> None:
    made = problem(node("a"), node("b", "clean"), jobs=(job({"a": 600.0}, ("b",)),), pools=(pool("a", "b"),))
    solved = json.loads(solve_greedy(made).to_json())
    read_problem = in_file("p.json", lambda path: read_document(str(path), parse_problem), tmp_path)
    read_solution = in_file("s.json", lambda path: read_document(str(path), Solution.from_json), tmp_path)
    assert min(tried(as_document(made), read_problem, every=7)) > 5
    assert min(tried(solved, read_solution, every=7)) > 5


def test_a_number_that_a_relay_cannot_carry_is_no_number() -> None:
    assert [reading(True, watts, NOW).watts for watts in (4.5, 1e308, float("nan"), 10**299, "4", True)] == [  # type: ignore[union-attr]  # it is on
        4.5,
        None,
        None,
        None,
        None,
        None,
    ]
