"""What containerd reads: one daemon per node, with the node's own disk, memory and pod network."""

from __future__ import annotations

import json
from ipaddress import IPv4Network
from pathlib import Path
from typing import Final

PAUSE_IMAGE: Final = "docker.io/library/sunward-pause:0.1.0"
PLUGINS: Final = "/usr/lib/cni"

_TEMPLATE: Final = """\
version = 2
root = "{root}"
state = "{state}"
disabled_plugins = [
  "io.containerd.internal.v1.opt",
  "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.devmapper",
  "io.containerd.snapshotter.v1.zfs",
]

[grpc]
  address = "{socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{pause}"
  # A container's score may only be raised here: the lab itself may run without the right to lower it.
  restrict_oom_score_adj = true
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{plugins}"
    conf_dir = "{networks}"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    snapshotter = "overlayfs"
  [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
    runtime_type = "io.containerd.runc.v2"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
      SystemdCgroup = false
"""


def configuration(*, root: str, state: str, socket: Path, networks: Path) -> str:
    """Text of the daemon's config.toml."""
    return _TEMPLATE.format(
        root=root, state=state, socket=socket, pause=PAUSE_IMAGE, plugins=PLUGINS, networks=networks
    )


def network_configuration(pods: IPv4Network) -> str:
    """Text of the node's CNI list: a routed link per pod.

    A bridge would let two pods of one node answer each other behind the back of kube-proxy's translation.
    """
    addresses = {
        "type": "host-local",
        "ranges": [[{"subnet": str(pods)}]],
        "routes": [{"dst": "0.0.0.0/0"}],
    }
    plugin = {"type": "ptp", "ipMasq": False, "ipam": addresses}
    return json.dumps({"cniVersion": "1.0.0", "name": "pods", "plugins": [plugin]}, indent=2) + "\n"
