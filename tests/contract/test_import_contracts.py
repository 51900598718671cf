"""Every sub-package stands in an import contract, so that each wall that the layout draws is one that a tool holds."""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = (
    "operator/sunward",
    "node_exporter/sunward_exporter",
    "trainer/sunward_trainer",
    "lab/sunward_lab",
    "auditor/sunward_audit",
)
LARGEST_FOLDER = 25
"""Modules side by side in one folder, beyond which a reader no longer holds them in mind."""


def packages() -> list[str]:
    """Dotted names of all packages of the product below the top one."""
    found = []
    for top in PRODUCT:
        base = (ROOT / top).parent
        inits = sorted((ROOT / top).glob("*/**/__init__.py"))
        found += [".".join(path.parent.relative_to(base).parts) for path in inits]
    return found


def named() -> set[str]:
    """Every module that a contract names."""
    settings: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    names: set[str] = set()
    for contract in settings["tool"]["importlinter"]["contracts"]:
        for key in ("containers", "layers", "modules", "source_modules", "forbidden_modules"):
            for entry in contract.get(key, ()):
                names |= {name.strip() for name in entry.split("|")}
    return names


def test_every_sub_package_is_named_by_a_contract() -> None:
    assert [name for name in packages() if name not in named()] == []


@pytest.mark.parametrize("top", [*PRODUCT, "tests/support", "tests/fault_injection"])
def test_no_folder_holds_more_modules_than_a_reader_can(top: str) -> None:
    folders = [ROOT / top, *(path for path in (ROOT / top).rglob("*") if path.is_dir())]
    sizes = {str(folder.relative_to(ROOT)): len(list(folder.glob("[!_]*.py"))) for folder in folders}
    assert {folder: size for folder, size in sizes.items() if size > LARGEST_FOLDER} == {}
