"""The evaluation of the advisor meets its targets on the public examples, and tells a wrong answer from a right one."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import pytest

TOOL = Path(__file__).parents[3] / "tools" / "advisor_eval.py"


@pytest.fixture(scope="module")
def tool() -> ModuleType:
    """The tool as a module."""
    spec = importlib.util.spec_from_file_location("advisor_eval", TOOL)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_every_public_example_is_answered_as_an_independent_solver_does(
    tool: ModuleType, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(sys, "argv", ["advisor_eval", "--report", str(tmp_path / "out.json")])
    assert tool.main() == 0, capsys.readouterr().out
    assert "changes: 16 of 16" in capsys.readouterr().out
    assert (tmp_path / "out.json").exists()


def test_a_wrong_change_is_seen(tool: ModuleType) -> None:
    assert tool.agree({"a": 1.0, "b": True}, {"a": 1.0, "b": True})
    assert not tool.agree({"a": 1.0}, {"a": 1.001})
    assert not tool.agree({"a": 1.0}, {"a": 1.0, "b": True})
    assert not tool.near(True, 1, 1e-6)


def test_a_solved_but_wrong_answer_fails_the_evaluation(tool: ModuleType) -> None:
    right = {"status": "solved", "changes": True, "optimum": True, "seconds_beyond_solver": 0.01}
    assert tool.summary([right])[1]
    assert not tool.summary([{**right, "optimum": False}])[1]
    assert not tool.summary([{"status": "solved", "not_solved": False, "seconds_beyond_solver": 0.01}])[1]
    assert not tool.summary([{**right, "seconds_beyond_solver": 0.5}])[1]
