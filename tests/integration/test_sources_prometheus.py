"""Readings and windows through a real Prometheus: what it answers is not always what was asked."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio
import yaml

from sunward.domain.measurement import Absent, Measurement, Reading, is_fresh
from sunward.domain.nodes import MeterFacts
from sunward.domain.policy import Staleness
from sunward.domain.reasons import Reason
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.judgement import cleaned, judge
from sunward.planning.data_quality.verdict import Use
from sunward.planning.sleep.eligibility import sleep_obstacles
from sunward.sources.plausible import NodeLimits
from sunward.sources.prometheus import PrometheusSource, WindowEnergy
from sunward.sources.promql import Metric
from support import chart
from support.planning import a_node, a_policy, a_snapshot, a_zone, measured
from support.sources import backfill, exporting, prometheus, prometheus_binary, scrape_configuration, until

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(prometheus_binary() is None, reason="no prometheus binary: apt-get install prometheus"),
]

STOPPED = time.time() - 40.0
LIMITS = NodeLimits(power_watts=12.8, harvest_watts=10.0)


def page(power: str = "4.5", *, sampled: Callable[[], float] = time.time, extra: str = "") -> Callable[[], str]:
    """What an exporter of one node shows."""

    def text() -> str:
        return (
            f'sunward_node_power_watts{{source="ina219"{extra}}} {power}\n'
            f"sunward_node_harvest_power_watts 6.25\n"
            f'sunward_node_last_sample_timestamp_seconds{{source="ina219"}} {sampled()!r}\n'
            f'sunward_node_last_sample_timestamp_seconds{{source="harvest"}} {sampled()!r}\n'
        )

    return text


async def meters(source: PrometheusSource, *nodes: str) -> dict[str, MeterFacts]:
    return await source.meters(dict.fromkeys(nodes, LIMITS), datetime.now(UTC))


def power(facts: dict[str, MeterFacts], node: str) -> Reading:
    return facts[node].power_watts


def value(reading: Reading) -> float | None:
    return reading.value if isinstance(reading, Measurement) else None


def reason(reading: Reading) -> Reason | None:
    return reading.cause.reason if isinstance(reading, Absent) else None


async def settled(source: PrometheusSource, node: str, wanted: Reason | None) -> Reading:
    """The node's power reading once it is as wanted."""
    facts = await until(lambda: meters(source, node), lambda found: reason(power(found, node)) is wanted)
    return power(facts, node)


async def settled_somehow(source: PrometheusSource, node: str) -> None:
    """Wait for the first scrape of the node."""
    await until(partial(meters, source, node), lambda found: not is_missing(found, node))


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def cluster(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[PrometheusSource]:
    """One Prometheus over all kinds of targets; it takes seconds to find them, so that the tests share it."""
    pages = [
        ("healthy", page()),
        ("hung", page(sampled=lambda: STOPPED)),
        ("twice", page("4.5")),
        ("twice", page("9.5")),
        ("nan", page("NaN")),
        ("infinite", page("+Inf")),
        ("negative", page("-3")),
        ("milliwatts", page("4500")),
        ("ahead", page(sampled=lambda: time.time() + 300.0)),
        ("liar", page("9.9", extra=',node="healthy"')),
    ]
    async with contextlib.AsyncExitStack() as stack:
        targets = [(stack.enter_context(exporting(text)), node) for node, text in pages]
        folder = tmp_path_factory.mktemp("prometheus")
        source = await stack.enter_async_context(prometheus(folder, scrape_configuration(targets)))
        for node, _ in pages:
            await settled_somehow(source, node)
        yield source


def is_missing(facts: dict[str, MeterFacts], node: str) -> bool:
    return reason(power(facts, node)) is Reason.DATA_MISSING


@pytest.mark.asyncio(loop_scope="module")
async def test_a_reading_carries_the_time_at_which_the_sensor_was_read(cluster: PrometheusSource) -> None:
    facts = await meters(cluster, "healthy", "hung")
    fresh, old, now = power(facts, "healthy"), power(facts, "hung"), datetime.now(UTC)

    assert isinstance(fresh, Measurement)
    assert isinstance(old, Measurement)
    assert (fresh.value, old.value) == (4.5, 4.5)
    assert is_fresh(fresh, now, 30.0)
    assert old.time == datetime.fromtimestamp(STOPPED, tz=UTC)
    assert not is_fresh(old, now, 30.0)


@pytest.mark.asyncio(loop_scope="module")
async def test_a_channel_that_is_not_there_is_absent_beside_those_that_are(cluster: PrometheusSource) -> None:
    facts = await meters(cluster, "healthy", "nobody")

    assert isinstance(facts["healthy"].harvest_watts, Measurement)
    assert facts["healthy"].harvest_watts.value == 6.25
    assert reason(facts["healthy"].battery_ratio) is Reason.DATA_MISSING
    assert reason(power(facts, "nobody")) is Reason.DATA_MISSING


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    ("node", "wanted"),
    [
        ("twice", Reason.AMBIGUOUS_METRIC),
        ("nan", Reason.NOT_A_NUMBER),
        ("infinite", Reason.NOT_A_NUMBER),
        ("negative", Reason.NEGATIVE_VALUE),
        ("milliwatts", Reason.ABOVE_NAMEPLATE),
        ("ahead", Reason.CLOCK_SKEW),
    ],
)
async def test_what_cannot_be_believed_is_refused_and_counted(
    cluster: PrometheusSource, node: str, wanted: Reason
) -> None:
    before = cluster.refusals[Metric.POWER, wanted]

    await settled(cluster, node, wanted)

    assert cluster.refusals[Metric.POWER, wanted] == before + 1


