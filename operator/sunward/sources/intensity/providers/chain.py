"""Several sources, one after the other: the first one that knows a zone answers, under its own name."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Annotated, Literal, TypeVar

import aiohttp
from pydantic import Field

from sunward.domain.cause import Cause, joined
from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Measurement, Reading, Series
from sunward.domain.reasons import Reason
from sunward.sources.intensity.provider import Datum, IntensityProvider
from sunward.sources.intensity.section import IntensitySection

T = TypeVar("T")
LONGEST_REST = timedelta(days=1)
"""The longest time that a source may ask to be left alone; a longer one is cut to this."""


class ChainSettings(IntensitySection):
    """Names of other sources of the settings, the best first. They and the chain have one `basis`."""

    provider: Literal["chain"]
    sources: list[Annotated[str, Field(min_length=1, max_length=63)]] = Field(min_length=2, max_length=8)

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,  # noqa: ARG002  needs no connection of its own
        others: Mapping[str, IntensityProvider],
    ) -> IntensityProvider:
        """The chain of these sources."""
        return Chain(name=name, basis=self.basis, members={one: others[one] for one in self.sources})

    def fault(self, sources: Mapping[str, IntensitySection]) -> str | None:
        """What is wrong with the names, given all sources of the settings, and what to do; None when nothing is."""
        if len(set(self.sources)) < len(self.sources):
            return "names a source twice: remove one"
        for one in self.sources:
            member = sources.get(one)
            if member is None or isinstance(member, ChainSettings):
                known = sorted(name for name, other in sources.items() if not isinstance(other, ChainSettings))
                return f"{one!r} is no source that a chain can name: name some of {', '.join(known) or 'none'}"
            if member.basis != self.basis:
                return f"{one} has the basis {member.basis} and the chain {self.basis}: give both the same basis"
        return None


@dataclass(slots=True, kw_only=True)
class Chain:
    """Members in order. A member that asks to be left alone is, and the next one is asked meanwhile."""

    name: str
    basis: Basis
    members: Mapping[str, IntensityProvider]
    _rests_until: dict[str, datetime] = field(default_factory=dict)

    async def now(self, zone: str, at: datetime) -> Reading:
        """The first value that there is, with its member as the source; what all members say when there is none."""
        causes: list[Cause] = []
        for name, member in self.members.items():
            found = await self._ask(name, member.now, zone, at)
            if isinstance(found, Measurement):
                return found
            cause = found.cause if isinstance(found, Absent) else Cause(Reason.DATA_UNAVAILABLE, found)
            causes.append(cause.prefixed(f"{name}: "))
        causes.sort(key=lambda cause: cause.reason is Reason.UNKNOWN_ZONE)
        return Absent(cause=joined(causes) or Cause(Reason.DATA_UNAVAILABLE), source=self.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """The first forecast that there is."""
        for name, member in self.members.items():
            found = await self._ask(name, member.forecast, zone, at)
            if isinstance(found, Series):
                return found
        return None

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The first last day that there is."""
        for name, member in self.members.items():
            found = await self._ask(name, member.history, zone, at)
            if found and not isinstance(found, str):
                return found
        return ()

    async def _ask(
        self, name: str, question: Callable[[str, datetime], Awaitable[T]], zone: str, at: datetime
    ) -> T | str:
        """A member's answer, or why there is none."""
        until = self._rests_until.get(name)
        if until is not None and until - LONGEST_REST <= at < until:
            return f"asked to be left alone until {until:%H:%M}"
        try:
            return await question(zone, at)
        except SourceUnavailable as error:
            seconds = error.retry_after_seconds
            if seconds is not None:
                self._rests_until[name] = at + min(timedelta(seconds=seconds), LONGEST_REST)
            return error.why
