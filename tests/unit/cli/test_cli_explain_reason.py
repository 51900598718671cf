"""`sunward explain-reason`: every reason has an answer, whatever case it is written in."""

from __future__ import annotations

import json

import pytest
from typer.testing import CliRunner

from sunward.cli.explaining.explain import advice_lines
from sunward.cli.explaining.reason import lines, rows_of
from sunward.cli.main import _register, app
from sunward.domain.errors import InvalidInput
from sunward.domain.reasons import Reason
from support import product

_register()
HEADINGS = {
    line.lstrip("# ").replace("`", "")
    for line in (product.ROOT / "docs/operations.md").read_text(encoding="utf-8").splitlines()
    if line.startswith("#")
}


def run(*arguments: str) -> str:
    """Standard output; an error of the input is raised."""
    result = CliRunner().invoke(app, ["explain-reason", *arguments])
    if result.exception is not None:
        raise result.exception
    return result.stdout


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_a_meaning_or_an_advice_and_a_place_that_exists(reason: Reason) -> None:
    rows = rows_of(reason.value)
    assert rows
    for row in rows:
        assert row.keys() - {"section", "page"}
        assert row["section"] in HEADINGS


def test_the_place_is_the_fragment_that_a_heading_gets() -> None:
    [row] = rows_of("CordonedByOthers")
    assert row["page"] == "docs/operations.md#why-a-node-stays-awake-condition-sleepable"


def test_a_name_in_any_case_is_found_and_a_wrong_one_is_corrected() -> None:
    assert run("pendingpod") == "\n".join(["PendingPod", *lines(rows_of("PendingPod"))]) + "\n"
    with pytest.raises(InvalidInput, match="did you mean PendingPod"):
        run("PendingPods")
    with pytest.raises(InvalidInput, match="lists all"):
        run("\x1b[31mxyzzyxyzzy")


def test_without_a_name_all_are_listed_and_other_programs_get_data() -> None:
    assert run().split() == sorted(reason.value for reason in Reason)
    data = json.loads(run("DryRun", "-o", "json"))
    assert data["reason"] == "DryRun"
    assert data["rows"] == list(rows_of("DryRun"))


def test_a_node_that_is_kept_awake_comes_with_what_would_free_it() -> None:
    condition = {"type": "Sleepable", "status": "False", "reason": "UnevictablePod"}
    assert advice_lines({"conditions": [condition]}) == [f"  what to do: {rows_of('UnevictablePod')[0]['what to do']}"]
    for other in ({**condition, "status": "True"}, {**condition, "reason": "OfANewerVersion"}):
        assert advice_lines({"conditions": [other]}) == []
