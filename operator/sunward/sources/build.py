"""Sources from settings: the one place where sections become objects with a connection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aiohttp

from sunward.sources.http import JsonReader, Limits
from sunward.sources.intensity.ladder import IntensityLadder, IntensitySources
from sunward.sources.intensity.provider import IntensityProvider
from sunward.sources.intensity.providers.chain import ChainSettings
from sunward.sources.intensity.registry import IntensitySourceSettings
from sunward.sources.mapped import MappedSource
from sunward.sources.prometheus import PrometheusSource
from sunward.sources.sensor_maps import SensorMap
from sunward.sources.sensors import PrometheusSensors
from sunward.sources.settings import PrometheusSettings
from sunward.sources.sun.registry import HarvestForecastSettings
from sunward.sources.sun.sensors import ForecastedSensors

NAME = "prometheus"
"""What errors call it."""
LARGEST_PROMETHEUS_ANSWER_BYTES = 32 << 20
"""About two hundred nodes, which are asked about at once, scraped every 5 s, for a period of an hour."""


def build_sensors(
    settings: PrometheusSettings, session: aiohttp.ClientSession, maps: Sequence[SensorMap] = ()
) -> PrometheusSensors:
    """The nodes' meters behind this Prometheus, with the series of other exporters that are mapped to them."""
    limits = Limits(timeout_seconds=settings.timeout_seconds, maximum_bytes=LARGEST_PROMETHEUS_ANSWER_BYTES)
    reader = JsonReader(
        name=NAME, session=session, limits=limits, headers=lambda: settings.headers(NAME), ca_file=settings.ca_file
    )
    return PrometheusSensors(
        source=PrometheusSource(reader=reader, settings=settings),
        mapped=[MappedSource(reader=reader, settings=settings, mapping=mapping) for mapping in maps],
    )


def build_forecasted(
    sensors: PrometheusSensors, settings: HarvestForecastSettings | None, session: aiohttp.ClientSession
) -> PrometheusSensors | ForecastedSensors:
    """The meters, with a forecast of harvest beside them where the settings name a service."""
    if settings is None:
        return sensors
    return ForecastedSensors(inner=sensors, service=settings.build(session), refresh_seconds=settings.refresh_seconds)


def build_intensities(
    sources: Mapping[str, IntensitySourceSettings], session: aiohttp.ClientSession
) -> IntensitySources:
    """Every intensity source of the settings by its name, each with its ladder."""
    providers: dict[str, IntensityProvider] = {}
    for name, section in sorted(sources.items(), key=lambda one: isinstance(one[1], ChainSettings)):
        providers[name] = section.build(name, session, providers)
    return IntensitySources(
        ladders={
            name: IntensityLadder(
                name=name,
                provider=providers[name],
                refresh_seconds=section.refresh_seconds,
                profile=section.profile,
                annual_mean=section.annual_mean,
            )
            for name, section in sources.items()
        }
    )
