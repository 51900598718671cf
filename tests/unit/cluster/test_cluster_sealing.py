"""Seals of settlements: one chain over restarts and failed writes, and it is the one that the plans hold."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sunward.accounting.signed.check import Fault, check
from sunward.accounting.signed.entries import entry
from sunward.accounting.signed.keys import PublicKey, SigningKey
from sunward.cluster.access.api import ApiError, ours
from sunward.cluster.objects.crd_types import EnergyPlanStatusSettlement
from sunward.cluster.settling.sealing import Sealer
from support.loop.store import Body, Store
from support.store_api import StoreApi

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER, PUBLIC = SigningKey(SECRET), PublicKey(SECRET.public_key())


class Unreliable(StoreApi):
    """Loses the answer to the next write of a status, or the write itself."""

    lose: str | None = None

    async def patch(self, path: str, body: Mapping[str, Any] | Sequence[Any]) -> Body:
        """A patch that may not arrive, or whose answer may not."""
        lost, self.lose = self.lose, None
        if lost == "write":
            raise ApiError(503, "PATCH", path, "the connection was reset")
        found = await super().patch(path, body)
        if lost == "answer":
            raise ApiError(503, "PATCH", path, "the connection was reset")
        return found


async def settle(api: StoreApi, sealer: Sealer, plan: str, hour: int) -> None:
    """As the settler does it."""
    body: EnergyPlanStatusSettlement = {
        "from": f"2026-06-01T{hour:02}:00:00Z",
        "until": f"2026-06-01T{hour + 1:02}:00:00Z",
        "totals": {"loadMicrowattHours": hour, "gridMicrowattHours": None},
    }
    sealed = await sealer.sealed(plan, body)
    await api.patch(ours("energyplans", plan, sub="status"), {"status": {"settlement": sealed}})
    sealer.written()


def a_store(hours: int) -> Store:
    store, labels = Store(), {"app.kubernetes.io/managed-by": "sunward"}
    for hour in range(hours):
        body = {"metadata": {"name": f"plan-{hour}", "labels": labels}, "spec": {"periodSeconds": 3600}}
        store.create(ours("energyplans"), body)
    return store


def faults(store: Store) -> list[Fault]:
    found = [entry("a", body) for body in store.list(ours("energyplans"))]
    return [one.fault for one in check([one for one in found if one is not None], {"a": PUBLIC})]


def indices(store: Store) -> dict[str, int]:
    bodies = store.list(ours("energyplans"))
    return {
        body["metadata"]["name"]: body["status"]["settlement"]["seal"]["index"] for body in bodies if body.get("status")
    }


async def test_settlements_of_one_operator_and_of_its_successor_are_one_chain() -> None:
    store = a_store(4)
    first = Sealer(StoreApi(store), SIGNER)
    for hour in (0, 1):
        await settle(StoreApi(store), first, f"plan-{hour}", hour)
    second = Sealer(StoreApi(store), SIGNER)
    for hour in (3, 2):
        await settle(StoreApi(store), second, f"plan-{hour}", hour)
    assert indices(store) == {"plan-0": 1, "plan-1": 2, "plan-3": 3, "plan-2": 4}
    assert faults(store) == []


@pytest.mark.parametrize("lost", ["write", "answer"])
async def test_after_a_write_that_may_have_arrived_the_next_entry_takes_the_place_that_is_free(lost: str) -> None:
    store = a_store(3)
    api = Unreliable(store)
    sealer = Sealer(api, SIGNER)
    await settle(api, sealer, "plan-0", 0)
    api.lose = lost
    with pytest.raises(ApiError):
        await settle(api, sealer, "plan-1", 1)
    await settle(api, sealer, "plan-2", 2)
    assert indices(store)["plan-2"] == (2 if lost == "write" else 3)
    assert faults(store) == []


async def test_a_list_that_is_older_than_the_own_writes_does_not_fork_the_chain() -> None:
    store = a_store(3)
    api = StoreApi(store)
    sealer = Sealer(api, SIGNER)
    stale = store.list(ours("energyplans"))
    await settle(api, sealer, "plan-0", 0)
    sealer.seen(stale)
    await settle(api, sealer, "plan-1", 1)
    assert indices(store) == {"plan-0": 1, "plan-1": 2}


async def test_without_a_key_entries_are_linked_and_not_signed() -> None:
    store = a_store(2)
    sealer = Sealer(StoreApi(store), None)
    for hour in (0, 1):
        await settle(StoreApi(store), sealer, f"plan-{hour}", hour)
    assert faults(store) == [Fault.NOT_SIGNED, Fault.NOT_SIGNED]


async def test_a_plan_with_a_seal_that_cannot_be_read_does_not_stop_the_others() -> None:
    store = a_store(2)
    store.patch(ours("energyplans", "plan-0", sub="status"), {"status": {"settlement": {"seal": {"index": "x"}}}})
    sealer = Sealer(StoreApi(store), SIGNER)
    await settle(StoreApi(store), sealer, "plan-1", 1)
    assert indices(store)["plan-1"] == 1
