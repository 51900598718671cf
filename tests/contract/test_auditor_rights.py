"""The rights that the auditor's page asks for are exactly those that it uses, and none of them writes."""

from __future__ import annotations

from typing import Any

import yaml

from sunward_audit.watch import RESOURCES
from support.chart import ROOT


def role() -> dict[str, Any]:
    page = (ROOT / "docs" / "auditor.md").read_text(encoding="utf-8")
    block = page.split("```yaml\n")[1].split("```")[0]
    return dict(yaml.safe_load(block))


def test_every_kind_is_listed_and_watched_and_no_other() -> None:
    granted = {(group, kind) for rule in role()["rules"] for group in rule["apiGroups"] for kind in rule["resources"]}
    used = {(_group(resource.path), resource.kind) for resource in RESOURCES}
    assert granted == used


def test_nothing_may_be_written() -> None:
    assert {verb for rule in role()["rules"] for verb in rule["verbs"]} == {"list", "watch"}


def test_a_name_that_is_granted_alone_is_asked_for_alone() -> None:
    named = {
        kind: rule["resourceNames"] for rule in role()["rules"] if "resourceNames" in rule for kind in rule["resources"]
    }
    selected = {resource.kind: resource.selector for resource in RESOURCES if "metadata.name" in resource.selector}
    assert {kind: f"metadata.name={names[0]}" for kind, names in named.items()} == selected


def _group(path: str) -> str:
    parts = path.strip("/").split("/")
    return "" if parts[0] == "api" else parts[1]
