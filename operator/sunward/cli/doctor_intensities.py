"""What `sunward doctor` asks sources of grid intensity: do they answer for the grid zones of the nodes?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sunward.domain.errors import SourceUnavailable, SunwardError
from sunward.domain.measurement import Absent
from sunward.domain.reasons import Reason

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi
    from sunward.domain.measurement import Reading
    from sunward.sources.intensity.provider import IntensityProvider

MOST_ZONES = 50
"""Asked of one source: a diagnosis is no load test."""


async def grid_zones(api: KubernetesApi) -> list[str]:
    """The grid zones that EnergyNodes name, each once; none where there are no EnergyNodes to read."""
    from sunward.cluster.access.api import ApiError, ours

    try:
        bodies = await api.list(ours("energynodes"))
    except ApiError:
        return []  # that the definition is missing, or may not be read, is already told
    named: list[Any] = [body["spec"].get("gridZone") for body in bodies]
    return sorted({zone for zone in named if isinstance(zone, str)})[:MOST_ZONES]


async def intensities(settings: Path | None, zones: Sequence[str]) -> list[tuple[str, bool | None, str]]:
    """Whether each source of the settings answers for one of these zones, and fails for none."""
    from sunward.cli.settings import load_settings
    from sunward.sources.build import build_intensities
    from sunward.sources.session import open_session

    if settings is None:
        return []  # what to run instead is already said of Prometheus
    try:
        given = load_settings(settings)
    except SunwardError:
        return []  # the error is already told of Prometheus
    async with open_session(shared=given.shared_address_space) as session:
        ladders = build_intensities(given.intensity_sources, session).ladders
        asked = (_source(name, ladder.provider, zones) for name, ladder in ladders.items())
        return list(await asyncio.gather(*asked))


async def _source(name: str, provider: IntensityProvider, zones: Sequence[str]) -> tuple[str, bool | None, str]:
    check = f"intensity source {name}"
    if not zones:
        return (check, None, "no EnergyNode names a grid zone to ask for")
    now = datetime.now(tz=UTC)
    found = await asyncio.gather(*(_zone(provider, zone, now) for zone in zones))
    failed = [words for fine, words in found if fine is False]
    answered = [words for fine, words in found if fine]
    if failed or not answered:
        return (check, False, "; ".join(failed or [words for _, words in found]))
    return (check, True, "; ".join(answered))


async def _zone(provider: IntensityProvider, zone: str, now: datetime) -> tuple[bool | None, str]:
    """Whether it answers (None: it has no such zone), and in words what it says."""
    try:
        found: Reading = await provider.now(zone, now)
    except SourceUnavailable as error:
        return (False, f"{zone}: {error.why}")
    if isinstance(found, Absent):
        return (None if found.cause.reason is Reason.UNKNOWN_ZONE else False, f"{zone}: {found.cause}")
    minutes = found.age(now).total_seconds() / 60.0
    return (True, f"{zone}: {found.value:.0f} g/kWh of {found.source}, {found.quality}, {minutes:.0f} min old")
