"""How many nodes may be out before Kubernetes stops evicting, by the cluster's own settings as its objects show them.

Written from the rule of the node lifecycle controller: a zone is disrupted when more than two of its nodes, and at
least the threshold's share, are not ready. Where several controllers run, the one that bears the fewest counts.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Sequence
from typing import Any

from sunward_audit import facts
from sunward_audit.facts import Body, part

SERVERS = facts.CONTROL_PLANE[:2]
REDUCED_RATE = 0.01
LARGE = 50
FLAGS = ("unhealthy-zone-threshold", "large-cluster-size-threshold", "secondary-node-eviction-rate")
Flags = dict[str, float]


def most_out(nodes: Sequence[Body], pods: Sequence[Body], threshold: float | None) -> int:
    """The most nodes that may be out; *threshold* is the policy's word for servers that say nothing."""
    word = {} if threshold is None else {FLAGS[0]: threshold}
    servers = [node for node in nodes if any(label in facts.labels(node) for label in SERVERS)]
    found = [_flags(server, pods) for server in servers]
    return min(_most(len(nodes), word if flags is None else flags) for flags in (found or [None]))


def _most(total: int, flags: Flags) -> int:
    """The largest number that is harmless; without a threshold, half."""
    size, rate = flags.get(FLAGS[1], LARGE), flags.get(FLAGS[2], REDUCED_RATE)
    if (FLAGS[1] in flags or FLAGS[2] in flags) and total > size and rate >= REDUCED_RATE:
        return max(2, total - 1)
    if FLAGS[0] not in flags:
        return max(2, total // 2)
    limit = _single(flags[FLAGS[0]])
    return max(2, *(out for out in range(total) if _single(out / total) < limit or out == 0))


def _single(value: float) -> float:
    return float(struct.unpack("<f", struct.pack("<f", value))[0])


def _flags(server: Body, pods: Sequence[Body]) -> Flags | None:
    """The three settings of one server; None where they cannot be read."""
    try:
        for pod in pods:
            if part(pod, "spec").get("nodeName") == facts.name_of(server) and _is_mirror(pod):
                for words in _commands(pod):
                    return _chosen(_pairs(words))
        text = part(server, "metadata", "annotations").get("k3s.io/node-args")
        return None if text is None else _chosen(_passed_on(json.loads(text)))
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None


def _is_mirror(pod: Body) -> bool:
    metadata = part(pod, "metadata")
    return metadata.get("namespace") == "kube-system" and "kubernetes.io/config.mirror" in part(metadata, "annotations")


def _commands(pod: Body) -> Iterator[list[str]]:
    for container in part(pod, "spec").get("containers") or ():
        words = [*(container.get("command") or ()), *(container.get("args") or ())]
        if words and words[0].split("/")[-1] == "kube-controller-manager":
            yield words


def _passed_on(words: list[str]) -> Iterator[tuple[str, str]]:
    """What k3s hands to its controller manager."""
    for name, value in _pairs(words):
        if name in ("kube-controller-manager-arg", "kube-controller-arg"):
            key, _, setting = value.partition("=")
            yield key, setting


def _pairs(words: list[str]) -> Iterator[tuple[str, str]]:
    """Flags without their dashes, and their values."""
    for here, after in zip(words, [*words[1:], ""], strict=True):
        if here.startswith("-"):
            name, given, value = here.lstrip("-").partition("=")
            yield name, value if given else after


def _chosen(pairs: Iterator[tuple[str, Any]]) -> Flags:
    """The most careful value of each setting. Raises ValueError for one that is no plain number."""
    found: dict[str, list[float]] = {}
    for name, value in pairs:
        key = name.lstrip("-").replace("_", "-")
        if key in FLAGS:
            if not value.isascii() or not value.replace(".", "", 1).isdigit():
                raise ValueError(value)
            found.setdefault(key, []).append(float(value))
    return {key: max(values) if key == FLAGS[1] else min(values) for key, values in found.items()}
