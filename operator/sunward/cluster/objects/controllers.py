"""Nodes and pods -> how the cluster's controller managers are set, as far as their arguments can be seen.

k3s writes its arguments into an annotation of its servers; kubeadm runs the controller manager as a static pod, whose
mirror in the API shows the command. Only nodes with a role of the control plane count: a kubelet may write both
for its own node, and the role is a label that a kubelet may not give itself (admission plugin NodeRestriction).
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from sunward.domain.eviction import EvictionSettings, LimitSource
from sunward.domain.foreign_json import parse_foreign_json

Body = Mapping[str, Any]
Arguments = Iterable[tuple[str, str]]
SERVER_LABELS = ("node-role.kubernetes.io/control-plane", "node-role.kubernetes.io/master")
NODE_ARGS = "k3s.io/node-args"
PASSED_ON = ("--kube-controller-manager-arg", "--kube-controller-arg")
PROGRAM = "kube-controller-manager"
MIRROR = "kubernetes.io/config.mirror"
MOST_CHARACTERS = 65_536
MOST_ARGUMENTS = 1_000
_REGION_LABELS = ("failure-domain.beta.kubernetes.io/region", "topology.kubernetes.io/region")
_ZONE_LABELS = ("failure-domain.beta.kubernetes.io/zone", "topology.kubernetes.io/zone")
_NUMBER = re.compile(r"[0-9]{1,15}(\.[0-9]{0,15})?|\.[0-9]{1,15}", re.ASCII)


class _Unreadable(ValueError):
    """An argument that Kubernetes could not have been started with as it stands here."""


def failure_zone(labels: Mapping[str, Any]) -> str:
    """Region and zone of a node as the node lifecycle controller takes them; empty where it has neither."""
    region, zone = (
        next((str(labels[key]) for key in keys if key in labels), "") for keys in (_REGION_LABELS, _ZONE_LABELS)
    )
    return f"{region}/{zone}" if region or zone else ""


def controllers(nodes: Sequence[Body], pods: Sequence[Body]) -> tuple[EvictionSettings | None, ...]:
    """One entry for each server of the control plane: its settings, or None where they cannot be read."""
    servers = [body for body in nodes if any(label in _labels(body) for label in SERVER_LABELS)]
    static = {_text(pod.get("spec"), "nodeName"): pod for pod in pods if _is_static(pod)} if servers else {}
    return tuple(_settings(body, static.get(_text(body.get("metadata"), "name"))) for body in servers)


def _settings(server: Body, static: Body | None) -> EvictionSettings | None:
    """Those of the static pod, which is the program itself, else those that k3s names."""
    try:
        if static is not None:
            return _read(LimitSource.STATIC_POD, _of_command(static))
        arguments = _node_args(server)
        return None if arguments is None else _read(LimitSource.NODE_ARGS, _of_k3s(arguments))
    except Exception:  # the shell around one object: what cannot be read is not known
        return None


def _node_args(server: Body) -> list[str] | None:
    """The arguments of a k3s server; None where the node has none."""
    text = (server["metadata"].get("annotations") or {}).get(NODE_ARGS)
    if not isinstance(text, str) or len(text) > MOST_CHARACTERS:
        return None
    return _strings(parse_foreign_json(text))


def _of_k3s(arguments: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Name and value of what k3s passes on to its controller manager, as `--x`, `name=value` or `--x=name=value`."""
    for place, argument in enumerate(arguments):
        head, _, tail = argument.partition("=")
        if head in PASSED_ON:
            passed = tail or (arguments[place + 1] if place + 1 < len(arguments) else "")
            name, _, value = passed.partition("=")
            yield name, value


def _of_command(pod: Body) -> Iterator[tuple[str, str]]:
    """Name and value of the flags of the controller manager's container, as `--name=value` or `--name`, `value`."""
    words = next(words for words in map(_command, pod["spec"]["containers"]) if _runs_manager(words))
    for place, word in enumerate(words):
        name, has_value, value = word.partition("=")
        if name.startswith("-"):
            yield name, value if has_value else (words[place + 1] if place + 1 < len(words) else "")


def _command(container: Body) -> list[str]:
    return _strings([*(container.get("command") or ()), *(container.get("args") or ())])


def _runs_manager(words: Sequence[str]) -> bool:
    return bool(words) and words[0].rsplit("/", 1)[-1] == PROGRAM


def _read(source: LimitSource, arguments: Arguments) -> EvictionSettings:
    """The three settings. Of one that is given twice the most careful value counts. Raises _Unreadable."""
    given: dict[str, list[float]] = {"unhealthy-zone-threshold": [], "large-cluster-size-threshold": []}
    given["secondary-node-eviction-rate"] = []
    for name, value in arguments:
        key = name.lstrip("-").replace("_", "-")
        if key in given:
            given[key].append(_number(value))
    sizes = given["large-cluster-size-threshold"]
    return EvictionSettings(
        source=source,
        unhealthy_zone_threshold=min(given["unhealthy-zone-threshold"], default=None),
        large_cluster_nodes=math.ceil(max(sizes)) if sizes else None,
        secondary_evictions_per_second=min(given["secondary-node-eviction-rate"], default=None),
    )


def _number(text: str) -> float:
    """A plain decimal number. Raises _Unreadable for any other way to write one, and for what is none."""
    if not _NUMBER.fullmatch(text):
        raise _Unreadable(text[:40])
    return float(text)


def _is_static(pod: Body) -> bool:
    """A static pod of kube-system that runs the controller manager; what cannot be read is none."""
    try:
        metadata = pod["metadata"]
        is_mirror = MIRROR in (metadata.get("annotations") or {}) and metadata["namespace"] == "kube-system"
        return is_mirror and any(_runs_manager(_command(one)) for one in pod["spec"]["containers"])
    except Exception:  # the shell around one object
        return False


def _strings(values: Any) -> list[str]:
    """A list of strings of bounded length. Raises _Unreadable for anything else."""
    if not isinstance(values, list) or len(values) > MOST_ARGUMENTS or not all(isinstance(one, str) for one in values):
        raise _Unreadable("not a list of arguments")
    return values


def _labels(node: Body) -> Mapping[str, Any]:
    labels = (node.get("metadata") or {}).get("labels")
    return labels if isinstance(labels, Mapping) else {}


def _text(body: Any, key: str) -> str:
    value = body.get(key) if isinstance(body, Mapping) else None
    return value if isinstance(value, str) else ""
