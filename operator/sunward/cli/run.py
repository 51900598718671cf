"""`sunward run`: the operator; `wiring` says what it is made of."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path
from typing import Annotated

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run")(run)


def run(
    settings: Annotated[
        Path, typer.Option(envvar="SUNWARD_SETTINGS", help="The operator's settings file (YAML).")
    ] = Path("/etc/sunward/settings.yaml"),
    listen_port: Annotated[int, typer.Option(help="Port of /metrics, /healthz and /readyz.")] = 9810,
    namespace: Annotated[
        str, typer.Option(envvar="POD_NAMESPACE", help="Namespace of the operator's Lease.")
    ] = "sunward-system",
    identity: Annotated[str, typer.Option(envvar="POD_NAME", help="Identity in the Lease.")] = "",
    node_name: Annotated[
        str, typer.Option(envvar="NODE_NAME", help="The operator's own node, which never sleeps.")
    ] = "",
    kubeconfig: Annotated[str, typer.Option(help="Kubeconfig file; default in a pod: its service account.")] = "",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Run the operator until SIGTERM: observe, plan, act, settle."""
    from sunward.cli.settings import load_settings
    from sunward.cli.wiring import Options, Process
    from sunward.telemetry import logs

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
