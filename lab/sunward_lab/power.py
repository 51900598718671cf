"""Switch a machine on and off, for the relays of the world and for people who pull a plug by hand."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sunward_lab import cluster
from sunward_lab.locks import locked
from sunward_lab.machine import Node


def power_on(run_dir: Path, node: str) -> None:
    """Boot a node; returns when its daemons run, before it is Ready. Nothing happens when it is on.

    Raises LabError when there is no such node or it does not boot.
    """
    with _locked(run_dir, node) as found:
        found.power_on()


def power_off(run_dir: Path, node: str) -> None:
    """Cut a node's power; returns when nothing of it runs. Nothing happens when it is off.

    Raises LabError when there is no such node.
    """
    with _locked(run_dir, node) as found:
        found.power_off()


@contextmanager
def _locked(run_dir: Path, node: str) -> Iterator[Node]:
    """A relay and a person may switch the same node at once; the second waits for the first."""
    found = cluster.node(run_dir, node)
    with locked(found.folder.path / "lock"):
        yield found
