"""`sunward calibrate NODE`: measure a node idle, with all cores busy, and how long it boots; write `status.learned`."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import timedelta
from shlex import quote
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.clusterio import Kubeconfig, check_name, with_api
from sunward.domain.errors import InvalidInput, SunwardError

if TYPE_CHECKING:
    from sunward.cli.setup.exporters import Exporter
    from sunward.cli.setup.measuring import Pause
    from sunward.cluster.access.api import KubernetesApi
    from sunward.domain.nodes import Learned

Say = Callable[[str], None]
BOOT_MINUTES = 30
"""How long a sleep and the wake after it may take; the override that asks for them ends by then in any case."""
LOOK_SECONDS = 5.0


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("calibrate")(calibrate)


def calibrate(
    node: Annotated[str, typer.Argument(help="EnergyNode to measure. It must be awake and idle.")],
    minutes: Annotated[float, typer.Option(help="Length of each measurement, in minutes.", min=0.5, max=60.0)] = 2.0,
    boot: Annotated[
        bool, typer.Option("--boot", help="Also put it to sleep and wake it, to measure its boot.")
    ] = False,
    kubeconfig: Kubeconfig = "",
) -> None:
    """Measure a node idle and busy (and its boot), and write the figures to status.learned."""
    check_name(node, "NODE")
    with_api(kubeconfig, lambda api: run(api, node, minutes * 60.0, boot=boot, say=typer.echo))


async def run(
    api: KubernetesApi, name: str, seconds: float, *, boot: bool, say: Say, pause: Pause = asyncio.sleep
) -> None:
    """Measure, store and report. Raises InvalidInput where the node cannot be measured, SunwardError where it fails."""
    from sunward.cli.setup.measuring import WINDOW_SECONDS
    from sunward.cluster.access.api import ours
    from sunward.cluster.objects.learned import draw_patch

    kubernetes_node, exporter = await _measurable(api, name)
    windows = max(3, round(seconds / WINDOW_SECONDS))
    found = await _draws(api, kubernetes_node, exporter, windows, say, pause)
    found = replace(found, observed_at=api.clock())
    await api.patch(ours("energynodes", name, sub="status"), {"status": {"learned": draw_patch(found)}})
    say(_advice(name, found))
    if boot:
        say(await boot_time(api, name, pause))


async def _measurable(api: KubernetesApi, name: str) -> tuple[str, Exporter]:
    """The Kubernetes node of an EnergyNode that is awake and idle, and its exporter."""
    from datetime import UTC, datetime

    from sunward.cli.setup.exporters import exporters
    from sunward.cluster.reading.read import read_cluster
    from sunward.domain.nodes import PowerState
    from sunward.planning.guards.drain import classify

    state = await read_cluster(api, datetime.now(UTC))
    spec = next((one for one in state.specs if one.name == name), None)
    if spec is None:
        known = ", ".join(one.name for one in state.specs) or "none"
        raise InvalidInput(name, f"is no EnergyNode; known: {known}")
    facts = state.facts.get(spec.node_name)
    if facts is None or not facts.ready or state.records[name].power_state is not PowerState.AWAKE:
        raise InvalidInput(name, f"is not awake and Ready: sunward wake {name}")
    drain = classify(state.pods_by_node.get(spec.node_name, ()))
    busy = [
        f"{pod.namespace}/{pod.name}" for pod in (*drain.evictable, *drain.leaving, *(v.pod for v in drain.blocking))
    ]
    if busy:
        raise InvalidInput(name, f"is not idle, these pods run there: {', '.join(busy[:8])}; move them first")
    found = (await exporters(api)).get(spec.node_name)
    if found is None:
        raise InvalidInput(name, "has no running exporter, so that its energy cannot be read")
    return spec.node_name, found


async def _draws(api: KubernetesApi, node: str, exporter: Exporter, windows: int, say: Say, pause: Pause) -> Learned:
    from sunward.cli.setup.measuring import SETTLE_SECONDS, WINDOW_SECONDS, loaded, measured
    from sunward.domain.nodes import Learned

    seconds = windows * WINDOW_SECONDS
    say(f"{node}: idle for {seconds:.0f} s")
    idle = await measured(api, exporter, windows, pause)
    say(f"{node}: all cores busy for {SETTLE_SECONDS + seconds:.0f} s")
    async with loaded(api, exporter, node, SETTLE_SECONDS + seconds, pause):
        await pause(SETTLE_SECONDS)
        busy = await measured(api, exporter, windows, pause)
    if busy.mean <= idle.mean:
        text = f"{busy.mean:.2f} W with all cores busy is not above {idle.mean:.2f} W idle"
        raise SunwardError(f"{node}: {text}; check that the meter measures this node. Nothing was written")
    return Learned(idle_watts=idle, busy_watts=busy)


def _advice(name: str, found: Learned) -> str:
    """The figures, and the command that makes plans use them."""
    assert found.idle_watts is not None  # both are measured before they are told
    assert found.busy_watts is not None
    idle, busy = found.idle_watts, found.busy_watts
    power = {"idleMilliwatts": round(idle.mean * 1000), "busyMilliwatts": round(busy.mean * 1000)}
    patch = quote(json.dumps({"spec": {"power": power}}))
    return (
        f"{name}: idle {idle.mean:.2f} W (spread {idle.spread:.2f}), busy {busy.mean:.2f} W (spread {busy.spread:.2f});"
        f" written to status.learned\nto plan with them: kubectl patch energynode {name} --type=merge -p {patch}"
    )


async def boot_time(api: KubernetesApi, name: str, pause: Pause) -> str:
    """Sleep and wake by the operator, with all its guards; the operator itself measures the wake."""
    before = _wakes(await _body(api, name))
    try:
        await _override(api, name, "Asleep")
        await _until(api, name, "Asleep", pause)
        await _override(api, name, "Awake")
        body = await _until(api, name, "Awake", pause)
    finally:
        await _override(api, name, None)
    if _wakes(body) <= before:
        return f"{name}: awake again, but the wake was not measured: see status.lastTransition"
    seconds = (body["status"]["learned"].get("wakeMilliseconds") or 0) / 1000
    return f"{name}: {seconds:.0f} s from the power command to Ready, mean of {_wakes(body)} wakes; in status.learned"


async def _body(api: KubernetesApi, name: str) -> dict[str, Any]:
    from sunward.cluster.access.api import ours

    return await api.get(ours("energynodes", name))


def _wakes(body: Mapping[str, Any]) -> int:
    learned = (body.get("status") or {}).get("learned") or {}
    return int((learned.get("observations") or {}).get("wake") or 0)


async def _override(api: KubernetesApi, name: str, power: str | None) -> None:
    from sunward.cluster.access.api import ours
    from sunward.cluster.access.times import format_time

    until = format_time(api.clock() + timedelta(minutes=BOOT_MINUTES))
    wanted = None if power is None else {"power": power, "until": until, "reason": "calibration of the boot"}
    await api.patch(ours("energynodes", name), {"spec": {"override": wanted}})


async def _until(api: KubernetesApi, name: str, state: str, pause: Pause) -> dict[str, Any]:
    """Wait for a power state. Raises SunwardError with what stands in its way when it does not come."""
    waited = 0.0
    while True:
        body = await _body(api, name)
        if (body.get("status") or {}).get("powerState") == state:
            return body
        if waited >= BOOT_MINUTES * 30.0:
            raise SunwardError(f"{name} is not {state} after {waited / 60:.0f} min: sunward explain {name}")
        await pause(LOOK_SECONDS)
        waited += LOOK_SECONDS
