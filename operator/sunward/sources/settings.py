"""The section of the settings file that says where the exporters' samples are."""

from __future__ import annotations

from pydantic import Field

from sunward.sources.access import PrometheusAccess


class PrometheusSettings(PrometheusAccess):
    """Which Prometheus holds the exporters' samples, how often it takes them (seconds), and what it asks for."""

    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    scrape_interval_seconds: float = Field(default=5.0, gt=0.0, le=300.0)
    job: str = Field(default="sunward-exporter", min_length=1, max_length=253)
