"""`sunward init`: look at a cluster and write EnergyNodes and values for people to review. Changes nothing."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sunward.cli.clusterio import Kubeconfig, with_api
from sunward.cli.setup.boards import PROFILES
from sunward.cli.setup.documents import Intensity, RelayChoice, energy_nodes, values
from sunward.cli.setup.zones import coordinates, zone_at
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.cli.setup.survey import Found

NODES_FILE, VALUES_FILE = "energynodes.yaml", "values.yaml"
STDOUT = "-"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("init")(init)


def init(
    folder: Annotated[Path, typer.Argument(help="Folder for the two files; - prints both.")] = Path("sunward-setup"),
    zone: Annotated[list[str], typer.Option(help="Grid zone: ZONE for all nodes, NODE=ZONE for one. Repeat.")] = [],  # noqa: B006  # Typer reads it
    at: Annotated[
        str, typer.Option("--coordinates", help="LATITUDE,LONGITUDE: ask --intensity-url for the zone there.")
    ] = "",
    intensity_url: Annotated[str, typer.Option(help="API that speaks version 3 of Electricity Maps.")] = "",
    token_file: Annotated[Path | None, typer.Option(help="File with the token for --intensity-url.")] = None,
    grams: Annotated[
        float | None,
        typer.Option(
            "--grams-per-kilowatt-hour", help="One intensity for every zone, if no API is used.", min=0, max=5000
        ),
    ] = None,
    board: Annotated[list[str], typer.Option(help=f"NODE=PROFILE: {', '.join(PROFILES)}. Repeat.")] = [],  # noqa: B006  # Typer reads it
    relay: Annotated[list[str], typer.Option(help="NODE=DRIVER@URL: the relay of a node. Repeat.")] = [],  # noqa: B006  # Typer reads it
    site: Annotated[str, typer.Option(help="Site of the nodes, if they share a wire.")] = "",
    namespace: Annotated[list[str], typer.Option(help="Namespace of training jobs. Repeat.")] = ["default"],  # noqa: B006  # Typer reads it
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    kubeconfig: Kubeconfig = "",
) -> None:
    """Find nodes, boards and zones, and write EnergyNodes and values to review. Changes nothing in the cluster."""
    from sunward.cli.setup.survey import survey

    found = [node for node in with_api(kubeconfig, survey) if not node.has_energy_node]
    if not found:
        typer.echo("every node of the cluster has an EnergyNode already")
        return
    names = [node.name for node in found]
    found = _with_boards(found, _pairs("--board", board, names))
    found = _with_zones(found, zone, at, intensity_url, token_file)
    relays = {node: _relay(node, text) for node, text in _pairs("--relay", relay, names).items()}
    intensity = Intensity(url=intensity_url or None, grams_per_kilowatt_hour=grams)
    texts = {
        NODES_FILE: energy_nodes(found, relays, site),
        VALUES_FILE: values(found, list(relays.values()), intensity, namespace),
    }
    _write(folder, texts, force=force)


def _pairs(option: str, given: Sequence[str], nodes: Sequence[str]) -> Mapping[str, str]:
    """`NODE=VALUE` by node. Raises InvalidInput for a node that is not among those that lack an EnergyNode."""
    pairs = dict(one.partition("=")[::2] for one in given)
    for node, value in pairs.items():
        if not value:
            raise InvalidInput(option, f"{node!r} is not NODE=VALUE")
        if node not in nodes:
            raise InvalidInput(option, f"{node!r} is no node without an EnergyNode; there are {', '.join(nodes)}")
    return pairs


def _with_boards(nodes: Sequence[Found], chosen: Mapping[str, str]) -> list[Found]:
    for node, profile in chosen.items():
        if profile not in PROFILES:
            raise InvalidInput("--board", f"{profile!r} of {node} is not in the table; it has {', '.join(PROFILES)}")
    return [replace(node, board=PROFILES[chosen[node.name]]) if node.name in chosen else node for node in nodes]


def _with_zones(
    nodes: Sequence[Found], given: Sequence[str], at: str, url: str, token_file: Path | None
) -> list[Found]:
    """Each node's zone: as said for it, as its label says, as said for all, by coordinates, or asked on a terminal."""
    own = _pairs("--zone", [one for one in given if "=" in one], [node.name for node in nodes])
    rest = next((one for one in given if "=" not in one), "")
    zones = [replace(node, zone=own.get(node.name) or node.zone or rest) for node in nodes]
    missing = [node.name for node in zones if not node.zone]
    if not missing:
        return zones
    zone = asyncio.run(_asked(at, url, token_file)) if at else _prompted(missing)
    return [node if node.zone else replace(node, zone=zone) for node in zones]


async def _asked(at: str, url: str, token_file: Path | None) -> str:
    if not url:
        raise InvalidInput("--coordinates", "also needs --intensity-url, the API that knows zones by coordinates")
    return await zone_at(url, coordinates(at), token_file)


def _prompted(missing: Sequence[str]) -> str:
    if not sys.stdin.isatty():
        raise InvalidInput("--zone", f"no zone is known of {', '.join(missing)}: give --zone ZONE, or --coordinates")
    return str(typer.prompt(f"Grid zone of {', '.join(missing)} (as your provider names it, for example DE)"))


def _relay(node: str, text: str) -> RelayChoice:
    """Raises InvalidInput where the operator's settings would refuse it."""
    from pydantic import TypeAdapter, ValidationError

    from sunward.power.registry import RelaySettings

    driver, _, url = text.partition("@")
    try:
        TypeAdapter(RelaySettings).validate_python({"driver": driver, "url": url})
    except ValidationError as error:
        said = error.errors(include_url=False, include_input=False)[0]["msg"]
        raise InvalidInput("--relay", f"{node}={text} is not NODE=DRIVER@URL: {said}") from None
    return RelayChoice(name=f"relay-{node}", driver=driver, url=url)


def _write(folder: Path, texts: Mapping[str, str], *, force: bool) -> None:
    if str(folder) == STDOUT:
        for name, text in texts.items():
            typer.echo(f"# {name}\n{text}", nl=False)
        return
    there = [folder / name for name in texts if (folder / name).exists()]
    if there and not force:
        raise InvalidInput(str(there[0]), "exists already; remove it, or give --force")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in texts.items():
            (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise InvalidInput(str(folder), f"cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {folder / NODES_FILE} and {folder / VALUES_FILE}; review both, then:\n{_next(folder)}")


def _next(folder: Path) -> str:
    return "\n".join(
        [
            "  helm upgrade --install sunward helm/sunward --namespace sunward-system --create-namespace"
            f" --values {folder / VALUES_FILE}",
            f"  kubectl apply -f {folder / NODES_FILE}",
            "  kubectl label node NODE sunward.dev/managed=true    # for each node that may sleep",
            "  sunward doctor",
        ]
    )
