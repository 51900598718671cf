"""`sunward-audit`: options in, lines out. Exit status 0 held, 1 violations, 2 bad usage or no access."""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import signal
import sys
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import aiohttp
import yaml

from sunward_audit.auditor import Auditor
from sunward_audit.kubeconfig import ConfigError, access
from sunward_audit.relays import relays_of
from sunward_audit.report import Report, Violation
from sunward_audit.session import Inputs, Session
from sunward_audit.view import PATIENCE
from sunward_audit.watch import Refused

HELD, VIOLATED, UNUSABLE = 0, 1, 2
WATCHING = "sunward-audit: the first look is over, watching"


def options(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Read the command line; argparse ends the program with status 2 when it is wrong."""
    parser = argparse.ArgumentParser(
        prog="sunward-audit",
        description="Watch a cluster that Sunward runs and check it against the invariants I1 to I16. Read-only.",
    )
    add = parser.add_argument
    add("--kubeconfig", type=Path, help="kubeconfig file; default $KUBECONFIG, the service account, ~/.kube/config")
    length = parser.add_mutually_exclusive_group()
    length.add_argument("--once", action="store_true", help="check the present state once and exit")
    length.add_argument(
        "--for", dest="seconds", type=float, help="exit after this many seconds; default at SIGTERM or ^C"
    )
    add("--settings", type=Path, help="the operator's settings file; its relays are polled every second")
    add("--journal", type=Path, action="append", default=[], help="relay journal (JSON lines); may be repeated")
    add("--audit-log", type=Path, help="audit log of the API server (JSON lines)")
    add("--operator-user", action="append", default=[], help="user name of the operator at the API server")
    add("--operator-node", help="Node on which the operator runs, if it is not a pod")
    add("--log", type=Path, action="append", default=[], help="log file that must not contain secrets")
    add("--metrics", action="append", default=[], help="metrics page that must not contain secrets")
    add("--secret-file", type=Path, action="append", default=[], help="file with one secret value per line")
    add("--lines", choices=("text", "json"), default="text", help="format of the violation lines")
    add("--json", type=Path, help="also write the report to this file")
    return parser.parse_args(arguments)


def run(arguments: Sequence[str] | None = None, *, patience: timedelta = PATIENCE) -> int:
    """The whole program; returns the exit status. `patience` as in `Auditor`."""
    chosen = options(arguments)
    try:
        report = asyncio.run(_audit(chosen, patience))
    except (ConfigError, Refused, OSError, ValueError, yaml.YAMLError, aiohttp.ClientError, TimeoutError) as error:
        print(f"sunward-audit: {str(error) or type(error).__name__}", file=sys.stderr)
        return UNUSABLE
    for line in report.table():
        print(line, flush=True)
    if chosen.json is not None:
        chosen.json.write_text(json.dumps(report.as_json(), indent=2) + "\n", encoding="utf-8")
    return VIOLATED if report.violations else HELD


async def _audit(chosen: argparse.Namespace, patience: timedelta) -> Report:
    inputs = Inputs(
        relays=relays_of(chosen.settings) if chosen.settings else (),
        journals=tuple(chosen.journal),
        audit_log=chosen.audit_log,
        logs=tuple(chosen.log),
        metrics=tuple(chosen.metrics),
    )
    auditor = Auditor(
        operators=chosen.operator_user,
        operator_node=chosen.operator_node,
        secret_values=[line for path in chosen.secret_file for line in path.read_text("utf-8").split("\n") if line],
        sources=inputs.sources(),
        patience=patience,
    )
    session = Session(auditor, access(chosen.kubeconfig), inputs, _TELL[chosen.lines], _ready)
    if chosen.once:
        await session.once()
        return auditor.report()
    await session.run(_stopping(chosen.seconds))
    return auditor.report()


def _stopping(seconds: float | None) -> asyncio.Event:
    """Set after so many seconds, or by SIGTERM or SIGINT."""
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(
            NotImplementedError, RuntimeError
        ):  # not on every platform, and in the main thread only
            loop.add_signal_handler(number, stop.set)
    if seconds is not None:
        loop.call_later(seconds, stop.set)
    return stop


def _ready() -> None:
    print(WATCHING, file=sys.stderr, flush=True)


def _text(violation: Violation) -> None:
    print(violation.line(), flush=True)


def _json(violation: Violation) -> None:
    told = {"invariant": violation.invariant, "subject": violation.subject, "what": violation.what}
    print(json.dumps({**told, "evidence": violation.evidence, "message": violation.line()}), flush=True)


_TELL = {"text": _text, "json": _json}
