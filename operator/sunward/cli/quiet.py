"""Keeps standard output for the answer while solvers, which may print, are at work."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def standard_output_kept() -> Iterator[None]:
    """Solvers may print; what they print goes to standard error, for standard output is the answer's."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)
