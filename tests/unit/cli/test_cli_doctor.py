"""What `sunward doctor` finds in Prometheus' own configuration, which no query of metrics can show."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from aiohttp import web

from sunward.cli.doctor import Finding, policy_finding, prometheus
from support.sources import serving

NAME = "Prometheus configuration"


async def findings(tmp_path: Path, *jobs: dict[str, object]) -> list[Finding]:
    """Of a Prometheus with these scrape jobs."""
    text = yaml.safe_dump({"scrape_configs": list(jobs)})

    async def answer(request: web.Request) -> web.Response:
        assert request.path == "/api/v1/status/config"
        return web.json_response({"status": "success", "data": {"yaml": text}})

    async with serving(answer) as server:
        return await prometheus(settings(tmp_path, server.url))


def settings(tmp_path: Path, url: str) -> Path:
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump({"prometheus": {"url": url}}), encoding="utf-8")
    return path


async def test_a_job_that_keeps_the_labels_of_discovery_is_sound(tmp_path: Path) -> None:
    assert await findings(tmp_path, {"job_name": "sunward-exporter", "honor_labels": False}) == [(NAME, True, "")]


@pytest.mark.parametrize(
    ("job", "fault"),
    [
        (
            {"job_name": "sunward-exporter", "honor_labels": True},
            "scrape job sunward-exporter has honor_labels: true; set it to false",
        ),
        ({"job_name": "another"}, "no scrape job is named sunward-exporter"),
    ],
)
async def test_what_makes_readings_unsafe_is_found(tmp_path: Path, job: dict[str, object], fault: str) -> None:
    assert await findings(tmp_path, job) == [(NAME, False, fault)]


async def test_a_prometheus_that_does_not_answer_is_a_finding(tmp_path: Path) -> None:
    ((name, ok, advice),) = await prometheus(settings(tmp_path, "http://127.0.0.1:1"))
    assert (name, ok) == (NAME, False)
    assert "prometheus is unavailable" in advice


async def test_without_the_settings_it_is_not_checked_and_the_way_to_check_it_is_given() -> None:
    ((name, ok, advice),) = await prometheus(None)
    assert (name, ok) == (NAME, None)
    assert "exec deploy/sunward-operator -- sunward doctor" in advice


async def test_settings_that_cannot_be_read_are_a_finding(tmp_path: Path) -> None:
    ((_, ok, advice),) = await prometheus(tmp_path / "none.yaml")
    assert ok is False
    assert "none.yaml" in advice


def a_policy(status: str, reason: str, message: str) -> dict[str, object]:
    """The EnergyPolicy with what the operator says of it."""
    ready = {"type": "Ready", "status": status, "reason": reason, "message": message}
    return {"metadata": {"name": "default"}, "spec": {"mode": "Active"}, "status": {"conditions": [ready]}}


def test_what_cannot_be_carried_out_is_a_finding_with_the_operators_words() -> None:
    words = "3 of 20 TrainingJobs cannot be carried out: team/a (QuotaExceeded: exceeded quota), and 2 more"
    name, ok, advice = policy_finding([a_policy("False", "PartsFailing", words)])
    assert (name, ok, advice) == ("EnergyPolicy default", False, f"PartsFailing: {words}")
    assert policy_finding([a_policy("True", "Planned", "plans and acts")]) == (name, True, "")
