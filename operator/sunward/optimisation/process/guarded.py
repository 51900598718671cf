"""Solving that cannot hurt: a child process with a hard limit, every answer verified, a greedy plan always in hand.

Whatever goes wrong (crash, hang, garbage, a forged or contradictory answer) ends in the greedy plan with the reason.
"""

import contextlib
import json
import os
import select
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import IO

from sunward.optimisation.greedy.construct import solve_greedy
from sunward.optimisation.problem.checks import check_problem
from sunward.optimisation.problem.instance import OnPattern, Problem
from sunward.optimisation.problem.solution import Solution, SolutionError, Status
from sunward.optimisation.problem.violations import TOLERANCE
from sunward.optimisation.process.frames import READY, EndedError, FrameError, read_frame, write_frame
from sunward.optimisation.process.surroundings import environment, memory_limit_bytes
from sunward.optimisation.verify import GRAMS, verify

GRACE_SECONDS = 2.0
"""After the time limit plus this the solver process is killed."""
ANSWER_BYTES = 1 << 20
ANSWER_SHARE = 256
"""An answer is at most so many bytes and so many times as long as its problem: reading more would cost the time."""
LEAST_SHARE = 0.1
"""Share of the time limit that is left to a solver whose process was slow to start."""
ENDING_SECONDS = 0.2
"""A process that has closed its end is gone by then."""
START_SECONDS = 60.0
"""A solver process that is not ready by then is given up."""
COMMAND = (sys.executable, "-m", "sunward.optimisation.process.worker")


