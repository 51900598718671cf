"""What is generated is as the generator writes it today, and tells the whole truth."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from sunward.domain.nodes import PowerState
from sunward.domain.reasons import Reason
from sunward_exporter.collector import CONTRACT
from support import crds

ROOT = Path(__file__).resolve().parents[2]


def test_generated_files_are_up_to_date() -> None:
    command = [sys.executable, str(ROOT / "tools" / "docs" / "generate.py"), "--check"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def test_every_field_of_every_kind_is_documented() -> None:
    page = (ROOT / "docs" / "resources.md").read_text(encoding="utf-8")
    for definition in crds.definitions():
        for path, _ in crds.nodes_of_schema(crds.schema_of(definition)):
            if path.startswith((".spec.", ".status.")) and not path.endswith(("[]", ".*")):
                assert f"`{path.removeprefix('.')}`" in page


def test_every_metric_is_documented_with_its_help() -> None:
    page = (ROOT / "docs" / "exporter-metrics.md").read_text(encoding="utf-8")
    assert all(family.name in page and family.help in page for family in CONTRACT)


def test_the_operations_page_has_every_state_and_every_reason() -> None:
    page = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
    assert [reason for reason in Reason if f"`{reason}`" not in page] == []
    assert [state for state in PowerState if f"\n| {state}" not in page] == []
