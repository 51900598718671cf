"""The liveness of a real process whose watches fall silent while its requests are still answered."""

from __future__ import annotations

import pytest

from support.faults.kinds import Fault, Kind
from support.faults.proxy import FaultProxy
from support.real.cluster import real_cluster

pytestmark = pytest.mark.cluster

HASTY = """
from sunward.cluster.access import handlers, watch_liveness

async def configure(settings, *, patient=handlers.configure, **_):
    await patient(settings)
    settings.watching.inactivity_timeout = 8.0

watch_liveness.BLIND_LIMIT_SECONDS, handlers.configure = 5.0, configure
from sunward.cli.main import main
main()
"""
"""The operator with a limit of 5 s for 60 s, and 8 s for 70 s until a silent stream is given up."""


def test_a_silent_watch_turns_the_liveness_red_and_a_new_one_green() -> None:
    with real_cluster(nodes=1) as world, FaultProxy(world.plane.api.server, world.plane.api.context) as proxy:
        operator = world.operator("a", server=proxy.url, program=("-c", HASTY))
        operator.start()
        operator.wait_ready()
        world.wait(lambda: "leases" in proxy.records.watches_since(0.0), 20.0, "the Lease is watched")
        assert operator.page("healthz")[0] == 200
        with proxy.broken(Fault(kind=Kind.SILENT)):
            world.wait(lambda: operator.page("healthz")[0] == 500, 25.0, "red")
            assert "have not brought" in operator.page("healthz")[1]
        recovery = world.wait(lambda: operator.page("healthz")[0] == 200, 20.0, "green again")
        assert recovery < 20.0
