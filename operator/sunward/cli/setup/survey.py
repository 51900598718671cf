"""What is found of a cluster: its nodes, what they are, and what is still to be said of them. Pure but for `survey`."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sunward.cli.setup.boards import PROFILES, Board, board_of

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

BOARD_LABEL = "sunward.dev/board"
ZONE_LABEL = "sunward.dev/grid-zone"


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """One Kubernetes node: its model in the exporter's words (empty where it is not known), its board and its zone."""

    name: str
    is_control_plane: bool
    has_energy_node: bool
    model: str
    board: Board | None
    zone: str


async def survey(api: KubernetesApi) -> list[Found]:
    """Every node of the cluster, by name. Raises ApiError; an exporter that cannot be asked tells nothing."""
    from sunward.cluster.access.api import ApiError, core, ours

    nodes = await api.list(core("nodes"))
    try:
        known = {_node_name(body) for body in await api.list(ours("energynodes"))}
    except ApiError as error:
        if error.status != 404:
            raise
        known = set()  # the chart is not installed yet
    models = await _models(api)
    return [_found(body, models, known) for body in sorted(nodes, key=lambda one: str(one["metadata"]["name"]))]


async def _models(api: KubernetesApi) -> Mapping[str, str]:
    from sunward.cli.setup.exporters import exporters, scrape
    from sunward.cluster.access.api import ApiError

    found = await exporters(api)
    names = sorted(found)
    answers = await asyncio.gather(*(scrape(api, found[name]) for name in names), return_exceptions=True)
    for answer in answers:
        if isinstance(answer, BaseException) and not isinstance(answer, ApiError):
            raise answer
    scrapes = [
        (name, answer) for name, answer in zip(names, answers, strict=True) if not isinstance(answer, BaseException)
    ]
    return {name: one.board for name, one in scrapes if one.board}


def _node_name(body: Mapping[str, Any]) -> str:
    return str((body.get("spec") or {}).get("nodeName") or body["metadata"]["name"])


def _found(body: Mapping[str, Any], models: Mapping[str, str], known: set[str]) -> Found:
    from sunward.cluster.reading.read import CONTROL_PLANE_LABELS

    name = str(body["metadata"]["name"])
    labels = body["metadata"].get("labels") or {}
    model = models.get(name, "")
    return Found(
        name=name,
        is_control_plane=any(label in labels for label in CONTROL_PLANE_LABELS),
        has_energy_node=name in known,
        model=model,
        board=PROFILES.get(labels.get(BOARD_LABEL, "")) or board_of(model),
        zone=str(labels.get(ZONE_LABEL, "")),
    )
