"""The suites by name; a module is imported when its suite is run."""

from __future__ import annotations

import importlib
from typing import Protocol, cast

from support.faults.outcome import Options, Outcome

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
    "attacks": "R11 hostile agents",
    "misoperations": "R12 misoperations",
    "churn": "R13 churn",
    "quiet": "R14 scale and quiet",
    "soak": "R15 soak",
    "leaders": "R16 two replicas",
    "secrets": "R17 secrets and injection",
    "rights": "R18 rights and policies",
    "solver": "R19 solver faults",
    "guards": "R20 guard removal",
    "lifecycle": "R21 lifecycle",
    "training": "R22 training",
    "relays": "R23 lying relays",
    "static": "R24 static gates",
    "tenants": "R25 tenants",
    "agent": "R26 power agent",
    "drill": "partial disruption drill",
}
"""Every suite, in the order in which all are run."""

IN_MEMORY = frozenset({"planner", "model", "churn", "solver", "training", "relays", "soak", "secrets", "attacks"})
"""Suites of the folder `in_memory`: without a server, a node or a network beyond loopback."""


class Suite(Protocol):
    """A module of a suite."""

    TITLE: str

    def run(self, options: Options) -> Outcome:
        """Run it to its end."""


def find(name: str) -> Suite:
    """The module of a suite. Raises KeyError when there is none of this name."""
    SUITES[name]
    folder = "fault_injection.in_memory" if name in IN_MEMORY else "fault_injection"
    return cast(Suite, importlib.import_module(f"{folder}.{name}"))


def run(name: str, options: Options) -> Outcome:
    """Run one suite."""
    return find(name).run(options)
