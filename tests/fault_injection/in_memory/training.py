"""Suite R22: faults in a federation lose no round, count none twice, and cost at most a point of accuracy.

Workers are killed, hang, leave, send late, twice, in part or rubbish; the coordinator crashes in every phase, with and
without its disk. Runs in virtual time with real training (`support.faults.federation`); each run is compared with the
same run without a fault.
"""

from __future__ import annotations

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sunward_trainer.coordinator.checkpoint import Checkpoint
from sunward_trainer.learning.data import DataSet, Installed, load_data
from support.faults.federation import (
    COORDINATOR_FAULTS,
    NODES,
    SPLIT,
    WORKER_FAULTS,
    Fault,
    Federation,
    accuracy_percent,
)
from support.faults.outcome import Options, Outcome

TITLE = "R22 training"
FAULTS_IN_A_RUN = 6
RUNS = 10
LONG_RUNS = 100
ROUNDS = 20
MOST_POINTS_LOST = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Played:
    """One run: what happened to it, and how it ended."""

    seed: int
    happened: tuple[str, ...]
    kept: Checkpoint
    accuracy_percent: float


def run(options: Options) -> Outcome:
    """Runs with faults beside one without."""
    with tempfile.TemporaryDirectory() as nothing:
        data = load_data(installed=Installed(shared=(Path(nothing),), fashion=Path(nothing)))
    count = LONG_RUNS if options.long else RUNS
    calm = play(options.seed, data, [])
    runs = [play(seed, data, faults(seed)) for seed in range(options.seed, options.seed + count)]
    kinds = {kind for one in runs for kind in one.happened}
    return Outcome(
        suite="training",
        title=TITLE,
        seed=options.seed,
        counts={
            "runs": len(runs),
            "faults": sum(len(one.happened) for one in runs),
            "kinds_of_fault": len(kinds),
            "most_points_of_accuracy_lost": max(calm.accuracy_percent - one.accuracy_percent for one in runs),
        },
        violations=[f"seed {one.seed}: {why}" for one in runs for why in violations(one, calm)],
        figures={"accuracy_percent_without_faults": calm.accuracy_percent, "kinds": sorted(kinds)},
    )


def faults(seed: int) -> list[Fault]:
    """Different rounds, the last five left in peace; half of the faults are the coordinator's."""
    chance = random.Random(seed)
    rounds = chance.sample(range(1, ROUNDS - 5), FAULTS_IN_A_RUN)
    return [
        Fault(round=number, kind=chance.choice(COORDINATOR_FAULTS))
        if chance.random() < 0.5
        else Fault(
            round=number,
            kind=chance.choice(WORKER_FAULTS),
            node=chance.choice(NODES),
            seconds=chance.uniform(3.0, 40.0),
        )
        for number in rounds
    ]


def play(seed: int, data: DataSet, planned: list[Fault]) -> Played:
    """One job from its first round to its result."""
    with tempfile.TemporaryDirectory() as folder:
        federation = Federation(Path(folder), data, list(planned), ROUNDS)
        kept = federation.run()
    happened = tuple(fault.kind for fault in federation.happened)
    return Played(seed=seed, happened=happened, kept=kept, accuracy_percent=accuracy_percent(data, kept.weights))


def violations(one: Played, calm: Played) -> list[str]:
    """What must not have happened."""
    kept, found = one.kept, []
    if [record.round for record in kept.history] != list(range(1, ROUNDS + 1)):
        found.append(f"rounds {[record.round for record in kept.history]} were counted")
    if not np.isfinite(kept.weights).all():
        found.append("the model is not finite")
    by_round = sum(record.batches for record in kept.history)
    if not by_round == sum(kept.node_batches.values()) == sum(kept.shard_batches.values()):
        found.append("batches by round, by node and by shard differ")
    found += [f"shard {name}: {why}" for name, why in _unbalanced(kept)]
    if calm.accuracy_percent - one.accuracy_percent > MOST_POINTS_LOST:
        found.append(f"accuracy {one.accuracy_percent:.2f} %, without faults {calm.accuracy_percent:.2f} %")
    return found


def _unbalanced(kept: Checkpoint) -> list[tuple[str, str]]:
    """Shards of which a batch that was wanted is neither trained, owed nor written off, or more than one of these."""
    wanted: dict[str, int] = {}
    for works in SPLIT.values():
        for shard, _, batches in works:
            wanted[shard] = wanted.get(shard, 0) + batches * ROUNDS
    found = []
    for shard, batches in wanted.items():
        trained = kept.shard_batches.get(shard, 0)
        waiting = kept.debt.owed.get(shard, 0) + kept.debt.written_off.get(shard, 0)
        if trained + waiting != batches:
            found.append((shard, f"{batches} batches wanted, {trained} trained, {waiting} owed or written off"))
    return found
