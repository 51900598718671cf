"""Recorded states of a cluster, as its API server has them: what the page is tried on."""

from __future__ import annotations

from collections.abc import Sequence
from copy import deepcopy
from typing import Any

from sunward.views.state import Resources

Body = dict[str, Any]
AT = "2026-11-22T12:07:00Z"


def condition(kind: str, status: str, reason: str, message: str = "") -> Body:
    return {
        "type": kind,
        "status": status,
        "reason": reason,
        "message": message,
        "lastTransitionTime": "2026-11-22T11:00:00Z",
    }


def node(
    name: str, state: str = "Awake", *, watts: int | None = 4000, harvest: int | None = None, **status: Any
) -> Body:
    """An EnergyNode; `harvest` in mW gives it a panel."""
    power: Body = {"quality": "Missing", "reason": "DataMissing"}
    if watts is not None:
        power = {"milliwatts": watts, "quality": "Measured"}
    spec: Body = {"gridZone": "DE", "site": "roof"}
    found: Body = {
        "powerState": state,
        "power": power,
        "intensity": {"milligramsPerKilowattHour": 400_000, "zone": "DE", "quality": "Measured"},
        "lastTransition": {
            "time": "2026-11-22T11:47:00Z",
            "from": "WakeRequested",
            "to": state,
            "reason": state,
            "message": "the relay confirms it",
        },
        "conditions": [],
        **status,
    }
    if harvest is not None:
        spec["harvest"] = {"nameplateMilliwatts": 10_000}
        found["harvest"] = {"milliwatts": harvest, "quality": "Measured"}
    return {"kind": "EnergyNode", "metadata": {"name": name}, "spec": spec, "status": found}


def row(name: str, *, sun: int = 0, grid: int | None = 0, sent: int = 0) -> Body:
    """A row of the ledger of five minutes, in µWh."""
    found: Body = {"node": name, "harvestUsedMicrowattHours": sun, "harvestSentMicrowattHours": sent}
    return found if grid is None else {**found, "gridMicrowattHours": grid}


def plan(minute: int, *, settled: bool = False, mode: str = "Active", rows: Sequence[Body] = (), **status: Any) -> Body:
    """The EnergyPlan of the five minutes that begin at 12:*minute*; it looks an hour ahead."""
    start, end = f"2026-11-22T12:{minute:02}:00Z", f"2026-11-22T12:{minute + 5:02}:00Z"
    found: Body = {
        "solution": {"status": "Optimal", "solver": "exact"},
        "emissions": {"none": 3_000_000, "det": 2_500_000, "dat": 2_000_000, "deta": 1_250_000},
        "decisions": [
            {
                "kind": "Sleep",
                "subject": "pi-03",
                "reason": "NoWorkPlanned",
                "message": "no work until 12:35",
                "result": "Planned" if mode == "Active" else "DryRun",
            },
            {
                "kind": "Assign",
                "subject": "default/mnist",
                "reason": "MovedToCleanerNode",
                "message": "shard c from pi-03 to pi-01",
                "result": "Planned" if mode == "Active" else "DryRun",
            },
        ],
        "assignments": [{"job": "default/mnist", "shard": "c", "fromNode": "pi-03", "node": "pi-01", "batches": 40}],
        "sleeps": [{"node": "pi-03", "time": start, "until": "2026-11-22T12:35:00Z"}],
        "prices": {"energy": [{"pool": "roof", "microgramsPerWattHour": 380_000}]},
        **status,
    }
    if settled:
        found["settlement"] = settlement(start, end, rows)
    spec = {"periodStart": start, "periodEnd": end, "mode": mode, "periodSeconds": 300, "horizonPeriods": 12}
    return {"kind": "EnergyPlan", "metadata": {"name": f"plan-20261122-12{minute:02}00"}, "spec": spec, "status": found}


def settlement(start: str, end: str, rows: Sequence[Body]) -> Body:
    names = [found["node"] for found in rows]
    return {
        "from": start,
        "until": end,
        "method": "same-work-at-home",
        "totals": {"locationBasedMicrogramsCO2e": 150_000, "baselineMicrogramsCO2e": 400_000},
        "nodes": list(rows),
        "transfers": [
            {
                "pool": "roof",
                "kind": kind,
                "fromNode": names[0],
                "toNode": names[to],
                "sentMicrowattHours": amount,
                "receivedMicrowattHours": amount,
            }
            for kind, to, amount in (("Physical", 1, 120_000), ("Contractual", -1, 60_000))
        ],
    }


