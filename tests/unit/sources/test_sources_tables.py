"""Files of intensities as people have them, and errors that name the line."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sunward.domain.errors import SourceUnavailable
from sunward.domain.intensity import Basis, FactorScope
from sunward.domain.measurement import Measurement, Quality
from sunward.sources.intensity.providers.file import FileIntensity

NOON = datetime(2024, 5, 21, 12, tzinfo=UTC)
DIRECT = Basis(scope=FactorScope.DIRECT)
PORTAL = (
    "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO₂eq/kWh (direct),"
    "Carbon intensity gCO₂eq/kWh (Life cycle),Carbon-free energy percentage (CFE%),"
    "Renewable energy percentage (RE%),Data source,Data estimated,Data estimation method\n"
    "2024-05-21 11:00:00,Sweden,Sweden,SE,2.54,30.02,99.42,60.13,svk.se,false,\n"
    "2024-05-21 12:00:00,Sweden,Sweden,SE,2.6,30.32,99.4,59.52,svk.se,true,ESTIMATED_FORECASTS_HIERARCHY\n"
)
OLD_PORTAL = (
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO₂eq/kWh (direct),Carbon Intensity gCO₂eq/kWh (LCA)\n"
    "2024-05-21 11:00:00,Sweden,Sweden,SE,2.54,30.02\n2024-05-21 12:00:00,Sweden,Sweden,SE,2.6,30.32\n"
)


def from_file(path: Path, text: str | bytes, basis: Basis = DIRECT) -> FileIntensity:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return FileIntensity(name="file", path=path, basis=basis)


async def at_noon(path: Path, text: str | bytes, zone: str, basis: Basis = DIRECT) -> Measurement:
    found = await from_file(path, text, basis).now(zone, NOON)
    assert isinstance(found, Measurement), found
    return found


@pytest.mark.parametrize(
    ("text", "basis", "grams", "quality"),
    [
        (PORTAL, DIRECT, 2.6, Quality.ESTIMATED),
        (PORTAL, Basis(), 30.32, Quality.ESTIMATED),
        (OLD_PORTAL, DIRECT, 2.6, Quality.MEASURED),
        (OLD_PORTAL, Basis(), 30.32, Quality.MEASURED),
        ("\ufeff" + PORTAL.replace("\n", "\r\n"), DIRECT, 2.6, Quality.ESTIMATED),
        (OLD_PORTAL.replace(",", ";").replace(".", ","), DIRECT, 2.6, Quality.MEASURED),
    ],
)
async def test_a_file_of_the_data_portal_is_read_as_it_is(
    tmp_path: Path, text: str, basis: Basis, grams: float, quality: Quality
) -> None:
    found = await at_noon(tmp_path / "se.csv", text, "SE", basis)

    assert (found.value, found.time, found.quality) == (grams, NOON, quality)


@pytest.mark.parametrize(
    "text",
    [
        "time;DE;FR\n2024-05-21T12:00:00Z;213,5;40\n",
        "sep=;\ntime;DE;FR\n2024-05-21T12:00:00Z;213,5;40\n",
        "time\tDE\tFR\n2024-05-21T12:00:00Z\t213,5\t40\n",
        "Time, DE, FR\n2024-05-21T12:00:00Z, 213.5, 40\n",
        "time_utc,DE,FR\n2024-05-21T14:00:00+02:00,213.5,\n",
        b"\xef\xbb\xbftime;DE\r\n2024-05-21T12:00:00Z;213.5\r\n",
    ],
)
async def test_a_table_of_ones_own_may_have_semicolons_tabs_and_decimal_commas(
    tmp_path: Path, text: str | bytes
) -> None:
    assert (await at_noon(tmp_path / "a.csv", text, "DE")).value == 213.5


async def test_a_row_of_a_day_holds_all_day_in_a_file_of_the_portal(tmp_path: Path) -> None:
    head, row = OLD_PORTAL.splitlines()[:2]
    days = [
        row.replace("2024-05-21 11:00:00", f"2024-05-{day} 00:00:00").replace("2.54", f"{day}") for day in (20, 21, 22)
    ]

    assert (await at_noon(tmp_path / "days.csv", "\n".join([head, *days]), "SE")).value == 21.0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("time,DE\n2024-05-21T12:00:00,213\n", "line 2: '2024-05-21T12:00:00' is not a time with a zone"),
        ("time;DE\n2024-05-21T12:00:00Z;1.213,5\n", "line 2: '1.213,5' is not an intensity"),
        ("time,DE\n2024-05-21T12:00:00Z,213,5\n", "line 2: has 3 cells, and the header 2: does a number have a comma"),
        ("sep=;\ntime;DE\n2024-05-21T12:00:00Z;x\n", "line 3: 'x'"),
        ("Datetime (UTC),Country\n2024-05-21 12:00:00,SE\n", "line 1: has no column Zone id, or no carbon intensity"),
        ("Datetime (UTC),Zone id,Intensity (direct)\nnoon,SE,3\n", "line 2: 'noon' is not a time"),
        ("when,DE\n", r"line 1: has no column named time, time_utc, datetime or Datetime \(UTC\)"),
        ("time,DE\n2024-05-21T12:00:00Z\n\n", None),
    ],
)
async def test_what_cannot_be_read_is_told_by_its_line(tmp_path: Path, text: str, words: str | None) -> None:
    of = from_file(tmp_path / "a.csv", text)
    if words is None:
        assert await of.history("DE", NOON) == ()
        return
    with pytest.raises(SourceUnavailable, match=words):
        await of.now("DE", NOON)
