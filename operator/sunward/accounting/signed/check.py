"""Whether ledgers are what was signed, and whether the same energy stands in them twice. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import pairwise
from typing import Final

from sunward.accounting.signed.chain import BEFORE_THE_FIRST, Seal, hashed
from sunward.accounting.signed.entries import Entry, amount, text
from sunward.accounting.signed.keys import PublicKey

ROUNDING_MICROWATT_HOURS: Final = 1
"""By which a rounded row may differ from what was measured; each row of a sum adds as much."""


class Fault(StrEnum):
    """What is wrong with an entry."""

    NOT_SEALED = "NotSealed"
    HASH_DIFFERS = "HashDiffers"
    LINK_BROKEN = "LinkBroken"
    ENTRY_MISSING = "EntryMissing"
    INDEX_TWICE = "IndexTwice"
    NOT_SIGNED = "NotSigned"
    OTHER_KEY = "OtherKey"
    SIGNATURE_WRONG = "SignatureWrong"
    PERIOD_TWICE = "PeriodTwice"
    OVERSOLD = "Oversold"
    DEVICE_TWICE = "DeviceTwice"


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One fault, and where."""

    ledger: str
    plan: str
    fault: Fault
    message: str


def check(entries: Sequence[Entry], keys: Mapping[str, PublicKey]) -> tuple[Finding, ...]:
    """Every fault of some ledgers. `keys` are the trusted ones by ledger; signatures of others are not asked for.

    A ledger may begin late, because old periods are removed; from its first entry on none may be missing.
    """
    found: list[Finding] = []
    for ledger in dict.fromkeys(one.ledger for one in entries):
        own = [one for one in entries if one.ledger == ledger]
        found += _chain(own)
        found += (finding for one in own for finding in _entry(one, keys.get(ledger)))
    return (*found, *_devices(entries))


def _entry(one: Entry, key: PublicKey | None) -> Iterator[Finding]:
    if one.seal is None:
        yield _finding(one, Fault.NOT_SEALED, "is settled and not part of the chain")
    elif not _has_hash(one, one.seal):
        yield _finding(one, Fault.HASH_DIFFERS, "was changed after it was sealed")
    elif key is not None:
        yield from _signature(one, one.seal, key)
    yield from _oversold(one)


def _has_hash(one: Entry, seal: Seal) -> bool:
    try:
        return hashed(one.plan, one.settlement, seal.index, seal.previous) == seal.digest
    except (TypeError, RecursionError):  # what cannot be hashed was never sealed
        return False


def _signature(one: Entry, seal: Seal, key: PublicKey) -> Iterator[Finding]:
    if seal.signature is None:
        yield _finding(one, Fault.NOT_SIGNED, "has a hash and no signature")
    elif seal.key_fingerprint != key.fingerprint:
        yield _finding(one, Fault.OTHER_KEY, f"is signed by key {seal.key_fingerprint}, not by {key.fingerprint}")
    elif not key.is_signed(seal.digest, seal.signature):
        yield _finding(one, Fault.SIGNATURE_WRONG, "its signature is not the key's")


def _chain(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Faults between the entries of one ledger."""
    links = sorted(((one.seal, one) for one in entries if one.seal is not None), key=lambda link: link[0].index)
    for seal, one in links[:1]:
        if seal.index == 1 and seal.previous != BEFORE_THE_FIRST:
            yield _finding(one, Fault.LINK_BROKEN, "is the first entry and follows another one")
    for before, after in pairwise(links):
        yield from _link(*before, *after)
    yield from _periods(entries)


def _link(last: Seal, before: Entry, seal: Seal, one: Entry) -> Iterator[Finding]:
    step = seal.index - last.index
    if step == 0:
        yield _finding(one, Fault.INDEX_TWICE, f"has the index {seal.index} of {before.plan}: the chain is forked")
    elif step > 1:
        yield _finding(one, Fault.ENTRY_MISSING, f"{step - 1} entries are missing between {before.plan} and this one")
    elif seal.previous != last.digest:
        yield _finding(one, Fault.LINK_BROKEN, f"does not follow {before.plan}")


def _periods(entries: Sequence[Entry]) -> Iterator[Finding]:
    for before, one in pairwise(sorted(entries, key=lambda entry: entry.interval)):
        if one.interval[0] < before.interval[1]:
            yield _finding(one, Fault.PERIOD_TWICE, f"covers time that {before.plan} covers as well")


def _oversold(one: Entry) -> Iterator[Finding]:
    """Nodes that sent more by transfers than the meters say they gave."""
    gave = {
        text(row, "node"): amount(row, "harvestSentMicrowattHours") + amount(row, "batterySentMicrowattHours")
        for row in one.rows("nodes")
    }
    sold: dict[str, list[int]] = {}
    for row in one.rows("transfers"):
        sold.setdefault(text(row, "fromNode"), []).append(amount(row, "sentMicrowattHours"))
    for node, amounts in sold.items():
        if sum(amounts) > gave.get(node, 0) + ROUNDING_MICROWATT_HOURS * (len(amounts) + 2):
            what = f"{sum(amounts)} uWh are sold, {gave.get(node, 0)} uWh were given"
            yield _finding(one, Fault.OVERSOLD, f"node {node}: {what}")


def _devices(entries: Sequence[Entry]) -> Iterator[Finding]:
    """Harvest of one production device that stands in two rows of the same time, in whichever ledgers."""
    rows: dict[str, list[tuple[tuple[str, str], str, Entry]]] = {}
    for one in entries:
        for row in one.rows("nodes"):
            if (device := text(row, "productionDevice")) and amount(row, "harvestMicrowattHours"):
                rows.setdefault(device, []).append((one.interval, text(row, "node"), one))
    for device, uses in rows.items():
        yield from _overlaps(device, sorted(uses, key=lambda use: (use[0], use[1], use[2].ledger)))


def _overlaps(device: str, uses: Sequence[tuple[tuple[str, str], str, Entry]]) -> Iterator[Finding]:
    end, holder = "", ""
    for (start, until), node, one in uses:
        if start < end:
            yield _finding(
                one, Fault.DEVICE_TWICE, f"harvest of device {device} at node {node} is also that of {holder}"
            )
        if until > end:
            end, holder = until, f"node {node} of {one.ledger}"


def _finding(one: Entry, fault: Fault, message: str) -> Finding:
    return Finding(ledger=one.ledger, plan=one.plan, fault=fault, message=message)
