"""Which part of a node's energy counts for which job.

By batches where work was done; a home node without work in the period belongs in equal parts to the jobs
whose data it keeps. The same shares serve the actual account and the baseline, so that neither is flattered.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from sunward.accounting.none_baseline import Work


def node_shares(work: Mapping[str, Sequence[Work]], homes: Mapping[str, Sequence[str]]) -> dict[str, dict[str, float]]:
    """Share of every node by job, in [0, 1]; the shares of one node add up to 1 over the jobs that touch it."""
    done: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for job, items in work.items():
        for item in items:
            done[item.node][job] += item.batches
    shares: dict[str, dict[str, float]] = {job: {} for job in {*work, *homes}}
    for node, by_job in done.items():
        total = sum(by_job.values())
        if total > 0.0:
            for job, batches in by_job.items():
                shares[job][node] = batches / total
    for node in sorted({home for names in homes.values() for home in names}):
        if sum(done[node].values()) > 0.0:
            continue
        owners = [job for job, names in homes.items() if node in names]
        for job in owners:
            shares[job][node] = 1.0 / len(owners)
    return shares


def weighted(shares: Mapping[str, float], amounts: Mapping[str, float]) -> float | None:
    """Sum of the amounts of the nodes, each times the job's share; None when a node has no amount."""
    if not shares.keys() <= amounts.keys():
        return None
    return sum(share * amounts[node] for node, share in shares.items())
