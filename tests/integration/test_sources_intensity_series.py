"""Grid intensity from a real Prometheus that scrapes what grid-intensity-exporter shows."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from sunward.domain.measurement import Absent, Measurement, Quality, Reading
from sunward.domain.reasons import Reason
from support.sources import exporting, prometheus, prometheus_binary, scrape_configuration, until
from support.tree.registries import PROVIDERS

pytestmark = [
    pytest.mark.prometheus,
    pytest.mark.skipif(prometheus_binary() is None, reason="needs a Prometheus"),
]
UNITS = 'region="",units="gCO2e per kWh"'
PAGE = f"""# TYPE grid_intensity_carbon_average gauge
grid_intensity_carbon_average{{is_estimated="true",location="GBR",node="n1",provider="Ember",{UNITS}}} 257.6
grid_intensity_carbon_average{{is_estimated="false",location="DE",node="n1",provider="A",{UNITS}}} 410
grid_intensity_carbon_average{{is_estimated="false",location="TWICE",node="",provider="A",{UNITS}}} 1
grid_intensity_carbon_average{{is_estimated="false",location="TWICE",node="",provider="B",{UNITS}}} 2
grid_intensity_carbon_average{{provider="ember-climate.org",region="FR",units="gCO2 per kWh"}} 67.781
"""
"""The exposition of releases 0.7 (with `location`) and before (with `region`)."""


async def test_every_series_of_the_exporter_is_read_with_its_quality_and_its_own_time(tmp_path: Path) -> None:
    with exporting(lambda: PAGE) as port:
        async with prometheus(tmp_path, scrape_configuration([(port, "hub")])) as source:
            session, url = source.reader.session, source.settings.url

            async def ask(zone: str, **section: str) -> Reading:
                given = {"provider": "prometheus", "url": url, **section}
                return await PROVIDERS.validate_python(given).build("series", session, {}).now(zone, datetime.now(UTC))

            british = await until(lambda: ask("GBR"), lambda found: isinstance(found, Measurement))
            found = {"DE": await ask("DE"), "FR": await ask("FR", zoneLabel="region")}
            twice, none = await ask("TWICE"), await ask("ATLANTIS")

    assert isinstance(british, Measurement)
    assert (british.value, british.quality) == (257.6, Quality.ESTIMATED)
    assert abs((datetime.now(UTC) - british.time).total_seconds()) < 60.0
    values = {zone: (one.value, one.quality) for zone, one in found.items() if isinstance(one, Measurement)}
    assert values == {"DE": (410.0, Quality.MEASURED), "FR": (67.781, Quality.ESTIMATED)}
    assert isinstance(twice, Absent)
    assert isinstance(none, Absent)
    assert (twice.cause.reason, none.cause.reason) == (Reason.AMBIGUOUS_METRIC, Reason.DATA_MISSING)
