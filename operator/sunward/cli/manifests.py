"""`sunward plan -f FOLDER`: manifests that nobody has applied yet, as a planning problem.

Nothing is known of a cluster here, so every node counts as healthy, handed over and idle, and every figure that a
cluster would measure is given on the command line. What is missing is asked for and never assumed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import yaml

from sunward.cluster.objects import schema
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput
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

SOURCE = "command line"
LONG_AGO = timedelta(days=30)
"""Every node is taken to be up since then, longer than any waiting time of a policy."""
_KINDS = ("EnergyPolicy", "EnergyNode", "TrainingJob")


def problem_of(
    paths: Iterable[Path], intensities: Mapping[str, float], harvests: Mapping[str, float], now: datetime | None = None
) -> Problem:
    """The problem that an operator would solve for these manifests.

    *intensities* are g CO2e per kWh by grid zone, *harvests* watts by EnergyNode; both hold over the whole horizon.
    Raises InvalidInput that names the file, the field or the option.
    """
    moment = now or datetime.now(UTC)
    policy, specs, jobs = _read(paths)
    if not specs:
        raise InvalidInput("-f", "contains no EnergyNode; add at least one")
    _require("--intensity", sorted({spec.grid_zone for spec in specs} - intensities.keys()), "grid zone")
    _require("--harvest", sorted(s.name for s in specs if s.harvest_nameplate_watts and s.name not in harvests), "node")
    snapshot = Snapshot(
        taken_at=moment,
        policy=policy,
        nodes=tuple(_view(spec, harvests, moment) for spec in specs),
        jobs=tuple(JobView(spec=job, progress=None) for job in jobs),
        intensities={zone: _zone(zone, grams, moment) for zone, grams in intensities.items()},
        operator_started_at=moment - LONG_AGO,
        operator_node=None,
        total_nodes=len(specs),
    )
    return compile_problem(snapshot, _forecasts(snapshot, harvests, intensities)).problem


def _read(paths: Iterable[Path]) -> tuple[PolicySpec, list[NodeSpec], list[JobSpec]]:
    """What the manifests declare; the first EnergyPolicy counts, the defaults where there is none."""
    bodies = [body for path in paths for body in _documents(path)]
    by_kind = {kind: [body for body in bodies if body["kind"] == kind] for kind in _KINDS}
    policies = [schema.policy_spec(body) for body in by_kind["EnergyPolicy"]]
    return (
        policies[0] if policies else NO_POLICY,
        [schema.node_spec(body) for body in by_kind["EnergyNode"]],
        [schema.job_spec(body) for body in by_kind["TrainingJob"]],
    )


def figures(pairs: Iterable[str], option: str) -> dict[str, float]:
    """NAME=NUMBER pairs of an option. Raises InvalidInput that shows the form."""
    found: dict[str, float] = {}
    for pair in pairs:
        name, _, text = pair.partition("=")
        try:
            found[name] = float(text)
        except ValueError:
            raise InvalidInput(option, f"{pair!r} is not of the form NAME=NUMBER") from None
        if not name or not 0.0 <= found[name] < float("inf"):
            raise InvalidInput(option, f"{pair!r} needs a name and a number of at least zero")
    return found


class _Manifest(yaml.SafeLoader):
    """YAML as Kubernetes reads it: a time is text, with quotes or without."""


_Manifest.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _documents(path: Path) -> Iterator[dict[str, Any]]:
    files = sorted([*path.glob("*.yaml"), *path.glob("*.yml")]) if path.is_dir() else [path]
    for file in files:
        try:
            found = list(yaml.load_all(file.read_text(encoding="utf-8"), Loader=_Manifest))
        except OSError as error:
            raise InvalidInput(str(file), f"cannot be read: {error.strerror}") from None
        except yaml.YAMLError as error:
            raise InvalidInput(str(file), f"is not valid YAML: {str(error).splitlines()[0]}") from None
        for body in found:
            if isinstance(body, dict) and str(body.get("apiVersion", "")).startswith("sunward.dev/"):
                yield body


def _require(option: str, missing: list[str], what: str) -> None:
    if missing:
        raise InvalidInput(option, f"no value for {what} {missing[0]}: give {option} {missing[0]}=NUMBER")


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
