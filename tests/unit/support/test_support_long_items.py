"""The list of long tests names tests that exist, and tells them from the others."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from support.long_items import COMPUTATIONS, LONG, is_computation, is_long

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("entry", sorted(LONG))
def test_what_is_named_is_there(entry: str) -> None:
    file, _, function = entry.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert re.search(rf"^(async )?def {function or 'test_'}", text, re.MULTILINE)


def test_a_file_stands_for_all_of_its_tests_and_a_function_for_all_of_its_cases() -> None:
    file = "tests/integration/test_real_operator.py"
    module = "tests/unit/simulation/test_simulation_operated.py"
    function = f"{module}::test_hysteresis_keeps_a_plan_that_little_would_improve"
    assert {file, function} <= LONG
    assert is_long(f"{file}::test_something[a::b]")
    assert is_long(f"{function}[0.3]")
    assert not is_long(f"{module}::test_wakes_take_time_and_energy")
    assert not is_long("tests/unit/simulation/test_simulation_sky.py::test_a")


@pytest.mark.parametrize("beginning", COMPUTATIONS)
def test_a_beginning_of_computations_is_that_of_test_files(beginning: str) -> None:
    files = [file.relative_to(ROOT).as_posix() for file in (ROOT / "tests").rglob("test_*.py")]
    assert any(is_computation(file) for file in files if file.startswith(beginning))


@pytest.mark.parametrize("beginning", COMPUTATIONS)
def test_computations_look_at_no_clock(beginning: str) -> None:
    files = [f for f in (ROOT / "tests").rglob("test_*.py") if f.relative_to(ROOT).as_posix().startswith(beginning)]
    clocks = re.compile(r"monotonic|perf_counter|time\.time|wait_for\(")
    assert [file.name for file in files if clocks.search(file.read_text(encoding="utf-8"))] == []
