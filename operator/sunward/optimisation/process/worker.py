"""The solver process: reads problems and writes solutions, one at a time. Run with `python -m` and its full name.

Apart, because solvers have crashed, hung and overrun their limits; here that costs a plan, not the operator. Interrupts
are the parent's business.
"""

import json
import os
import signal
import sys

from sunward.optimisation.problem.files import parse_problem
from sunward.optimisation.process.frames import READY, FrameError, read_frame, write_frame
from sunward.optimisation.process.surroundings import limit_memory
from sunward.optimisation.solve import solve


def main() -> None:
    """Serve until the parent closes its end."""
    allowed = limit_memory()
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    answers = os.dup(sys.stdout.fileno())
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # whatever a solver prints must not mix with answers
    write_frame(answers, READY)
    while True:
        try:
            request = read_frame(sys.stdin.fileno())
        except FrameError:
            return
        write_frame(answers, _answer(request, allowed))


def _answer(request: bytes, memory_bytes: int) -> bytes:
    try:
        asked = json.loads(request)
        found = solve(
            parse_problem(asked["problem"]),
            solver=asked["solver"],
            time_limit_seconds=asked["time_limit_seconds"],
            start=asked.get("start"),
        )
        return json.dumps({"solution": found.to_json()}).encode()
    except MemoryError:
        return json.dumps({"error": f"the solver needs more than its {memory_bytes >> 20} MiB of memory"}).encode()
    except Exception as error:  # the parent turns any reason into its own plan
        return json.dumps({"error": f"{type(error).__name__}: {error}"[:500]}).encode()


if __name__ == "__main__":
    main()
