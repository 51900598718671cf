"""The demo's scenario as what a user would write: EnergyNodes, the policy, the job and the chart's values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sunward.domain.units import JOULES_PER_WATT_HOUR
from sunward_lab.settings import Settings
from sunward_lab.spec import WorldNode, WorldSpec
from sunward_lab.world.scenario import Scenario

Body = dict[str, Any]
HUB = "hub"
INTENSITY_PORT = 18080
SOURCE = "lab"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tempo:
    """How fast the demo lives. A real installation uses minutes where the demo uses seconds."""

    planning_period_seconds: int = 20
    horizon_periods: int = 9
    scrape_interval_seconds: int = 2
    rounds: int = 50
    steps_per_round: int = 150
    milliseconds_per_batch: int = 12
    milliwatt_hours_per_thousand_batches: int = 6


def energy_nodes(scenario: Scenario, world: WorldSpec) -> list[Body]:
    """One EnergyNode per machine of the lab that the scenario describes."""
    return [_energy_node(scenario, node) for node in world.nodes if node.name in scenario.nodes]


def _energy_node(scenario: Scenario, node: WorldNode) -> Body:
    described = scenario.nodes[node.name]
    profile = scenario.profiles[described.profile]
    spec: Body = {
        "gridZone": described.zone,
        "site": described.site,
        "role": "AlwaysOn" if node.name == HUB else "Worker",
        "power": {
            "profile": described.profile,
            "idleMilliwatts": _milli(profile.idle_watts),
            "busyMilliwatts": _milli(profile.busy_watts),
            "asleepMilliwatts": _milli(profile.asleep_watts),
            "wakeSeconds": round(profile.boot_seconds),
            "wakeMilliwattHours": _milli(profile.boot_watts * profile.boot_seconds / JOULES_PER_WATT_HOUR),
        },
    }
    if described.harvest is not None:
        spec["harvest"] = {"nameplateMilliwatts": _milli(described.harvest.nameplate_watts)}
    if described.battery is not None:
        spec["battery"] = {
            "capacityMilliwattHours": _milli(described.battery.capacity_watt_hours),
            "maximumChargeMilliwatts": _milli(described.battery.maximum_charge_watts),
            "maximumDischargeMilliwatts": _milli(described.battery.maximum_discharge_watts),
        }
    if node.relay_port is not None:
        spec["sleep"] = {
            "driver": "Shelly",
            "driverRef": {"name": node.relay_name},
            "minimumAwakeSeconds": 20,
            "minimumAsleepSeconds": 20,
            "maximumCyclesPerDay": 24,
        }
    return _resource("EnergyNode", node.name, spec)


def _milli(value: float) -> int:
    return round(value * 1000)


def policy(tempo: Tempo, sites: Sequence[str], workers: int) -> Body:
    """An active policy with one physical pool per site; a third of the workers always stays awake."""
    spec: Body = {
        "mode": "Active",
        "planningPeriodSeconds": tempo.planning_period_seconds,
        "horizonPeriods": tempo.horizon_periods,
        "shareEnergy": True,
        "offloadTasks": True,
        "sleep": True,
        "minimumGainPercent": 3,
        "intensitySource": SOURCE,
        "pools": [{"name": site, "kind": "Physical", "site": site, "efficiencyPercent": 95} for site in sites],
        "stalenessLimits": {"sensorsSeconds": 15, "intensitySeconds": 120},
        "budgets": {
            "nodesInTransition": 1,
            "minimumAwakeNodes": max(1, workers // 3),
            "unhealthyZoneThresholdPercent": Settings().unhealthy_zone_threshold_percent,
            "dwellSeconds": 5,
            "warmUpSeconds": 10,
            "drainTimeoutSeconds": 45,
            "powerOffTimeoutSeconds": 20,
            "bootTimeoutSeconds": 60,
            "wakeIntervalSeconds": 3,
        },
        "namespaces": ["default"],
        "solver": {"timeLimitSeconds": 4},
    }
    return _resource("EnergyPolicy", "default", spec)


def training_job(tempo: Tempo, homes: Sequence[str]) -> Body:
    """The job: one shard per worker, half of each shard's batches may be worked on elsewhere."""
    spec: Body = {
        "runtime": {"flower": {"image": "sunward-trainer:0.1.0", "model": "mnist-mlp"}},
        "rounds": tempo.rounds,
        "stepsPerRound": tempo.steps_per_round,
        "batchSize": 120,
        "shards": [
            {"name": f"shard-{home}", "node": home, "samples": 60_000 // max(1, len(homes)), "sizeMebibytes": 5}
            for home in homes
        ],
        "dataMobility": "Anywhere",
        "maximumOffloadPercent": 50,
        "minimumWorkers": 1,
        "disruption": "AtRoundBoundary",
        "cost": {
            "milliwattHoursPerThousandBatches": tempo.milliwatt_hours_per_thousand_batches,
            "millisecondsPerBatch": tempo.milliseconds_per_batch,
        },
    }
    body = _resource("TrainingJob", "mnist", spec)
    body["metadata"]["namespace"] = "default"
    return body


def chart_values(world: WorldSpec, host: str, tempo: Tempo) -> Body:
    """What the administrator of the lab puts into the chart's values."""
    relays = {
        node.relay_name: {"driver": "Shelly", "url": f"http://{host}:{node.relay_port}", "switchId": 0}
        for node in world.nodes
        if node.relay_port is not None
    }
    return {
        "intensitySources": {
            SOURCE: {
                "provider": "electricity-maps",
                "url": f"http://{host}:{INTENSITY_PORT}/v3",
                "basis": "average-lifecycle",
                "refreshSeconds": 5,
            }
        },
        "relays": relays,
        "exporter": {"sysfs": {"hostPath": f"{world.run_folder}/sys", "perNode": True}},
        "prometheus": {"scrapeIntervalSeconds": tempo.scrape_interval_seconds},
    }


def _resource(kind: str, name: str, spec: Body) -> Body:
    return {"apiVersion": "sunward.dev/v1alpha1", "kind": kind, "metadata": {"name": name}, "spec": spec}
