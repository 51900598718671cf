"""The main job on three real nodes, with trouble in the middle: what the README promises, seen from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(900)]
RUN_DIR = Path("/run/sunward-lab-e2e")
Body = dict[str, Any]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Body:
    """One demo with three workers, a power cut, a deleted operator and a silent Prometheus; its report.

    What the demo printed is the message of a failure: it says promise by promise what did not happen.
    """
    folder = tmp_path_factory.mktemp("demo")
    done = subprocess.run(
        [
            sys.executable, "-m", "sunward_lab.demo", "--nodes", "3", "--scenario", "small", "--run-dir", str(RUN_DIR),
            "--report", str(folder), "--rounds", "110", "--trouble", "power", "operator", "prometheus",
        ],
        capture_output=True,
        text=True,
        check=False,
    )  # fmt: skip
    assert (folder / "report.json").exists(), done.stdout[-3000:] + done.stderr[-3000:]
    body: Body = json.loads((folder / "report.json").read_text(encoding="utf-8"))
    body["exit"], body["output"] = done.returncode, done.stdout[-4000:]
    return body


PROMISES = (
    "the job is complete with its accuracy stated",
    "a node was really powered off",
    "a powered-off node was woken again",
    "batches of a shard moved to a cleaner node",
    "an energy transfer was settled",
    "no Sunward pod was lost other than by eviction",
    "the ledger closes within 0.1 % in every period",
    "emissions are below the none baseline under the same trace",
    "disruption took place: power",
    "disruption took place: operator",
    "disruption took place: prometheus",
    "no node was put to sleep while the meters were silent",
)


@pytest.mark.parametrize("promise", PROMISES)
def test_a_promise_is_kept_in_spite_of_trouble(report: Body, promise: str) -> None:
    findings = {finding["promise"]: finding for finding in report["findings"]}
    assert findings[promise]["kept"], f"{findings[promise]['evidence']}\n{report['output']}"


def test_the_demo_says_with_its_exit_status_whether_everything_happened(report: Body) -> None:
    assert report["exit"] == (0 if all(finding["kept"] for finding in report["findings"]) else 1)


def test_the_lab_leaves_nothing_behind(report: Body) -> None:
    assert report["findings"]
    assert not RUN_DIR.exists()
    spaces = subprocess.run(["ip", "netns", "list"], capture_output=True, text=True, check=True).stdout
    assert "sunward" not in spaces