def job(name: str = "mnist", **status: Any) -> Body:
    return {
        "kind": "TrainingJob",
        "metadata": {"name": name, "namespace": "default"},
        "spec": {"rounds": 40, "targetAccuracyPercent": 97, "emissionsBudgetMilligramsCO2e": 5000},
        "status": {
            "round": 12,
            "accuracyPercent": 91,
            "workers": 3,
            "readyWorkers": 3,
            "emissionsMicrogramsCO2e": 820_000,
            "baselineEmissionsMicrogramsCO2e": 1_900_000,
            "avoidedEmissionsMicrogramsCO2e": 1_080_000,
            "stages": [
                {"name": "Preparation", "emissionsMicrogramsCO2e": 20_000},
                {"name": "Development", "emissionsMicrogramsCO2e": 800_000},
            ],
            "conditions": [condition("Running", "True", "Running", "round 13 on pi-01, pi-02, pi-04")],
            **status,
        },
    }


def policy(mode: str = "Active", **status: Any) -> Body:
    return {
        "metadata": {"name": "default"},
        "spec": {"mode": mode},
        "status": {"currentPlan": "plan-20261122-120500", **status},
    }


LEDGER = (
    row("pi-01", sun=340_000, sent=180_000),
    row("pi-02", sun=150_000, grid=60_000),
    row("pi-03", grid=8_000),
    row("pi-04", grid=310_000),
)
PINNED = {"pinnedBy": [{"namespace": "media", "holder": "media/player", "reason": "DoNotDisrupt"}]}


def asleep() -> Resources:
    """A working cluster: one node sleeps, one is kept awake by a pod."""
    nodes = [
        node("pi-01", harvest=9200, conditions=[condition("Sleepable", "False", "HostsCoordinator", "default/mnist")]),
        node("pi-02", harvest=1800),
        node("pi-03", "Asleep", watts=None, nextWakeTime="2026-11-22T12:35:00Z"),
        node("pi-04", watts=3700, pinnedMilligramsCO2ePerHour=1080, **PINNED),
    ]
    plans = [plan(0, settled=True, rows=LEDGER), plan(5)]
    return Resources(policy=policy(), nodes=nodes, jobs=[job()], plans=plans)


def degraded() -> Resources:
    """A relay has failed, and a meter is silent."""
    nodes = [
        node(
            "pi-01",
            conditions=[condition("SensorsFresh", "False", "DataStale", "power: last sample 240 s ago")],
            watts=None,
        ),
        node(
            "pi-02",
            "Degraded",
            conditions=[condition("Degraded", "True", "WakeTimedOut", "4 attempts failed; wake it by hand")],
        ),
    ]
    return Resources(policy=policy(), nodes=nodes, jobs=[], plans=[plan(5)])


def holding() -> Resources:
    """The intensities are away: nothing is decided."""
    hold = {
        "active": True,
        "reason": "DataUnavailable",
        "message": "no intensity of zone DE",
        "since": "2026-11-22T12:01:00Z",
    }
    held = plan(
        5, solution={"status": "Held", "reason": "DataUnavailable", "message": "no intensity of zone DE"}, emissions={}
    )
    return Resources(policy=policy(hold=hold), nodes=[node("pi-01"), node("pi-02")], jobs=[job()], plans=[held])


def no_data() -> Resources:
    """A cluster in which nothing has happened yet."""
    return Resources()


def dry_run() -> Resources:
    """The same plan as in `asleep`, not carried out."""
    return Resources(
        policy=policy("DryRun"), nodes=[node(f"pi-0{n}") for n in range(1, 5)], plans=[plan(5, mode="DryRun")]
    )


def fleet(size: int = 200, jobs: int = 20) -> Resources:
    """Many nodes on eight sites."""
    nodes = [node(f"pi-{n:03}", "Asleep" if n % 3 else "Awake", watts=None if n % 3 else 4000) for n in range(size)]
    for number, body in enumerate(nodes):
        body["spec"]["site"] = f"site-{number % 8}"
    rows = [row(f"pi-{n:03}", sun=200_000, grid=90_000) for n in range(size)]
    sleeps = [{"node": f"pi-{n:03}", "time": "2026-11-22T12:05:00Z"} for n in range(size) if n % 3]
    plans = [plan(0, settled=True, rows=rows), plan(5, sleeps=sleeps)]
    return Resources(policy=policy(), nodes=nodes, jobs=[job(f"job-{n:02}") for n in range(jobs)], plans=plans)


def failing() -> Resources:
    """Lists were refused, and a job's updates are refused."""
    said = condition("UpdatesRefused", "True", "UpdateRefused", "worker on pi-02: norm 40 times the median")
    failures = ("energyplans: your account has no right to list them",)
    return Resources(policy=policy(), nodes=[node("pi-01")], jobs=[job(conditions=[said])], failures=failures)


STATES = {
    "asleep": asleep,
    "degraded": degraded,
    "holding": holding,
    "no-data": no_data,
    "dry-run": dry_run,
    "fleet": fleet,
    "failing": failing,
}


class Recorded:
    """A source that always has the same state; `state` may be exchanged."""

    def __init__(self, state: Resources) -> None:
        self.state = state

    async def read(self) -> Resources:
        return deepcopy(self.state)
