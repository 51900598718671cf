"""The operator's process: sources, solver, drivers and telemetry wired into the global loop, with its probes.

Apart from the command, because it imports nearly everything: the command's help must not wait for that.
"""

from __future__ import annotations

import asyncio
import signal
from dataclasses import dataclass

import aiohttp

from sunward.accounting.signed.keys import SigningKey, signing_key
from sunward.cli.connections import open_local_session
from sunward.cli.settings import Settings
from sunward.cluster.access.api import KubernetesApi, connect
from sunward.cluster.access.lease import Lease
from sunward.cluster.access.login import Login
from sunward.cluster.access.server_clock import ServerClock
from sunward.cluster.access.watch_liveness import WatchLiveness
from sunward.cluster.access.watching import keep_watching
from sunward.cluster.loop import Loop, Ports
from sunward.cluster.reading.observe import Identity
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.data_volumes import data_volumes
from sunward.cluster.training.pod_volumes import Surroundings
from sunward.domain.errors import SunwardError
from sunward.forecasting.expect import RememberingForecaster
from sunward.optimisation.process.guarded import GuardedSolver
from sunward.power.finder import Drivers
from sunward.settings.documents import read_text
from sunward.sources.build import build_forecasted, build_intensities, build_sensors
from sunward.sources.session import open_session
from sunward.telemetry.metrics import Metrics
from sunward.telemetry.reporter import TelemetryReporter
from sunward.web import serving

RELAY_CONNECTIONS = 100
"""Relays that are asked at once: all of them are, in every pass."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What the command line says; `identity` is the holder in the Lease, `node_name` the operator's own node."""

    settings: Settings
    port: int
    namespace: str
    identity: str
    node_name: str | None
    kubeconfig: str | None


class Process:
    """One operator, from its start to its end."""

    def __init__(self, options: Options) -> None:
        self._options = options
        self._metrics, self._watches = Metrics(), WatchLiveness()
        self._reporter = TelemetryReporter(self._metrics)
        self._clock = ServerClock(differs=self._reporter.clock_differs)
        self._started = self._clock.monotonic()
        self._stop = asyncio.Event()

    async def run(self) -> None:
        """Everything that runs, until SIGTERM or SIGINT; the first to fail ends the process, to be started again."""
        for number in (signal.SIGTERM, signal.SIGINT):
            asyncio.get_running_loop().add_signal_handler(number, self._stop.set)
        solver = GuardedSolver()
        try:
            async with (
                open_local_session() as session,
                open_session(shared=self._options.settings.shared_address_space) as guarded,
                open_session(
                    shared=self._options.settings.shared_address_space, connections=RELAY_CONNECTIONS
                ) as relays,
                connect(self._options.kubeconfig, clock=self._clock) as api,
            ):
                await self._serve(Loop(self._ports(api, session, guarded, relays, solver)), api)
        finally:
            solver.close()

    def _ports(
        self,
        api: KubernetesApi,
        session: aiohttp.ClientSession,
        guarded: aiohttp.ClientSession,
        relays: aiohttp.ClientSession,
        solver: GuardedSolver,
    ) -> Ports:
        """What the loop reaches the world through; `guarded` and `relays` are for addresses that settings name."""
        options, clock = self._options, self._clock
        return Ports(
            api=api,
            session=session,
            sensors=build_forecasted(
                build_sensors(options.settings.prometheus, guarded, options.settings.sensors),
                options.settings.harvest_forecast,
                guarded,
            ),
            intensities=build_intensities(options.settings.intensity_sources, guarded),
            forecaster=RememberingForecaster(),
            solver=solver,
            drivers=Drivers(relays, options.settings.relays, clock=clock),
            reporter=self._reporter,
            lease=Lease(
                api, options.namespace, options.identity, shown=lambda body: self._watches.read_all("leases", [body])
            ),
            authorities=Authorities(api, options.namespace),
            surroundings=Surroundings(
                trainer_image=options.settings.trainer_image, data_volumes=data_volumes(options.settings.data_volumes)
            ),
            watches=self._watches,
            signer=_signer(options.settings),
            identity=Identity(started_at=lambda: clock.at(self._started), node_name=options.node_name),
            clock=clock,
        )

    async def _serve(self, loop: Loop, api: KubernetesApi) -> None:
        """The loop, its watches and its probes, until the first of the two tasks ends; then both are ended."""
        options = self._options
        try:
            server = await serving.serve(loop, self._watches, api, options.namespace, self._metrics, options.port)
        except OSError as error:
            raise SunwardError(f"cannot listen on port {options.port}: {error.strerror or error}") from error
        watching = asyncio.create_task(
            keep_watching(
                loop.mark_dirty,
                self._watches,
                Login(kubeconfig=options.kubeconfig),
                options.identity,
                self._stop,
                lambda error: self._reporter.failed("watch", error),
            )
        )
        looping = asyncio.create_task(loop.run(self._stop))
        await asyncio.wait({watching, looping}, return_when=asyncio.FIRST_COMPLETED)
        self._stop.set()
        await asyncio.gather(watching, looping)
        await server.cleanup()


def _signer(settings: Settings) -> SigningKey | None:
    """The key of the ledger. Raises InvalidInput for a file that holds none: unsigned periods would not be noticed."""
    if settings.ledger is None:
        return None
    path = settings.ledger.signing_key_file
    return signing_key(read_text(path), str(path))
