"""`sunward advise`: one JSON value and the right exit status; times, zones and wrong options."""

from __future__ import annotations

import io
import json
from datetime import datetime
from pathlib import Path

import pytest
import typer

from sunward.cli.advise import advise, started
from sunward.cli.output import Output
from sunward.domain.errors import InvalidInput
from support.advisor import expectations

NIGHT = str(Path(expectations.__file__).parent / "bases" / "night.json")
START = expectations.STARTS["night"]


def test_an_answer_is_one_json_value(capsys: pytest.CaptureFixture[str]) -> None:
    advise("Turn on sharing", problem_file=NIGHT, start=START, zone="IE", output=Output.JSON)
    data = json.loads(capsys.readouterr().out)
    assert data["schema"] == "sunward.dev/advice/v1alpha1"
    assert data["status"] == "solved"
    assert data["account"]["emissions_grams"] > 0
    assert data["account"]["stages"]["solve"] > 0


def test_a_refusal_ends_with_status_1_and_without_a_value(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit) as ended:
        advise("reboot jetson-a now", problem_file=NIGHT, start=START, output=Output.JSON)
    assert ended.value.exit_code == 1
    data = json.loads(capsys.readouterr().out)
    assert (data["status"], data["code"], data["objective_value"]) == ("refused", "actuation", None)


def test_each_line_of_input_gets_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("what's the greenest plan?\n\nreboot gw\n"))
    with pytest.raises(typer.Exit):
        advise("-", problem_file=NIGHT, start=START, output=Output.JSON)
    lines = capsys.readouterr().out.splitlines()
    assert [json.loads(line)["status"] for line in lines] == ["solved", "refused"]


def test_a_conversation_ends_with_its_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("sharing on\nchanges\nundo\n"))
    advise(chat=True, problem_file=NIGHT, start=START)
    printed = capsys.readouterr().out
    assert "policy.share_energy: False -> True" in printed
    assert "0 remain" in printed


def test_people_get_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        advise("jetson-c stays awake", problem_file=NIGHT, start=START)
    printed = capsys.readouterr().out
    assert "clarify (unknown-name)" in printed
    assert "jetson-a" in printed


def test_manifests_are_a_base(capsys: pytest.CaptureFixture[str]) -> None:
    samples = Path(__file__).parents[3] / "crds" / "samples" / "valid" / "energynode-worker.yaml"
    zone = next(line.split(":")[1].strip() for line in samples.read_text().splitlines() if "gridZone" in line)
    name = next(line.split(":")[1].strip() for line in samples.read_text().splitlines() if line.startswith("  name"))
    advise(
        f"keep {name} awake",
        manifests=[samples],
        intensity=[f"{zone}=300"],
        harvest=[f"{name}=2"],
        output=Output.JSON,
    )
    assert json.loads(capsys.readouterr().out)["status"] == "solved"


@pytest.mark.parametrize(
    ("options", "where"),
    [
        ({"request": "x"}, "--problem"),
        ({"problem_file": NIGHT}, "REQUEST"),
        ({"request": "x", "problem_file": NIGHT, "start": "tomorrow"}, "--start"),
        ({"request": "x", "problem_file": NIGHT, "start": "2026-11-30T18:00:00"}, "--start"),
        ({"request": "x", "problem_file": NIGHT, "timezone": "Mars/Base"}, "--timezone"),
        ({"request": "x", "problem_file": NIGHT, "zone": "XX"}, "--zone"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, str], where: str) -> None:
    with pytest.raises(InvalidInput) as error:
        advise(**options)  # type: ignore[arg-type]  # all of them are text
    assert error.value.where == where


def test_times_are_in_the_zone_that_is_asked_for() -> None:
    assert started("2026-11-30T18:00:00", "Europe/Berlin").isoformat() == "2026-11-30T18:00:00+01:00"
    assert started("2026-11-30T18:00:00+00:00", "Europe/Berlin").hour == 19
    assert started(START, "") == datetime.fromisoformat(START)
    assert started("", "").tzinfo is not None


def test_solved_answers_are_remembered_where_asked_and_forgotten(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = str(tmp_path / "accepted.sqlite")
    for _ in range(2):
        advise("Turn on sharing", problem_file=NIGHT, start=START, repository=file, output=Output.JSON)
    first, second = (json.loads(line) for line in capsys.readouterr().out.replace("}\n{", "}\n\0{").split("\0"))
    assert first["similar"] == []
    assert second["similar"][0]["request"] == "Turn on sharing"
    assert second["similar"][0]["edits"] == ["switch"]
    advise(repository=file, forget=True)
    assert "1 answers forgotten" in capsys.readouterr().err
    advise("Turn on sharing", problem_file=NIGHT, start=START, repository=file, output=Output.JSON)
    assert json.loads(capsys.readouterr().out)["similar"] == []


def test_a_repository_that_is_no_file_of_answers_is_named(tmp_path: Path) -> None:
    file = tmp_path / "other"
    file.write_text("something else, and long enough to be no empty database" * 20, encoding="utf-8")
    with pytest.raises(InvalidInput, match="--repository"):
        advise("Turn on sharing", problem_file=NIGHT, start=START, repository=str(file))
    with pytest.raises(InvalidInput, match="--forget"):
        advise(forget=True)
