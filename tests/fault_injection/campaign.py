"""All suites one after the other, each in a process of its own, so that none can hurt the next."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from fault_injection.registry import SUITES
from support.faults.ending import end
from support.faults.outcome import Options

LIMIT_SECONDS = 7200.0
"""The longest take an hour on two cores with nothing beside them."""
COLUMNS = ("suite", "state", "seed", "counts", "violations", "worst recovery", "seconds")


def campaign(options: Options, folder: Path, names: Sequence[str] = tuple(SUITES)) -> int:
    """Run them, print a line for each, write NAME.json, NAME.log and results.md; the number of those that failed."""
    folder.mkdir(parents=True, exist_ok=True)
    results = []
    for name in names:
        begun = time.monotonic()
        result = one(name, options, folder)
        results.append({**result, "seconds": round(time.monotonic() - begun, 1)})
        print(result["line"], flush=True)
        (folder / "results.md").write_text(table(results))
    return sum(result["state"] == "FAILED" for result in results)


def one(
    name: str, options: Options, folder: Path, program: Sequence[str] = (), *, limit_seconds: float = LIMIT_SECONDS
) -> dict[str, object]:
    """Run one suite as a process and read what it says of itself; one that dies or outstays its limit has failed."""
    report, log = folder / f"{name}.json", folder / f"{name}.log"
    report.unlink(missing_ok=True)
    command = [*(program or (sys.executable, str(Path(__file__).parent))), name, "--seed", str(options.seed)]
    command += ["--json", str(report), *(["--long"] if options.long else [])]
    with log.open("w") as output:
        ended = _ended(command, output.fileno(), limit_seconds)
    lines = [line for line in log.read_text(errors="replace").splitlines() if line.strip()]
    if not report.exists():
        return _failed(name, options, f"{ended} without figures: {lines[-1] if lines else 'no output'}")
    result: dict[str, object] = json.loads(report.read_text())
    return {**result, "line": lines[-1]}


def _ended(command: Sequence[str], output: int, limit_seconds: float) -> str:
    process = subprocess.Popen(command, stdout=output, stderr=output)
    try:
        return f"exit status {process.wait(limit_seconds)}"
    except subprocess.TimeoutExpired:
        return f"ended after {limit_seconds:g} s"
    finally:
        if process.poll() is None:
            end(process)


def _failed(name: str, options: Options, why: str) -> dict[str, object]:
    title = SUITES[name]
    return {
        "suite": name,
        "title": title,
        "state": "FAILED",
        "seed": options.seed,
        "counts": {},
        "violations": [why],
        "line": f"{title}: FAILED (seed {options.seed}): {why}",
    }


def table(results: Sequence[dict[str, object]]) -> str:
    """The results as a table in Markdown."""
    lines = [COLUMNS, ("---",) * len(COLUMNS), *(tuple(_row(result)) for result in results)]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _row(result: dict[str, object]) -> Iterator[str]:
    counts, violations, worst = result["counts"], result["violations"], result.get("worst_recovery_seconds")
    assert isinstance(counts, dict)
    assert isinstance(violations, list)
    why = result.get("not_run")
    yield f"{result['title']} (`make fault-{result['suite']}`)"
    yield str(result["state"]) + (f": {why}" if why else "")
    yield str(result["seed"])
    yield ", ".join(f"{value:,} {name.replace('_', ' ')}" for name, value in counts.items())
    yield "" if why else str(len(violations))
    yield f"{worst:.1f} s" if isinstance(worst, int | float) else ""
    yield str(result["seconds"])
