"""`sunward verify-ledger` and `sunward certificates`: what anybody can find out about settled periods, offline."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.output import Output, print_data, print_table
from sunward.domain.errors import InvalidInput
from sunward.settings.documents import one_line, read_text

if TYPE_CHECKING:
    from sunward.accounting.signed.check import Finding
    from sunward.accounting.signed.entries import Entry
    from sunward.accounting.signed.keys import PublicKey

LARGEST_LEDGER_BYTES = 256 << 20
Ledgers = Annotated[
    list[str],
    typer.Argument(metavar="LEDGER.json...", help="Output of kubectl get energyplans -o json, a file per cluster."),
]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("verify-ledger")(verify_ledger)
    app.command("certificates")(print_certificates)


def verify_ledger(
    ledgers: Ledgers,
    key: Annotated[
        list[str],
        typer.Option("--key", metavar="KEY.pem", help="Public key of a ledger, in the order of the files."),
    ] = [],  # noqa: B006  # typer reads the default and never changes it
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Check settled periods: hashes, links, signatures, and energy that is counted or sold twice.

    Exit status 0 if nothing is wrong, 1 if something is, 2 if a file is invalid. Without --key signatures are not
    checked, and the output says so.
    """
    from sunward.accounting.signed.check import check

    if len(key) > len(ledgers):
        raise InvalidInput("--key", f"{len(key)} keys for {len(ledgers)} ledgers: give one for each file, in order")
    keys = {ledger: _key(path) for ledger, path in zip(ledgers, key, strict=False)}
    entries = [one for ledger in dict.fromkeys(ledgers) for one in read_ledger(ledger)]
    found = check(entries, keys)
    _print(entries, found, keys, output)
    if found:
        raise typer.Exit(1)


def print_certificates(ledger: Annotated[str, typer.Argument(metavar="LEDGER.json", help="As verify-ledger.")]) -> None:
    """Print every transfer of the sealed periods as a granular certificate, in JSON."""
    from sunward.accounting.signed.certificates import certificates

    print_data(list(certificates(list(read_ledger(ledger)))), Output.JSON)


def read_ledger(path: str) -> Iterator[Entry]:
    """The settled periods of a file: a list of EnergyPlans, or one. Raises InvalidInput."""
    from sunward.accounting.signed.entries import entry

    for body in _items(path):
        try:
            found = entry(path, body)
        except ValueError as error:
            raise InvalidInput(path, one_line(str(error))) from None
        if found is not None:
            yield found


def _items(path: str) -> list[Any]:
    text = read_text(Path(path), largest_bytes=LARGEST_LEDGER_BYTES)
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise InvalidInput(path, "is not valid JSON") from None
    items = found.get("items", [found]) if isinstance(found, dict) else found
    if not isinstance(items, list):
        raise InvalidInput(path, "holds no list of EnergyPlans: give the output of kubectl get energyplans -o json")
    return items


def _key(path: str) -> PublicKey:
    from sunward.accounting.signed.keys import public_key

    return public_key(read_text(Path(path)), path)


def _print(entries: Sequence[Entry], found: Sequence[Finding], keys: dict[str, PublicKey], output: Output) -> None:
    unchecked = sorted({one.ledger for one in entries} - keys.keys())
    if output is not Output.TABLE:
        rows = [{"ledger": f.ledger, "plan": f.plan, "fault": f.fault.value, "message": f.message} for f in found]
        data = {"entries": len(entries), "correct": not found, "signaturesNotChecked": unchecked, "findings": rows}
        print_data(data, output)
        return
    if found:
        columns = ("ledger", "plan", "fault", "what")
        print_table("findings", columns, [(f.ledger, f.plan, f.fault.value, f.message) for f in found])
    typer.echo(f"{len(entries)} settled periods, {len(found)} findings")
    if unchecked:
        typer.echo(f"signatures not checked, because no --key was given: {', '.join(unchecked)}")
