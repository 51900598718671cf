"""What is different in the pods of an unchanged Flower app: our program comes from an init container. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from sunward.cluster.training.pod_volumes import Mount
from sunward.domain.workloads import FlowerApp

Body = dict[str, Any]
PROGRAM_FOLDER: Final = "/opt/sunward"
PROGRAM: Final = f"{PROGRAM_FOLDER}/sunward-flower"
INJECTED_FOLDER: Final = "/injected"
PROGRAM_VOLUME: Final = "program"
PROGRAM_MEBIBYTES: Final = 64
RESTRICTED: Final[Body] = {
    "allowPrivilegeEscalation": False,
    "readOnlyRootFilesystem": True,
    "capabilities": {"drop": ["ALL"]},
}


def program_mount() -> Mount:
    """The program, as the app's container sees it."""
    source = {"emptyDir": {"sizeLimit": f"{PROGRAM_MEBIBYTES}Mi"}}
    return Mount(name=PROGRAM_VOLUME, path=PROGRAM_FOLDER, source=source, read_only=True)


def injector(image: str) -> Body:
    """The init container that copies the program into the volume."""
    return {
        "name": "inject",
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "command": ["python3", "-m", "sunward_trainer.apps", "inject", INJECTED_FOLDER],
        "resources": {
            "requests": {"cpu": "10m", "memory": "64Mi", "ephemeral-storage": "0"},
            "limits": {"cpu": "1", "memory": "256Mi", "ephemeral-storage": f"{2 * PROGRAM_MEBIBYTES}Mi"},
        },
        "securityContext": dict(RESTRICTED),
        "volumeMounts": [{"name": PROGRAM_VOLUME, "mountPath": INJECTED_FOLDER}],
    }


def app_command(command: Sequence[str]) -> list[str]:
    """The image's Python with our program; `command` is what a job uses in place of python3."""
    return [*(command or ("python3",)), PROGRAM]


def app_arguments(app: FlowerApp) -> list[str]:
    """What both sides are told of the app."""
    changes = [part for key, value in app.run_config for part in ("--run-config", f"{key}={value}")]
    return ["--app", app.path, *changes]


def app_server_arguments(app: FlowerApp) -> list[str]:
    """What the server is told of it besides."""
    metric = app.metric
    told = [] if metric is None else [
        "--metric", metric.name, "--metric-scale", str(metric.scale), "--metric-source", metric.source.value,
    ]  # fmt: skip
    return [*app_arguments(app), "--pieces", str(app.pieces), "--weight-key", app.weight_key, *told]


def app_variables(job: str, node: str, app: FlowerApp) -> list[Body]:
    """What an app may read of its surroundings."""
    named = {
        "SUNWARD_JOB": job,
        "SUNWARD_NODE": node,
        "SUNWARD_APP": app.path,
        "FLWR_TELEMETRY_ENABLED": "0",
        "FLWR_DISABLE_UPDATE_CHECK": "1",
        "HF_HUB_OFFLINE": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    return [{"name": name, "value": value} for name, value in named.items()]
