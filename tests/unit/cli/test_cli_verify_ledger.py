"""`sunward verify-ledger` and `sunward certificates` on files, and what a wrong file leads to."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sunward.cli.main import _register, app
from sunward.domain.errors import InvalidInput
from support.ledgers import SECRET, ledger, public_pem

_register()


def run(*arguments: str) -> tuple[int, str]:
    """Exit status and standard output; an error of the input is raised."""
    result = CliRunner().invoke(app, arguments)
    if isinstance(result.exception, InvalidInput):
        raise result.exception
    return result.exit_code, result.stdout


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A ledger, one with a changed figure, one of another cluster that counts the same panel, and the key."""
    changed = ledger()
    changed[1]["status"]["settlement"]["totals"]["loadMicrowattHours"] += 1
    open_plan: dict[str, Any] = {"metadata": {"name": "open"}, "spec": {"periodSeconds": 300}, "status": {}}
    lists = {"good": [*ledger(), open_plan], "changed": changed, "other": ledger(node="roof")}
    for name, items in lists.items():
        (tmp_path / f"{name}.json").write_text(json.dumps({"kind": "List", "items": items}))
    (tmp_path / "key.pub").write_text(public_pem(SECRET))
    return {path.stem: str(path) for path in tmp_path.iterdir()}


def test_a_good_ledger_is_correct_and_an_unchecked_signature_is_stated(files: dict[str, str]) -> None:
    assert run("verify-ledger", files["good"], "--key", files["key"]) == (0, "4 settled periods, 0 findings\n")
    status, text = run("verify-ledger", files["good"])
    assert status == 0
    assert f"signatures not checked, because no --key was given: {files['good']}" in text


def test_a_changed_figure_and_a_panel_of_two_clusters_end_with_1_and_are_named(files: dict[str, str]) -> None:
    status, text = run("verify-ledger", files["changed"], "--key", files["key"])
    assert status == 1
    assert "HashDiffers" in text
    status, text = run("verify-ledger", files["good"], files["other"], "-o", "json")
    assert status == 1
    data = json.loads(text)
    assert {finding["fault"] for finding in data["findings"]} == {"DeviceTwice"}
    assert data["entries"] == 8
    assert data["signaturesNotChecked"] == sorted([files["good"], files["other"]])


def test_one_file_named_twice_is_one_ledger(files: dict[str, str]) -> None:
    assert run("verify-ledger", files["good"], files["good"])[0] == 0


def test_certificates_are_printed_for_every_transfer(files: dict[str, str]) -> None:
    status, text = run("certificates", files["good"])
    assert status == 0
    assert len(json.loads(text)) == 8


@pytest.mark.parametrize(
    ("content", "what"),
    [
        ("", "is not valid JSON"),
        ("[" * 100_000, "is not valid JSON"),
        ("7", "holds no list of EnergyPlans"),
        ('{"items": 7}', "holds no list of EnergyPlans"),
        ('{"items": [{}]}', "is no EnergyPlan"),
        ('{"kind": "Pod", "metadata": {"name": "p"}}', "is no EnergyPlan"),
    ],
)
def test_a_file_that_is_no_ledger_is_named_with_the_way_out(tmp_path: Path, content: str, what: str) -> None:
    path = tmp_path / "wrong.json"
    path.write_text(content)
    with pytest.raises(InvalidInput, match=what) as caught:
        run("verify-ledger", str(path))
    assert str(path) in str(caught.value)


def test_more_keys_than_ledgers_and_a_file_that_is_no_key_are_refused(files: dict[str, str]) -> None:
    with pytest.raises(InvalidInput, match="2 keys for 1 ledgers"):
        run("verify-ledger", files["good"], "--key", files["key"], "--key", files["key"])
    with pytest.raises(InvalidInput, match="holds no public key"):
        run("verify-ledger", files["good"], "--key", files["good"])
