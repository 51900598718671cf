"""Mistakes in specs before a real API server with the definitions, and before the loop where it lets them through."""

from __future__ import annotations

import random

import pytest

from fault_injection import misoperations
from support import crds
from support.faults.misoperations import KINDS, unforeseen
from support.faults.mutations import mutated
from support.lab import ControlPlane, control_plane

__all__ = ["control_plane"]  # the fixture

pytestmark = pytest.mark.cluster


def test_a_mistake_is_refused_or_reconciled_and_its_revert_leaves_nothing_behind(control_plane: ControlPlane) -> None:
    api = crds.administrator(control_plane.kubeconfig)
    crds.install(api)
    found = misoperations.attempt(api, seed=1, mutations=14)
    assert found.violations == []
    assert found.counts["mutations"] == 14 * len(KINDS)
    assert found.counts["refused_by_the_server"] >= 5
    assert found.counts["reconciled_and_reverted"] >= 5


def test_an_error_without_a_reason_is_a_violation_and_one_with_a_reason_is_none() -> None:
    fine = "apply of TrainingJob default/digits: QuotaExceeded: exceeded quota"
    bad = ["TypeError: 'NoneType' object", "plan of EnergyNode pi-3: InternalError: KeyError: 'x'"]
    assert unforeseen([fine, *bad]) == bad


def test_mutations_differ_and_reach_fields_of_every_depth() -> None:
    schema = crds.schema_of(crds.definitions()[0])["properties"]["spec"]
    told = {mutated({}, schema, random.Random(seed))[1] for seed in range(200)}
    assert len(told) > 150
    assert any("." in one.split(" = ")[0] for one in told)
