"""Transfers of a sealed period as granular certificates: which device gave how much, when, and who received it.

The fields are those of the data model of the EnergyTag Granular Certificate Scheme Standard, as far as a cluster knows
them: no country, no issuing body and no account of a registry. A certificate is no certificate of a registry.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, TypedDict

from sunward.accounting.signed.chain import Seal
from sunward.accounting.signed.entries import Entry, amount, text

Row = Mapping[str, Any]


class Certificate(TypedDict):
    """One transfer. Energy in microwatt-hours; `fromStorage` is the part that a battery gave."""

    issuanceId: str
    issuer: str | None
    energyCarrier: str
    deviceId: str
    deviceName: str
    productionStartingInterval: str
    productionEndingInterval: str
    issuanceTime: str
    faceValueMicrowattHours: int
    fromStorageMicrowattHours: int
    pool: str
    kind: str
    beneficiary: str
    receivedMicrowattHours: int


def certificates(entries: Sequence[Entry]) -> Iterator[Certificate]:
    """Every transfer of the sealed entries, in their order.

    The number of a certificate follows from the entry's hash and the place of the row: the same transfer has the same
    number whoever prints it, and two transfers never have one number.
    """
    for one in entries:
        if one.seal is not None:
            devices = {text(row, "node"): row for row in one.rows("nodes")}
            stored = _from_storage(one)
            for place, row in enumerate(one.rows("transfers")):
                yield _certificate(one, one.seal, place, row, devices.get(text(row, "fromNode"), {}), stored[place])


def _certificate(one: Entry, seal: Seal, place: int, row: Row, node: Row, stored: int) -> Certificate:
    sender = text(row, "fromNode")
    return {
        "issuanceId": hashlib.sha256(f"{seal.digest}/{place}".encode()).hexdigest(),
        "issuer": seal.key_fingerprint,
        "energyCarrier": "Electricity",
        "deviceId": text(node, "productionDevice") or f"{seal.key_fingerprint or one.ledger}/{sender}",
        "deviceName": sender,
        "productionStartingInterval": one.interval[0],
        "productionEndingInterval": one.interval[1],
        "issuanceTime": text(one.settlement, "time"),
        "faceValueMicrowattHours": amount(row, "sentMicrowattHours"),
        "fromStorageMicrowattHours": stored,
        "pool": text(row, "pool"),
        "kind": text(row, "kind"),
        "beneficiary": text(row, "toNode"),
        "receivedMicrowattHours": amount(row, "receivedMicrowattHours"),
    }


def _from_storage(one: Entry) -> list[int]:
    """Of each transfer, what its sender's battery gave: battery and harvest are shared alike by all of its transfers.

    Parts of a sender add up to what its battery gave, to the microwatt-hour.
    """
    left = {text(row, "node"): (amount(row, "batterySentMicrowattHours"), _given(row)) for row in one.rows("nodes")}
    parts = []
    for row in one.rows("transfers"):
        stored, given = left.get(text(row, "fromNode"), (0, 0))
        sent = min(amount(row, "sentMicrowattHours"), given)
        part = sent * stored // given if given else 0
        left[text(row, "fromNode")] = (stored - part, given - sent)
        parts.append(part)
    return parts


def _given(row: Row) -> int:
    return amount(row, "harvestSentMicrowattHours") + amount(row, "batterySentMicrowattHours")
