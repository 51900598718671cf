"""Every way a solver process can fail ends in the greedy plan and the reason. Real processes, no mocks."""

import contextlib
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sunward.domain.plans import SolverName
from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.problem.instance import Problem, ProblemError
from sunward.optimisation.problem.solution import Status
from sunward.optimisation.process.guarded import GRACE_SECONDS, GuardedSolver
from sunward.optimisation.solve import solve_exact
from sunward.optimisation.verify import verify
from support.optimisation.instances import as_document, job, node, pool, problem

PRELUDE = """
import json, os, sys, time
from sunward.optimisation.process.frames import read_frame, write_frame
write_frame(1, b"ready")
request = json.loads(read_frame(0))
def answer(document):
    write_frame(1, json.dumps(document).encode())
    time.sleep(60)
"""


def made() -> Problem:
    """A problem whose optimum the greedy plan does not reach by chance of order."""
    return problem(
        node("a", harvest=(0.0, 0.0), idle_watts=3.0),
        node("b", "clean", harvest=(1.0, 0.5)),
        jobs=(job({"a": 3000.0}, ("b",)),),
        pools=(pool("a", "b"),),
    )


@pytest.fixture(scope="module")
def guarded() -> Iterator[GuardedSolver]:
    """One solver process for all tests that need a working one."""
    with GuardedSolver() as solver:
        yield solver


def broken(body: str, tmp_path: Path) -> GuardedSolver:
    """A solver process that greets, reads the problem and then does as told."""
    tmp_path.mkdir(exist_ok=True)
    script = tmp_path / "solver.py"
    script.write_text(PRELUDE + body)
    return GuardedSolver((sys.executable, str(script)))


def assert_falls_back(solver: GuardedSolver, reason: str, *, limit: float = 5.0) -> None:
    """The answer is the greedy plan, correct, and says why."""
    with solver:
        found = solver.solve(made(), time_limit_seconds=limit)
    assert found.status is Status.FALLBACK
    assert found.solver is SolverName.GREEDY
    assert reason in (found.fallback or "")
    assert verify(made(), found) == ()


def test_a_working_process_proves_the_optimum_and_is_reused(guarded: GuardedSolver) -> None:
    first = guarded.solve(made())
    process = guarded.process_id
    second = guarded.solve(made())
    assert first.status is second.status is Status.OPTIMAL
    assert guarded.process_id == process
    expected = solve_exact(made()).objective_grams
    assert first.objective_grams == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(
    "death", ["os.abort()", "os._exit(0)", "os.kill(os.getpid(), 11)", "raise RuntimeError('broken')"]
)
def test_a_crash_falls_back(death: str, tmp_path: Path) -> None:
    assert_falls_back(broken(death, tmp_path), "the solver process ended")


def test_a_crash_half_way_through_an_answer_falls_back(tmp_path: Path) -> None:
    body = "os.write(1, (1000).to_bytes(8, 'big') + b'{'); os._exit(0)"
    assert_falls_back(broken(body, tmp_path), "the solver process ended")


def test_a_hang_is_killed_two_seconds_after_the_limit(tmp_path: Path) -> None:
    solver = broken("time.sleep(600)", tmp_path)
    began = time.monotonic()
    assert_falls_back(solver, "the solver process did not respond in time", limit=0.2)
    assert time.monotonic() - began < 20


def test_a_process_that_does_not_read_its_problem_is_not_waited_for(tmp_path: Path) -> None:
    large = problem(*(node(f"n{index}") for index in range(400)))
    assert len(large.to_json()) > 1 << 17  # more than a pipe holds
    script = tmp_path / "solver.py"
    script.write_text(
        "import time\nfrom sunward.optimisation.process.frames import write_frame\nwrite_frame(1, b'ready')\n"
    )
    script.write_text(script.read_text() + "time.sleep(600)\n")
    with GuardedSolver((sys.executable, str(script))) as solver:
        solver.start()
        began = time.monotonic()
        found = solver.solve(large, time_limit_seconds=0.2)
    assert time.monotonic() - began < 0.2 + GRACE_SECONDS + 1.5  # the greedy plan and its check come on top
    assert found.status is Status.FALLBACK
    assert "the solver process did not respond in time" in (found.fallback or "")


@pytest.mark.parametrize("greeting", ["", "os.write(1, b'\\0')"])
def test_a_process_that_is_slow_to_start_is_neither_waited_for_nor_killed(greeting: str) -> None:
    slow = GuardedSolver((sys.executable, "-c", f"import os, time; {greeting or 'pass'}; time.sleep(600)"))
    with slow:
        began = time.monotonic()
        found = slow.solve(made(), time_limit_seconds=0.2)
        assert time.monotonic() - began < 0.2 + GRACE_SECONDS + 1.0
        assert found.status is Status.FALLBACK
        assert (slow.process_id is None) == bool(greeting)  # half a greeting is garbage, none may still come