@pytest.mark.asyncio(loop_scope="module")
async def test_a_target_that_names_another_node_harms_only_itself(cluster: PrometheusSource) -> None:
    facts = await meters(cluster, "liar", "healthy")

    assert reason(power(facts, "liar")) is Reason.AMBIGUOUS_METRIC
    assert value(power(facts, "healthy")) == 4.5


@pytest.mark.asyncio(loop_scope="module")
@pytest.mark.parametrize(
    "node", ["hung", "twice", "nan", "infinite", "negative", "milliwatts", "ahead", "liar", "nobody"]
)
async def test_no_bad_meter_lets_its_node_sleep(cluster: PrometheusSource, node: str) -> None:
    facts = await until(partial(meters, cluster, "healthy", node), lambda found: not is_missing(found, "healthy"))
    good, bad = (a_node(name, meters=facts[name]) for name in ("healthy", node))
    peers = [a_node(f"peer-{number}", meters=facts["healthy"]) for number in range(4)]
    now = datetime.now(UTC)
    zones = {"CLEAN": a_zone("CLEAN", measured(24.0, at=now))}
    policy = a_policy(staleness=Staleness(sensors_seconds=30.0))
    snapshot = a_snapshot(good, bad, *peers, taken_at=now, intensities=zones, policy=policy)

    verdict = judge(snapshot, ReadingHistory().after(snapshot))
    usable = cleaned(snapshot, verdict)

    assert verdict.hold is None
    assert sleep_obstacles(usable.nodes[0], usable) == ()
    assert sleep_obstacles(usable.nodes[1], usable)
    assert verdict.nodes[node].findings[0].use is Use.HOLD


def limited(folder: Path, targets: list[tuple[int, str]]) -> str:
    """The chart's own scrape configuration, every second, over these ports instead of what Kubernetes knows."""
    manifests = chart.render(folder, values={"prometheus": {"scrapeIntervalSeconds": 1}})
    config = yaml.safe_load(chart.one(manifests, "ConfigMap", "sunward-prometheus")["data"]["prometheus.yml"])
    (job,) = config["scrape_configs"]
    del job["kubernetes_sd_configs"], job["relabel_configs"]
    job["static_configs"] = [{"targets": [f"127.0.0.1:{port}"], "labels": {"node": node}} for port, node in targets]
    return yaml.safe_dump(config)


def with_more(more: str) -> Callable[[], str]:
    """An exporter's page with more on it."""
    return lambda: page()() + more


def series(count: int, label: str, value: str) -> str:
    """As many series of the power metric, told apart by a label."""
    rows = (f'sunward_node_power_watts{{source="ina219",{label}="{value}{number}"}} 4.5' for number in range(count))
    return "\n".join(rows) + "\n"


ABSURD = {
    "many": with_more(series(800, "meter", "m")),
    "long": with_more(series(1, "meter", "x" * 400)),
    "heavy": with_more(series(60, "x", "y" * 9000)),
}
"""Pages of one node that the chart's limits refuse as a whole."""
STRANGE = {
    "chatty": with_more(f'other_metric{{a="b"}} 1\nsunward_other{{x="{"y" * 2000}"}} 1\n'),
    "dated": lambda: page()().replace(" 4.5\n", f" 4.5 {(time.time() + 300.0) * 1000.0:.0f}\n"),
    "liar": page("9.9", extra=',node="healthy"'),
}
"""Pages with what the exporter does not have; only the last one is held against its node."""


