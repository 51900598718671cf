"""The settled ledger as a chain: whatever is changed, left out, forked or counted twice is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Sequence
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from sunward.accounting.signed.certificates import certificates
from sunward.accounting.signed.chain import Head, hashed, seal
from sunward.accounting.signed.check import Fault, check
from sunward.accounting.signed.entries import Entry, entry
from sunward.accounting.signed.keys import PublicKey, SigningKey, public_key, signing_key
from sunward.domain.errors import InvalidInput
from support.ledgers import PUBLIC, SECRET, SIGNER, ledger, pem, public_pem, settlement, status


def read(bodies: Sequence[Any], name: str = "a") -> list[Entry]:
    return [found for body in bodies if (found := entry(name, body)) is not None]


def faults(*ledgers: Sequence[Any], key: PublicKey | None = PUBLIC) -> list[tuple[str, Fault]]:
    entries = [one for number, bodies in enumerate(ledgers) for one in read(bodies, f"{number}")]
    keys = {} if key is None else {f"{number}": key for number in range(len(ledgers))}
    return [(finding.plan, finding.fault) for finding in check(entries, keys)]


def test_a_ledger_as_it_was_signed_has_no_fault_whatever_order_it_comes_in() -> None:
    assert faults(ledger()) == []
    assert faults(ledger()[::-1]) == []
    assert faults(ledger()[2:]) == []  # older periods are removed


def numbers(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The places of all whole numbers and texts of a value."""
    if isinstance(value, dict):
        return [place for key, one in value.items() if key != "seal" for place in numbers(one, (*path, key))]
    if isinstance(value, list):
        return [place for key, one in enumerate(value) for place in numbers(one, (*path, key))]
    return [path]


@given(st.data())
def test_any_figure_that_is_changed_is_found(data: st.DataObject) -> None:
    bodies = ledger()
    number = data.draw(st.integers(0, 3))
    found = bodies[number]["status"]["settlement"]
    *way, last = data.draw(st.sampled_from(numbers(found)))
    place = found
    for key in way:
        place = place[key]
    place[last] = data.draw(
        st.sampled_from([place[last] + 1, place[last] - 1] if isinstance(place[last], int) else ["x"])
    )
    assert (f"plan-{number}", Fault.HASH_DIFFERS) in faults(bodies)


def test_an_entry_that_is_sealed_again_breaks_the_link_of_the_next_one_and_has_no_signature() -> None:
    bodies = ledger()
    found = bodies[1]["status"]["settlement"]
    found["totals"]["loadMicrowattHours"] -= 1
    found["seal"]["hash"] = hashed("plan-1", found, 2, found["seal"]["previous"])
    assert faults(bodies) == [("plan-2", Fault.LINK_BROKEN), ("plan-1", Fault.SIGNATURE_WRONG)]


def test_an_entry_left_out_a_fork_and_a_plan_without_a_seal_are_found() -> None:
    without = ledger()
    del without[1]
    assert faults(without) == [("plan-2", Fault.ENTRY_MISSING)]
    forked = ledger()
    again = seal(
        "plan-3", settlement(3), Head(index=2, digest=forked[1]["status"]["settlement"]["seal"]["hash"]), SIGNER
    )
    forked[3]["status"]["settlement"]["seal"] = status(again)
    assert ("plan-3", Fault.INDEX_TWICE) in faults(forked)
    bare = ledger()
    del bare[3]["status"]["settlement"]["seal"]
    assert faults(bare) == [("plan-3", Fault.NOT_SEALED)]


def test_a_chain_that_begins_in_the_middle_says_so() -> None:
    found = settlement(0)
    late = seal("plan-0", found, Head(index=0, digest="a" * 64), SIGNER)
    body = {"metadata": {"name": "plan-0"}, "spec": {"a": 1}, "status": {"settlement": {**found, "seal": status(late)}}}
    assert faults([body]) == [("plan-0", Fault.LINK_BROKEN)]


def test_signatures_are_checked_by_the_key_that_is_trusted_and_by_no_other() -> None:
    other = SigningKey(Ed25519PrivateKey.from_private_bytes(bytes(32)))
    assert {fault for _, fault in faults(ledger(signer=other))} == {Fault.OTHER_KEY}
    assert {fault for _, fault in faults(ledger(signer=None))} == {Fault.NOT_SIGNED}
    assert faults(ledger(signer=other), key=None) == []
    claimed = ledger(signer=other)
    for body in claimed:
        body["status"]["settlement"]["seal"]["keyFingerprint"] = PUBLIC.fingerprint
    assert {fault for _, fault in faults(claimed)} == {Fault.SIGNATURE_WRONG}
    assert not PUBLIC.is_signed("0" * 64, "no base64!")


def test_two_clusters_cannot_sell_the_harvest_of_one_device() -> None:
    mine, theirs = ledger(), ledger(node="roof")
    found = faults(mine, theirs)
    assert found == [(f"plan-{hour}", Fault.DEVICE_TWICE) for hour in range(4)]
    assert faults(mine, ledger(device="B-7", node="roof")) == []


def test_a_node_cannot_sell_more_than_its_meters_gave() -> None:
    bodies = ledger(hours=1)
    found = bodies[0]["status"]["settlement"]
    found["transfers"].append({**found["transfers"][0], "toNode": "pi-04"})
    resealed = seal("plan-0", found, Head(), SIGNER)
    found["seal"] = status(resealed)
    assert faults(bodies) == [("plan-0", Fault.OVERSOLD)]


