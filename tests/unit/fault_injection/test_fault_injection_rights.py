"""What the suite of rights makes of the tests' report."""

from __future__ import annotations

from pathlib import Path

import pytest

from fault_injection import rights
from support.faults.outcome import Options

HEAD = '<testsuites><testsuite><properties><property name="must-allow" value="40"/>'
HEAD += '<property name="must-deny" value="60"/><property name="denials.p1" value="{denials}"/></properties>'
PASSED, TAIL = '<testcase name="a"/>', "</testsuite></testsuites>"


def outcome_of(monkeypatch: pytest.MonkeyPatch, text: str | None) -> tuple[str, list[str]]:
    def write(report: Path) -> str:
        if text is not None:
            report.write_text(text)
        return "pytest died"

    monkeypatch.setattr(rights, "_tests", write)
    found = rights.run(Options())
    return found.state, found.violations


def test_enough_questions_and_denials_without_a_failure_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    assert outcome_of(monkeypatch, HEAD.format(denials=30) + PASSED + TAIL) == ("passed", [])


def test_too_few_denials_are_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    state, violations = outcome_of(monkeypatch, HEAD.format(denials=29) + PASSED + TAIL)
    assert (state, violations) == ("FAILED", ["only 29 policy_denials, at least 30"])


@pytest.mark.parametrize("kind", ["failure", "error"])
def test_a_failed_test_is_a_violation(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    failed = f'<testcase name="b"><{kind} message="no"/></testcase>'
    state, violations = outcome_of(monkeypatch, HEAD.format(denials=30) + PASSED + failed + TAIL)
    assert (state, violations) == ("FAILED", ["b: no"])


def test_skipped_tests_are_not_a_pass(monkeypatch: pytest.MonkeyPatch) -> None:
    skipped = '<testcase name="b"><skipped message="needs etcd"/></testcase>'
    assert outcome_of(monkeypatch, HEAD.format(denials=0) + skipped + TAIL) == ("not run", [])


def test_no_report_at_all_is_a_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    state, violations = outcome_of(monkeypatch, None)
    assert state == "FAILED"
    assert violations[0] == "pytest died"