def test_a_process_that_was_slow_to_start_serves_the_next_call(tmp_path: Path) -> None:
    script = tmp_path / "solver.py"
    script.write_text(
        "import time\ntime.sleep(3)\nimport runpy\n"
        "runpy.run_module('sunward.optimisation.process.worker', run_name='__main__')"
    )
    with GuardedSolver((sys.executable, str(script))) as solver:
        assert "still starting" in (solver.solve(made(), time_limit_seconds=0.1).fallback or "")
        process = solver.process_id
        solver.start()
        assert solver.solve(made()).status is Status.OPTIMAL
        assert solver.process_id == process


@pytest.mark.parametrize("seconds", [float("nan"), float("-inf"), -1.0, 0.0])
def test_a_time_limit_that_leaves_no_time_brings_a_correct_plan(seconds: float, guarded: GuardedSolver) -> None:
    found = guarded.solve(made(), time_limit_seconds=seconds)
    assert found.status is not Status.INFEASIBLE
    assert verify(made(), found) == ()


def test_a_time_limit_without_end_is_no_error(guarded: GuardedSolver) -> None:
    assert verify(made(), guarded.solve(made(), time_limit_seconds=float("inf"))) == ()
    assert guarded.solve(made(), time_limit_seconds=1e9).status is Status.OPTIMAL


def test_an_answer_far_longer_than_its_problem_is_not_read(tmp_path: Path) -> None:
    solver = broken("write_frame(1, b'[' + b'[],' * 10_000_000 + b'[]]'); time.sleep(60)", tmp_path)
    began = time.monotonic()
    assert_falls_back(solver, "invalid response from the solver process", limit=1.0)
    assert time.monotonic() - began < 1.0 + GRACE_SECONDS


def test_an_answer_that_trips_the_verifier_falls_back(guarded: GuardedSolver, monkeypatch: pytest.MonkeyPatch) -> None:
    def trip(*_: object) -> str | None:
        raise ZeroDivisionError("float division by zero")

    monkeypatch.setattr("sunward.optimisation.process.guarded.refusal", trip)
    found = guarded.solve(made())
    assert found.status is Status.FALLBACK
    assert "could not read the solver's answer: float division by zero" in (found.fallback or "")


def descriptors() -> int:
    """Open descriptors of this process."""
    return len(list(Path("/proc/self/fd").iterdir()))


