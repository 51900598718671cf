"""Signed ledgers as EnergyPlans hold them, with a key that is known."""

from __future__ import annotations

from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sunward.accounting.signed.chain import Head, Seal, seal
from sunward.accounting.signed.keys import PublicKey, SigningKey

SECRET = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
SIGNER, PUBLIC = SigningKey(SECRET), PublicKey(SECRET.public_key())
FORMAT = serialization.PrivateFormat.PKCS8, serialization.NoEncryption()


def pem(key: Any) -> str:
    text: bytes = key.private_bytes(serialization.Encoding.PEM, *FORMAT)
    return text.decode()


def public_pem(key: Any) -> str:
    kind = serialization.PublicFormat.SubjectPublicKeyInfo
    text: bytes = key.public_key().public_bytes(serialization.Encoding.PEM, kind)
    return text.decode()


def settlement(hour: int, device: str = "A-1", node: str = "pi-01") -> dict[str, Any]:
    """An hour in which one node sends what its harvest and its battery gave to two others."""
    return {
        "time": f"2026-06-01T{hour + 1:02}:01:00Z",
        "from": f"2026-06-01T{hour:02}:00:00Z",
        "until": f"2026-06-01T{hour + 1:02}:00:00Z",
        "method": "test",
        "totals": {"loadMicrowattHours": 5_000_000, "avoidedMicrogramsCO2e": -17},
        "nodes": [
            {
                "node": node,
                "productionDevice": device,
                "harvestMicrowattHours": 4_000_000,
                "harvestSentMicrowattHours": 2_000_000,
                "batterySentMicrowattHours": 1_000_001,
            },
            {"node": "pi-02", "loadMicrowattHours": 5_000_000},
        ],
        "transfers": [
            {
                "pool": "site",
                "kind": "Physical",
                "fromNode": node,
                "toNode": "pi-02",
                "sentMicrowattHours": 1_999_999,
                "receivedMicrowattHours": 1_900_000,
            },
            {
                "pool": "site",
                "kind": "Physical",
                "fromNode": node,
                "toNode": "pi-03",
                "sentMicrowattHours": 1_000_002,
                "receivedMicrowattHours": 990_000,
            },
        ],
    }


def status(one: Seal) -> dict[str, Any]:
    return {
        "index": one.index,
        "previous": one.previous,
        "hash": one.digest,
        "keyFingerprint": one.key_fingerprint,
        "signature": one.signature,
    }


def ledger(hours: int = 4, signer: SigningKey | None = SIGNER, **others: str) -> list[dict[str, Any]]:
    """EnergyPlans of a chain, as the API server gives them."""
    bodies, head = [], Head()
    for hour in range(hours):
        found = settlement(hour, **others)
        sealed = seal(f"plan-{hour}", found, head, signer)
        head = sealed.head
        body = {"metadata": {"name": f"plan-{hour}"}, "spec": {"periodStart": found["from"]}}
        bodies.append({**body, "status": {"settlement": {**found, "seal": status(sealed)}}})
    return bodies
