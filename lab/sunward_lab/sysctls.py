"""Kernel settings that a kubelet changes for the whole host: remembered before, put back after."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sunward_lab.settings import RunFolder

_ROOT: Final = Path("/proc/sys")
_CHANGED_BY_KUBELET: Final = (
    "vm/overcommit_memory",
    "vm/panic_on_oom",
    "kernel/panic",
    "kernel/panic_on_oops",
    "kernel/keys/root_maxkeys",
    "kernel/keys/root_maxbytes",
)
_FILE: Final = "sysctls.json"


def remember(run: RunFolder) -> None:
    """Write the present values into the run folder, unless an earlier start did."""
    path = run.path / _FILE
    if not path.exists():
        values = {name: (_ROOT / name).read_text().strip() for name in _CHANGED_BY_KUBELET if (_ROOT / name).exists()}
        path.write_text(json.dumps(values, indent=2) + "\n", encoding="utf-8")


def restore(run: RunFolder) -> None:
    """Put the remembered values back; nothing happens when none were remembered."""
    path = run.path / _FILE
    if not path.exists():
        return
    for name, value in json.loads(path.read_text(encoding="utf-8")).items():
        (_ROOT / name).write_text(value, encoding="ascii")
