"""One bridge on the host, one network namespace per node, routes between them; no address translation.

Every node knows a route to every other node's pods, and so does the host: a pod's address is the same
wherever it is seen from. Nothing here leads out of the machine.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.run import run
from sunward_lab.settings import SERVICE_NETWORK, Machine, Settings

_INTERFACE: Final = "eth0"
_NAMESPACES: Final = Path("/run/netns")


def create(settings: Settings) -> None:
    """Make the bridge and all namespaces; what is left of an earlier attempt is removed first."""
    remove(settings)
    bridge, host = settings.bridge, settings.host_address
    machines = settings.machines()
    lines = [
        f"link add {bridge} type bridge",
        f"addr add {host}/24 dev {bridge}",
        f"link set {bridge} up",
        *(f"route add {machine.pod_network} via {machine.address} dev {bridge}" for machine in machines),
    ]
    _batch([], lines)
    for machine in machines:
        _create_namespace(settings, machine, machines)


def remove(settings: Settings) -> None:
    """Remove the namespaces and the bridge; fine when they are not there."""
    prefix = f"{settings.bridge}-"
    for name in _names(["ip", "-json", "netns", "list"], "name"):
        if name.startswith(prefix):
            run(["ip", "netns", "delete", name])
    for link in _names(["ip", "-json", "link", "show"], "ifname"):
        if link == settings.bridge or link.startswith(prefix):
            _delete_link(link)
    _forget_mount()


def set_link(settings: Settings, machine: Machine, *, up: bool) -> None:
    """Plug or pull the node's cable, on the host's side."""
    run(["ip", "link", "set", _cable(settings, machine), "up" if up else "down"])


def exists(settings: Settings) -> bool:
    """Whether anything with this cluster's names is on the host."""
    links = _names(["ip", "-json", "link", "show"], "ifname")
    spaces = _names(["ip", "-json", "netns", "list"], "name")
    prefix = f"{settings.bridge}-"
    return settings.bridge in links or any(name.startswith(prefix) for name in (*links, *spaces))


def _create_namespace(settings: Settings, machine: Machine, machines: Iterable[Machine]) -> None:
    cable, space = _cable(settings, machine), machine.namespace
    run(["ip", "netns", "add", space])
    _batch(
        [],
        [
            f"link add {cable} type veth peer name {_INTERFACE} netns {space}",
            f"link set {cable} master {settings.bridge} up",
        ],
    )
    others = (item for item in machines if item != machine)
    lines = [
        "link set lo up",
        f"addr add {machine.address}/24 dev {_INTERFACE}",
        f"link set {_INTERFACE} up",
        f"route add {SERVICE_NETWORK} dev {_INTERFACE}",
        *(f"route add {item.pod_network} via {item.address} dev {_INTERFACE}" for item in others),
    ]
    _batch(["-n", space], lines)
    forward = "echo 1 > /proc/sys/net/ipv4/ip_forward"
    run(["nsenter", f"--net={_NAMESPACES / space}", "sh", "-c", forward])


def _delete_link(name: str) -> None:
    """A cable vanishes by itself soon after the namespace at its other end, perhaps just now."""
    with contextlib.suppress(LabError):
        run(["ip", "link", "delete", name])
    if Path("/sys/class/net", name).exists():
        raise LabError(f"network interface {name} cannot be deleted")


def _forget_mount() -> None:
    """`ip netns add` leaves a mount behind that has no use once the last namespace is gone."""
    mounts = (line.split()[1] for line in Path("/proc/self/mounts").read_text(encoding="utf-8").splitlines())
    if str(_NAMESPACES) in mounts and not any(_NAMESPACES.iterdir()):
        run(["umount", str(_NAMESPACES)])


def _cable(settings: Settings, machine: Machine) -> str:
    return f"{settings.bridge}-{machine.index}"


def _batch(options: Sequence[str], lines: Sequence[str]) -> None:
    run(["ip", *options, "-batch", "-"], text="\n".join(lines) + "\n")


def _names(argv: Sequence[str], key: str) -> list[str]:
    return [item[key] for item in json.loads(run(argv) or "[]")]
