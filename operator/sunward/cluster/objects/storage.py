"""Volumes, claims and storage classes as the API server sends them -> where a pod's volumes can be used."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sunward.cluster.objects.selectors import node_terms
from sunward.domain.pods import Requirement, SelectorOperator, Terms

Body = Mapping[str, Any]
Place = tuple[Terms, ...] | str
"""Selectors of which a node must meet one alternative each; or why no node is known to have the volume."""
ZONES = (
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
)
ZONE_SEPARATOR = "__"
BY_HAND = "kubernetes.io/no-provisioner"
WHEN_USED = "WaitForFirstConsumer"
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"


@dataclass(frozen=True, slots=True, kw_only=True)
class Storage:
    """Claims by namespace/name; volumes and classes by name."""

    claims: Mapping[str, Body] = field(default_factory=dict)
    volumes: Mapping[str, Body] = field(default_factory=dict)
    classes: Mapping[str, Body] = field(default_factory=dict)

    def claimed(self, namespace: str, name: str) -> Place:
        """Where the volume of a claim can be used."""
        try:
            return self._claimed(namespace, name)
        except Exception:  # the shell around one object, whose fields only the API server has checked
            return f"the volume of claim {name} cannot be read"

    def _claimed(self, namespace: str, name: str) -> Place:
        claim = self.claims.get(f"{namespace}/{name}")
        if claim is None:
            return f"there is no volume claim {name}"
        if claim["metadata"].get("deletionTimestamp"):
            return f"volume claim {name} is being deleted"
        spec = claim.get("spec") or {}
        if spec.get("volumeName"):
            volume = self.volumes.get(spec["volumeName"])
            return f"the volume of claim {name} is gone" if volume is None else _where(volume)
        return self.to_be_claimed(spec, name)

    def to_be_claimed(self, spec: Body, name: str) -> Place:
        """Where a claim that has no volume yet can get one: a free volume of its class, or one made for it."""
        found = self._class_of(spec)
        if found is None or found.get("volumeBindingMode") != WHEN_USED:
            return f"volume claim {name} is not bound"
        if found.get("provisioner") != BY_HAND:
            return _topologies(found)
        free = [_where(volume) for volume in self._free(found["metadata"]["name"], spec)]
        if not free:
            return f"no free volume for claim {name}"
        if () in free:
            return ()
        return (tuple(term for where in free if len(where) == 1 for term in where[0]),)

    def _class_of(self, spec: Body) -> Body | None:
        name = spec.get("storageClassName")
        if name is not None:
            return self.classes.get(name)
        marked = (one for _, one in sorted(self.classes.items()) if _annotations(one).get(DEFAULT_CLASS) == "true")
        return next(marked, None)

    def _free(self, name: str, claim: Body) -> Iterator[Body]:
        """Unclaimed volumes of a class and that offer the modes of access that are asked for."""
        for _, volume in sorted(self.volumes.items()):
            spec = volume.get("spec") or {}
            modes = set(claim.get("accessModes") or ()) <= set(spec.get("accessModes") or ())
            if spec.get("storageClassName") == name and not spec.get("claimRef") and modes:
                yield volume


def storage(volumes: Sequence[Body], claims: Sequence[Body], classes: Sequence[Body]) -> Storage:
    """What is known of volumes."""
    return Storage(
        claims={f"{one['metadata'].get('namespace')}/{one['metadata']['name']}": one for one in claims},
        volumes={one["metadata"]["name"]: one for one in volumes},
        classes={one["metadata"]["name"]: one for one in classes},
    )


def places(spec: Body, namespace: str, pod: str, known: Storage) -> Iterator[Place]:
    """Where each volume that a pod claims can be used."""
    for volume in spec.get("volumes") or ():
        if claim := (volume.get("persistentVolumeClaim") or {}).get("claimName"):
            yield known.claimed(namespace, claim)
        elif template := (volume.get("ephemeral") or {}).get("volumeClaimTemplate"):
            yield known.to_be_claimed(template.get("spec") or {}, f"{pod}-{volume.get('name')}")


def _where(volume: Body) -> tuple[Terms, ...]:
    """Its own affinity, and the zone that its labels name; a local volume is on its own node only."""
    affinity = ((volume.get("spec") or {}).get("nodeAffinity") or {}).get("required") or {}
    labels = volume["metadata"].get("labels") or {}
    terms = [node_terms(affinity["nodeSelectorTerms"])] if affinity.get("nodeSelectorTerms") else []
    for key in ZONES:
        if key in labels:
            values = tuple(labels[key].split(ZONE_SEPARATOR))
            terms.append(((Requirement(key=key, operator=SelectorOperator.IN, values=values),),))
    return tuple(terms)


def _topologies(found: Body) -> tuple[Terms, ...]:
    terms = tuple(
        tuple(
            Requirement(key=one["key"], operator=SelectorOperator.IN, values=tuple(one.get("values") or ()))
            for one in term.get("matchLabelExpressions") or ()
        )
        for term in found.get("allowedTopologies") or ()
    )
    return (terms,) if terms else ()


def _annotations(body: Body) -> Mapping[str, str]:
    return body["metadata"].get("annotations") or {}
