"""What a solver process gets of its parent's surroundings: the few variables that it needs, and a share of the memory.

The parent holds tokens and passwords, and the container's memory is for both: a solver that grew without a limit would
take the operator with it.
"""

import os
import resource
from collections.abc import Mapping
from pathlib import Path

PASSED_ON = (
    "PATH",
    "HOME",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "PYTHONHOME",
    "PYTHONPATH",
    "VIRTUAL_ENV",
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
)
"""What a Python process needs to find its code, its libraries and a place for temporary files."""
MEMORY_VARIABLE = "SUNWARD_SOLVER_MEMORY_BYTES"
CONTAINER_LIMIT = Path("/sys/fs/cgroup/memory.max")
CONTAINER_SHARE = 0.6
"""Of the container's memory; the rest is the operator's."""
MEMORY_BYTES = 8 << 30
"""Where the container has no limit, as on a person's machine."""


def environment(given: Mapping[str, str] | None = None) -> dict[str, str]:
    """The variables of a solver process: what it needs of *given* (this process' own), and its memory limit."""
    source = os.environ if given is None else given
    kept = {name: source[name] for name in PASSED_ON if name in source}
    return kept | {MEMORY_VARIABLE: str(memory_limit_bytes())}


def memory_limit_bytes(container_limit: Path = CONTAINER_LIMIT) -> int:
    """How much memory a solver process may take, in bytes."""
    try:
        words = container_limit.read_text(encoding="ascii").strip()
    except OSError:
        return MEMORY_BYTES
    return min(MEMORY_BYTES, int(CONTAINER_SHARE * int(words))) if words.isdigit() else MEMORY_BYTES


def limit_memory() -> int:
    """Hold this process to the limit that its parent set; returns it in bytes.

    It counts private memory that can be written. What goes beyond fails inside this process.
    """
    limit = int(os.environ.get(MEMORY_VARIABLE, MEMORY_BYTES))
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = limit if hard == resource.RLIM_INFINITY else min(limit, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, allowed))
    return allowed
