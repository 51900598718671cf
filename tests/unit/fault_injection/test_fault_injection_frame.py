"""The frame of the fault-injection suites: what a suite says, and that one which dies is never counted as passed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from fault_injection.campaign import one, table
from fault_injection.registry import SUITES, find
from support.faults.ending import end
from support.faults.outcome import Options, Outcome

PACKAGE = Path(__file__).parents[2] / "fault_injection"


def outcome(**changes: object) -> Outcome:
    given: dict[str, object] = {
        "suite": "crash",
        "title": "R3 crash points",
        "seed": 4,
        "counts": {"points": 1200, "share": 0.25},
        "violations": [],
    }
    return Outcome(**{**given, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({}, "R3 crash points: passed (seed 4): 1,200 points, 0.25 share, 0 violations"),
        (
            {"violations": ["twice"], "worst_recovery_seconds": 3.14},
            "R3 crash points: FAILED (seed 4): 1,200 points, 0.25 share, 1 violations, worst recovery 3.1 s",
        ),
        ({"not_run": "needs root"}, "R3 crash points: not run: needs root"),
    ],
)
def test_the_closing_line_says_how_it_ended(changes: dict[str, object], line: str) -> None:
    assert outcome(**changes).line() == line


def test_the_file_holds_every_field_and_the_state() -> None:
    told = json.loads(json.dumps(outcome(figures={"by_kind": {"a": 1}}).as_json()))
    assert (told["state"], told["counts"]["points"], told["figures"]["by_kind"]["a"]) == ("passed", 1200, 1)


def test_every_module_is_called_as_it_is_listed() -> None:
    for name in SUITES:
        assert find(name).TITLE


def test_an_unknown_suite_is_refused() -> None:
    with pytest.raises(KeyError):
        find("outcomes")


TINY = """
import runpy, sys, types
sys.path[0:0] = [{tests!r}]
from fault_injection import registry
from support.faults import outcome
tiny = types.ModuleType("fault_injection.tiny")
tiny.run = lambda options: outcome.Outcome(
    suite="tiny", title="R0 tiny", seed=options.seed, counts={{"points": 1}}, violations=[]
)
registry.SUITES["tiny"], sys.modules["fault_injection.tiny"] = "R0 tiny", tiny
sys.argv = ["tests/fault_injection", "tiny", "--seed", "7", "--json", {file!r}]
runpy.run_path({package!r}, run_name="__main__")
"""


def test_the_command_writes_the_file_and_prints_the_line(tmp_path: Path) -> None:
    file = tmp_path / "a" / "it.json"
    code = TINY.format(tests=str(PACKAGE.parent), file=str(file), package=str(PACKAGE))
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.splitlines()[-1].startswith("R0 tiny: ")
    assert json.loads(file.read_text())["seed"] == 7


def test_a_suite_that_dies_has_failed(tmp_path: Path) -> None:
    (tmp_path / "crash.json").write_text('{"state": "passed", "of": "yesterday"}')
    dies = (sys.executable, "-c", "import sys; print('last words'); sys.exit(9)")
    result = one("crash", Options(seed=2), tmp_path, dies)
    assert result["state"] == "FAILED"
    assert result["violations"] == ["exit status 9 without figures: last words"]


WAITS = """
import contextlib, pathlib, sys, threading
sys.path.insert(0, sys.argv[1])
from support.faults.ending import end_in_order
end_in_order()
with contextlib.ExitStack() as world:
    world.callback(pathlib.Path(sys.argv[2]).touch)
    print("open", flush=True)
    threading.Event().wait()
"""


def test_a_suite_that_is_ended_closes_what_it_started(tmp_path: Path) -> None:
    command = [sys.executable, "-c", WAITS, str(PACKAGE.parent), str(tmp_path / "closed")]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"open\n"
        end(process)
    assert (tmp_path / "closed").exists()


def test_one_that_does_not_end_when_it_is_asked_is_killed() -> None:
    deaf = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('deaf', flush=True); signal.pause()"
    with subprocess.Popen([sys.executable, "-c", deaf], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"deaf\n"
        end(process, grace_seconds=0.1)
    assert process.returncode == -signal.SIGKILL


def test_a_suite_that_outstays_its_limit_has_failed(tmp_path: Path) -> None:
    waits = (sys.executable, "-c", "import signal; signal.pause()")
    result = one("crash", Options(), tmp_path, waits, limit_seconds=0.5)
    assert (result["state"], result["violations"]) == ("FAILED", ["ended after 0.5 s without figures: no output"])


def test_the_table_tells_passed_failed_and_not_run_apart() -> None:
    told = [outcome(), outcome(violations=["twice"], worst_recovery_seconds=2.0), outcome(not_run="needs root")]
    rows = table([{**each.as_json(), "seconds": 1.5} for each in told]).splitlines()[2:]
    assert [row.split(" | ")[1] for row in rows] == ["passed", "FAILED", "not run: needs root"]
    assert [row.split(" | ")[4:6] for row in rows] == [["0", ""], ["1", "2.0 s"], ["", ""]]
