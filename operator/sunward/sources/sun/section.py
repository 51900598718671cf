"""What all services of the sun have in the administrator's settings, and what they are asked for."""

from __future__ import annotations

from abc import ABC, abstractmethod
from datetime import datetime
from typing import Protocol

import aiohttp
from pydantic import Field

from sunward.domain.measurement import Series
from sunward.domain.nodes import Panel
from sunward.settings.section import Section
from sunward.sources.http import JsonReader, Limits

NAME = "harvest forecast"
"""What errors call it."""
MOST_HOURS = 24 * 16
"""Of one forecast: no service looks further than about two weeks."""
HIGHEST_RATIO = 1.5
"""A panel gives more than its nameplate only for moments at the edge of clouds; larger numbers are in another unit."""


class SunService(Protocol):
    """A service that forecasts the output of a panel."""

    async def ratio(self, panel: Panel, at: datetime) -> Series | None:
        """Mean output of each hour as a share of the nameplate; None where the service knows nothing of now.

        Raises SourceUnavailable.
        """


class SunSection(Section, ABC):
    """One service; every kind adds `provider`, a Literal with its name, and its address."""

    refresh_seconds: float = Field(default=3600.0, ge=900.0, le=86_400.0)
    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)

    @abstractmethod
    def build(self, session: aiohttp.ClientSession) -> SunService:
        """The service that this section describes. Asks nothing yet."""

    def reader(self, session: aiohttp.ClientSession) -> JsonReader:
        """Reads JSON from the service."""
        return JsonReader(name=NAME, session=session, limits=Limits(timeout_seconds=self.timeout_seconds))
