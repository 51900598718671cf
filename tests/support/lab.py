"""A real control plane for tests: etcd, API server, controller manager and scheduler on a loopback address.

Use it as a fixture (`from support.lab import control_plane`, one per test module) or as a context manager when
a test must begin with an empty cluster. Several run side by side. Without the binaries the tests are skipped,
unless SUNWARD_REQUIRE_CLUSTER is set, as in CI, where a skip would hide that nothing was tested.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

from sunward_lab import checks, cluster, processes
from sunward_lab.api import Api
from sunward_lab.settings import SERVICE_NETWORK, RunFolder, Settings

_PREFIX: Final = "sunward-plane-"
_OWNER: Final = "owner"


@dataclass(frozen=True, slots=True)
class ControlPlane:
    """A running control plane: its administrator's kubeconfig (JSON, one token) and a small client."""

    kubeconfig: Path
    api: Api

    @property
    def run(self) -> RunFolder:
        """Its folder: records of processes, logs, identities."""
        return RunFolder(self.kubeconfig.parent)


@contextmanager
def running_control_plane(
    *,
    kwok_nodes: int = 0,
    grace_seconds: int = 50,
    unhealthy_zone_threshold_percent: int | None = None,
    audited_user: str = "",
    service_network: str = str(SERVICE_NETWORK),
) -> Iterator[ControlPlane]:
    """Start a control plane in a folder of its own, and take it down again whatever happens."""
    settings = Settings(
        nodes=0,
        kwok_nodes=kwok_nodes,
        world=False,
        node_monitor_grace_seconds=grace_seconds,
        unhealthy_zone_threshold_percent=unhealthy_zone_threshold_percent,
        audited_user=audited_user,
        service_network=service_network,
    )
    take_down_orphans(Path(tempfile.gettempdir()))
    with tempfile.TemporaryDirectory(prefix=_PREFIX) as folder:
        path = Path(folder) / "run"
        skip_unless_possible(settings, path)
        (Path(folder) / _OWNER).write_text(Path("/proc/self/stat").read_text())
        try:
            cluster.up(settings, path, lambda _: None)
            run = RunFolder(path)
            yield ControlPlane(run.kubeconfig, Api.from_kubeconfig(run.kubeconfig))
        finally:
            cluster.down(path, lambda _: None)


def take_down_orphans(parent: Path) -> None:
    """Take down what tests left that were killed before they could: their owner's process is gone."""
    for folder in parent.glob(f"{_PREFIX}*"):
        owner = processes.read(folder / _OWNER)
        if owner is None or owner.is_alive():
            continue
        with contextlib.suppress(FileNotFoundError):  # somebody else is at it
            (folder / _OWNER).unlink()
            cluster.down(folder / "run", lambda _: None)
            shutil.rmtree(folder)


def skip_unless_possible(settings: Settings, path: Path) -> None:
    """Skip the test when this machine cannot run such a cluster; fail where it must."""
    missing = checks.missing(settings, RunFolder(path), cluster.binaries())
    if missing and os.environ.get("SUNWARD_REQUIRE_CLUSTER"):
        pytest.fail("\n".join(missing))
    if missing:
        pytest.skip("; ".join(missing))


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    """One control plane for all tests of a module; they keep apart by their namespaces."""
    with running_control_plane() as plane:
        yield plane
