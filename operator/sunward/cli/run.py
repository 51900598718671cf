"""`sunward run`: the operator. Wires sources, solver, drivers and telemetry into the global loop and serves probes."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from sunward.cli.settings import Settings


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
    from sunward.telemetry import logs

    logs.configure(log_level)
    identity = identity or f"{os.uname().nodename}-{os.getpid()}"
    asyncio.run(_serve(load_settings(settings), listen_port, namespace, identity, node_name, kubeconfig or None))


async def _serve(
    settings: Settings, port: int, namespace: str, identity: str, node_name: str, kubeconfig: str | None
) -> None:
    """Everything that runs, in one task group; the first to fail ends the process, which is then restarted."""
    import aiohttp

    from sunward.cluster.access.api import connect
    from sunward.cluster.access.lease import Lease
    from sunward.cluster.access.login import Login
    from sunward.cluster.access.server_clock import ServerClock
    from sunward.cluster.access.watch_liveness import Sight
    from sunward.cluster.access.watching import keep_watching
    from sunward.cluster.loop import Loop, Ports
    from sunward.cluster.reading.observe import Identity
    from sunward.forecasting.expect import RememberingForecaster
    from sunward.optimisation.process.guarded import GuardedSolver
    from sunward.power.finder import Drivers
    from sunward.sources.build import build_intensities, build_sensors
    from sunward.sources.session import open_session
    from sunward.telemetry.metrics import Metrics
    from sunward.telemetry.reporter import TelemetryReporter
    from sunward.web import serving

    stop = asyncio.Event()
    running = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        running.add_signal_handler(number, stop.set)
    metrics, sight = Metrics(), Sight()
    reporter = TelemetryReporter(metrics)
    clock = ServerClock(differs=reporter.clock_differs)
    started = clock.monotonic()
    solver = GuardedSolver()
    try:
        async with (
            aiohttp.ClientSession(trust_env=False) as session,
            open_session() as guarded,
            connect(kubeconfig, clock=clock) as api,
        ):
            loop = Loop(
                Ports(
                    api=api,
                    session=session,
                    sensors=build_sensors(settings.prometheus, guarded),
                    intensities=build_intensities(settings.intensity_sources, guarded),
                    forecaster=RememberingForecaster(),
                    solver=solver,
                    drivers=Drivers(session, settings.relays, clock=clock),
                    reporter=reporter,
                    lease=Lease(api, namespace, identity, shown=sight.read),
                    sight=sight,
                    identity=Identity(started_at=lambda: clock.at(started), node_name=node_name or None),
                    clock=clock,
                )
            )
            server = await serving.serve(loop, sight, api, namespace, metrics, port)
            watching = asyncio.create_task(
                keep_watching(
                    loop.mark_dirty,
                    sight,
                    Login(kubeconfig=kubeconfig),
                    identity,
                    stop,
                    lambda error: reporter.failed("watch", error),
                )
            )
            looping = asyncio.create_task(loop.run(stop))
            await asyncio.wait({watching, looping}, return_when=asyncio.FIRST_COMPLETED)
            stop.set()
            await asyncio.gather(watching, looping)
            await server.cleanup()
    finally:
        solver.close()
