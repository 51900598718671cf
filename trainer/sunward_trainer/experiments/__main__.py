"""Entry point: `sunward-trainer-robustness`. Prints the table of `robustness`.

Exit status 0 when every rule held that is meant to, 1 when one did not, 2 for wrong usage or input.
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from sunward_trainer.command_line import positive
from sunward_trainer.experiments.robustness import Outcome, Setting, broken_promises, measure, table
from sunward_trainer.learning.catalogue import MODELS
from sunward_trainer.learning.data import DataSet, load_data


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and write the report where one is wanted."""
    options = _parse(arguments)
    try:
        data = load_data(options.data_dir)
    except ValueError as error:
        print(f"sunward-trainer-robustness: {error}", file=sys.stderr)
        return 2
    setting = Setting(seeds=tuple(range(options.seeds)), rounds=options.rounds, model=options.model)
    outcomes: list[Outcome] = []
    for one in measure(data, setting):
        outcomes.append(one)
        print(f"{one.attack}, {one.defence}: {one.mean_percent:.1f} %", file=sys.stderr)
    text, broken = report(data, setting, outcomes), broken_promises(outcomes)
    print(text)
    if options.report is not None:
        options.report.parent.mkdir(parents=True, exist_ok=True)
        options.report.write_text(text + "\n", encoding="utf-8")
    return 1 if broken else 0


def report(data: DataSet, setting: Setting, outcomes: Sequence[Outcome]) -> str:
    """Heading, table and verdict."""
    broken = [f"{one.defence} against {one.attack}" for one in broken_promises(outcomes)]
    verdict = "Every rule held that is meant to." if not broken else f"Not held: {', '.join(broken)}."
    run = f"{setting.rounds} rounds of {setting.model}, mean of {len(setting.seeds)} seeds"
    return (
        f"# One bad worker of six\n\nAccuracy in percent on {data.name} after {run}.\n\n{table(outcomes)}\n\n{verdict}"
    )


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="sunward-trainer-robustness", description="Accuracy when one worker of six sends bad updates."
    )
    add = parser.add_argument
    add("--data-dir", type=Path, help="folder with a data set; by default the first that this machine has")
    add("--rounds", type=positive, default=Setting().rounds, help="rounds of each run")
    add("--seeds", type=positive, default=len(Setting().seeds), help="number of seeds")
    add("--model", choices=tuple(MODELS), default=Setting().model, help="model to train")
    add("--report", type=Path, help="file for the table, in Markdown")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    raise SystemExit(main())
