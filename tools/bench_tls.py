"""What TLS adds to a round of training: processor time and duration with it, beside the figures without.

A coordinator and two workers run as processes on loopback, with certificates and with plain HTTP in turn, so that
whatever else the machine does falls on both. /progress is read every two seconds, as the operator reads it. Two loads:
rounds of one batch per worker, which are nearly all transport, and rounds of fifty batches.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests"))  # the federation that tests run is measured

import psutil

from support.trainer import Federation, toy_data

MODEL = "mnist-mlp"
NODES = ("pi-01", "pi-02")
PROCESSES = ("coordinator", *NODES)
WARM_UP_ROUNDS = 5
POLL_SECONDS = 2.0
LIMIT_SECONDS = 300.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Figures:
    """One run: processor seconds of all three processes per round, and the median duration of a round in seconds."""

    processor_seconds: float
    round_seconds: float


def measure(*, secured: bool, batches: int, rounds: int) -> Figures:
    """Run a federation for that many rounds after the first ones."""
    with tempfile.TemporaryDirectory(prefix="sunward-bench-tls-") as folder:
        shards = {name: (node, 2400) for name, node in zip("ab", NODES, strict=True)}
        federation = Federation(Path(folder), data=toy_data(samples=4800, testing=200), shards=shards, secured=secured)
        try:
            return _run(federation, batches=batches, rounds=rounds)
        finally:
            federation.close()


def _run(federation: Federation, *, batches: int, rounds: int) -> Figures:
    federation.assign({node: [(name, node, batches)] for name, node in zip("ab", NODES, strict=True)})
    federation.coordinator("--minimum-workers", "2", rounds=100_000, steps=batches, model=MODEL)
    for node in NODES:
        federation.worker(node)
    first = _wait(federation, WARM_UP_ROUNDS)
    before = _processor_seconds(federation)
    last = _wait(federation, first + rounds)
    used = _processor_seconds(federation) - before
    history = (federation.progress() or {"history": []})["history"]
    seconds = [record["seconds"] for record in history if first < record["round"] <= last]
    return Figures(processor_seconds=used / (last - first), round_seconds=statistics.median(seconds))


def _wait(federation: Federation, number: int) -> int:
    found = federation.wait_for(
        lambda progress: progress["round"] >= number, seconds=LIMIT_SECONDS, poll_seconds=POLL_SECONDS
    )
    return int(found["round"])


def _processor_seconds(federation: Federation) -> float:
    times = (psutil.Process(federation.process(name).pid).cpu_times() for name in PROCESSES)
    return sum(used.user + used.system for used in times)


def compare(batches: int, rounds: int, repeats: int) -> str:
    """One line: medians of both, and the median ratio of neighbouring runs with its range."""
    pairs = [
        [measure(secured=secured, batches=batches, rounds=rounds) for secured in (False, True)] for _ in range(repeats)
    ]
    words = [f"{batches:3d} batches per worker, {repeats} x {rounds} rounds:"]
    for name, unit in (("processor_seconds", "CPU"), ("round_seconds", "duration")):
        plain, tls = ([getattr(pair[index], name) * 1000 for pair in pairs] for index in (0, 1))
        ratios = sorted(with_tls / without for without, with_tls in zip(plain, tls, strict=True))
        words.append(
            f"{unit} {statistics.median(tls):.1f} ms with TLS, {statistics.median(plain):.1f} ms without,"
            f" ratio {statistics.median(ratios):.2f} ({ratios[0]:.2f} to {ratios[-1]:.2f});"
        )
    return " ".join(words).rstrip(";")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure both loads and print one line for each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=100, help="rounds of each run")
    parser.add_argument("--repeats", type=int, default=3, help="runs with and without TLS")
    options = parser.parse_args(arguments)
    for batches in (1, 50):
        print(compare(batches, options.rounds, options.repeats), flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
