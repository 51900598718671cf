"""Run something long and keep saying that it still runs."""

from __future__ import annotations

import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError

_HEARTBEAT_SECONDS: Final = 15.0


def run_with_heartbeat(
    what: str,
    argv: Sequence[str],
    say: Callable[[str], None],
    *,
    folder: Path | None = None,
    environment: Mapping[str, str] | None = None,
) -> None:
    """Run `argv` to its end; say what begins, that it goes on every 15 s, and how long it took.

    Raises LabError with the last lines of its output when it fails or is missing.
    """
    say(what)
    started = time.monotonic()
    with tempfile.TemporaryFile("w+") as output:
        try:
            process = subprocess.Popen(
                argv, cwd=folder, env={**os.environ, **(environment or {})}, stdout=output, stderr=output
            )
        except FileNotFoundError as error:
            raise LabError(f"{what}: no program {argv[0]}") from error
        with process:
            code = _wait(process, lambda: say(f"{what}: {time.monotonic() - started:.0f} s so far"))
        if code != 0:
            output.seek(0)
            words = "\n  ".join(output.read().strip().splitlines()[-8:])
            raise LabError(f"{what} failed ({code}):\n  {words}")
    say(f"{what}: done in {time.monotonic() - started:.1f} s")


def _wait(process: subprocess.Popen[bytes], beat: Callable[[], None]) -> int:
    while True:
        try:
            return process.wait(_HEARTBEAT_SECONDS)
        except subprocess.TimeoutExpired:
            beat()
        except KeyboardInterrupt:
            process.terminate()
            raise
