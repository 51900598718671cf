"""`sunward status`: nodes, jobs and the plan in force, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group

from sunward.cli.clusterio import Kubeconfig, with_api
from sunward.cli.live import redraw
from sunward.cli.output import Output, print_data, table
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

Body = dict[str, Any]
NODE_COLUMNS = ("node", "state", "why", "power W", "harvest W", "zone", "g/kWh", "sleepable")
JOB_COLUMNS = ("job", "round", "accuracy %", "workers", "running", "why")
PLAN_COLUMNS = ("plan", "status", "solver", "none mg", "det mg", "dat mg", "deta mg", "settled mg")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    kubeconfig: Kubeconfig = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw every two seconds until interrupted.")] = False,
) -> None:
    """Show nodes, jobs and the plan in force, with their reasons."""
    if watch and output is not Output.TABLE:
        raise InvalidInput("--watch", "draws tables only: leave out --output, or --watch")
    if watch:
        with_api(kubeconfig, lambda api: redraw(lambda: read(api), page))
    elif output is Output.TABLE:
        Console().print(page(with_api(kubeconfig, read)))
    else:
        print_data(with_api(kubeconfig, read), output)


def page(data: Body) -> Group:
    """The three tables below each other."""
    return Group(
        table("Nodes", NODE_COLUMNS, nodes(data)),
        table("Jobs", JOB_COLUMNS, jobs(data)),
        table("Plans", PLAN_COLUMNS, plans(data)),
    )


async def read(api: KubernetesApi) -> Body:
    """Everything of ours in the cluster."""
    from sunward.cluster.access.api import ours

    found = {kind: await api.list(ours(kind)) for kind in ("energynodes", "trainingjobs", "energyplans")}
    return {kind: sorted(items, key=lambda b: b["metadata"]["name"]) for kind, items in found.items()}


def nodes(data: Body) -> list[tuple[Any, ...]]:
    """Rows of the node table."""
    return [
        (
            body["metadata"]["name"],
            _at(body, "status", "powerState"),
            _at(body, "status", "lastTransition", "reason"),
            _watts(_at(body, "status", "power", "milliwatts")),
            _watts(_at(body, "status", "harvest", "milliwatts")),
            _at(body, "spec", "gridZone"),
            _watts(_at(body, "status", "intensity", "milligramsPerKilowattHour")),
            _condition(body, "Sleepable").get("reason"),
        )
        for body in data["energynodes"]
    ]


def jobs(data: Body) -> list[tuple[Any, ...]]:
    """Rows of the job table."""
    return [
        (
            f"{body['metadata']['namespace']}/{body['metadata']['name']}",
            _rounds(_at(body, "status", "round"), body["spec"]["rounds"]),
            _at(body, "status", "accuracyPercent"),
            _at(body, "status", "workers"),
            _condition(body, "Running").get("status"),
            _condition(body, "Running").get("message"),
        )
        for body in data["trainingjobs"]
    ]


def plans(data: Body, last: int = 5) -> list[tuple[Any, ...]]:
    """Rows of the newest plans."""
    return [
        (
            body["metadata"]["name"],
            _at(body, "status", "solution", "status"),
            _at(body, "status", "solution", "solver"),
            *(_milligrams(_at(body, "status", "emissions", mode)) for mode in ("none", "det", "dat", "deta")),
            _milligrams(_at(body, "status", "settlement", "totals", "locationBasedMicrogramsCO2e")),
        )
        for body in data["energyplans"][-last:]
    ]


def _at(body: Body, *path: str) -> Any:
    value: Any = body
    for key in path:
        value = (value or {}).get(key)
    return value


def _condition(body: Body, kind: str) -> Body:
    found = [c for c in _at(body, "status", "conditions") or () if c["type"] == kind]
    return dict(found[0]) if found else {}


def _rounds(done: int | None, asked: int) -> str:
    return f"{'?' if done is None else done}/{asked}"


def _watts(milli: int | None) -> str | None:
    return None if milli is None else f"{milli / 1000:.2f}"


def _milligrams(micro: int | None) -> str | None:
    return None if micro is None else f"{micro / 1000:.3f}"
