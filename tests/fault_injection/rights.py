"""Suite R18: what a stolen token of ours is worth, as a real API server's authoriser and admission answer.

Runs the contract tests of the chart's rights and policies: the rendered rights against the golden file, every question
to the authoriser, and every request that a policy must deny or let through. What the policies cannot express, and what
closes that gap, stands in the chart's README.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

from support.faults.outcome import Options, Outcome

TITLE = "R18 rights and policies"
ROOT = Path(__file__).parents[2]
CHECKS = (
    "tests/contract/test_chart_rights.py",
    "tests/contract/test_chart_admission.py",
    "tests/contract/test_chart_render.py::test_rights_are_exactly_those_agreed_on",
)
MUST_ALLOW, MUST_DENY, DENIALS = 40, 60, 30
LIMIT_SECONDS = 600.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What the tests said: failures and skips in words, and the figures that they left."""

    tests: int
    failures: list[str]
    skips: list[str]
    properties: dict[str, int]

    @property
    def denials(self) -> dict[str, int]:
        """Refused requests by policy."""
        found = {name: count for name, count in self.properties.items() if name.startswith("denials.")}
        return {name.removeprefix("denials."): count for name, count in found.items()}


def run(_: Options) -> Outcome:
    """Ask everything once; the long run has nothing more to ask."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.xml"
        said = _tests(file)
        report = read(file) if file.exists() else None
    if report is None:
        return _outcome(Report(tests=0, failures=[said[-500:]], skips=[], properties={}), None)
    return _outcome(report, "; ".join(sorted(set(report.skips))) or None)


def _tests(report: Path) -> str:
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-p", "no:cacheprovider", f"--junitxml={report}", *CHECKS]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=LIMIT_SECONDS)
    return done.stdout + done.stderr


def read(file: Path) -> Report:
    """Take a report of pytest apart."""
    root = ElementTree.parse(file).getroot()
    properties = {one.attrib["name"]: int(one.attrib["value"]) for one in root.iter("property")}
    cases = list(root.iter("testcase"))
    return Report(
        tests=len(cases),
        failures=[*_words(cases, "failure"), *_words(cases, "error")],
        skips=[words.partition(": ")[2] for words in _words(cases, "skipped")],
        properties=properties,
    )


def _words(cases: list[ElementTree.Element], kind: str) -> Iterator[str]:
    for case in cases:
        for found in case.findall(kind):
            yield f"{case.attrib['name']}: {found.attrib.get('message', '')[:300]}"


def _outcome(report: Report, not_run: str | None) -> Outcome:
    counts = {
        "must_allow": report.properties.get("must-allow", 0),
        "must_deny": report.properties.get("must-deny", 0),
        "policy_denials": sum(report.denials.values()),
        "tests": report.tests,
    }
    least = {"must_allow": MUST_ALLOW, "must_deny": MUST_DENY, "policy_denials": DENIALS}
    few = [f"only {counts[name]} {name}, at least {limit}" for name, limit in least.items() if counts[name] < limit]
    return Outcome(
        suite="rights",
        title=TITLE,
        seed=0,
        counts=counts,
        violations=[] if not_run else [*report.failures, *few],
        not_run=not_run,
        figures={"denials_by_policy": report.denials},
    )
