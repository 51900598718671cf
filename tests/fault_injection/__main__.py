"""Run one fault-injection suite or all of them: `tests/fault_injection NAME [--seed N] [--long] [--json FILE]`.

Prints the violations and a summary line. Exit status 1 if anything was violated. A suite that cannot run on this
machine prints the cause and exits with 0, because it has neither passed nor failed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
# The folder of this file goes: its modules are named after suites, and one of them is called as a standard module.
sys.path[0:1] = [str(ROOT / part) for part in ("tests", "operator", "node_exporter", "trainer", "lab", "auditor")]

from fault_injection.campaign import campaign  # noqa: E402
from fault_injection.registry import SUITES, run  # noqa: E402
from support.faults.ending import end_in_order  # noqa: E402
from support.faults.outcome import Options, Outcome  # noqa: E402

TOLD_VIOLATIONS = 20


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(prog="tests/fault_injection", description=__doc__)
    parser.add_argument("name", choices=[*SUITES, "all"])
    parser.add_argument("--seed", type=int, default=1, help="first seed")
    parser.add_argument("--long", action="store_true", help="run the long form, as for a release")
    parser.add_argument("--json", type=Path, metavar="FILE", help="file for all figures of one suite")
    parser.add_argument(
        "--folder", type=Path, default=Path("report/faults"), help="folder for the results of all suites"
    )
    return parser.parse_args()


def tell(outcome: Outcome, file: Path | None) -> int:
    """Write the figures, print what was violated and the closing line; the exit status."""
    if file is not None:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(json.dumps(outcome.as_json(), indent=1, default=str) + "\n")
    for violation in outcome.violations[:TOLD_VIOLATIONS]:
        print(violation)
    print(outcome.line())
    return 1 if outcome.violations else 0


def main() -> int:
    """Run what the command line asks for."""
    given = arguments()
    end_in_order()
    options = Options(seed=given.seed, long=given.long)
    if given.name == "all":
        return 1 if campaign(options, given.folder) else 0
    return tell(run(given.name, options), given.json)


if __name__ == "__main__":
    sys.exit(main())
