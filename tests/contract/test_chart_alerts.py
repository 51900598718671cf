"""Each alert fires for what it is about and is silent otherwise, by promtool; its runbook is a place that exists."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from support import chart

QUIET = {
    'sunward_node_power_state{node="pi-01",state="Awake"}': "1x70",
    'sunward_node_power_state{node="pi-01",state="Degraded"}': "0x70",
    'sunward_node_power_state{node="pi-01",state="Draining"}': "0x70",
    "sunward_leader": "1x70",
    'sunward_pass_failures_total{where="settlement"}': "0x70",
    'sunward_failures_total{part="Step",reason="DriverFailed"}': "0x70",
    'sunward_plans_total{result="held"}': "0x70",
    'sunward_plans_total{result="fallback"}': "0x70",
    'sunward_node_steps_total{action="sleep",reason="DriverFailed"}': "0x70",
    'sunward_settled_periods_total{result="open"}': "0x70",
}
"""Series of an hour in which nothing is wrong, a sample a minute."""
WRONG: dict[str, dict[str, str | None]] = {
    "SunwardNodeDegraded": {'sunward_node_power_state{node="pi-01",state="Degraded"}': "1x70"},
    "SunwardNodeStuck": {'sunward_node_power_state{node="pi-01",state="Draining"}': "1x70"},
    "SunwardLeaders": {"sunward_leader": "0x70"},
    "SunwardOperatorAbsent": {"sunward_leader": None},
    "SunwardPassesFail": {'sunward_pass_failures_total{where="settlement"}': "0+1x70"},
    "SunwardObjectsFail": {'sunward_failures_total{part="Step",reason="DriverFailed"}': "0+1x70"},
    "SunwardPlansHeld": {'sunward_plans_total{result="held"}': "0+1x70"},
    "SunwardSolverFails": {'sunward_plans_total{result="fallback"}': "0+1x70"},
    "SunwardRelayFails": {'sunward_node_steps_total{action="sleep",reason="DriverFailed"}': "0+1x70"},
    "SunwardLedgerOpen": {'sunward_settled_periods_total{result="open"}': "0+1x70"},
}
"""What is otherwise in that hour for each alert to fire; None for a series that is not there."""


@pytest.fixture(scope="module")
def group(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The chart's rules."""
    folder = tmp_path_factory.mktemp("alerts")
    manifests = chart.render(folder, values={"prometheusRule": {"enabled": True}})
    (found,) = chart.one(manifests, "PrometheusRule", "sunward")["spec"]["groups"]
    return dict(found)


def fired(group: dict[str, Any], series: dict[str, str | None], folder: Path) -> set[str]:
    """Names of the alerts that promtool sees firing at the end of the hour; every rule is asked for."""
    (folder / "rules.yaml").write_text(yaml.safe_dump({"groups": [group]}), encoding="utf-8")
    inputs = [{"series": name, "values": values} for name, values in series.items() if values is not None]
    # Expecting none of all: whatever fires is then an error that names it.
    wanted = [{"eval_time": "60m", "alertname": rule["alert"], "exp_alerts": []} for rule in group["rules"]]
    test = {"interval": "1m", "input_series": inputs, "alert_rule_test": wanted}
    body = {"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}
    (folder / "test.yaml").write_text(yaml.safe_dump(body), encoding="utf-8")
    promtool = Path(chart.helm()).parent / "promtool"
    argv = [promtool, "test", "rules", "test.yaml"]
    done = subprocess.run(argv, cwd=folder, check=False, capture_output=True, text=True, timeout=120)
    found = set(re.findall(r"alertname: ?\"?(\w+)", done.stdout + done.stderr))
    assert bool(found) is (done.returncode != 0), done.stdout + done.stderr
    return found


def test_every_alert_is_tried(group: dict[str, Any]) -> None:
    assert {rule["alert"] for rule in group["rules"]} == WRONG.keys()


@pytest.mark.prometheus
def test_nothing_fires_while_all_is_well(group: dict[str, Any], tmp_path: Path) -> None:
    assert fired(group, dict(QUIET), tmp_path) == set()


@pytest.mark.prometheus
@pytest.mark.parametrize("alert", WRONG)
def test_an_alert_fires_for_what_it_is_about_and_no_other_does(
    group: dict[str, Any], tmp_path: Path, alert: str
) -> None:
    assert fired(group, {**QUIET, **WRONG[alert]}, tmp_path) == {alert}


def test_every_runbook_is_a_place_of_the_operations_page(group: dict[str, Any]) -> None:
    page = (chart.ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    for rule in group["rules"]:
        path, _, anchor = rule["annotations"]["runbook"].partition("#")
        assert path == "docs/operations.md"
        assert f'<a id="{anchor}"></a>{rule["alert"]}: ' in page