class _NotReadyError(FrameError):
    """The process was started and has not greeted yet; it may be asked later."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Time:
    """When a call began (`time.monotonic`) and how many seconds its solver may take."""

    began: float
    limit_seconds: float

    @property
    def deadline(self) -> float:
        """When the answer must be there."""
        return self.began + self.limit_seconds + GRACE_SECONDS

    def left_seconds(self) -> float:
        """What the solver may take now; a share of the limit at least, which the grace covers."""
        return max(LEAST_SHARE * self.limit_seconds, self.limit_seconds - (time.monotonic() - self.began))


class GuardedSolver:
    """A solver process that is started once, reused, and replaced when it fails. Thread-safe, one problem at a time."""

    def __init__(self, command: Sequence[str] = COMMAND) -> None:
        """`command` starts a process that speaks the protocol of `child`; the default is that module."""
        self._command = tuple(command)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._greeted = False
        self._given_up_at = 0.0

    def solve(
        self,
        problem: Problem,
        *,
        solver: str = "auto",
        time_limit_seconds: float = 30.0,
        start: OnPattern | None = None,
    ) -> Solution:
        """A verified plan: the solver's, or the greedy one with status fallback and the reason in `fallback`.

        Blocks for at most the time limit plus the grace, the start of the process included: where that takes longer,
        the greedy plan is the answer and the next call finds the process ready. Raises ProblemError for a wrong
        problem, and nothing else. Status infeasible comes either with the solver's reasons or, where the solver failed
        too, with what the greedy plan could not place and the failure in `fallback`. `start` is a plan to begin with.
        """
        began = time.monotonic()
        check_problem(problem)
        ready = solve_greedy(problem)
        try:
            found = self._ask(problem, solver, _Time(began=began, limit_seconds=time_limit_seconds), start)
        except (FrameError, OSError, SolutionError) as error:
            return _fallback(ready, _one_line(error))
        reason = _checked(problem, found, ready)
        return found if reason is None else _fallback(ready, reason)

    def start(self) -> None:
        """Start the process and wait until it is ready, for callers whose first answer matters; never fails."""
        with self._lock, contextlib.suppress(FrameError, OSError):
            self._running(time.monotonic() + START_SECONDS)

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

    def _ask(self, problem: Problem, solver: str, allowed: "_Time", start: OnPattern | None) -> Solution:
        with self._lock:
            try:
                process = self._running(allowed.deadline)
                request: dict[str, object] = {"problem": problem.to_json(), "solver": solver}
                request["time_limit_seconds"] = allowed.left_seconds()
                if start is not None:
                    request["start"] = {name: list(values) for name, values in start.items()}
                return _solution(_exchange(process, json.dumps(request).encode(), allowed.deadline))
            except _NotReadyError:
                raise
            except EndedError as error:
                ended = self._ended()
                self._stop()
                raise EndedError(f"{error}{ended}") from None
            except BaseException:
                self._stop()
                raise

    def _ended(self) -> str:
        """How the process ended, where it did so by a signal: a solver that gets no memory ends itself."""
        try:
            status = self._process.wait(ENDING_SECONDS) if self._process is not None else 0
        except subprocess.TimeoutExpired:
            return ""
        return f" (signal {-status}; it may take {memory_limit_bytes() >> 20} MiB of memory)" if status < 0 else ""

    def _running(self, deadline: float) -> subprocess.Popen[bytes]:
        """The process, started and ready; raises `_NotReadyError` when it is still starting at the deadline."""
        if self._process is None or self._process.poll() is not None:
            self._stop()
            self._process = subprocess.Popen(
                self._command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=environment(),
            )
            self._given_up_at = time.monotonic() + START_SECONDS
            os.set_blocking(_descriptor(self._process.stdin), False)
        if not self._greeted:
            self._greet(self._process, deadline)
        return self._process

    def _greet(self, process: subprocess.Popen[bytes], deadline: float) -> None:
        answers = _descriptor(process.stdout)
        began = time.monotonic()
        if deadline < self._given_up_at and not select.select([answers], [], [], max(0.0, deadline - began))[0]:
            raise _NotReadyError("the solver process is still starting")
        if read_frame(answers, min(deadline, self._given_up_at)) != READY:
            raise FrameError("invalid handshake from the solver process")
        self._greeted = True

    def _stop(self) -> None:
        process, self._process, self._greeted = self._process, None, False
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()


def _exchange(process: subprocess.Popen[bytes], request: bytes, deadline: float) -> bytes:
    write_frame(_descriptor(process.stdin), request, deadline)
    largest = ANSWER_BYTES + ANSWER_SHARE * len(request)
    return read_frame(_descriptor(process.stdout), deadline, largest=largest)


def _descriptor(pipe: IO[bytes] | None) -> int:
    assert pipe is not None
    return pipe.fileno()


def _solution(answer: bytes) -> Solution:
    """The solution in an answer; raises FrameError with the process's own error or what is wrong with the answer."""
    try:
        document = json.loads(answer)
    except (ValueError, RecursionError):
        document = None
    if isinstance(document, dict) and isinstance(document.get("error"), str):
        raise FrameError(document["error"])
    if not isinstance(document, dict) or not isinstance(document.get("solution"), str):
        raise FrameError("invalid response from the solver process")
    return Solution.from_json(document["solution"])


def _checked(problem: Problem, found: Solution, ready: Solution) -> str | None:
    """As `refusal`; an answer on which the verifier itself trips over is refused too."""
    try:
        return refusal(problem, found, ready)
    except Exception as error:  # no answer of another process may end this one
        return f"the verifier could not read the solver's answer: {_one_line(error)}"


def refusal(problem: Problem, found: Solution, ready: Solution) -> str | None:
    """Why a solver's answer must not be used, None where it may; `ready` is the greedy answer to the same problem."""
    violations = verify(problem, found, reference=ready)
    if violations:
        return f"the verifier rejected the solver's answer: {violations[0]}"
    if ready.objective_grams is None or found.objective_grams is None or not problem.policy.shift_in_time:
        return None
    worse = found.objective_grams > ready.objective_grams * (1 + TOLERANCE) + GRAMS
    return "the solver's plan is worse than the greedy one" if worse else None


def _fallback(ready: Solution, reason: str) -> Solution:
    status = ready.status if ready.status is Status.INFEASIBLE else Status.FALLBACK
    return replace(ready, status=status, fallback=reason)


def _one_line(error: Exception) -> str:
    return " ".join(str(error).split())[:300] or type(error).__name__
