"""The ladder: every rung marks its quality, ages by the datum and not by the fetch, and no zone is invented."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import aiohttp
import pytest

from sunward.cli.settings import parse_settings
from sunward.domain.cause import Cause
from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis
from sunward.domain.measurement import Absent, Measurement, Quality, Reading, Series
from sunward.domain.reasons import Reason
from sunward.domain.snapshot import LastDay
from sunward.sources.build import build_intensities
from sunward.sources.intensity.ladder import IntensityLadder, IntensitySources
from sunward.sources.intensity.provider import Datum, regular_series
from sunward.sources.intensity.providers.file import FileIntensity

NOON = datetime(2026, 6, 1, 12, tzinfo=UTC)  # a Monday
PROFILE = {"US-SCL": [float(hour) for hour in range(168)]}


@dataclass(slots=True)
class Scripted:
    """A provider that does what its script says at each call; None means that it is down."""

    answer: Callable[[datetime], Reading] | None = None
    expected: Callable[[datetime], Series | None] | None = field(default=lambda _at: None)
    past: Sequence[Datum] = ()
    calls: int = 0
    forecasts: int = 0
    basis: Basis = field(default_factory=Basis)
    retry_after_seconds: float | None = None

    async def now(self, zone: str, at: datetime) -> Reading:
        self.calls += 1
        if self.answer is None:
            raise SourceUnavailable("scripted", "is down", self.retry_after_seconds)
        return self.answer(at)

    async def forecast(self, zone: str, at: datetime) -> Series | None:
        self.forecasts += 1
        if self.expected is None:
            raise SourceUnavailable("scripted", "has no forecast today", self.retry_after_seconds)
        return self.expected(at)

    async def history(self, zone: str, at: datetime) -> Sequence[Datum]:
        return self.past


def datum(time: datetime, value: float = 100.0, quality: Quality = Quality.MEASURED) -> Measurement:
    return Measurement(value=value, time=time, quality=quality, source="scripted")


def series(start: datetime, *values: float, issued_at: datetime = NOON) -> Series:
    return Series(
        start=start,
        step=timedelta(hours=1),
        values=values,
        issued_at=issued_at,
        quality=Quality.FORECAST,
        source="scripted",
    )


def ladder(provider: Scripted, refresh_seconds: float = 300.0, **given: object) -> IntensityLadder:
    return IntensityLadder(name="grid", provider=provider, refresh_seconds=refresh_seconds, **given)  # type: ignore[arg-type]


async def now(of: IntensityLadder, at: datetime) -> Reading:
    return (await of.read(["US-SCL"], at))["US-SCL"].now_grams_per_kilowatt_hour


def quality(found: Reading) -> Quality | Reason:
    return found.quality if isinstance(found, Measurement) else found.cause.reason


async def test_the_providers_datum_comes_first() -> None:
    assert await now(ladder(Scripted(datum)), NOON) == datum(NOON)


async def test_after_an_outage_the_last_good_datum_says_that_it_is_old() -> None:
    provider = Scripted(datum)
    of = ladder(provider)
    await now(of, NOON)
    provider.answer = None

    found = await now(of, NOON + timedelta(hours=1))

    assert found == datum(NOON, quality=Quality.LAST_KNOWN_GOOD)


async def test_a_datum_is_as_old_as_itself_however_often_it_is_fetched() -> None:
    frozen = ladder(Scripted(lambda _at: datum(NOON)))

    assert quality(await now(frozen, NOON + timedelta(minutes=119))) is Quality.MEASURED
    assert quality(await now(frozen, NOON + timedelta(minutes=125))) is Reason.DATA_STALE


async def test_then_the_forecast_holds_and_then_the_hour_of_the_week_and_then_the_year() -> None:
    provider = Scripted(datum, lambda at: series(at, *(float(k) for k in range(5))))
    of = ladder(provider, profile=PROFILE, annual_mean={"US-SCL": 55.0})
    await now(of, NOON)
    provider.answer = None

    from_forecast = await now(of, NOON + timedelta(hours=3, minutes=30))
    from_profile = await now(of, NOON + timedelta(hours=30))
    from_mean = await now(ladder(Scripted(None), annual_mean={"US-SCL": 55.0}), NOON)

    assert isinstance(from_forecast, Measurement)
    assert (from_forecast.value, from_forecast.quality) == (3.0, Quality.FORECAST)
    assert from_forecast.time == NOON + timedelta(hours=3)
    assert isinstance(from_profile, Measurement)
    assert (from_profile.value, from_profile.quality) == (24.0 + 18.0, Quality.PROFILE)
    assert isinstance(from_mean, Measurement)
    assert (from_mean.value, from_mean.quality) == (55.0, Quality.PROFILE)


async def test_without_any_rung_the_absence_says_why() -> None:
    found = await now(ladder(Scripted(None)), NOON)

    assert isinstance(found, Absent)
    assert (found.cause.reason, found.cause.message) == (Reason.DATA_UNAVAILABLE, "is down")


async def test_a_zone_that_nobody_knows_stays_unknown() -> None:
    absent = Absent(cause=Cause(Reason.UNKNOWN_ZONE), source="scripted")

    assert quality(await now(ladder(Scripted(lambda _at: absent)), NOON)) is Reason.UNKNOWN_ZONE


async def test_a_datum_from_far_in_the_future_is_not_believed() -> None:
    of = ladder(Scripted(lambda at: datum(at + timedelta(minutes=61))))

    assert quality(await now(of, NOON)) is Reason.CLOCK_SKEW


async def test_a_datum_that_is_published_before_its_hour_waits_for_it() -> None:
    provider = Scripted(lambda _at: datum(NOON, 1.0))
    of = ladder(provider)
    await now(of, NOON + timedelta(minutes=10))
    provider.answer = lambda _at: datum(NOON + timedelta(hours=1), 2.0)

    before = await now(of, NOON + timedelta(minutes=50))
    after = await now(of, NOON + timedelta(minutes=60))

    assert before == datum(NOON, 1.0)
    assert after == datum(NOON + timedelta(hours=1), 2.0)


async def test_where_nothing_else_is_known_the_next_hours_datum_is_an_estimate_of_this_one() -> None:
    of = ladder(Scripted(lambda _at: datum(NOON, 2.0)))

    assert await now(of, NOON - timedelta(minutes=12)) == datum(
        NOON - timedelta(minutes=12), 2.0, quality=Quality.ESTIMATED
    )


async def test_an_estimate_is_not_believed_more_when_its_provider_fails() -> None:
    provider = Scripted(lambda at: datum(at, quality=Quality.ESTIMATED))
    of = ladder(provider)
    await now(of, NOON)
    provider.answer = None

    assert quality(await now(of, NOON + timedelta(hours=1))) is Quality.ESTIMATED


async def test_an_estimate_stays_marked() -> None:
    of = ladder(Scripted(lambda at: datum(at, quality=Quality.ESTIMATED)))

    assert quality(await now(of, NOON)) is Quality.ESTIMATED


async def test_the_provider_is_asked_once_per_refresh_and_sooner_after_a_failure() -> None:
    provider = Scripted(datum)
    of = ladder(provider, refresh_seconds=300.0)
    for second in range(0, 600, 10):
        await now(of, NOON + timedelta(seconds=second))
    assert provider.calls == 2

    provider.answer = None
    for second in range(600, 720, 10):
        await now(of, NOON + timedelta(seconds=second))
    assert provider.calls == 2 + 3  # at 0, 30 and 90 s: each pause is twice the one before it


async def test_a_provider_that_fails_for_long_is_asked_no_more_often_than_one_that_answers() -> None:
    provider = Scripted(None)
    of = ladder(provider, refresh_seconds=300.0)
    for second in range(0, 3600, 10):
        await now(of, NOON + timedelta(seconds=second))
    assert provider.calls <= 3600 / 300 + 4


@pytest.mark.parametrize(("asked_for", "calls"), [(1800.0, 2), (1e9, 1)])
async def test_a_provider_that_asks_to_be_left_alone_is(asked_for: float, calls: int) -> None:
    provider = Scripted(None, retry_after_seconds=asked_for)
    of = ladder(provider, refresh_seconds=300.0)
    for second in range(0, 3600, 10):
        await now(of, NOON + timedelta(seconds=second))
    assert provider.calls == calls


@pytest.mark.parametrize(
    ("hours", "values"),
    [
        ([0, 1, 1, 3, 4, 5], [10.0]),
        ([0, 1, 2, 4, 5], [10.0, 11.0, 12.0]),
        ([2, 1, 0], [12.0, 11.0, 10.0]),
    ],
)
def test_a_forecast_ends_at_the_first_hour_that_is_missing_or_disputed(hours: list[int], values: list[float]) -> None:
    rows = [Datum(time=NOON + timedelta(hours=h), grams_per_kilowatt_hour=10.0 + k) for k, h in enumerate(hours)]
    found = regular_series(rows, NOON, NOON, "scripted")
    assert found is not None
    assert list(found.values) == values


@pytest.mark.parametrize(
    ("minutes", "at", "start", "values"),
    [
        ([0, 60, 120, 135, 150], 0, 0, [0, 0, 0, 0, 1, 1, 1, 1, 2, 3, 4]),  # hours, then quarters
        ([0, 15, 30, 90, 150], 0, 0, [0, 1, 2, 2, 2, 2, 3, 3, 3, 3, 4, 4, 4, 4]),  # quarters, then hours
        ([0, 60, 120, 135, 150], 100, 90, [1, 1, 2, 3, 4]),  # the hour that runs began before this quarter
        ([0, 15, 30, 90, 105], 0, 0, [0, 1, 2]),  # a hole of an hour among quarters
        ([0, 60, 70, 85, 100], 0, 0, [0]),  # a hole among shorter steps
        ([0, 10, 20, 35, 50], 0, 0, [0, 1, 2]),  # no common step
        ([0, 60, 240], 250, 240, [2]),  # after a hole
        ([0, 60, 240], 310, None, []),
        ([60, 120], 0, None, []),
    ],
)
def test_hours_and_quarters_may_follow_each_other(
    minutes: list[int], at: int, start: int | None, values: list[int]
) -> None:
    rows = [
        Datum(time=NOON + timedelta(minutes=minute), grams_per_kilowatt_hour=float(number))
        for number, minute in enumerate(minutes)
    ]
    found = regular_series(rows, NOON + timedelta(minutes=at), NOON, "scripted")

    assert (None if found is None else found.start) == (None if start is None else NOON + timedelta(minutes=start))
    assert ([] if found is None else list(found.values)) == values


def test_a_forecast_of_years_is_cut(tmp_path: Path) -> None:
    days = [0.0, 1e-5, 2e-5, 3e4, 6e4]
    rows = [Datum(time=NOON - timedelta(days=6e4 - day), grams_per_kilowatt_hour=1.0) for day in days]
    found = regular_series(rows, rows[2].time, NOON, "scripted")

    assert found is not None
    assert len(found.values) <= 5000


def test_an_hour_that_comes_twice_with_one_value_is_one_hour() -> None:
    rows = [Datum(time=NOON + timedelta(hours=h), grams_per_kilowatt_hour=7.0) for h in (0, 1, 1, 2)]
    found = regular_series(rows, NOON, NOON, "scripted")
    assert found is not None
    assert found.values == (7.0, 7.0, 7.0)


async def test_a_missing_forecast_is_no_failure_and_an_old_one_is_dropped() -> None:
    provider = Scripted(datum, lambda at: series(at, 1.0, 2.0))
    of = ladder(provider, refresh_seconds=1.0)
    await now(of, NOON)
    provider.expected = None

    kept = (await of.read(["US-SCL"], NOON + timedelta(hours=1)))["US-SCL"]
    dropped = (await of.read(["US-SCL"], NOON + timedelta(hours=2)))["US-SCL"]

    assert kept.forecast_grams_per_kilowatt_hour == series(NOON, 1.0, 2.0)
    assert dropped.forecast_grams_per_kilowatt_hour is None
    assert quality(dropped.now_grams_per_kilowatt_hour) is Quality.MEASURED


def a_day_of_hours() -> list[Datum]:
    """Yesterday until now: the hour of the day is the value."""
    times = [NOON - timedelta(hours=back) for back in range(24, -1, -1)]
    return [Datum(time=time, grams_per_kilowatt_hour=float(time.hour)) for time in times]


async def test_where_there_is_no_forecast_yesterday_stands_in_as_an_estimate() -> None:
    provider = Scripted(datum, expected=None, past=a_day_of_hours())
    of = ladder(provider)

    found = (await of.read(["US-SCL"], NOON))["US-SCL"].forecast_grams_per_kilowatt_hour
    provider.answer = None
    later = await now(of, NOON + timedelta(hours=5))

    assert found is not None
    assert (found.start, found.values[:3], found.quality) == (NOON, (12.0, 13.0, 14.0), Quality.ESTIMATED)
    assert isinstance(later, Measurement)
    assert (later.value, later.quality) == (17.0, Quality.ESTIMATED)


async def days_of(provider: Scripted, at: datetime = NOON) -> LastDay | None:
    return (await ladder(provider).read(["US-SCL"], at))["US-SCL"].last_day


@pytest.mark.parametrize(("hours", "known"), [(12, True), (11, False), (0, False)])
async def test_an_estimate_comes_with_the_last_day_where_half_of_it_is_known(hours: int, known: bool) -> None:
    provider = Scripted(
        lambda at: datum(at, quality=Quality.ESTIMATED), expected=None, past=a_day_of_hours()[1:][:hours]
    )
    expected = LastDay(lowest_grams_per_kilowatt_hour=0.0, highest_grams_per_kilowatt_hour=23.0) if known else None

    assert await days_of(provider) == expected


async def test_hours_before_the_last_day_are_not_of_it() -> None:
    before = [replace(one, time=one.time - timedelta(hours=14)) for one in a_day_of_hours()]

    assert await days_of(Scripted(lambda at: datum(at, quality=Quality.ESTIMATED), expected=None, past=before)) is None


async def test_without_its_provider_an_estimate_has_the_last_day_in_its_own_hour_only() -> None:
    provider = Scripted(lambda at: datum(at, quality=Quality.ESTIMATED), expected=None, past=a_day_of_hours())
    of = ladder(provider)
    await now(of, NOON)
    provider.answer = None

    within = (await of.read(["US-SCL"], NOON + timedelta(minutes=59)))["US-SCL"]
    after = (await of.read(["US-SCL"], NOON + timedelta(minutes=60)))["US-SCL"]

    assert within.last_day is not None
    assert after.last_day is None
    assert quality(after.now_grams_per_kilowatt_hour) is Quality.ESTIMATED


async def test_what_held_yesterday_is_not_checked_by_itself() -> None:
    provider = Scripted(datum, expected=None, past=a_day_of_hours())
    of = ladder(provider)
    await now(of, NOON)
    provider.answer = None

    later = (await of.read(["US-SCL"], NOON + timedelta(hours=5)))["US-SCL"]

    assert quality(later.now_grams_per_kilowatt_hour) is Quality.ESTIMATED
    assert later.last_day is None


async def test_a_provider_that_asks_to_be_left_alone_is_for_all_zones() -> None:
    provider = Scripted(None, retry_after_seconds=1800.0)
    of = ladder(provider)
    await of.read(["US-SCL"], NOON)
    for minutes in range(1, 30):
        await of.read(["US-SCL", "DE", "FR"], NOON + timedelta(minutes=minutes))

    assert provider.calls == 1


async def test_a_provider_whose_forecast_says_wait_is_left_alone() -> None:
    provider = Scripted(datum, expected=None, retry_after_seconds=1800.0)
    of = ladder(provider, refresh_seconds=300.0)
    for second in range(0, 3600, 10):
        await now(of, NOON + timedelta(seconds=second))

    assert (provider.calls, provider.forecasts) == (6, 2)  # at 0 and, after the pause, every 300 s from 1800 s on


async def test_a_forecast_that_is_refused_is_asked_for_rarely() -> None:
    provider = Scripted(datum, expected=None)
    of = ladder(provider, refresh_seconds=60.0)
    for minute in range(21):
        await now(of, NOON + timedelta(minutes=minute))

    assert (provider.calls, provider.forecasts) == (21, 3)


async def test_a_source_that_nobody_defined_makes_zones_absent_and_names_the_defined_ones() -> None:
    sources = IntensitySources(ladders={"grid": ladder(Scripted(datum))})

    found = (await sources.read("gird", ["US-SCL"], NOON))["US-SCL"].now_grams_per_kilowatt_hour

    assert isinstance(found, Absent)
    assert "grid" in found.cause.message


async def test_static_numbers_are_expectations_and_their_zones_are_all_there_is() -> None:
    settings = parse_settings(
        "prometheus: {url: 'http://localhost:9090'}\n"
        "intensitySources: {desk: {provider: static, gramsPerKilowattHour: {US-SCL: 24.0}}}"
    )
    async with aiohttp.ClientSession() as session:
        found = await build_intensities(settings.intensity_sources, session).read("desk", ["US-SCL", "DE"], NOON)

    known = found["US-SCL"].now_grams_per_kilowatt_hour
    assert isinstance(known, Measurement)
    assert (known.value, known.quality) == (24.0, Quality.FORECAST)
    assert quality(found["DE"].now_grams_per_kilowatt_hour) is Reason.UNKNOWN_ZONE
    assert found["US-SCL"].basis == Basis.parse("average-lifecycle")


CSV = "time_utc,US-SCL,DE\n2026-06-01T11:00:00Z,24,410.5\n2026-06-01T12:00:00Z,25,400\n2026-06-01T13:00:00Z,26,\n"
JSON = """[{"time": "2026-06-01T12:00:00Z", "zone": "US-SCL", "gramsPerKilowattHour": 25},
           {"time": "2026-06-01T13:00:00Z", "zone": "US-SCL", "gramsPerKilowattHour": 26}]"""


def from_file(path: Path, text: str) -> FileIntensity:
    path.write_text(text)
    return FileIntensity(name="file", path=path, basis=Basis())


@pytest.mark.parametrize(("name", "text"), [("trace.csv", CSV), ("trace.json", JSON)])
async def test_a_row_of_a_file_holds_until_the_next(tmp_path: Path, name: str, text: str) -> None:
    provider = from_file(tmp_path / name, text)

    found = await provider.now("US-SCL", NOON + timedelta(minutes=59))
    expected = await provider.forecast("US-SCL", NOON + timedelta(minutes=59))

    assert isinstance(found, Measurement)
    assert (found.value, found.time) == (25.0, NOON)
    assert expected is not None
    assert expected.values == (25.0, 26.0)
    past = await provider.history("US-SCL", NOON + timedelta(minutes=59))
    assert past[-1].grams_per_kilowatt_hour == 25.0


async def test_a_row_of_a_day_holds_all_day_and_the_last_one_no_longer(tmp_path: Path) -> None:
    text = "time,US-SCL\n2026-05-31T00:00:00Z,24\n2026-06-01T00:00:00Z,25\n"
    of = IntensityLadder(name="file", provider=from_file(tmp_path / "days.csv", text), refresh_seconds=1.0)

    assert await now(of, NOON + timedelta(minutes=59)) == Measurement(
        value=25.0, time=NOON, quality=Quality.MEASURED, source="file"
    )
    assert quality(await now(of, NOON + timedelta(hours=12))) is Quality.ESTIMATED  # what held a day before


async def test_a_file_that_ended_grows_old_and_a_file_that_changed_is_read_again(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    of = IntensityLadder(name="file", provider=from_file(path, CSV), refresh_seconds=1.0)

    assert quality(await now(of, NOON + timedelta(hours=4))) is Reason.DATA_STALE
    path.write_text(CSV + "2026-06-01T16:00:00Z,30,400\n")
    found = await now(of, NOON + timedelta(hours=4, minutes=1))

    assert isinstance(found, Measurement)
    assert found.value == 30.0


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        ("a.csv", "when,US-SCL\n2026-06-01T11:00:00Z,24\n", "time_utc"),
        ("a.csv", "time,US-SCL\nnoon,24\n", "line 2"),
        ("a.csv", "time,US-SCL\n2026-06-01T11:00:00,24\n", "with a zone"),
        ("a.csv", "time,US-SCL\n2026-06-01T11:00:00Z,nan\n", "line 2"),
        ("a.csv", "time,US-SCL\n2026-06-01T11:00:00Z,2400\n", "1500"),
        ("a.csv", "", "line 1"),
        ("a.json", "{}", "JSON list"),
        ("a.json", "[1]", r"\[0\]"),
        ("a.json", "[", "a.json"),
    ],
)
async def test_a_wrong_file_names_its_row(tmp_path: Path, name: str, text: str, words: str) -> None:
    with pytest.raises(SourceUnavailable, match=words):
        await from_file(tmp_path / name, text).now("US-SCL", NOON)


async def test_a_file_that_is_not_there_is_an_unavailable_source(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable, match=r"trace\.csv"):
        await FileIntensity(name="file", path=tmp_path / "trace.csv", basis=Basis()).now("US-SCL", NOON)
