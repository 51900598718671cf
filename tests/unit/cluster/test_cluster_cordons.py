"""A cordon is ours while our mark stands and nobody else has set it."""

from __future__ import annotations

from typing import Any

import pytest

from sunward.cluster.access.api import FIELD_MANAGER, core
from sunward.cluster.acting.acts import uncordon
from sunward.cluster.objects.cordons import is_ours
from sunward.cluster.reading.read import node_facts
from support.loop.store import Body, Store

MARK = {"sunward.dev/cordoned-by": "pi-01-sleep-1"}
CORDON = {"f:spec": {"f:unschedulable": {}}}
PERSON = "kubectl-cordon"


def node(*managers: str, cordoned: bool = True, marked: bool = True) -> Body:
    noted = [{"manager": name, "operation": "Update", "fieldsV1": CORDON} for name in managers]
    noted.append({"manager": "kubelet", "operation": "Update", "fieldsV1": {"f:status": {"f:conditions": {}}}})
    return {
        "metadata": {"name": "pi-01", "annotations": dict(MARK) if marked else {}, "managedFields": noted},
        "spec": {"unschedulable": True} if cordoned else {},
    }


@pytest.mark.parametrize(
    ("body", "ours"),
    [
        (node(FIELD_MANAGER), True),
        (node(), True),  # a server that notes nothing
        (node(PERSON), False),  # they uncordoned it, and cordoned it again
        (node(FIELD_MANAGER, "gitops"), False),  # they want it as well
        (node(marked=False), False),
        (node(FIELD_MANAGER, marked=False), False),
        (node(cordoned=False), True),  # a mark that was left is ours to take back
    ],
)
def test_whose_it_is(body: Body, ours: bool) -> None:
    assert is_ours(body) is ours
    assert node_facts(body).has_our_cordon_mark is ours


@pytest.mark.parametrize(("manager", "stays"), [(FIELD_MANAGER, None), (PERSON, True)])
async def test_only_ours_is_taken_back_and_the_mark_always(manager: str, stays: bool | None) -> None:
    store = Store()
    store.create(core("nodes"), node(manager))
    await uncordon(StoreApi(store), "pi-01")  # type: ignore[arg-type]  # it answers the two calls that are made
    left = store.get(core("nodes", "pi-01"))
    assert left["spec"].get("unschedulable") is stays
    assert left["metadata"]["annotations"] == {}


class StoreApi:
    """The two calls over the store."""

    def __init__(self, store: Store) -> None:
        self._store = store

    async def get(self, path: str) -> Body:
        return self._store.get(path)

    async def patch(self, path: str, body: Any) -> Body:
        return self._store.patch_as(FIELD_MANAGER, path, body)
