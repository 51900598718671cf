"""Lying exporters gain at most their panel and change nobody else; and the suite would see it if they did."""

from __future__ import annotations

import pytest

from fault_injection.in_memory import attacks as suite
from support.faults import attacks
from support.faults.outcome import Options


def test_the_suite_finds_nothing_and_tries_enough() -> None:
    found = suite.run(Options())
    assert found.violations == []
    assert found.counts["attacks"] == 15
    assert found.counts["detected"] == suite.SEEDS * sum(one.reason is not None for one in attacks.ATTACKS.values())


def test_a_harvest_above_the_panel_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(attacks, "check_amount", lambda value, _: max(0.0, value))
    seen = attacks.play("constant 2 kW", 1)
    assert any("2000" in why for why in seen.violations)
    assert any("does not show" in why for why in seen.violations)


def test_an_attack_that_changes_another_node_would_be_found(monkeypatch: pytest.MonkeyPatch) -> None:
    stolen = attacks.Attack(lie=attacks.labelled(node="pi-03"), reason=None)
    monkeypatch.setitem(attacks.ATTACKS, "another node's name", stolen)
    assert "pi-03 is judged otherwise" in attacks.play("another node's name", 1).violations
