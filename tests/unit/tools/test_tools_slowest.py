"""The list of the slowest tests at the end of a run."""

from __future__ import annotations

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def slowest() -> ModuleType:
    spec = importlib.util.spec_from_file_location("slowest", ROOT / "tools" / "slowest.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def report(folder: Path, name: str, *times: float) -> Path:
    cases = "".join(f'<testcase file="tests/{name}.py" name="test_{i}" time="{t}"/>' for i, t in enumerate(times))
    path = folder / f"{name}.xml"
    path.write_text(f"<testsuites><testsuite>{cases}</testsuite></testsuites>", encoding="utf-8")
    return path


def test_the_slowest_of_all_runs_come_first_and_no_more_than_asked_for(slowest: ModuleType, tmp_path: Path) -> None:
    files = [report(tmp_path, "a", 1.0, 12.25, 3.0), report(tmp_path, "b", 2.0)]
    assert slowest.slowest(files, 3) == [
        "   12.2 s  tests/a.py::test_1",
        "    3.0 s  tests/a.py::test_2",
        "    2.0 s  tests/b.py::test_0",
    ]


def test_a_run_that_was_killed_hides_no_other(slowest: ModuleType, tmp_path: Path) -> None:
    files = [report(tmp_path, "a", 1.0), tmp_path / "b.xml"]
    files[1].write_text("<testsuites><testsu", encoding="utf-8")
    assert slowest.slowest(files) == ["    1.0 s  tests/a.py::test_0"]
