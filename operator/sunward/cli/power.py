"""`sunward wake` and `sunward sleep`: a person's word about one node, or all of them.

With an operator running, the word goes into `spec.override` and the operator obeys within its safety rules. `wake
--direct` works without any operator: it switches the relays itself and takes back every cordon of ours, and exits with
1 when any of it failed.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sunward.cli.clusterio import Kubeconfig, call_api, check_name, with_api
from sunward.cli.numbers import not_nan
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.cli.settings import Settings
    from sunward.cluster.access.api import KubernetesApi
    from sunward.cluster.acting.recovery import Recovered

LONGEST_OVERRIDE_MINUTES = 525_600
"""A year; what is to hold for longer belongs into the EnergyNode."""
Minutes = Annotated[
    int, typer.Option(help="Duration of the override, in minutes.", min=1, max=LONGEST_OVERRIDE_MINUTES)
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("wake")(wake)
    app.command("sleep")(sleep)


def wake(
    node: Annotated[str, typer.Argument(help="EnergyNode to wake.")] = "",
    all_nodes: Annotated[bool, typer.Option("--all", help="Wake every node.")] = False,
    minutes: Minutes = 60,
    direct: Annotated[
        bool, typer.Option(help="Switch relays and uncordon nodes directly, without the operator.")
    ] = False,
    settings: Annotated[
        Path, typer.Option(envvar="SUNWARD_SETTINGS", help="Settings file with the relays (with --direct).")
    ] = Path("/etc/sunward/settings.yaml"),
    pause: Annotated[
        float,
        typer.Option(
            help="Delay between relay commands, in seconds (with --direct).", min=0.0, max=3600.0, callback=not_nan
        ),
    ] = 0.0,
    reason: Annotated[str, typer.Option(help="Reason shown in the node's status.")] = "woken manually",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Wake one node or all nodes, and keep them awake for a limited time."""
    if bool(node) == all_nodes:
        raise InvalidInput("NODE", "name one node, or give --all")
    if node:
        check_name(node, "NODE")

    if direct:
        from sunward.cli.settings import load_settings

        recovered = asyncio.run(_recover(kubeconfig, node, load_settings(settings), pause))
        for one in recovered:
            typer.echo(str(one))
        raise typer.Exit(1 if any(one.failed for one in recovered) else 0)

    async def work(api: KubernetesApi) -> list[str]:
        names = await _names(api, node)
        for name in names:
            await _override(api, name, "Awake", minutes, reason)
        return [f"{name}: held awake for {minutes} min" for name in names]

    for line in with_api(kubeconfig, work):
        typer.echo(line)


def sleep(
    node: Annotated[str, typer.Argument(help="EnergyNode to put to sleep.")],
    minutes: Minutes = 60,
    reason: Annotated[str, typer.Option(help="Reason shown in the node's status.")] = "put to sleep manually",
    kubeconfig: Kubeconfig = "",
) -> None:
    """Ask the operator to put a node to sleep. All safety guards still apply."""
    check_name(node, "NODE")

    async def work(api: KubernetesApi) -> None:
        await _override(api, node, "Asleep", minutes, reason)

    with_api(kubeconfig, work)
    typer.echo(f"{node}: sleep requested for {minutes} min; `sunward explain {node}` lists any blockers")


async def _names(api: KubernetesApi, node: str) -> list[str]:
    from sunward.cluster.access.api import ours

    return [node] if node else [body["metadata"]["name"] for body in await api.list(ours("energynodes"))]


async def _override(api: KubernetesApi, name: str, power: str, minutes: int, reason: str) -> None:
    from sunward.cluster.access.api import ours
    from sunward.cluster.access.times import format_time

    await api.get(ours("energynodes", name))  # the answer tells the time by which the operator will judge
    until = format_time(api.clock() + timedelta(minutes=minutes))
    await api.patch(
        ours("energynodes", name), {"spec": {"override": {"power": power, "until": until, "reason": reason}}}
    )


async def _recover(kubeconfig: str, node: str, given: Settings, pause_seconds: float) -> list[Recovered]:
    """Through the relays of the settings, without the operator; all of them even without a kubeconfig."""
    from sunward.cluster.access.login import NoLogin
    from sunward.cluster.access.no_server import NoServer
    from sunward.cluster.acting.recovery import wake_all, wake_one
    from sunward.power.finder import Drivers
    from sunward.sources.session import open_session

    relays = given.relays
    async with open_session(shared=given.shared_address_space) as session:
        drivers = Drivers(session, relays)
        if node:
            return await call_api(kubeconfig, lambda api: wake_one(api, drivers, node))
        try:
            return await call_api(kubeconfig, lambda api: wake_all(api, drivers, relays, pause_seconds=pause_seconds))
        except NoLogin as error:
            return await wake_all(NoServer(str(error)), drivers, relays, pause_seconds=pause_seconds)
