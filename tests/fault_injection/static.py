"""Suite R24: static gates over code, chart and repository, a bill of materials, and what tests reach.

The chart is rendered, checked by the strict schemas of Kubernetes and by the restricted profile in its own tests, which
run here again. In long mode all fast tests run once for the overall share.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from pathlib import Path

from support.faults.outcome import Options, Outcome
from support.tree import static_gates as gates

TITLE = "R24 static gates"


def run(options: Options) -> Outcome:
    """Every gate, the bill, the shares."""
    found = {name: gate() for name, gate in gates.GATES.items()}
    violations = [f"{name}: {why}" for name, lines in found.items() for why in lines]
    with tempfile.TemporaryDirectory() as folder:
        components = _bills(Path(folder))
        _, files = gates.coverage(Path(folder), gates.SAFETY_TESTS, "sunward.planning", "sunward.cluster")
        overall = gates.coverage(Path(folder), ("tests",), *map(_package, gates.CODE))[0] if options.long else None
    safety = {name: files.get(name, 0.0) for name in gates.SAFETY_PACKAGE}
    violations += [f"{name}: {share:.1f} % of lines and branches" for name, share in safety.items() if share < 100.0]
    if overall is not None and overall < gates.OVERALL_PERCENT:
        violations.append(f"overall: {overall:.1f} % of lines and branches")
    return Outcome(
        suite="static",
        title=TITLE,
        seed=options.seed,
        counts={
            "gates": len(found),
            "files_of_the_safety_package": len(safety),
            "of_them_wholly_reached": sum(share >= 100.0 for share in safety.values()),
            "components_in_the_bills": components,
            **({} if overall is None else {"percent_reached_overall": round(overall, 1)}),
        },
        violations=violations,
        figures={"safety_package": safety},
    )


def _bills(folder: Path) -> int:
    """Components of the bills of all images."""
    command = [sys.executable, str(gates.ROOT / "tools" / "sbom.py"), "--folder", str(folder)]
    subprocess.run(command, check=True)
    return sum(len(json.loads(file.read_text())["components"]) for file in folder.glob("*.cdx.json"))


def _package(folder: str) -> str:
    (found,) = [path for path in (gates.ROOT / folder).iterdir() if (path / "__init__.py").exists()]
    return str(found)
