"""Peers' scenarios replayed: what was published, their rule as it is copied here, our plan alone, and our operated run.

Scenarios whose licence allows it stand in tools/peers. Others are read from a folder (--data) that holds them under the
names below; what is not there is listed as not run, with its source. Every figure in the table was computed by the run
that printed it. Forecast errors are those of the scenario, one set for each seed; a cell has the mean of the seeds and,
where they differ, the least and the most. Processor seconds are those of the whole row.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward.domain.errors import InvalidInput
from sunward.simulation.outcome import Outcome
from sunward.simulation.parallel import Run, run_one
from sunward.simulation.policies.registry import BASELINE
from sunward.simulation.scenario import Scenario, load_scenario

SHIPPED: Final = Path(__file__).parent / "peers"
HEADER: Final = (
    "peer",
    "figure",
    "published",
    "none here",
    "their rule here",
    "ours planned",
    "ours operated",
    "CPU s",
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measure:
    """A figure of a run: its name with the unit, and how it is computed."""

    name: str
    of: Callable[[Outcome], float]


GRAMS: Final = Measure(name="g CO2e, undone work charged", of=lambda one: one.market_grams)
COVERAGE: Final = Measure(name="% of load from renewables (energy)", of=lambda one: 100.0 * one.renewable_coverage)


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """One row: a peer's scenario and the policies to run on it. `file` is a pattern below the folder of scenarios."""

    peer: str
    measure: Measure
    published: str
    file: str
    source: str
    rule: str
    planned: str = "DETA, pure"
    operated: str = "DETA"


_GREEN: Final = "github.com/7imo/green-k8s-energy-management (GPL-3.0, weather DWD)"
REPLAYS: Final = (
    Replay(
        peer="FedZero, 20 clients, a day",
        measure=GRAMS,
        published="no grid energy, by design",
        file="fedzero-day-60min-20.yaml",
        source="tools/peers",
        rule="FedZero rule",
    ),
    Replay(
        peer="green-k8s, a pod every 30 min",
        measure=COVERAGE,
        published="91.0 compared with 53.1 (88.4 and 51.9 as energy)",
        file="s2-green-k8s/a-one-per-30min-k0.5.yaml",
        source=_GREEN,
        rule="renewable score",
    ),
    Replay(
        peer="green-k8s, eight pods at once",
        measure=COVERAGE,
        published="96.4 compared with 53.6 (96.4 and 52.4 as energy)",
        file="s2-green-k8s/b-eight-at-once-k0.5.yaml",
        source=_GREEN,
        rule="renewable score",
    ),
    Replay(
        peer="green-k8s, a scarce day",
        measure=COVERAGE,
        published="29.0 compared with 22.9 (25.2 and 20.6 as energy)",
        file="s2-green-k8s/c-scarce-k0.5.yaml",
        source=_GREEN,
        rule="renewable score",
    ),
    Replay(
        peer="curtail-llm, three sites",
        measure=GRAMS,
        published="1,379 (boots not charged)",
        file="s5-curtail/*14h75-op.yaml",
        source="github.com/exalsius/curtail-llm (no licence stated: bring your own copy)",
        rule="curtailment threshold",
    ),
)
NOT_REPLAYED: Final = (
    (
        "Let's Wait Awhile",
        "7.93 / 9.03 / 5.92 % (Germany, Great Britain, France)",
        "3,387 overlapping jobs of one data "
        "centre cannot be one scenario, whose nodes work on one thing at a time; the traces have no licence",
    ),
    (
        "CarbonScaler",
        "51 / 37 / 8 %",
        "elastic jobs have no field in a scenario; the traces of the mean were not published",
    ),
    ("LowCarb", "14 %", "its intensities and forecasts were never published, and 10 clients a round have no field yet"),
)


def found(replay: Replay, folders: Sequence[Path]) -> Path | None:
    """The scenario of a row, None where no folder has it."""
    return next((path for folder in folders for path in sorted(folder.glob(replay.file))), None)


def cells(replay: Replay, scenario: Scenario, seeds: int) -> tuple[str, ...]:
    """The row of a scenario that is there."""
    begun = time.process_time()
    policies = (BASELINE, replay.rule, replay.planned, replay.operated)
    runs = [[run_one(Run(scenario=scenario, policy=name, seed=seed)) for seed in range(seeds)] for name in policies]
    shown = [_shown(replay.measure, some, runs[0]) for some in runs]
    return (replay.peer, replay.measure.name, replay.published, *shown, f"{time.process_time() - begun:.1f}")


def _shown(measure: Measure, runs: Sequence[Outcome], baseline: Sequence[Outcome]) -> str:
    """Mean, least and most; grams include what *none* emits for each batch left undone, and their number follows."""
    values = [
        one.charged_grams(none) if measure is GRAMS else measure.of(one)
        for one, none in zip(runs, baseline, strict=True)
    ]
    undone = max(one.unfinished_batches for one in runs)
    low, high = min(values), max(values)
    spread = f" ({low:.4g} to {high:.4g})" if high - low > 1e-6 * max(1.0, high) else ""
    return f"{statistics.fmean(values):.4g}{spread}" + (f", {undone:g} batches undone" if undone > 1e-9 else "")


def page(rows: Sequence[Sequence[str]], missing: Sequence[Replay], seeds: int) -> str:
    """The table as Markdown, and what was not run."""
    lines = [f"# Peers' scenarios, {seeds} seed{'s' if seeds > 1 else ''}", ""]
    lines += [f"| {' | '.join(row)} |" for row in (HEADER, ("---",) * len(HEADER), *rows)]
    lines += ["", "Not run:", ""]
    lines += [
        f"- {one.peer}, published {one.published}: {one.file} is not in --data. Source: {one.source}" for one in missing
    ]
    lines += [f"- {peer}, published {published}: {why}" for peer, published, why in NOT_REPLAYED]
    return "\n".join(lines) + "\n"


def main(arguments: Sequence[str]) -> int:
    """Replay what is there; print the page, and write it where it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, action="append", default=[], help="folder with further scenarios")
    parser.add_argument("--seeds", type=int, default=3, help="sets of forecast errors (default 3)")
    parser.add_argument("--out", type=Path, help="write the page to this file as well")
    options = parser.parse_args(arguments)
    if options.seeds < 1:
        parser.error("--seeds: give at least 1")
    there = {replay: path for replay in REPLAYS if (path := found(replay, (SHIPPED, *options.data))) is not None}
    try:
        rows = [_run(replay, path, options.seeds) for replay, path in there.items()]
    except InvalidInput as error:
        print(f"bench-peers: {error}", file=sys.stderr)
        return 2
    text = page(rows, [replay for replay in REPLAYS if replay not in there], options.seeds)
    print(text, end="")
    if options.out is not None:
        options.out.parent.mkdir(parents=True, exist_ok=True)
        options.out.write_text(text, encoding="utf-8")
    return 0


def _run(replay: Replay, path: Path, seeds: int) -> tuple[str, ...]:
    print(f"bench-peers: {replay.peer}", file=sys.stderr, flush=True)
    return cells(replay, load_scenario(path), seeds)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
