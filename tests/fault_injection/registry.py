"""The batteries by name; a module is imported when its battery is run."""

from __future__ import annotations

import importlib
import importlib.util
from typing import Protocol, cast

from fault_injection.outcome import Options, Outcome

SUITES = {
    "planner": "R1 planner properties",
    "model": "R2 stateful model",
    "crash": "R3 crash points",
    "stale": "R4 stale state",
    "unobserved": "R5 unobserved events",
    "api": "R6 faults of the API server",
    "restarts": "R7 restart storm",
    "nodes": "R8 node faults",
    "drain": "R9 drain table",
    "data": "R10 data faults",
    "agent": "R11 hostile agent",
    "misoperations": "R12 misoperations",
    "churn": "R13 churn",
    "quiet": "R14 scale and quiet",
    "leaders": "R16 two replicas",
    "secrets": "R17 secrets and injection",
    "rights": "R18 rights and policies",
    "solver": "R19 solver faults",
    "guards": "R20 guard removal",
    "lifecycle": "R21 lifecycle",
    "relays": "R23 lying relays",
    "static": "R24 static gates",
    "drill": "partial disruption drill",
}
"""Every battery that there is to be, in the order in which all are run."""


class Battery(Protocol):
    """A module of a battery."""

    TITLE: str

    def run(self, options: Options) -> Outcome:
        """Run it to its end."""


def find(name: str) -> Battery | None:
    """The module of a battery; None where nobody has written it.

    Raises:
        KeyError: no battery has this name.
    """
    SUITES[name]
    if importlib.util.find_spec(f"batteries.{name}") is None:
        return None
    return cast(Battery, importlib.import_module(f"batteries.{name}"))


def run(name: str, options: Options) -> Outcome:
    """Run one battery."""
    battery = find(name)
    if battery is not None:
        return battery.run(options)
    return Outcome(
        battery=name,
        title=SUITES[name],
        seed=options.seed,
        counts={},
        violations=[],
        not_run="nobody has written it",
    )
