"""Where a pod's volumes can be used, as far as claims, volumes and classes tell."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cluster.objects.storage import Place, Storage, places, storage
from sunward.domain.pods import Requirement, SelectorOperator

Body = dict[str, Any]
CLAIM = {"metadata": {"namespace": "default", "name": "data"}, "spec": {"volumeName": "v"}}


def on(node: str, *, key: str = "host") -> Requirement:
    return Requirement(key=key, operator=SelectorOperator.IN, values=(node,))


def volume(name: str = "v", node: str = "", **more: Any) -> Body:
    spec: Body = {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], **more}
    if node:
        terms = [{"matchExpressions": [{"key": "host", "operator": "In", "values": [node]}]}]
        spec["nodeAffinity"] = {"required": {"nodeSelectorTerms": terms}}
    return {"metadata": {"name": name}, "spec": spec}


def unbound(**spec: Any) -> Body:
    return {**CLAIM, "spec": {"storageClassName": "local", "accessModes": ["ReadWriteOnce"], **spec}}


def a_class(provisioner: str = "kubernetes.io/no-provisioner", mode: str = "WaitForFirstConsumer", **more: Any) -> Body:
    metadata = {"name": "local", **more.pop("metadata", {})}
    return {"metadata": metadata, "provisioner": provisioner, "volumeBindingMode": mode, **more}


def place_of(known: Storage, **source: Any) -> Place:
    source = source or {"persistentVolumeClaim": {"claimName": "data"}}
    (found,) = places({"volumes": [{"name": "d", **source}, {"name": "e", "emptyDir": {}}]}, "default", "web", known)
    return found


@pytest.mark.parametrize(
    ("volumes", "claims", "classes", "place"),
    [
        ([volume(node="n1")], [CLAIM], [], (((on("n1"),),),)),
        ([volume()], [CLAIM], [], ()),
        ([], [CLAIM], [], "the volume of claim data is gone"),
        ([], [], [], "there is no volume claim data"),
        ([volume("w", "n2")], [unbound()], [a_class()], (((on("n2"),),),)),
        ([volume("w", "n2"), volume("x", "n3")], [unbound()], [a_class()], (((on("n2"),), (on("n3"),)),)),
        ([volume("w", "n2"), volume("x")], [unbound()], [a_class()], ()),
        ([volume("w", "n2", claimRef={"name": "other"})], [unbound()], [a_class()], "no free volume for claim data"),
        ([volume("w", "n2")], [unbound(accessModes=["ReadWriteMany"])], [a_class()], "no free volume for claim data"),
        ([volume("w", "n2")], [unbound()], [a_class(mode="Immediate")], "volume claim data is not bound"),
        ([volume("w", "n2")], [unbound()], [], "volume claim data is not bound"),
        ([], [unbound()], [a_class("rancher.io/local-path")], ()),
        (
            [],
            [unbound()],
            [
                a_class(
                    "csi.example.org", allowedTopologies=[{"matchLabelExpressions": [{"key": "zone", "values": ["a"]}]}]
                )
            ],
            (((on("a", key="zone"),),),),
        ),
    ],
)
def test_where_a_claim_can_be_used(volumes: Any, claims: Any, classes: Any, place: Place) -> None:
    assert place_of(storage(volumes, claims, classes)) == place


def test_a_claim_that_is_being_deleted_is_nowhere() -> None:
    leaving = {**CLAIM, "metadata": {**CLAIM["metadata"], "deletionTimestamp": "2026-06-21T12:00:00Z"}}
    assert place_of(storage([volume()], [leaving], [])) == "volume claim data is being deleted"


def test_a_volume_in_a_zone_is_used_in_that_zone() -> None:
    body = volume()
    body["metadata"]["labels"] = {"topology.kubernetes.io/zone": "a__b"}
    zone = Requirement(key="topology.kubernetes.io/zone", operator=SelectorOperator.IN, values=("a", "b"))
    assert place_of(storage([body], [CLAIM], [])) == (((zone,),),)


def test_a_volume_that_is_made_with_the_pod_is_made_anew_elsewhere() -> None:
    ephemeral = {"ephemeral": {"volumeClaimTemplate": {"spec": {"accessModes": ["ReadWriteOnce"]}}}}
    default = {"annotations": {"storageclass.kubernetes.io/is-default-class": "true"}}
    assert place_of(storage([], [], [a_class("rancher.io/local-path", metadata=default)]), **ephemeral) == ()
    assert place_of(storage([], [], [a_class()]), **ephemeral) == "volume claim web-d is not bound"
