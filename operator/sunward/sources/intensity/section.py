"""What every source of grid intensity has in the administrator's settings."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import Annotated, ClassVar, Self

import aiohttp
from pydantic import Field, PlainValidator, model_validator

from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import BASES, DEFAULT_BASIS, Basis
from sunward.settings.section import Section
from sunward.sources.http import JsonReader, Limits
from sunward.sources.intensity.provider import HIGHEST_GRAMS_PER_KILOWATT_HOUR, IntensityProvider

HOURS_PER_WEEK = 168
GramsPerKilowattHour = Annotated[float, Field(ge=0.0, le=HIGHEST_GRAMS_PER_KILOWATT_HOUR, allow_inf_nan=False)]
Zone = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


def checked_basis(value: object) -> Basis:
    """A basis by its name, average-lifecycle and the like; raises ValueError for anything else."""
    try:
        return Basis.parse(str(value))
    except InvalidInput as error:
        raise ValueError(error.why) from None


NamedBasis = Annotated[Basis, PlainValidator(checked_basis)]


class IntensitySection(Section, ABC):
    """One source of grid intensity; every kind adds `provider`, a Literal with its name, and what it needs.

    `profile` gives a zone 168 values, one per hour of the week from Monday 00:00 UTC; `annual_mean` one value, all in
    g/kWh. They serve when the provider does not, and are never taken for measurements. `BASES` is what a provider's
    numbers can mean.
    """

    BASES: ClassVar[tuple[str, ...]] = BASES

    basis: NamedBasis = DEFAULT_BASIS
    refresh_seconds: float = Field(default=300.0, ge=1.0, le=3600.0)
    profile: dict[Zone, list[GramsPerKilowattHour]] = Field(default_factory=dict, max_length=100)
    annual_mean: dict[Zone, GramsPerKilowattHour] = Field(default_factory=dict, max_length=500)

    @abstractmethod
    def build(
        self, name: str, session: aiohttp.ClientSession, others: Mapping[str, IntensityProvider]
    ) -> IntensityProvider:
        """The provider that this section describes, under the source's name. Asks nothing yet.

        `others` are the providers of all sources that need no others themselves.
        """

    @model_validator(mode="after")
    def _basis_is_the_providers(self) -> Self:
        if str(self.basis) not in self.BASES:
            raise ValueError(f"basis must be {' or '.join(self.BASES)}: this provider's numbers mean nothing else")
        return self

    @model_validator(mode="after")
    def _profiles_are_whole_weeks(self) -> Self:
        wrong = [zone for zone, values in self.profile.items() if len(values) != HOURS_PER_WEEK]
        if wrong:
            raise ValueError(f"profile of {', '.join(wrong)} needs {HOURS_PER_WEEK} values, one per hour of the week")
        return self


class HttpSection(IntensitySection):
    """A source that is asked over HTTP."""

    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)

    def reader(self, name: str, session: aiohttp.ClientSession) -> JsonReader:
        """Reads JSON under the source's name."""
        return JsonReader(name=name, session=session, limits=Limits(timeout_seconds=self.timeout_seconds))
