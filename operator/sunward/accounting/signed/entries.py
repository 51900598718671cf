"""Entries of a ledger out of EnergyPlans that anybody may have written: read totally, or a reason why not."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from sunward.accounting.signed.chain import SEAL, Seal

LARGEST: Final = (1 << 63) - 1
_HASH = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A settled period of one ledger. `seal` is None where the settlement has none."""

    ledger: str
    plan: str
    settlement: Mapping[str, Any]
    seal: Seal | None

    @property
    def interval(self) -> tuple[str, str]:
        """Start and end of the period, as RFC 3339 texts in UTC, which sort as the times do."""
        return text(self.settlement, "from"), text(self.settlement, "until")

    def rows(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """A list of rows; what is no row is left out, and so is a list that is none."""
        found = self.settlement.get(name)
        return tuple(row for row in found if isinstance(row, Mapping)) if isinstance(found, list) else ()


def entry(ledger: str, body: object) -> Entry | None:
    """The entry of an EnergyPlan; None for a plan that is not settled. Raises ValueError for what is no EnergyPlan."""
    metadata, status = _mapping(body, "metadata"), _mapping(body, "status")
    name, settlement = metadata.get("name"), _mapping(status, "settlement")
    if not isinstance(name, str) or not _mapping(body, "spec"):
        raise ValueError("is no EnergyPlan: give the output of kubectl get energyplans -o json")
    if not settlement:
        return None
    return Entry(ledger=ledger, plan=name, settlement=settlement, seal=_seal(name, settlement.get(SEAL)))


def amount(row: Mapping[str, Any], field: str) -> int:
    """A figure in millionths of a unit; 0 where none stands: nothing was said to be sent or to be there."""
    value = row.get(field)
    return value if isinstance(value, int) and 0 <= value <= LARGEST else 0


def text(row: Mapping[Any, Any], field: str) -> str:
    """A text of a row; empty where none stands."""
    value = row.get(field)
    return value if isinstance(value, str) else ""


def _mapping(body: object, key: str) -> Mapping[str, Any]:
    found = body.get(key) if isinstance(body, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def _seal(plan: str, found: object) -> Seal | None:
    """A seal; None where there is none. Raises ValueError for one that is malformed."""
    match found:
        case None:
            return None
        case {"index": int(index), "previous": str(previous), "hash": str(digest), **rest} if (
            0 < index <= LARGEST and _HASH.fullmatch(previous) and _HASH.fullmatch(digest)
        ):
            fingerprint, signature = text(rest, "keyFingerprint") or None, text(rest, "signature") or None
            return Seal(index=index, previous=previous, digest=digest, key_fingerprint=fingerprint, signature=signature)
    raise ValueError(f"plan {plan} has a malformed seal")
