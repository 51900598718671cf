"""Suite R23: relays that lie, stall and break off, behind the real drivers; a state is entered on proof only."""

from __future__ import annotations

import asyncio

from support.faults.outcome import Options, Outcome
from support.loop.lying_relays import CASES, KINDS, Seen, play

TITLE = "R23 lying relays"


def run(options: Options) -> Outcome:
    """Every case behind relays of every kind; the same in both lengths, because nothing in it is random."""
    seen = {f"{kind}: {case.name}": asyncio.run(play(case, kind)) for kind in KINDS for case in CASES}
    recoveries = [one.recovery_seconds for one in seen.values() if one.recovery_seconds is not None]
    return Outcome(
        suite="relays",
        title=TITLE,
        seed=options.seed,
        counts={
            "cases": len(seen),
            "orders": sum(one.orders for one in seen.values()),
            "in_order_after_the_lie": len(recoveries),
        },
        violations=[f"{name}: {why}" for name, one in seen.items() for why in one.violations],
        worst_recovery_seconds=max(recoveries, default=None),
        figures={name: _told(one) for name, one in seen.items()},
    )


def _told(one: Seen) -> dict[str, object]:
    return {"states": one.states, "orders": one.orders, "recovery_seconds": one.recovery_seconds}