def zombies() -> list[str]:
    """Children of this process that ended and that nobody asked about."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):  # others end while they are listed
            state, parent, *_ = path.read_text().rpartition(")")[2].split()
            found += [path.parent.name] if (state, parent) == ("Z", str(os.getpid())) else []
    return found


def test_fifty_failures_leave_no_process_and_no_descriptor(tmp_path: Path) -> None:
    deaths = ("os.kill(os.getpid(), 9)", "os.write(1, b'x' * 100); time.sleep(60)", "answer({'error': 'x'})")
    solvers = [broken(death, tmp_path / str(index)) for index, death in enumerate(deaths)]
    before = descriptors()
    for turn in range(50):
        solver = solvers[turn % len(solvers)]
        assert solver.solve(made(), time_limit_seconds=5.0).status is Status.FALLBACK
        assert solver.process_id is None
    assert descriptors() == before
    assert zombies() == []


def test_a_process_that_cannot_start_falls_back() -> None:
    assert_falls_back(GuardedSolver(("/nonexistent/solver",)), "No such file")


def test_a_process_that_greets_wrongly_falls_back() -> None:
    command = (sys.executable, "-c", "import os; os.write(1, (5).to_bytes(8, 'big') + b'hello')")
    assert_falls_back(GuardedSolver(command), "invalid handshake from the solver process")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("os.write(1, b'x' * 100); time.sleep(60)", "invalid response from the solver process"),
        ("write_frame(1, b'\\xff\\xfe'); time.sleep(60)", "invalid response from the solver process"),
        ("write_frame(1, b'not json'); time.sleep(60)", "invalid response from the solver process"),
        ("answer([1, 2])", "invalid response from the solver process"),
        ("answer({})", "invalid response from the solver process"),
        ("answer({'solution': 7})", "invalid response from the solver process"),
        ("answer({'solution': '{}'})", "schema"),
        ("write_frame(1, b'[' * 100_000); time.sleep(60)", "invalid response from the solver process"),
        ("os.write(1, b'\\x7f' * 8); time.sleep(60)", "invalid response from the solver process"),
        ("answer({'solution': '[' * 100_000})", "nested too deeply"),
        ("answer({'error': 'SolveError: model_invalid at row 7'})", "model_invalid at row 7"),
        ("answer({'error': 'SolveError: no plan within the time limit'})", "no plan within the time limit"),
    ],
)
def test_garbage_and_reported_failures_fall_back(payload: str, reason: str, tmp_path: Path) -> None:
    assert_falls_back(broken(payload, tmp_path), reason)


def forged(tmp_path: Path, **changes: object) -> GuardedSolver:
    """A process that answers with the optimal solution, forged."""
    solution = json.loads(solve_exact(made()).to_json())
    solution.update(changes)
    (tmp_path / "forged.json").write_text(json.dumps(solution))
    return broken(f"answer({{'solution': open({str(tmp_path / 'forged.json')!r}).read()}})", tmp_path)


@pytest.mark.parametrize(
    "changes",
    [
        {"objective_grams": 0.0},
        {"lower_bound_grams": 1e9},
        {"batches": []},
        {"sends": [], "draws": []},
        {"status": "infeasible", "infeasible_because": [{"constraint": "deadline", "shortfall": 1.0}]},
        {
            "status": "infeasible",
            "infeasible_because": [{"constraint": "deadline", "shortfall": 1.0}],
            "batches": [],
            "sends": [],
            "draws": [],
            "nodes": [],
            "objective_grams": None,
        },
        {"objective_grams": None},
        {"objective_grams": 0.0, "lower_bound_grams": -1.0, "relative_gap": 0.0},
        {"objective_grams": -1.0, "lower_bound_grams": -2.0, "relative_gap": -1.0},
        {"relative_gap": 0.5},
        {"nodes": []},
    ],
    ids=",".join,
)
def test_forged_answers_are_refused(changes: dict[str, object], tmp_path: Path) -> None:
    assert_falls_back(forged(tmp_path, **changes), "the verifier rejected the solver's answer")


def test_a_correct_plan_that_is_worse_than_greedy_is_refused(tmp_path: Path) -> None:
    document = as_document(made())
    document["policy"].update(share_energy=False, offload_tasks=False, sleep=False)
    poor = json.loads(solve_exact(parse_problem(json.dumps(document))).to_json())
    poor.update(status="feasible", lower_bound_grams=0.0, relative_gap=1.0)
    assert_falls_back(forged(tmp_path, **poor), "the solver's plan is worse than the greedy one")


def test_an_unknown_solver_falls_back(guarded: GuardedSolver) -> None:
    found = guarded.solve(made(), solver="oracle of Delphi")
    assert found.status is Status.FALLBACK
    assert "not a valid Solver" in (found.fallback or "")


def test_the_process_is_replaced_after_a_crash(guarded: GuardedSolver) -> None:
    guarded.solve(made())
    before = guarded.process_id
    assert before is not None
    os.kill(before, signal.SIGKILL)
    found = guarded.solve(made())
    if found.status is Status.FALLBACK:  # the death may only show while writing to it
        found = guarded.solve(made())
    assert found.status is Status.OPTIMAL
    assert guarded.process_id != before


def test_an_interrupt_does_not_reach_the_solver(guarded: GuardedSolver) -> None:
    guarded.solve(made())
    process = guarded.process_id
    assert process is not None
    os.kill(process, signal.SIGINT)
    assert guarded.solve(made()).status is Status.OPTIMAL
    assert guarded.process_id == process


def test_an_infeasible_problem_is_an_answer_with_reasons(guarded: GuardedSolver) -> None:
    found = guarded.solve(problem(node("a"), jobs=(job({"a": 1e6}),)))
    assert found.status is Status.INFEASIBLE
    assert [row.constraint.value for row in found.infeasible_because] == ["deadline"]


def test_a_wrong_problem_is_the_callers_error(guarded: GuardedSolver) -> None:
    with pytest.raises(ProblemError):
        guarded.solve(problem(node("a"), period_seconds=float("nan")))


def test_an_infeasible_problem_and_a_dead_solver_still_give_an_answer(tmp_path: Path) -> None:
    with broken("os.abort()", tmp_path) as solver:
        found = solver.solve(problem(node("a"), jobs=(job({"a": 1e6}),)))
    assert found.status is Status.INFEASIBLE
    assert "the solver process ended" in (found.fallback or "")
    assert found.infeasible_because
