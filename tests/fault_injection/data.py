"""Suite R10: bad data of every kind never put a node to sleep, always say so, and pass.

All rows are played on random fleets in virtual time; eight of them, and labels that a target sets for another node,
also with a real Prometheus between real exporters and the loop.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from support.faults import data_faults
from support.faults.outcome import Options, Outcome
from support.real import data as real_data
from support.sources import prometheus_binary

TITLE = "R10 data faults"
SEEDS = 10
LONG_SEEDS = 100


def run(options: Options) -> Outcome:
    """Every row many times in virtual time, then those with a real Prometheus where there is one."""
    seeds = range(options.seed, options.seed + (LONG_SEEDS if options.long else SEEDS))
    played = {f"{row}, seed {seed}": data_faults.play(row, seed) for row in data_faults.FAULTS for seed in seeds}
    violations = [f"{name}: {why}" for name, one in played.items() for why in one.violations]
    real = asyncio.run(_with_prometheus()) if prometheus_binary() is not None else {}
    violations += [f"Prometheus, {name}: {why}" for name, one in real.items() for why in one.violations]
    return Outcome(
        suite="data",
        title=TITLE,
        seed=options.seed,
        counts={"rows": len(data_faults.FAULTS), "runs": len(played), "rows_with_a_real_Prometheus": len(real)},
        violations=violations,
        worst_recovery_seconds=max(one.gone_after_seconds for one in played.values()),
        figures={
            "longest_until_shown_seconds": max(one.shown_after_seconds for one in played.values()),
            "with_prometheus": {
                name: {"shown_after_seconds": one.shown_after_seconds, "passes_until_gone": one.passes_until_gone}
                for name, one in real.items()
            },
        },
    )


async def _with_prometheus() -> dict[str, real_data.Seen]:
    """The rows one after the other on one Prometheus, the labels on another that honours them."""
    seen: dict[str, real_data.Seen] = {}
    with tempfile.TemporaryDirectory() as folder:
        async with real_data.rigged(Path(folder)) as rig:
            for name, row in real_data.ROWS.items():
                seen[name] = await real_data.play(rig, row)
            seen["good data"] = real_data.Seen(violations=await real_data.sleeps_on_good_data(rig))
    with tempfile.TemporaryDirectory() as folder:
        async with real_data.rigged(Path(folder), honor_labels=True) as rig:
            seen["labels of another node"] = await real_data.play(rig, real_data.SPOOF)
    return seen
