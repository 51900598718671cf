"""The table of peers: figures are those of a run, and what was not run is said and never shown as a figure."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

from support.product import ROOT


@pytest.fixture(scope="module")
def bench() -> ModuleType:
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location("bench_peers", ROOT / "tools" / "bench_peers.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def test_fedzeros_day_is_replayed_and_their_rule_and_our_plan_save_most_of_it(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "report" / "peers.md"
    assert bench.main(["--seeds", "1", "--out", str(out)]) == 0
    text = out.read_text(encoding="utf-8")
    assert capsys.readouterr().out == text
    [row] = [line.strip("| ").split(" | ") for line in text.splitlines() if line.startswith("| FedZero")]
    none, rule, planned, operated = (float(cell) for cell in row[3:7])
    assert none == pytest.approx(2416.9, rel=1e-3)
    assert rule == pytest.approx(166.7, rel=1e-3)
    assert planned <= rule
    assert operated <= none
    assert text.count("is not in --data") == len(bench.REPLAYS) - 1


def test_a_scenario_that_cannot_be_read_ends_with_one_line(
    bench: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "s5-curtail").mkdir()
    (tmp_path / "s5-curtail" / "x14h75-op.yaml").write_text("schema: other\n", encoding="utf-8")
    assert bench.main(["--seeds", "1", "--data", str(tmp_path)]) == 2
    assert "x14h75-op.yaml" in capsys.readouterr().err.splitlines()[-1]
