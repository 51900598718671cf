"""Solving that cannot hurt: a child process with a hard limit, every answer verified, a greedy plan always in hand.

Whatever goes wrong (crash, hang, garbage, a forged or contradictory answer) ends in the greedy plan with the reason.
"""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import replace

from sunward.optimisation.child import READY
from sunward.optimisation.frames import FrameError, read_frame, write_frame
from sunward.optimisation.greedy import UNPROVEN, solve_greedy
from sunward.optimisation.problem import Problem
from sunward.optimisation.solution import Solution, SolutionError, Status
from sunward.optimisation.verify import GRAMS, verify
from sunward.optimisation.violations import TOLERANCE

GRACE_SECONDS = 2.0
"""After the time limit plus this the solver process is killed."""
START_SECONDS = 60.0
"""A solver process that is not ready by then is given up."""
COMMAND = (sys.executable, "-m", "sunward.optimisation.child")


class GuardedSolver:
    """A solver process that is started once, reused, and replaced when it fails. Thread-safe, one problem at a time."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """`command` starts a process that speaks the protocol of `child`; the default is that module."""
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None

    def solve(self, problem: Problem, *, solver: str = "auto", time_limit_seconds: float = 30.0) -> Solution:
        """A verified plan: the solver's, or the greedy one with status fallback and the reason in `solver`.

        Blocks for at most the time limit plus the grace (and a start). Raises ProblemError for a wrong problem, and
        nothing else. Status infeasible comes either with the solver's reasons or, where the solver failed too, with
        what the greedy plan could not place and the failure in `solver`.
        """
        problem.check()
        ready = solve_greedy(problem)
        try:
            found = self._ask(problem, solver, time_limit_seconds)
            reason = refusal(problem, found, ready)
        except (FrameError, OSError, SolutionError) as error:
            found, reason = ready, _one_line(error)
        return found if reason is None else _fallback(ready, reason)

    def close(self) -> None:
        """End the solver process; a later `solve` starts a new one."""
        with self._lock:
            self._stop()

    def __enter__(self) -> "GuardedSolver":
        """Use as a context that closes itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the solver process."""
        self.close()

    @property
    def process_id(self) -> int | None:
        """The process in use, None before the first problem and after a failure."""
        return self._process.pid if self._process is not None else None

    def _ask(self, problem: Problem, solver: str, time_limit_seconds: float) -> Solution:
        request = {"problem": problem.to_json(), "solver": solver, "time_limit_seconds": time_limit_seconds}
        with self._lock:
            try:
                return _solution(self._exchange(json.dumps(request).encode(), time_limit_seconds))
            except BaseException:
                self._stop()
                raise

    def _exchange(self, request: bytes, time_limit_seconds: float) -> bytes:
        process = self._running()
        assert process.stdin is not None
        assert process.stdout is not None
        deadline = time.monotonic() + time_limit_seconds + GRACE_SECONDS
        write_frame(process.stdin.fileno(), request)
        return read_frame(process.stdout.fileno(), deadline)

    def _running(self) -> subprocess.Popen[bytes]:
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                self._command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
            )
            assert self._process.stdout is not None
            if read_frame(self._process.stdout.fileno(), time.monotonic() + START_SECONDS) != READY:
                raise FrameError("garbage instead of a greeting")
        return self._process

    def _stop(self) -> None:
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _solution(answer: bytes) -> Solution:
    """The solution in an answer; raises FrameError with the process's own error or what is wrong with the answer."""
    try:
        document = json.loads(answer)
    except ValueError:
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        raise FrameError(document["error"])
    if not isinstance(document, dict) or not isinstance(document.get("solution"), str):
        raise FrameError("garbage instead of an answer")
    return Solution.from_json(document["solution"])


def refusal(problem: Problem, found: Solution, ready: Solution) -> str | None:
    """Why a solver's answer must not be used, None where it may; `ready` is the greedy answer to the same problem."""
    violations = verify(problem, found, reference=ready)
    if violations:
        return f"the verifier refused the solver's answer: {violations[0]}"
    if ready.objective_grams is None or found.objective_grams is None or not problem.policy.shift_in_time:
        return None
    worse = found.objective_grams > ready.objective_grams * (1 + TOLERANCE) + GRAMS
    return "the solver's plan is worse than the greedy one" if worse else None


def _fallback(ready: Solution, reason: str) -> Solution:
    solver = f"greedy: {reason}"
    if ready.status is Status.INFEASIBLE:
        return replace(ready, solver=f"{UNPROVEN}: {reason}")
    return replace(ready, status=Status.FALLBACK, solver=solver)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
