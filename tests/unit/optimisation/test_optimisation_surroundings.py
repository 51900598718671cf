"""A solver process knows none of its parent's secrets, and memory that it does not get ends in a plan with a reason."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from sunward.optimisation.problem.solution import Status
from sunward.optimisation.process.guarded import GuardedSolver
from sunward.optimisation.process.surroundings import MEMORY_BYTES, MEMORY_VARIABLE, environment, memory_limit_bytes
from support.optimisation.instances import job, node, problem

MADE = problem(node("a"), node("b", "clean"), jobs=(job({"a": 600.0}, ("b",)),))
REAL = """
import sunward.optimisation.process.worker as worker
{before}
def solve(*_, **__):
    {body}
worker.solve = solve
worker.main()
"""


def spoilt(body: str, folder: Path, before: str = "") -> GuardedSolver:
    """The real worker with another solver in it."""
    script = folder / "solver.py"
    script.write_text(REAL.format(body=body, before=before))
    return GuardedSolver((sys.executable, str(script)))


def why(solver: GuardedSolver) -> str:
    with solver:
        found = solver.solve(MADE, time_limit_seconds=20.0)
    assert found.status is Status.FALLBACK
    return found.fallback or ""


def test_a_solver_process_gets_no_variable_that_it_does_not_need(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SUNWARD_TOKEN", "hunter2")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    said = why(spoilt("import os; raise ValueError(sorted(os.environ))", tmp_path))
    assert "PATH" in said
    assert MEMORY_VARIABLE in said
    assert "TOKEN" not in said
    assert "SECRET" not in said


def test_what_is_passed_on_is_listed_by_name() -> None:
    passed = environment({"PATH": "/bin", "KUBECONFIG": "/secret", "HOME": "/root"})
    assert passed == {"PATH": "/bin", "HOME": "/root", MEMORY_VARIABLE: str(memory_limit_bytes())}


def test_a_solver_that_takes_too_much_memory_fails_inside_its_own_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit = 700 << 20
    monkeypatch.setattr(
        "sunward.optimisation.process.guarded.environment", lambda: environment() | {MEMORY_VARIABLE: str(limit)}
    )
    assert why(spoilt("return bytearray(4 << 30)", tmp_path)) == "the solver needs more than its 700 MiB of memory"


def test_a_solver_that_ends_itself_for_want_of_memory_is_told_from_one_that_hangs(tmp_path: Path) -> None:
    said = why(spoilt("import os; os.abort()", tmp_path))
    assert said == f"the solver process ended (signal 6; it may take {memory_limit_bytes() >> 20} MiB of memory)"


@pytest.mark.parametrize(
    ("words", "bytes_"), [("805306368\n", int(0.6 * 805306368)), ("max\n", MEMORY_BYTES), ("1" * 30, MEMORY_BYTES)]
)
def test_the_limit_is_a_share_of_the_containers_memory(words: str, bytes_: int, tmp_path: Path) -> None:
    (tmp_path / "memory.max").write_text(words)
    assert memory_limit_bytes(tmp_path / "memory.max") == bytes_
    assert memory_limit_bytes(tmp_path / "nothing") == MEMORY_BYTES


def test_the_real_worker_solves_within_the_limit() -> None:
    with GuardedSolver() as solver:
        found = solver.solve(MADE, time_limit_seconds=30.0)
        solver.start()
        limits = Path(f"/proc/{solver.process_id}/limits").read_text()
        names = Path(f"/proc/{solver.process_id}/environ").read_bytes().split(b"\0")
    assert found.fallback is None
    row = next(line for line in limits.splitlines() if line.startswith("Max data size"))
    assert row.split()[3] == str(memory_limit_bytes())
    assert {name.split(b"=")[0].decode() for name in names if name} <= {*environment(dict(os.environ))}
    assert json.loads(found.to_json())["status"] != "fallback"