async def test_with_the_charts_limits_an_absurd_page_costs_its_own_node_alone(tmp_path: Path) -> None:
    pages = {"healthy": page(), **ABSURD, **STRANGE}
    async with contextlib.AsyncExitStack() as stack:
        targets = [(stack.enter_context(exporting(text)), node) for node, text in pages.items()]
        source = await stack.enter_async_context(prometheus(tmp_path, limited(tmp_path, targets)))
        for node in ("healthy", *STRANGE):
            await settled_somehow(source, node)
        failed = 'count(scrape_samples_scraped{job="sunward-exporter"} >= 0 and on (node) up == 0)'
        await until(partial(asked, source, failed), lambda rows: rows == [(frozenset(), str(len(ABSURD)))])
        facts = await meters(source, *pages)
        names = {dict(labels)["__name__"] for labels, _ in await asked(source, '{job="sunward-exporter"}')}
        labels = {name for labels, _ in await asked(source, '{__name__=~"sunward_.+"}') for name, _ in labels}
    reasons = {node: reason(power(facts, node)) for node in pages}
    assert reasons == {
        "healthy": None,
        **dict.fromkeys(ABSURD, Reason.DATA_MISSING),
        "chatty": None,
        "dated": None,
        "liar": Reason.AMBIGUOUS_METRIC,
    }
    assert "other_metric" not in names
    assert labels == {"__name__", "job", "instance", "node", "source", "exported_node"}


async def asked(source: PrometheusSource, query: str) -> list[tuple[frozenset[tuple[str, str]], str]]:
    """Labels and values that Prometheus has for a query of the test's own."""
    url = f"{source.settings.url}/api/v1/query"
    body = await source.reader.post_form(url, {"query": query}, maximum_bytes=1 << 24)
    return [(frozenset(row["metric"].items()), row["value"][1]) for row in body["data"]["result"]]


async def test_without_any_limits_an_absurd_answer_makes_its_own_node_absent(tmp_path: Path) -> None:
    pages = {"healthy": page(), "other": page(), "flood": with_more(series(300, "x", "y" * 2000))}
    async with contextlib.AsyncExitStack() as stack:
        targets = [(stack.enter_context(exporting(text)), node) for node, text in pages.items()]
        source = await stack.enter_async_context(prometheus(tmp_path, scrape_configuration(targets)))
        await settled(source, "flood", Reason.DATA_UNAVAILABLE)
        for node in ("healthy", "other"):
            await settled_somehow(source, node)
        facts = await meters(source, *pages)
    reasons = {node: reason(power(facts, node)) for node in pages}
    assert reasons == {"healthy": None, "other": None, "flood": Reason.DATA_UNAVAILABLE}


@pytest.mark.asyncio(loop_scope="module")
async def test_a_sound_configuration_has_no_faults_and_a_missing_job_is_one(cluster: PrometheusSource) -> None:
    other = replace(cluster, settings=cluster.settings.model_copy(update={"job": "another"}))

    assert await cluster.configuration_faults() == ()
    assert await other.configuration_faults() == ("no scrape job is named another",)


async def test_a_prometheus_that_honours_the_labels_of_targets_is_found_out(tmp_path: Path) -> None:
    """The liar's labels win here, so that the honest node is contested; the configuration check names the cause."""
    evil = page("9.9", extra=',node="healthy"')

    with exporting(page("4.5")) as honest, exporting(evil) as liar:
        configuration = scrape_configuration([(honest, "healthy"), (liar, "liar")], honor_labels=True)
        async with prometheus(tmp_path, configuration) as source:
            await settled(source, "healthy", Reason.AMBIGUOUS_METRIC)
            faults = await source.configuration_faults()

    assert faults == ("scrape job sunward-exporter has honor_labels: true; set it to false",)


async def test_after_an_exporters_death_its_value_is_gone_within_a_minute(tmp_path: Path) -> None:
    async with contextlib.AsyncExitStack() as stack:
        mortal = contextlib.ExitStack()
        ports = [(mortal.enter_context(exporting(page())), "mortal"), (stack.enter_context(exporting(page())), "other")]
        source = await stack.enter_async_context(prometheus(tmp_path, scrape_configuration(ports)))
        await settled(source, "mortal", None)
        await settled(source, "other", None)

        mortal.close()
        died = datetime.now(UTC)
        await settled(source, "mortal", Reason.DATA_MISSING)
        gone_after = datetime.now(UTC) - died
        found = await settled(source, "other", None)

    assert gone_after < timedelta(seconds=60)
    assert value(found) == 4.5


# Windows over samples that were written with times of their own.

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


def joules(seconds: float) -> float:
    """Energy since noon of a node that swings between 2.7 and 6.4 W every 90 s."""
    turn = 2.0 * math.pi / 90.0
    return 4.55 * seconds + 1.85 / turn * (1.0 - math.cos(turn * seconds))


