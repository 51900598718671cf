"""Suite R12: mistakes in the specs of all kinds, generated from the definitions' schemas.

Every mutation is refused by the server in words, or it is reconciled without an unforeseen error; reverted, it leaves
nothing behind.
"""

from __future__ import annotations

from support import crds
from support.faults.misoperations import KINDS, tried
from support.faults.outcome import Options, Outcome
from support.lab import running_control_plane
from support.real.cluster import obstacle

TITLE = "R12 misoperations"
MUTATIONS, LONG_MUTATIONS = 40, 1000


def run(options: Options) -> Outcome:
    """Forty mutations of every kind, or a thousand."""
    why = obstacle()
    if why is not None:
        return Outcome(suite="misoperations", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    with running_control_plane() as plane:
        api = crds.administrator(plane.kubeconfig)
        crds.install(api)
        return attempt(api, options.seed, LONG_MUTATIONS if options.long else MUTATIONS)


def attempt(api: crds.Api, seed: int, mutations: int) -> Outcome:
    """So many mutations of every kind before a server that has the definitions."""
    found = {kind: tried(kind, api, seed, mutations) for kind in KINDS}
    return Outcome(
        suite="misoperations",
        title=TITLE,
        seed=seed,
        counts={
            "mutations": len(found) * mutations,
            "refused_by_the_server": sum(one.counts["refused by the server"] for one in found.values()),
            "reconciled_and_reverted": sum(one.counts["reconciled"] for one in found.values()),
        },
        violations=[why for one in found.values() for why in one.violations],
    )
