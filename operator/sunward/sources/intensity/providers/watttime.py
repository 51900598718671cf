"""Marginal grid intensity from version 3 of WattTime's API.

Its unit is pounds of CO2 per megawatt-hour. An account without a subscription gets a percentile for its region, which
is no intensity: it counts only where the settings say what its ends mean. It must not know what happens when it fails.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar, Final, Literal, Self

import aiohttp
from pydantic import Field, model_validator

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis, FactorScope, Signal
from sunward.domain.measurement import Quality, Reading, Series
from sunward.settings.address import Url
from sunward.settings.token import TokenFile, read_token
from sunward.sources.http import JsonReader, Unauthorised
from sunward.sources.intensity.provider import Datum, IntensityProvider, parse_time, regular_series
from sunward.sources.intensity.rows import Row, data_of, present, rows_under
from sunward.sources.intensity.section import GramsPerKilowattHour, HttpSection, NamedBasis, Zone

ADDRESS: Final = "https://api.watttime.org"
GRAMS_PER_KILOWATT_HOUR_PER_POUND_PER_MEGAWATT_HOUR: Final = 0.45359237
"""A pound is 453.59237 g (1959), a megawatt-hour 1000 kWh."""
TOKEN_LIFE: Final = timedelta(minutes=25)
"""A token is valid for half an hour."""
SIGNALS: Final = {Signal.MARGINAL: "co2_moer", Signal.AVERAGE: "co2_aoer"}
UNIT, PERCENTILE = "lbs_co2_per_mwh", "percentile"


class WattTimeSettings(HttpSection):
    """An account. `gramsAtPercentile` gives a zone two intensities: those of the percentiles 0 and 100."""

    BASES: ClassVar[tuple[str, ...]] = ("marginal-direct", "average-direct")

    provider: Literal["watttime"]
    url: Url = ADDRESS
    username: str = Field(min_length=1, max_length=256, pattern=r"^[!-9;-~]+$")
    password_file: TokenFile
    basis: NamedBasis = Basis(signal=Signal.MARGINAL, scope=FactorScope.DIRECT)
    grams_at_percentile: dict[Zone, list[GramsPerKilowattHour]] = Field(default_factory=dict, max_length=100)

    @model_validator(mode="after")
    def _has_both_ends(self) -> Self:
        for zone, ends in self.grams_at_percentile.items():
            if len(ends) != 2 or ends[0] > ends[1]:
                raise ValueError(f"gramsAtPercentile of {zone} needs two values in ascending order, as in [250, 550]")
        return self

    def build(
        self,
        name: str,
        session: aiohttp.ClientSession,
        others: Mapping[str, IntensityProvider],  # noqa: ARG002  asks no other source
    ) -> IntensityProvider:
        """The provider that asks this API."""
        return WattTime(
            reader=self.reader(name, session),
            url=self.url,
            basis=self.basis,
            username=self.username,
            password_file=self.password_file,
            grams_at_percentile=self.grams_at_percentile,
        )


@dataclass(slots=True, kw_only=True)
class WattTime:
    """One account at one address. Five-minute values; the password file is read at every login."""

    reader: JsonReader
    url: str
    basis: Basis
    username: str
    password_file: Path
    grams_at_percentile: Mapping[str, Sequence[float]] = field(default_factory=dict)
    _token: str = ""
    _token_ends: datetime | None = None
    _login: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def now(self, zone: str, at: datetime) -> Reading:
        """The model's value of the present, `Forecast`; `Estimated` where it is read from a percentile."""
        ends = self.grams_at_percentile.get(zone)
        if ends is None:
            body = await self._ask("forecast", zone, at, horizon_hours="0")
            return present(self._data(body, zone), at, Quality.FORECAST, self.reader.name)
        body = await self._ask("signal-index", zone, at)
        return present(self._percentiles(body, zone, ends), at, Quality.ESTIMATED, self.reader.name)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        """A day in steps of five minutes; None for a zone whose account has percentiles only."""
        if zone in self.grams_at_percentile:
            return None
        body = await self._ask("forecast", zone, at, horizon_hours="24")
        return regular_series(self._data(body, zone), at, at, self.reader.name)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        """The day before `at`; empty for a zone whose account has percentiles only."""
        if zone in self.grams_at_percentile:
            return ()
        end = at.astimezone(UTC)
        start = end - timedelta(days=1)
        span = {"start": f"{start:%Y-%m-%dT%H:%M+00:00}", "end": f"{end:%Y-%m-%dT%H:%M+00:00}"}
        return self._data(await self._ask("historical", zone, at, **span), zone)

    async def _ask(self, question: str, zone: str, at: datetime, **more: str) -> Mapping[str, Any]:
        """An answer about this zone in the expected shape; a token that has ended is renewed once."""
        parameters = {"region": zone, "signal_type": SIGNALS[self.basis.signal], **more}
        url = f"{self.url}/v3/{question}"
        try:
            body = await self.reader.get(url, parameters, await self._bearer(at))
        except Unauthorised:
            self._token_ends = None
            body = await self.reader.get(url, parameters, await self._bearer(at))
        rows_under(body, self.reader.name, "data")
        meta = body.get("meta")
        if not isinstance(meta, Mapping) or meta.get("region") != zone:
            other = str(meta.get("region"))[:40] if isinstance(meta, Mapping) else "none"
            raise SourceUnavailable(self.reader.name, f"returned data for region {other}, not {zone}")
        return {**body, "meta": meta}

    async def _bearer(self, at: datetime) -> dict[str, str]:
        async with self._login:
            if self._token_ends is None or not self._token_ends - TOKEN_LIFE <= at < self._token_ends:
                password = read_token(self.password_file, self.reader.name, "utf-8")
                basic = {"Authorization": aiohttp.encode_basic_auth(self.username, password, "utf-8")}
                body = await self.reader.get(f"{self.url}/login", {}, basic)
                token = body.get("token") if isinstance(body, Mapping) else None
                if not isinstance(token, str) or not token.isascii() or not token.isprintable():
                    raise SourceUnavailable(self.reader.name, "the login returned no token")
                self._token, self._token_ends = token, at + TOKEN_LIFE
            return {"Authorization": f"Bearer {self._token}"}

    def _data(self, body: Mapping[str, Any], zone: str) -> tuple[Datum, ...]:
        self._must_be_in(UNIT, body, zone)
        return data_of(rows_under(body, self.reader.name, "data"), self.reader.name, _time, _grams)

    def _percentiles(self, body: Mapping[str, Any], zone: str, ends: Sequence[float]) -> tuple[Datum, ...]:
        self._must_be_in(PERCENTILE, body, zone)

        def grams(row: Row) -> object:
            value = row.get("value")
            if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 100:
                return None
            return ends[0] + (ends[1] - ends[0]) * value / 100.0

        return data_of(rows_under(body, self.reader.name, "data"), self.reader.name, _time, grams)

    def _must_be_in(self, unit: str, body: Mapping[str, Any], zone: str) -> None:
        given = body["meta"].get("units")
        if given != unit:
            raise SourceUnavailable(self.reader.name, f"answers in {str(given)[:40]!r} for {zone}, not in {unit}")


def _time(row: Row) -> datetime | None:
    return parse_time(row.get("point_time"))


def _grams(row: Row) -> object:
    value = row.get("value")
    if isinstance(value, bool) or not isinstance(value, int | float):
        return value
    return value * GRAMS_PER_KILOWATT_HOUR_PER_POUND_PER_MEGAWATT_HOUR
