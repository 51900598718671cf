"""`sunward top`: which nodes emit most at this moment."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, RenderableType

from sunward.cli.clusterio import Kubeconfig, with_api
from sunward.cli.live import redraw
from sunward.cli.output import Output, print_data, table
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

Body = dict[str, Any]
COLUMNS = ("node", "state", "power W", "harvest W", "grid W", "g/kWh", "mg/h", "kept awake by")
MICRO = 1_000_000


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("top")(top)


def top(
    kubeconfig: Kubeconfig = "",
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Redraw every two seconds until interrupted.")] = False,
) -> None:
    """Show what each node emits per hour at this moment, those that emit most first.

    Grid power is what a node draws beyond its own harvest, and not less than zero; energy from batteries and from other
    nodes is settled later. A figure that is not known is a question mark, and so is every sum that it belongs to.
    """
    if watch and output is not Output.TABLE:
        raise InvalidInput("--watch", "draws a table only: leave out --output, or --watch")
    if watch:
        with_api(kubeconfig, lambda api: redraw(lambda: read(api), page))
    elif output is Output.TABLE:
        Console().print(page(with_api(kubeconfig, read)))
    else:
        print_data(with_api(kubeconfig, read), output)


async def read(api: KubernetesApi) -> Body:
    """Every node with its figures of this moment."""
    from sunward.cluster.access.api import ours

    return {"nodes": ranked([figures(body) for body in await api.list(ours("energynodes"))])}


def figures(body: Body) -> Body:
    """What a node draws and emits; None for what is not known. A node without a panel harvests nothing."""
    status = body.get("status") or {}
    power, harvest = _milliwatts(status, "power"), _milliwatts(status, "harvest")
    if harvest is None and not (body.get("spec") or {}).get("harvest"):
        harvest = 0
    intensity = (status.get("intensity") or {}).get("milligramsPerKilowattHour")
    grid = None if power is None or harvest is None else max(0, power - harvest)
    return {
        "node": body["metadata"]["name"],
        "state": status.get("powerState"),
        "powerMilliwatts": power,
        "harvestMilliwatts": harvest,
        "gridMilliwatts": grid,
        "milligramsPerKilowattHour": intensity,
        "milligramsPerHour": None if grid is None or intensity is None else round(grid * intensity / MICRO),
        "pinnedBy": [pin["holder"] for pin in status.get("pinnedBy") or ()],
    }


def ranked(nodes: list[Body]) -> list[Body]:
    """Those that emit most first, those of which it is not known before them: nobody may overlook them."""
    return sorted(nodes, key=lambda one: (-(one["milligramsPerHour"] or 0) if _is_known(one) else -1e18, one["node"]))


def page(data: Body) -> RenderableType:
    """The table, with the sums below."""
    nodes = data["nodes"]
    rows = [
        (
            one["node"],
            one["state"] or "?",
            *(_thousandth(one[key]) for key in ("powerMilliwatts", "harvestMilliwatts", "gridMilliwatts")),
            _thousandth(one["milligramsPerKilowattHour"]),
            _or_unknown(one["milligramsPerHour"]),
            ", ".join(one["pinnedBy"]),
        )
        for one in nodes
    ]
    sums = [_sum(nodes, key) for key in ("powerMilliwatts", "harvestMilliwatts", "gridMilliwatts")]
    last = ("all", "", *map(_thousandth, sums), "", _or_unknown(_sum(nodes, "milligramsPerHour")), "")
    return table("Emissions now", COLUMNS, [*rows, last] if rows else [])


def _milliwatts(status: Body, name: str) -> int | None:
    found = (status.get(name) or {}).get("milliwatts")
    return found if isinstance(found, int) else None


def _is_known(one: Body) -> bool:
    return one["milligramsPerHour"] is not None


def _sum(nodes: list[Body], key: str) -> int | None:
    """None as soon as one figure is not known."""
    values = [one[key] for one in nodes]
    return None if None in values else sum(values)


def _or_unknown(value: int | None) -> str:
    return "?" if value is None else str(value)


def _thousandth(value: int | None) -> str:
    return "?" if value is None else f"{value / 1000:.2f}"
