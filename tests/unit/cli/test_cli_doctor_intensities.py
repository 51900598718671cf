"""`sunward doctor` says which sources of grid intensity answer for the zones of the nodes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from sunward.cli.doctor_intensities import grid_zones, intensities
from sunward.cluster.access.api import ApiError
from support.sources import serving

STATIC = {"provider": "static", "gramsPerKilowattHour": {"DE": 380.0, "FR": 40.0}}


def settings(folder: Path, **sources: Any) -> Path:
    path = folder / "settings.yaml"
    path.write_text(yaml.safe_dump({"prometheus": {"url": "http://localhost:9"}, "intensitySources": sources}))
    return path


async def test_a_source_that_knows_a_zone_is_fine_and_says_what_it_says(tmp_path: Path) -> None:
    ((name, ok, words),) = await intensities(settings(tmp_path, fixed=STATIC), ["DE", "IT"])

    assert (name, ok, words) == ("intensity source fixed", True, "DE: 380 g/kWh of fixed, Forecast, 0 min old")


async def test_a_source_that_knows_no_zone_is_not(tmp_path: Path) -> None:
    ((_, ok, words),) = await intensities(settings(tmp_path, fixed=STATIC), ["IT"])

    assert (ok, words) == (False, "IT: UnknownZone: has no grid zone IT")


@pytest.mark.parametrize(("status", "words"), [(401, "is missing or wrong"), (403, "lacks permission")])
async def test_a_source_that_refuses_is_told_in_its_words(tmp_path: Path, status: int, words: str) -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        return web.json_response({"message": "try another plan"}, status=status)

    async with serving(answer) as server:
        given = settings(tmp_path, maps={"provider": "electricity-maps", "url": server.url})
        ((_, ok, said),) = await intensities(given, ["DE"])

    assert ok is False
    assert words in said
    assert "try another plan" in said


async def test_a_chain_says_which_source_answered(tmp_path: Path) -> None:
    french = {"provider": "static", "gramsPerKilowattHour": {"FR": 40.0}}
    given = settings(tmp_path, a=french, b=STATIC, both={"provider": "chain", "sources": ["a", "b"]})
    found = {name: words for name, _, words in await intensities(given, ["DE"])}

    assert found["intensity source both"].startswith("DE: 380 g/kWh of b,")


async def test_without_zones_nothing_is_asked(tmp_path: Path) -> None:
    assert [ok for _, ok, _ in await intensities(settings(tmp_path, fixed=STATIC), [])] == [None]
    assert await intensities(None, ["DE"]) == []
    assert await intensities(tmp_path / "none.yaml", ["DE"]) == []


class Nodes:
    """An API server that lists these EnergyNodes, or refuses."""

    def __init__(self, *zones: object, refuses: bool = False) -> None:
        self._zones, self._refuses = zones, refuses

    async def list(self, path: str, **_selectors: str) -> list[dict[str, Any]]:
        if self._refuses:
            raise ApiError(404, "GET", path, "NotFound")
        return [{"spec": {"gridZone": zone}} for zone in self._zones]


async def test_zones_are_those_of_the_nodes_and_none_where_there_is_no_definition() -> None:
    assert await grid_zones(Nodes("FR", "DE", "FR", False)) == ["DE", "FR"]  # type: ignore[arg-type]
    assert await grid_zones(Nodes(refuses=True)) == []  # type: ignore[arg-type]
