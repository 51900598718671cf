"""What must be true of the machine before a cluster can start, each with the way to get it."""

from __future__ import annotations

import os
import shutil
import socket
import sys
from pathlib import Path
from typing import Final

from sunward_lab import cgroups
from sunward_lab.settings import API_PORT, RunFolder, Settings, cache_folder
from sunward_lab.spec import EMISSIONS_PORT, FIRST_RELAY_PORT

CONTROL_PLANE_PROGRAMS: Final = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubectl")
NODE_PROGRAMS: Final = ("kubelet", "kube-proxy", "sunward-pause")
SYSTEM_PROGRAMS: Final = ("containerd", "ctr", "runc", "ip", "nft", "nsenter", "unshare", "setsid")
_CONTROL_PLANE_MEBIBYTES: Final = 700
_NODE_MEBIBYTES: Final = 220
_KWOK_MEBIBYTES: Final = 100
_LONGEST_SOCKET_PATH: Final = 100
_HIDDEN_ON_NODES: Final = (Path("/var/lib"), Path("/var/log"))


def missing(settings: Settings, run: RunFolder, binaries: Path) -> list[str]:
    """One line per thing that is missing; empty when the cluster can start."""
    lines = [*_system(settings), *_programs(settings, binaries), *_memory(settings)]
    if settings.has_machines:
        lines += [*_folder(settings, run), *_ports(settings)]
    return lines


def _system(settings: Settings) -> list[str]:
    lines = []
    if not sys.platform.startswith("linux"):
        lines.append("not Linux: use `CLUSTER=kind make demo` or `sunward simulate`")
    elif settings.has_machines and os.geteuid() != 0:
        lines.append("not root: nodes need network namespaces and mounts; run again with sudo")
    if settings.has_machines and not (cgroups.ROOT / cgroups.COUNTED).is_dir():
        lines.append(
            f"no {cgroups.ROOT / cgroups.COUNTED}: the lab's nodes speak the first version of cgroups; "
            "boot with systemd.unified_cgroup_hierarchy=0, or use `CLUSTER=kind make demo`"
        )
    return lines


def _programs(settings: Settings, binaries: Path) -> list[str]:
    wanted = CONTROL_PLANE_PROGRAMS + (NODE_PROGRAMS if settings.has_machines else ())
    if settings.kwok_nodes:
        wanted += ("kwok",)
    lines = [f"no {name} in {binaries}: run `sunward-lab tools`" for name in wanted if not (binaries / name).exists()]
    system = SYSTEM_PROGRAMS if settings.has_machines else ("setsid",)
    absent = (name for name in (*system, "openssl") if shutil.which(name) is None)
    return [*lines, *(f"no program {name}: run `sunward-lab tools`, which installs it with apt" for name in absent)]


def _memory(settings: Settings) -> list[str]:
    machines = len(settings.machines()) * _NODE_MEBIBYTES
    kwok = _KWOK_MEBIBYTES + settings.kwok_nodes // 2 if settings.kwok_nodes else 0
    needed = _CONTROL_PLANE_MEBIBYTES + machines + kwok
    available = _available_mebibytes()
    if available is None or available >= needed:
        return []
    return [f"{available} MiB of memory are free, about {needed} are needed: give fewer --nodes or --kwok-nodes"]


def _available_mebibytes() -> int | None:
    """Memory that can be had without swapping; None where the kernel does not say."""
    try:
        lines = Path("/proc/meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines)
    return int(values["MemAvailable"].split()[0]) // 1024


def _folder(settings: Settings, run: RunFolder) -> list[str]:
    longest = max(len(str(run.node(machine.name).socket)) for machine in settings.machines())
    lines = []
    if longest > _LONGEST_SOCKET_PATH:
        lines.append(f"{run.path} is too long a name for sockets: give a shorter --run-dir")
    if any(run.path.is_relative_to(hidden) for hidden in _HIDDEN_ON_NODES):
        lines.append(f"{run.path} lies where nodes keep their own files: give another --run-dir")
    if any(cache_folder().is_relative_to(hidden) for hidden in (*_HIDDEN_ON_NODES, Path("/run"))):
        lines.append(f"{cache_folder()} lies where nodes keep their own files: set another SUNWARD_CACHE")
    return lines


def _ports(settings: Settings) -> list[str]:
    """Ports of the bridge's address; until the bridge exists, only a listener on every address can be in the way."""
    relays = range(FIRST_RELAY_PORT + 1, FIRST_RELAY_PORT + 1 + settings.nodes)
    wanted = [API_PORT, *((EMISSIONS_PORT, *relays) if settings.world else ())]
    busy = [str(port) for port in wanted if not _is_free(port)]
    return [f"port {', '.join(busy)} is in use on every address: stop what listens there"] if busy else []


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.1.2.3", port))
        except OSError:
            return False
    return True
