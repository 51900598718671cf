"""The end of the ledger's chain, and the seal of each settlement that follows it.

The chain lives in the EnergyPlans themselves: nothing else has to survive a crash. When a write fails it is not known
whether it arrived, so the plans are asked again before the next seal; two entries never share one place knowingly.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sunward.accounting.signed import chain
from sunward.accounting.signed.chain import Head, Seal, Signer
from sunward.accounting.signed.entries import entry
from sunward.cluster.access.api import Api, ours
from sunward.cluster.objects.crd_types import EnergyPlanStatusSettlement
from sunward.cluster.reporting.settlement_objects import seal_status

OURS = "app.kubernetes.io/managed-by=sunward"


class Sealer:
    """Seals settlements one after the other."""

    def __init__(self, api: Api, signer: Signer | None) -> None:
        self._api = api
        self._signer = signer
        self._head: Head | None = None  # not known while it is not known whether a write arrived
        self._newest = Head()
        self._next = Head()

    def seen(self, plans: Iterable[Mapping[str, Any]]) -> None:
        """The end of the chain, from a list of all plans; one that was reached before is not given up for an older."""
        heads = (seal.head for body in plans if (seal := _seal(body)) is not None)
        self._newest = max((self._newest, *heads), key=lambda head: head.index)
        self._head = self._newest

    async def sealed(self, plan: str, settlement: EnergyPlanStatusSettlement) -> EnergyPlanStatusSettlement:
        """A settlement with its seal, to be written next; say `written` once it is."""
        if self._head is None:
            self.seen(await self._api.list(ours("energyplans"), labelSelector=OURS))
        head, self._head = self._head or self._newest, None
        seal = chain.seal(plan, settlement, head, self._signer)
        self._next = seal.head
        return {**settlement, "seal": seal_status(seal)}

    def written(self) -> None:
        """The settlement that was sealed last has arrived."""
        self._newest = self._head = self._next


def _seal(body: Mapping[str, Any]) -> Seal | None:
    """The seal of a plan, None where there is none that can be read: `sunward verify-ledger` says so."""
    try:
        found = entry("cluster", body)
    except ValueError:
        return None
    return None if found is None else found.seal
