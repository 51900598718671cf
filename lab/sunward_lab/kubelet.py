"""What kubelet and kube-proxy read on each node."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Final

from sunward_lab import cgroups
from sunward_lab.settings import DNS_ADDRESS, Machine, Settings

_SIGNALS: Final = (
    "memory.available",
    "nodefs.available",
    "nodefs.inodesFree",
    "imagefs.available",
    "imagefs.inodesFree",
)


def configuration(settings: Settings, machine: Machine, *, socket: Path, authority: Path) -> str:
    """Text of kubelet's configuration file.

    Nothing is evicted or collected for want of room: all nodes share the host's memory and disk, so that one
    node's pressure would be every node's, and an image that is gone cannot be pulled again.
    """
    body = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "address": str(machine.address),
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"enabled": True},
            "x509": {"clientCAFile": str(authority)},
        },
        "authorization": {"mode": "Webhook"},
        "cgroupDriver": "cgroupfs",
        "cgroupRoot": f"/{cgroups.group(settings)}/{machine.name}",
        "cgroupsPerQOS": True,
        "clusterDNS": [str(DNS_ADDRESS)],
        "clusterDomain": "cluster.local",
        # A limit of one pod may not exceed that of its node's group, which the scenario sets.
        "cpuCFSQuota": False,
        "containerRuntimeEndpoint": f"unix://{socket}",
        "enforceNodeAllocatable": [],
        "evictionHard": dict.fromkeys(_SIGNALS, "0%"),
        "failCgroupV1": False,
        "failSwapOn": False,
        "imageGCHighThresholdPercent": 100,
        "localStorageCapacityIsolation": False,
        "makeIPTablesUtilChains": False,
        "readOnlyPort": 0,
        "resolvConf": "",
        "serializeImagePulls": False,
        # A mounted ConfigMap follows its object within seconds: rounds of training are that short here.
        "syncFrequency": "5s",
    }
    return json.dumps(body, indent=2) + "\n"


def arguments(machine: Machine, *, configuration_file: Path, kubeconfig: Path) -> list[str]:
    """kubelet's command line; its folder is on the node's own disk."""
    return [
        f"--config={configuration_file}",
        f"--kubeconfig={kubeconfig}",
        f"--hostname-override={machine.name}",
        f"--node-ip={machine.address}",
        "--root-dir=/var/lib/kubelet",
        "--cert-dir=/var/lib/kubelet/pki",
    ]


def proxy_configuration(settings: Settings, machine: Machine, *, kubeconfig: Path) -> str:
    """Text of kube-proxy's configuration file."""
    body = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "mode": "nftables",
        "hostnameOverride": machine.name,
        "clientConnection": {"kubeconfig": str(kubeconfig)},
        "clusterCIDR": str(settings.network),
        # The connection table belongs to the host, which a node must not resize.
        "conntrack": {"maxPerCore": 0, "min": 0, "tcpEstablishedTimeout": "0s", "tcpCloseWaitTimeout": "0s"},
    }
    return json.dumps(body, indent=2) + "\n"


def node_object(machine: Machine) -> dict[str, object]:
    """The Node that the lab creates ahead of kubelet, with the labels that a kubelet may not give itself."""
    labels = {"kubernetes.io/hostname": machine.name, "kubernetes.io/os": "linux"}
    if machine.role == "control-plane":
        labels["node-role.kubernetes.io/control-plane"] = ""
    else:
        labels["sunward.dev/managed"] = "true"
    spec = {"podCIDR": str(machine.pod_network), "podCIDRs": [str(machine.pod_network)]}
    metadata = {"name": machine.name, "labels": labels}
    return {"apiVersion": "v1", "kind": "Node", "metadata": metadata, "spec": spec}
