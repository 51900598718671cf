"""`sunward run`: the operator; `wiring` says what it is made of."""

from __future__ import annotations

import asyncio
import os
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sunward.cli.clusterio import check_name


class LogLevel(StrEnum):
    """Value of `--log-level`."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    settings: Annotated[
        Path, typer.Option(envvar="SUNWARD_SETTINGS", help="The operator's settings file (YAML).")
    ] = Path("/etc/sunward/settings.yaml"),
    listen_port: Annotated[int, typer.Option(help="Port of /metrics, /healthz and /readyz.", min=1, max=65535)] = 9810,
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Namespace of the operator's Lease.")
    ] = "sunward-system",
    identity: Annotated[str, typer.Option(envvar="POD_NAME", help="Identity in the Lease.")] = "",
    node_name: Annotated[
        str, typer.Option(envvar="NODE_NAME", help="The operator's own node, which never sleeps.")
    ] = "",
    kubeconfig: Annotated[str, typer.Option(help="Kubeconfig file; default in a pod: its service account.")] = "",
    log_level: Annotated[LogLevel, typer.Option(help="debug, info, warning or error.")] = LogLevel.INFO,
) -> None:
    """Run the operator until SIGTERM: observe, plan, act, settle."""
    from sunward.cli.settings import load_settings
    from sunward.cli.wiring import Options, Process
    from sunward.telemetry import logs

    check_name(namespace, "--namespace")
    logs.configure(log_level)
    options = Options(
        settings=load_settings(settings),
        port=listen_port,
        namespace=namespace,
        identity=identity or f"{os.uname().nodename}-{os.getpid()}",
        node_name=node_name or None,
        kubeconfig=kubeconfig or None,
    )
    asyncio.run(Process(options).run())
