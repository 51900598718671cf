"""Run a program to its end and turn a failure into one readable line."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping, Sequence

from sunward_lab.errors import LabError


def run(argv: Sequence[str], *, text: str | None = None, environment: Mapping[str, str] | None = None) -> str:
    """Run `argv`, feeding it `text`, and return its output.

    Raises LabError with the program's last words when it is missing or fails.
    """
    try:
        done = subprocess.run(argv, input=text, env=environment, capture_output=True, text=True, check=False)
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is missing; install it with `sunward-lab tools`") from error
    if done.returncode != 0:
        words = (done.stderr or done.stdout).strip().splitlines()[-3:]
        raise LabError(f"`{' '.join(argv[:6])}` failed: {' / '.join(words) or done.returncode}")
    return done.stdout
