"""`sunward plan -f FOLDER`: manifests that are not applied yet, as a planning problem.

Nothing is known of a cluster here, so every node counts as healthy, handed over and idle, and every figure that a
cluster would measure is given on the command line. What is missing is asked for and never assumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

from sunward.cli.clusterio import NAME
from sunward.cluster.objects import schema
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput
from sunward.domain.eviction import known_settings
from sunward.domain.intensity import DEFAULT_BASIS
from sunward.domain.jobs import JobSpec, JobView
from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.nodes import MeterFacts, NodeFacts, NodeRecord, NodeSpec, NodeView, Role
from sunward.domain.policy import NO_POLICY, PolicySpec
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import Forecasts, Snapshot, ZoneIntensity
from sunward.domain.units import SECONDS_PER_HOUR
from sunward.optimisation.problem.instance import Problem
from sunward.planning.compile import compile_problem
from sunward.planning.jobs.facts import outside
from sunward.settings.documents import ManifestLoader, one_line, parse_yaml, read_text

SOURCE = "command line"
Spec = TypeVar("Spec")
LONGEST_PAIR = 80
"""Characters of an option that an error repeats."""
LARGEST_FIGURE = 1e9
"""Grams per kilowatt-hour, or watts: no grid and no roof gives more."""
LONG_AGO = timedelta(days=30)
"""Every node is taken to be up since then, longer than any waiting time of a policy."""


def problem_of(
    paths: Iterable[Path], intensities: Mapping[str, float], harvests: Mapping[str, float], now: datetime | None = None
) -> Problem:
    """The problem that an operator would solve for these manifests.

    *intensities* are g CO2e per kWh by grid zone, *harvests* watts by EnergyNode; both hold over the whole horizon.
    Raises InvalidInput that names the file, the field or the option.
    """
    moment = now or datetime.now(UTC)
    found = [document for path in paths for document in _documents(path)]
    specs = _specs(found, "EnergyNode", schema.node_spec)
    if not specs:
        raise InvalidInput("-f", "contains no EnergyNode; add at least one")
    _known("--intensity", intensities, {spec.grid_zone for spec in specs}, "grid zone")
    _known("--harvest", harvests, {spec.name for spec in specs}, "EnergyNode")
    _require("--intensity", sorted({spec.grid_zone for spec in specs} - intensities.keys()), "grid zone")
    _require("--harvest", sorted(s.name for s in specs if s.harvest_nameplate_watts and s.name not in harvests), "node")
    jobs = _specs(found, "TrainingJob", schema.job_spec)
    policy = _policy(_specs(found, "EnergyPolicy", schema.policy_spec), jobs)
    snapshot = Snapshot(
        taken_at=moment,
        policy=policy,
        nodes=tuple(_view(spec, harvests, moment) for spec in specs),
        jobs=tuple(JobView(spec=job, progress=None) for job in jobs),
        intensities={zone: _zone(zone, grams, moment) for zone, grams in intensities.items()},
        operator_started_at=moment - LONG_AGO,
        operator_node=None,
        total_nodes=len(specs),
        controllers=known_settings((), policy.budgets.unhealthy_zone_threshold_ratio),
    )
    return compile_problem(snapshot, _forecasts(snapshot, harvests, intensities)).problem


def _policy(policies: Sequence[PolicySpec], jobs: Sequence[JobSpec]) -> PolicySpec:
    """The first policy; without one, its defaults with the namespaces of the jobs.

    Raises InvalidInput for a job outside the namespaces of a given policy: the operator would create nothing for it.
    """
    if not policies:
        return replace(NO_POLICY, namespaces=tuple(sorted({job.namespace for job in jobs})))
    for job in jobs:
        if (why := outside(job.namespace, policies[0].namespaces)) is not None:
            raise InvalidInput(f"-f: TrainingJob {job.key}", why.message)
    return policies[0]


def _specs(
    found: Iterable[tuple[str, dict[str, Any]]], kind: str, read: Callable[[dict[str, Any]], Spec]
) -> list[Spec]:
    """The specs of one kind. Raises InvalidInput that names the file before the field, and for a name that is twice."""
    specs: dict[tuple[str, str], Spec] = {}
    for file, body in found:
        if body["kind"] != kind:
            continue
        key = (body["metadata"].get("namespace", "default"), body["metadata"]["name"])
        if key in specs:
            raise InvalidInput(f"{file}: {kind} {key[1]}", "is there twice; keep one")
        try:
            specs[key] = read(body)
        except InvalidInput as error:
            raise InvalidInput(f"{file}: {error.where}", error.why) from None
    return list(specs.values())


def figures(pairs: Iterable[str], option: str) -> dict[str, float]:
    """NAME=NUMBER pairs of an option. Raises InvalidInput that shows the form."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        shown = repr(one_line(pair, LONGEST_PAIR))
        if name in found:
            raise InvalidInput(option, f"{shown}: {name} is given twice")
        try:
            found[name] = float(text)
        except ValueError:
            raise InvalidInput(option, f"{shown} is not of the form NAME=NUMBER") from None
        if not name or not 0.0 <= found[name] <= LARGEST_FIGURE:
            raise InvalidInput(option, f"{shown} needs a name and a number from 0 to {LARGEST_FIGURE:g}")
    return found


