"""Gates that need no running program: what is in the repository, and what tools say of it."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[3]
CODE = ("operator", "node_exporter", "trainer", "lab", "auditor")
BIN = Path(sys.executable).parent
LONGEST_SECRETS_FILE_BYTES = 2_000_000
SAFETY_PACKAGE = (
    "planning/guards/registry.py",
    "planning/guards/rules_data.py",
    "planning/guards/rules_node.py",
    "planning/guards/rules_power.py",
    "planning/guards/rules_time.py",
    "planning/guards/rules_work.py",
    "planning/guards/budgets.py",
    "planning/guards/case.py",
    "planning/guards/drain.py",
    "planning/sleep/eligibility.py",
    "planning/sleep/steps.py",
    "planning/sleep/transitions.py",
    "planning/sleep/waking.py",
    "planning/hold.py",
    "planning/validate.py",
    "planning/data_quality/judgement.py",
    "planning/data_quality/nodes.py",
    "planning/data_quality/zones.py",
    "planning/data_quality/history.py",
    "planning/data_quality/verdict.py",
    "cluster/acting/acts.py",
    "cluster/access/lease.py",
    "cluster/acting/preflight.py",
    "cluster/acting/recovery.py",
    "power/cordon_only.py",
    "power/digest.py",
    "power/finder.py",
    "power/registry.py",
    "power/relay.py",
    *(f"power/drivers/{path.name}" for path in sorted((ROOT / "operator/sunward/power/drivers").glob("[!_]*.py"))),
)
"""What stands between the operator and harm: every branch of it is tried."""
SAFETY_TESTS = (
    "tests/unit/planning",
    "tests/unit/cluster",
    "tests/unit/power",
    "tests/unit/domain",
)
FAST = "not browser and not cluster and not e2e and not prometheus and not shared"
OVERALL_PERCENT = 90.0

SECRETS = {
    "private key": re.compile(r"-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s*\n\s*[A-Za-z0-9+/]{40}"),
    "cloud key": re.compile(r"\b(?:AKIA|ASIA)[0-9A-Z]{16}\b"),
    "code host token": re.compile(r"\b(?:ghp|gho|ghs|github_pat|glpat)[_-][A-Za-z0-9_]{20,}\b"),
    "service token": re.compile(r"\b(?:xox[abp]-|sk-|AIza)[A-Za-z0-9_-]{30,}\b"),
    "signed token": re.compile(r"\beyJ[A-Za-z0-9_-]{10,}\.eyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\b"),
    "password in an address": re.compile(
        r"\b[a-z][a-z0-9+]*://[^\s/:@'\"{}<>]{1,64}:[^\s/:@'\"{}<>$*]{6,64}@(?!example\b)[a-z0-9]"
    ),
    "password in a setting": re.compile(
        r"(?i)\b(?:password|passwd|secret|api_?key|auth_?token)\b\s*[:=]\s*[\"'][A-Za-z0-9+/_=-]{16,}[\"']"
    ),
}
"""What secrets look like; the shapes are those that their issuers give them."""


def run(*command: str, seconds: float = 900.0) -> subprocess.CompletedProcess[str]:
    """A tool of this environment, in the repository's root."""
    tool = [str(BIN / command[0]), *command[1:]]
    return subprocess.run(tool, cwd=ROOT, capture_output=True, text=True, timeout=seconds, check=False)


def tracked() -> list[str]:
    """Every file of the repository."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    return [name for name in listed.split("\0") if name and (ROOT / name).is_file()]


def unsafe_code() -> list[str]:
    """Findings of bandit of medium severity and above, but for those that their line takes upon itself for the linter.

    The linter has the same rules under other names (B104 is S104), and refuses an excuse that excuses nothing.
    """
    done = run("bandit", "-q", "-r", *CODE, "-ll", "-f", "json")
    found = json.loads(done.stdout[done.stdout.index("{") :])["results"]
    return [
        f"{one['filename']}:{one['line_number']}: {one['test_id']} {one['issue_text']}"
        for one in found
        if f"noqa: S{one['test_id'][1:]}" not in _line(one["filename"], one["line_number"])
    ]


def _line(name: str, number: int) -> str:
    return (ROOT / name).read_text(encoding="utf-8").splitlines()[number - 1]


def secrets() -> list[str]:
    """Places in tracked files that look like a secret."""
    return [f"{name}: {what}" for name in tracked() for what in secrets_in(_text(ROOT / name))]


def secrets_in(text: str) -> Iterator[str]:
    """Kinds of secrets that a text seems to hold."""
    return (what for what, shape in SECRETS.items() if shape.search(text))


def _text(path: Path) -> str:
    content = path.read_bytes()[:LONGEST_SECRETS_FILE_BYTES]
    return "" if b"\0" in content else content.decode(errors="replace")


def untidy_manifests() -> list[str]:
    """What yamllint says of definitions and the chart's plain files."""
    rules = "{extends: relaxed, rules: {line-length: disable}}"
    files = [name for name in tracked() if re.fullmatch(r"(crds/.*|kind-config|helm/sunward/[^/]*)\.ya?ml", name)]
    done = run("yamllint", "-s", "-f", "parsable", "-d", rules, *files)
    return done.stdout.splitlines()


def doubtful_types() -> list[str]:
    """Errors of mypy in strict mode over every package."""
    return _lines(run("mypy"), ": error:")


def unformatted() -> list[str]:
    """What the linter says."""
    return _lines(run("ruff", "check", "--output-format", "concise", "."), ": ")


def wrong_directions() -> list[str]:
    """Imports that point the wrong way."""
    done = run("lint-imports")
    return [] if done.returncode == 0 else [line for line in done.stdout.splitlines() if "BROKEN" in line]


def _lines(done: subprocess.CompletedProcess[str], marked: str) -> list[str]:
    if done.returncode == 0:
        return []
    return [line for line in done.stdout.splitlines() if marked in line] or [done.stderr[-300:]]


def failing_tests(*names: str) -> list[str]:
    """Tests of these files that fail or do not run."""
    done = run("pytest", "-q", "-n0", "-p", "no:cacheprovider", "-rfEs", *names)
    return [line for line in done.stdout.splitlines() if re.match(r"(FAILED|ERROR|SKIPPED)\b", line)]


def coverage(folder: Path, tests: Sequence[str], *sources: str) -> tuple[float, dict[str, float]]:
    """Share of lines and branches that the tests reach, in percent: of all, and of each file below operator/sunward."""
    report = folder / "coverage.json"
    flags = [flag for source in sources for flag in ("--cov", source)]
    run(
        "pytest",
        "-q",
        "-n0",
        "-p",
        "no:cacheprovider",
        "-m",
        FAST,
        *flags,
        "--cov-branch",
        f"--cov-report=json:{report}",
        *tests,
    )
    told = json.loads(report.read_text())
    files = {name: one["summary"]["percent_covered"] for name, one in told["files"].items()}
    return told["totals"]["percent_covered"], {name.split("sunward/", 1)[-1]: share for name, share in files.items()}


GATES: dict[str, Callable[[], list[str]]] = {
    "bandit": unsafe_code,
    "secrets": secrets,
    "yamllint": untidy_manifests,
    "mypy": doubtful_types,
    "ruff": unformatted,
    "imports": wrong_directions,
    "chart": lambda: failing_tests("tests/contract/test_chart_render.py"),
}
"""Every gate, by name; it gives what it finds."""
