"""A wrong command line ends in one line that names the option and where to read on, and in exit status 2."""

from __future__ import annotations

import sys

import pytest

from sunward.cli.main import main


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("plan", "x.json", "--time-limit", "0"), "'--time-limit': 0.0 is not in the range"),
        (("plan", "x.json", "--time-limit", "inf"), "'--time-limit': inf is not in the range"),
        (("plan", "x.json", "--time-limit", "nan"), "--time-limit: must be a number of seconds"),
        (("plan", "x.json", "--time-limit", "x"), "'--time-limit': 'x' is not a valid float"),
        (("plan", "--nonsense"), "'--nonsense'; see 'sunward plan --help'"),
        (("verify",), "see 'sunward verify --help'"),
        (("nonsense",), "'nonsense'; see 'sunward --help'"),
    ],
)
def test_it_is_one_line(
    words: tuple[str, ...], said: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys, "argv", ["sunward", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    out, error = capsys.readouterr()
    assert (ended.value.code, out, error.count("\n")) == (2, "", 1)
    assert error.startswith("sunward: ")
    assert said in error


def test_without_a_command_there_is_help(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys, "argv", ["sunward"])
    with pytest.raises(SystemExit):
        main()
    assert "Commands:" in "".join(capsys.readouterr())
