"""A chain asks its sources in order and says which one answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from sunward.cli.settings import parse_settings
from sunward.domain.cause import Cause
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.domain.intensity import DEFAULT_BASIS, Basis
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.sources.build import build_intensities
from sunward.sources.intensity.provider import Datum, regular_series, unknown_zone
from sunward.sources.intensity.providers.chain import Chain

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)


@dataclass(slots=True)
class Member:
    """A source that says what its script says; an exception is raised."""

    said: Reading | SourceUnavailable
    past: Sequence[Datum] = ()
    basis: Basis = DEFAULT_BASIS
    asked: list[datetime] = field(default_factory=list)

    async def now(self, zone: str, at: datetime) -> Reading:
        self.asked.append(at)
        if isinstance(self.said, SourceUnavailable):
            raise self.said
        return self.said

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        if isinstance(self.said, SourceUnavailable):
            raise self.said
        return regular_series(self.past, at, at, "member")

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        if isinstance(self.said, SourceUnavailable):
            raise self.said
        return self.past


def value(grams: float, source: str) -> Measurement:
    return Measurement(value=grams, time=NOON, quality=Quality.MEASURED, source=source)


def chain(*members: Member) -> Chain:
    return Chain(name="both", basis=DEFAULT_BASIS, members={f"m{k}": member for k, member in enumerate(members)})


async def test_the_first_source_that_knows_the_zone_answers_under_its_own_name() -> None:
    found = await chain(Member(unknown_zone("DE", "m0")), Member(value(1.0, "m1")), Member(value(2.0, "m2"))).now(
        "DE", NOON
    )

    assert found == value(1.0, "m1")


async def test_a_source_that_fails_is_passed_over_and_one_that_answers_is_enough() -> None:
    last = Member(value(2.0, "m2"))
    found = await chain(Member(SourceUnavailable("m0", "HTTP 503")), Member(value(1.0, "m1")), last).now("DE", NOON)

    assert found == value(1.0, "m1")
    assert last.asked == []


@pytest.mark.parametrize(
    ("members", "reason"),
    [
        ([Member(unknown_zone("DE", "m0")), Member(unknown_zone("DE", "m1"))], Reason.UNKNOWN_ZONE),
        ([Member(unknown_zone("DE", "m0")), Member(SourceUnavailable("m1", "HTTP 503"))], Reason.DATA_UNAVAILABLE),
        (
            [
                Member(Absent(cause=Cause(Reason.IMPLAUSIBLE_UNIT, "2000"), source="m0")),
                Member(unknown_zone("DE", "m1")),
            ],
            Reason.IMPLAUSIBLE_UNIT,
        ),
    ],
)
async def test_when_none_answers_all_say_why_and_an_outage_is_no_unknown_zone(
    members: list[Member], reason: Reason
) -> None:
    found = await chain(*members).now("DE", NOON)

    assert isinstance(found, Absent)
    assert found.cause.reason is reason
    assert all(f"m{k}: " in found.cause.message for k in range(2))


async def test_a_source_that_asks_to_be_left_alone_is_while_the_next_one_answers() -> None:
    first = Member(SourceUnavailable("m0", "HTTP 429", 1800.0))
    of = chain(first, Member(value(1.0, "m1")))
    for minutes in range(0, 60, 5):
        assert await of.now("DE", NOON + timedelta(minutes=minutes)) == value(1.0, "m1")

    assert first.asked == [NOON, NOON + timedelta(minutes=30)]


async def test_forecast_and_last_day_come_from_the_first_source_that_has_them() -> None:
    past = [Datum(time=NOON + timedelta(hours=k), grams_per_kilowatt_hour=float(k)) for k in range(3)]
    of = chain(Member(SourceUnavailable("m0", "is down")), Member(value(1.0, "m1")), Member(value(1.0, "m2"), past))

    found = await of.forecast("DE", NOON)

    assert found is not None
    assert found.values == (0.0, 1.0, 2.0)
    assert await of.history("DE", NOON) == past
    assert await chain(Member(value(1.0, "m0"))).forecast("DE", NOON) is None


SOURCES = """prometheus: {url: 'http://localhost:9090'}
intensitySources:
  a: {provider: static, gramsPerKilowattHour: {DE: 1}}
  b: {provider: static, gramsPerKilowattHour: {FR: 2}}
  uk: {provider: neso}
  both: {provider: chain, sources: [%s]}
"""


async def test_a_chain_of_the_settings_finds_each_zone_where_it_is() -> None:
    settings = parse_settings(SOURCES % "a, b")
    async with aiohttp.ClientSession() as session:
        found = await build_intensities(settings.intensity_sources, session).read("both", ["DE", "FR", "IT"], NOON)

    readings = {zone: one.now_grams_per_kilowatt_hour for zone, one in found.items()}
    assert [(r.value, r.source) for r in readings.values() if isinstance(r, Measurement)] == [(1.0, "a"), (2.0, "b")]
    assert isinstance(readings["IT"], Absent)


@pytest.mark.parametrize(
    ("names", "why"),
    [
        ("a, nobody", "'nobody' is no source that a chain can name: name some of a, b, uk"),
        ("a, both", "'both' is no source"),
        ("a, a", "names a source twice"),
        ("a, uk", "uk has the basis average-direct and the chain average-lifecycle: give both the same basis"),
        ("a", "at least 2 items"),
    ],
)
def test_a_chain_that_cannot_work_is_refused_with_its_field(names: str, why: str) -> None:
    with pytest.raises(InvalidInput, match=rf"settings: intensitySources\.both\.sources: .*{why}"):
        parse_settings(SOURCES % names)