def _documents(path: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every object of ours below a path, with the file that holds it; lists of objects count as their items."""
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for file in files:
        for number, body in enumerate(_flat(parse_yaml(read_text(file), str(file), ManifestLoader)), start=1):
            if isinstance(body, dict) and str(body.get("apiVersion", "")).startswith("sunward.dev/"):
                _check_head(body, f"{file}: object {number}")
                yield str(file), body


def _flat(documents: Iterable[Any]) -> Iterator[Any]:
    for body in documents:
        items = body.get("items") if isinstance(body, dict) and body.get("kind") == "List" else None
        yield from items if isinstance(items, list) else (body,)


def _check_head(body: Mapping[str, Any], where: str) -> None:
    """Kind and names, which say what an object is before its definition says more. Raises InvalidInput."""
    if not isinstance(body.get("kind"), str):
        raise InvalidInput(f"{where}: kind", "must be text")
    metadata = body.get("metadata")
    if not isinstance(metadata, dict):
        raise InvalidInput(f"{where}: metadata", "must be a map with a name")
    for field, value in (("name", metadata.get("name")), ("namespace", metadata.get("namespace", "default"))):
        if not isinstance(value, str) or not NAME.fullmatch(value):
            raise InvalidInput(
                f"{where}: metadata.{field}", "must be a name of Kubernetes: small letters, digits, '-' and '.'"
            )


def _require(option: str, missing: list[str], what: str) -> None:
    if missing:
        raise InvalidInput(option, f"no value for {what} {missing[0]}: give {option} {missing[0]}=NUMBER")


def _known(option: str, given: Iterable[str], known: set[str], what: str) -> None:
    """Raises InvalidInput for a name that the manifests do not have: it would silently count for nothing."""
    for name in given:
        if name not in known:
            names = one_line(", ".join(sorted(known)))
            raise InvalidInput(
                option, f"the manifests have no {what} {one_line(name, LONGEST_PAIR)}; they have {names}"
            )


def _view(spec: NodeSpec, harvests: Mapping[str, float], now: datetime) -> NodeView:
    unknown = Absent(cause=Cause(Reason.DATA_MISSING), source=SOURCE)
    harvest: Reading = _measured(harvests[spec.name], now) if spec.name in harvests else unknown
    facts = NodeFacts(
        name=spec.node_name,
        uid=spec.name,
        ready=True,
        ready_since=now - LONG_AGO,
        unschedulable=False,
        is_control_plane=spec.role is Role.ALWAYS_ON,
        is_managed=True,
        do_not_sleep=False,
        has_our_taint=False,
        has_our_cordon_mark=False,
    )
    meters = MeterFacts(power_watts=_measured(spec.power.idle_watts, now), harvest_watts=harvest, battery_ratio=unknown)
    return NodeView(spec=spec, record=NodeRecord(awake_since=now - LONG_AGO), facts=facts, meters=meters)


def _measured(value: float, now: datetime) -> Measurement:
    return Measurement(value=value, time=now, quality=Quality.MEASURED, source=SOURCE)


def _zone(zone: str, grams: float, now: datetime) -> ZoneIntensity:
    return ZoneIntensity(
        zone=zone,
        now_grams_per_kilowatt_hour=_measured(grams, now),
        forecast_grams_per_kilowatt_hour=None,
        basis=DEFAULT_BASIS,
    )


def _forecasts(snapshot: Snapshot, harvests: Mapping[str, float], intensities: Mapping[str, float]) -> Forecasts:
    period = timedelta(seconds=snapshot.policy.planning_period_seconds)
    hours, count = period.total_seconds() / SECONDS_PER_HOUR, snapshot.policy.horizon_periods
    return Forecasts(
        start=snapshot.taken_at,
        period=period,
        harvest_watt_hours={n.name: (harvests.get(n.name, 0.0) * hours,) * count for n in snapshot.nodes},
        intensity_grams_per_kilowatt_hour={zone: (grams,) * count for zone, grams in intensities.items()},
    )