def counter(
    value: Callable[[float], float],
    first: float,
    last: float,
    *,
    step: float = 5.0,
    node: str = "pi-01",
    pod: str = "a",
    metric: str = "sunward_node_energy_joules",
) -> Iterator[str]:
    """Samples of a counter from `first` to `last` seconds after noon."""
    labels = f'job="sunward-exporter",node="{node}",instance="{pod}",source="ina219"'
    for k in range(round((last - first) / step) + 1):
        seconds = first + k * step
        yield f"{metric}_total{{{labels}}} {value(seconds)!r} {NOON.timestamp() + seconds:.3f}"


async def energy(folder: Path, lines: list[str], start: float, end: float) -> WindowEnergy | Absent:
    """What the source makes of the window [start, end), in seconds after noon."""
    await backfill(folder, ["# TYPE sunward_node_energy_joules counter", *lines])
    async with prometheus(folder, scrape_configuration()) as source:
        source.settings = source.settings.model_copy(update={"scrape_interval_seconds": 5.0})
        window = (NOON + timedelta(seconds=start), NOON + timedelta(seconds=end))
        return (await source.energy(["pi-01"], *window))["pi-01"]


async def test_a_window_is_met_within_a_thousandth_and_its_edges_are_cut(tmp_path: Path) -> None:
    found = await energy(tmp_path, list(counter(joules, 1.3, 900.0)), 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert found.watt_hours * 3600.0 == pytest.approx(joules(360.0) - joules(60.0), rel=1e-3)
    assert (found.gaps, found.resets) == ((), 0)


async def test_a_counter_that_begins_again_loses_at_most_one_step(tmp_path: Path) -> None:
    lines = [*counter(lambda s: 4.0 * s, 0.0, 200.0), *counter(lambda s: 4.0 * (s - 202.0), 205.0, 600.0)]

    found = await energy(tmp_path, lines, 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert found.resets == 1
    assert found.watt_hours * 3600.0 == pytest.approx(4.0 * 300.0 - 4.0 * 2.0)


async def test_a_new_pod_of_the_exporter_goes_on_for_the_same_node(tmp_path: Path) -> None:
    old, new = (counter(lambda s: 4.0 * s, 0.0, 200.0), counter(lambda s: 4.0 * (s - 201.0), 205.0, 600.0, pod="b"))

    found = await energy(tmp_path, [*old, *new], 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert found.watt_hours * 3600.0 == pytest.approx(4.0 * 299.0)


async def test_two_counters_that_live_together_are_both_refused(tmp_path: Path) -> None:
    lines = [*counter(joules, 0.0, 600.0), *counter(joules, 0.0, 600.0, pod="b")]

    assert reason_of(await energy(tmp_path, lines, 60.0, 360.0)) is Reason.AMBIGUOUS_METRIC


async def test_the_time_a_node_was_off_is_a_gap_with_its_own_edges(tmp_path: Path) -> None:
    lines = [*counter(lambda s: 4.0 * s, 0.0, 100.0), *counter(lambda s: 4.0 * (s - 298.0), 300.0, 600.0)]

    found = await energy(tmp_path, lines, 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert [(gap.start_seconds - NOON.timestamp(), gap.seconds) for gap in found.gaps] == [(100.0, 200.0)]
    assert found.watt_hours * 3600.0 == pytest.approx(4.0 * (40.0 + 62.0))


async def test_a_prometheus_that_was_away_for_a_minute_loses_no_energy(tmp_path: Path) -> None:
    lines = [*counter(joules, 0.0, 150.0), *counter(joules, 210.0, 600.0)]

    found = await energy(tmp_path, lines, 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert found.watt_hours * 3600.0 == pytest.approx(joules(360.0) - joules(60.0), rel=1e-3)
    assert found.gaps == ()


async def test_a_window_without_samples_is_absent(tmp_path: Path) -> None:
    found = await energy(tmp_path, list(counter(joules, 0.0, 30.0)), 60.0, 360.0)

    assert reason_of(found) is Reason.DATA_MISSING


async def test_not_a_number_inside_a_counter_is_left_out(tmp_path: Path) -> None:
    lines = list(counter(lambda s: 4.0 * s, 0.0, 600.0))
    lines[30] = lines[30].replace(f" {4.0 * 150.0!r} ", " NaN ")

    found = await energy(tmp_path, lines, 60.0, 360.0)

    assert isinstance(found, WindowEnergy)
    assert found.watt_hours * 3600.0 == pytest.approx(1200.0)


def reason_of(found: WindowEnergy | Absent) -> Reason | None:
    return found.cause.reason if isinstance(found, Absent) else None
