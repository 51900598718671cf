"""A cgroup per node: what the node's CPU time is counted in, and the proof of what still runs on it.

Only the first version of cgroups is spoken, one hierarchy per controller, as the node agents are configured.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.settings import Machine, Settings

ROOT: Final = Path("/sys/fs/cgroup")
COUNTED: Final = "cpuacct"
_PERIOD_MICROSECONDS: Final = 100_000


def group(settings: Settings) -> str:
    """Name of the cluster's cgroup in every hierarchy."""
    return "sunward-lab" if settings.instance == 0 else f"sunward-lab-{settings.instance}"


def counted(settings: Settings, node: str) -> Path:
    """The node's folder in the hierarchy that counts CPU time."""
    return ROOT / COUNTED / group(settings) / node


def create(settings: Settings, machine: Machine) -> None:
    """Make the node's cgroup in every hierarchy; its pods' cgroups go below it."""
    for hierarchy in hierarchies():
        cluster = hierarchy / group(settings)
        for folder in (cluster, cluster / machine.name):
            folder.mkdir(exist_ok=True)
            _allow_what_the_parent_may(folder)
    if settings.worker_cores is not None and machine.role == "worker":
        _limit(ROOT / "cpu" / group(settings) / machine.name, settings.worker_cores)


def processes(settings: Settings, node: str) -> tuple[int, ...]:
    """Ids of all processes on the node, as the kernel knows them."""
    found = (path.read_text(encoding="ascii").split() for path in _members(counted(settings, node)))
    return tuple(int(pid) for pids in found for pid in pids)


def remove(settings: Settings, node: str | None = None) -> None:
    """Remove the node's cgroup, or the cluster's, from every hierarchy; they must be empty of processes."""
    name = group(settings) if node is None else f"{group(settings)}/{node}"
    for hierarchy in hierarchies():
        _remove_tree(hierarchy / name)


def hierarchies() -> tuple[Path, ...]:
    """All mounted hierarchies: one per controller, and those that only keep processes together."""
    if not ROOT.is_dir():
        return ()
    return tuple(sorted({path.resolve() for path in ROOT.iterdir() if (path / "cgroup.procs").exists()}))


def is_left(settings: Settings) -> bool:
    """Whether a cgroup of this cluster exists anywhere."""
    return any((hierarchy / group(settings)).exists() for hierarchy in hierarchies())


def _limit(folder: Path, cores: float) -> None:
    """Only pods are in the node's group of this hierarchy, so the node's daemons stay as quick as they are."""
    (folder / "cpu.cfs_period_us").write_text(str(_PERIOD_MICROSECONDS), encoding="ascii")
    (folder / "cpu.cfs_quota_us").write_text(str(round(cores * _PERIOD_MICROSECONDS)), encoding="ascii")


def _allow_what_the_parent_may(folder: Path) -> None:
    """A new group of the cpuset hierarchy may use no processor until it is told which."""
    for name in ("cpuset.cpus", "cpuset.mems"):
        target = folder / name
        if target.exists() and not target.read_text(encoding="ascii").strip():
            target.write_text((folder.parent / name).read_text(encoding="ascii"), encoding="ascii")


def _members(top: Path) -> Iterator[Path]:
    if top.is_dir():
        yield from top.rglob("cgroup.procs")


def _remove_tree(top: Path) -> None:
    if not top.is_dir():
        return
    folders = sorted((path for path in top.rglob("*") if path.is_dir()), key=lambda path: len(path.parts))
    for folder in (*reversed(folders), top):
        _remove_one(folder)


def _remove_one(folder: Path) -> None:
    """The kernel frees a dead process's cgroup a moment after its end, so one refusal means nothing."""
    limit = time.monotonic() + 5.0
    while True:
        try:
            folder.rmdir()
            return
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > limit:
                raise LabError(f"cgroup {folder} still holds processes: {error}") from error
            time.sleep(0.02)
