"""The section of the settings file that says where the exporters' samples are."""

from __future__ import annotations

from pydantic import Field

from sunward.settings.address import Url
from sunward.settings.section import Section


class PrometheusSettings(Section):
    """Which Prometheus holds the exporters' samples, and how often it takes them (seconds)."""

    url: Url
    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    scrape_interval_seconds: float = Field(default=5.0, gt=0.0, le=300.0)
    job: str = Field(default="sunward-exporter", min_length=1, max_length=253)