def test_time_that_two_entries_cover_is_counted_twice() -> None:
    bodies, head = [], Head()
    for name in ("plan-0", "plan-0-again"):
        sealed = seal(name, settlement(0), head, SIGNER)
        head = sealed.head
        found = {**settlement(0), "seal": status(sealed)}
        bodies.append({"metadata": {"name": name}, "spec": {"a": 1}, "status": {"settlement": found}})
    assert (bodies[1]["metadata"]["name"], Fault.PERIOD_TWICE) in faults(bodies)


def test_the_hash_is_the_one_of_the_definition() -> None:
    """By hand, from the words of docs/accounting.md."""
    import hashlib

    body = {"from": "2026-06-01T00:00:00Z", "seal": {"index": 9}, "method": None, "totals": {"b": 2, "a": -1}}
    text = (
        '{"index":1,"plan":"p","previous":"' + "0" * 64 + '","schema":"sunward.dev/ledger/v1alpha1",'
        '"settlement":{"from":"2026-06-01T00:00:00Z","totals":{"a":-1,"b":2}}}'
    )
    assert hashed("p", body, 1, "0" * 64) == hashlib.sha256(text.encode()).hexdigest()


def test_a_fraction_is_refused_because_it_has_no_single_spelling() -> None:
    with pytest.raises(TypeError, match="whole numbers"):
        hashed("p", {"loadMicrowattHours": 1.5}, 1, "0" * 64)
    bodies = ledger(hours=1)
    bodies[0]["status"]["settlement"]["totals"]["loadMicrowattHours"] = 1.5
    assert faults(bodies) == [("plan-0", Fault.HASH_DIFFERS)]


def test_certificates_state_device_time_and_receiver_and_share_the_battery_to_the_last_unit() -> None:
    found = list(certificates(read(ledger(hours=2))))
    assert [one["faceValueMicrowattHours"] for one in found[:2]] == [1_999_999, 1_000_002]
    assert sum(one["fromStorageMicrowattHours"] for one in found[:2]) == 1_000_001
    assert found[0] == found[0] | {
        "issuer": PUBLIC.fingerprint,
        "deviceId": "A-1",
        "deviceName": "pi-01",
        "productionStartingInterval": "2026-06-01T00:00:00Z",
        "productionEndingInterval": "2026-06-01T01:00:00Z",
        "beneficiary": "pi-02",
    }
    assert len({one["issuanceId"] for one in found}) == 4
    assert list(certificates(read(ledger(hours=2)))) == found


def test_a_device_without_a_number_is_named_by_key_and_node() -> None:
    bodies = ledger(hours=1)
    del bodies[0]["status"]["settlement"]["nodes"][0]["productionDevice"]
    assert next(certificates(read(bodies)))["deviceId"] == f"{PUBLIC.fingerprint}/pi-01"


BAD_SEALS = [
    7,
    {},
    {"index": 0, "previous": "0" * 64, "hash": "0" * 64},
    {"index": 1 << 80, "previous": "0" * 64, "hash": "0" * 64},
    {"index": 1, "previous": "0" * 63, "hash": "0" * 64},
    {"index": 1, "previous": "0" * 64, "hash": "G" * 64},
    {"index": "1", "previous": "0" * 64, "hash": "0" * 64},
]


@pytest.mark.parametrize("bad", BAD_SEALS, ids=range(len(BAD_SEALS)))
def test_a_malformed_seal_is_refused(bad: Any) -> None:
    body = ledger(hours=1)[0]
    body["status"]["settlement"]["seal"] = bad
    with pytest.raises(ValueError, match="malformed seal"):
        entry("a", body)


@pytest.mark.parametrize("bad", [None, 7, "x", [], {}, {"metadata": {"name": 3}, "spec": {"a": 1}}, {"metadata": {}}])
def test_what_is_no_plan_is_refused(bad: Any) -> None:
    with pytest.raises(ValueError, match="no EnergyPlan"):
        entry("a", bad)


ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=3) | st.floats(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "nodes",
                    "transfers",
                    "node",
                    "fromNode",
                    "harvestMicrowattHours",
                    "sentMicrowattHours",
                    "productionDevice",
                    "from",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(ODD)
def test_whatever_stands_in_a_settlement_the_check_and_the_certificates_end(odd: Any) -> None:
    bodies = ledger(hours=2)
    bodies[0]["status"]["settlement"] |= {"nodes": odd, "transfers": odd, "from": odd}
    check(read(bodies), {"a": PUBLIC})
    json.dumps(list(certificates(read(bodies))))


def test_keys_come_from_pem_and_a_wrong_file_is_named_without_its_content() -> None:
    text = pem(SECRET)
    assert signing_key(text, "key.pem").fingerprint == PUBLIC.fingerprint
    assert public_key(public_pem(SECRET), "key.pub").fingerprint == PUBLIC.fingerprint
    for bad in ("", "SECRET-WORD", public_pem(SECRET), pem(X25519PrivateKey.generate())):
        with pytest.raises(InvalidInput, match=r"key.pem.*openssl") as caught:
            signing_key(bad, "key.pem")
        assert "SECRET-WORD" not in str(caught.value)
    for bad in ("", text, public_pem(X25519PrivateKey.generate())):
        with pytest.raises(InvalidInput, match=r"key\.pub"):
            public_key(bad, "key.pub")


def test_a_settlement_is_not_changed_by_sealing_it() -> None:
    found = settlement(0)
    before = copy.deepcopy(found)
    seal("plan-0", found, Head(), SIGNER)
    assert found == before
