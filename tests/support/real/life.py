"""Lives of the operator's loop in this process, on a real API server and real relays: pass by pass, and over at once.

A life has the ports of `sunward run` but no watches, which only tell the loop to hurry: whoever drives a life says when
it looks. So a restart costs nothing, and a test knows in which pass something happened.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml

from sunward.accounting.ledger import PeriodLedger
from sunward.cli.settings import parse_settings
from sunward.cluster.access.api import connect
from sunward.cluster.access.lease import Lease
from sunward.cluster.access.server_clock import ServerClock
from sunward.cluster.loop import Loop, Ports
from sunward.cluster.reading.observe import Identity
from sunward.cluster.training.authorities import Authorities
from sunward.domain.cause import Cause
from sunward.domain.pins import PinnedNode
from sunward.domain.plans import Plan
from sunward.domain.policy import PolicySpec
from sunward.domain.snapshot import Snapshot
from sunward.domain.steps import Step
from sunward.forecasting.expect import RememberingForecaster
from sunward.power.finder import Drivers
from sunward.sources.build import build_intensities, build_sensors
from sunward.sources.session import open_session
from support.chart import NAMESPACE
from support.loop.ports import Solver
from support.real import objects as real_objects
from support.real.cluster import RealWorld

POD_NAME: Final = "operator"
"""The name in the Lease, the same in every life: its container is restarted."""


@dataclass(slots=True)
class Told:
    """What a life reported: errors that ended a pass, and steps that were taken."""

    failures: list[str] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    def planned(self, plan: Plan, snapshot: Snapshot, seconds: float) -> None: ...
    def stepped(self, step: Step) -> None:
        self.steps.append(step)

    def settled(self, ledger: PeriodLedger, baseline_grams: float | None) -> None: ...
    def observed(self, snapshot: Snapshot) -> None: ...
    def pinned(self, nodes: Sequence[PinnedNode], grams: Mapping[str, float], policy: PolicySpec) -> None: ...
    def failed(self, where: str, error: Exception) -> None:
        self.failures.append(f"{where}: {error}")

    def contained(self, part: str, subject: str, cause: Cause, error: Exception | None) -> None:
        self.failures.append(f"{part} of {subject}: {cause}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Life:
    """One life: `look` makes a pass, as `Loop.run` does: an error ends the pass and not the life."""

    loop: Loop
    told: Told

    async def look(self) -> bool:
        """One pass; whether it came to its end."""
        try:
            await self.loop.reconcile()
        except Exception as error:  # the same shell as Loop.run
            self.told.failed("pass", error)
            return False
        return True


@asynccontextmanager
async def a_life(world: RealWorld, kubeconfig: Path, label: str) -> AsyncIterator[Life]:
    """Begin a life that reaches the API server by a kubeconfig; it ends without a word, like a killed process.

    *label* is what relays and meters know it by.
    """
    address, scrape = world.surroundings.address, world.surroundings.scrape_seconds
    content: dict[str, Any] = real_objects.settings(address, label, world.names, scrape_seconds=scrape)
    settings = parse_settings(yaml.safe_dump(content))
    told, clock = Told(), ServerClock()
    started = clock.monotonic()
    async with AsyncExitStack() as stack:
        session = await stack.enter_async_context(aiohttp.ClientSession(trust_env=False))
        guarded = await stack.enter_async_context(open_session())
        api = await stack.enter_async_context(connect(str(kubeconfig), clock=clock))
        ports = Ports(
            api=api,
            session=session,
            sensors=build_sensors(settings.prometheus, guarded),
            intensities=build_intensities(settings.intensity_sources, guarded),
            forecaster=RememberingForecaster(),
            solver=Solver(),
            drivers=Drivers(session, settings.relays, clock=clock),
            reporter=told,
            lease=Lease(api, NAMESPACE, POD_NAME),
            authorities=Authorities(api, NAMESPACE),
            identity=Identity(started_at=lambda: clock.at(started), node_name=None),
            clock=clock,
        )
        yield Life(loop=Loop(ports), told=told)
