"""Sources from settings: the one place where a provider's name becomes an object with a connection."""

from __future__ import annotations

import aiohttp

from sunward.sources.http import JsonReader, Limits
from sunward.sources.intensity.electricity_maps import ElectricityMaps
from sunward.sources.intensity.files import FileIntensity, StaticIntensity
from sunward.sources.intensity.ladder import IntensityLadder, IntensitySources
from sunward.sources.intensity.provider import IntensityProvider
from sunward.sources.prometheus import PrometheusSource
from sunward.sources.sensors import PrometheusSensors
from sunward.sources.settings import IntensitySourceSettings, Settings

LARGEST_PROMETHEUS_ANSWER_BYTES = 32 << 20
"""A thousand nodes, scraped every 5 s, for a period of an hour."""


def build_sensors(settings: Settings, session: aiohttp.ClientSession) -> PrometheusSensors:
    """The nodes' meters behind the settings' Prometheus."""
    limits = Limits(timeout_seconds=settings.prometheus.timeout_seconds, maximum_bytes=LARGEST_PROMETHEUS_ANSWER_BYTES)
    reader = JsonReader(name="prometheus", session=session, limits=limits)
    return PrometheusSensors(source=PrometheusSource(reader=reader, settings=settings.prometheus))


def build_intensities(settings: Settings, session: aiohttp.ClientSession) -> IntensitySources:
    """Every intensity source of the settings, each with its ladder."""
    return IntensitySources(
        ladders={
            name: IntensityLadder(
                name=name,
                provider=_provider(name, section, session),
                refresh_seconds=section.refresh_seconds,
                profile=section.profile,
                annual_mean=section.annual_mean,
            )
            for name, section in settings.intensity_sources.items()
        }
    )


def _provider(name: str, section: IntensitySourceSettings, session: aiohttp.ClientSession) -> IntensityProvider:
    if section.provider == "static":
        return StaticIntensity(name=name, grams_per_kilowatt_hour=section.grams_per_kilowatt_hour, basis=section.basis)
    if section.provider == "file" and section.path is not None:
        return FileIntensity(name=name, path=section.path, basis=section.basis)
    assert section.url is not None  # the settings' own rule for this provider
    reader = JsonReader(name=name, session=session, limits=Limits(timeout_seconds=section.timeout_seconds))
    return ElectricityMaps(reader=reader, url=section.url, basis=section.basis, token_file=section.token_file)
