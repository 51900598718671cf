"""Settings for some nodes or boards: which rule fits, and what a wrong one says."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sunward_exporter.__main__ import main
from sunward_exporter.boards import model
from sunward_exporter.rules import for_node

RULES = [
    {"boards": ["Raspberry Pi 4*"], "nodes": ["pi-0*"], "nodeDevices": ["ina219@1-0040"], "nameplateWatts": 15},
    {"boards": ["Raspberry Pi*"], "harvestDevices": ["solar"], "harvestNameplateWatts": None},
    {"nodes": ["nuc-1", "nuc-2"], "nodeDevices": [], "rateHertz": 1, "batteryDevice": "BAT0"},
]


def rules(folder: Path, content: object = RULES) -> Path:
    file = folder / "rules.json"
    file.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return file


@pytest.mark.parametrize(
    ("node", "board", "settings"),
    [
        ("pi-01", "Raspberry Pi 4 Model B", {"node_device": ["ina219@1-0040"], "nameplate_watts": 15.0}),
        ("pi-11", "Raspberry Pi 4 Model B", {"harvest_device": ["solar"]}),
        ("nuc-2", "Intel NUC", {"node_device": [], "rate_hertz": 1.0, "battery_device": "BAT0"}),
        ("nuc-3", "Intel NUC", {}),
        ("raspberry pi 4", "", {}),
    ],
)
def test_the_first_rule_that_fits_the_node_and_its_board_holds(
    node: str, board: str, settings: dict[str, object], tmp_path: Path
) -> None:
    assert for_node(rules(tmp_path), node, board) == settings


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("[", "not JSON"),
        ("[" * 100_000, "not JSON"),
        ("{}", "expected a list of rules"),
        ([7], r"\[0\]: expected an object"),
        ([{"nodeDevices": ["ina219"]}], r"\[0\]: fits no node; give it nodes or boards"),
        ([{"nodes": "pi-01"}], r"\[0\]\.nodes: expected a list of names"),
        ([{"nodes": ["*"], "device": ["ina219"]}], r"\[0\]\.device: unknown; expected one of .*nodeDevices"),
        ([{"nodes": ["*"], "nodeDevices": "ina219"}], r"\[0\]\.nodeDevices: expected a list"),
        ([{"nodes": ["*"], "nodeDevices": ["a"] * 17}], "at most 16 devices"),
        ([{"nodes": ["*"], "rateHertz": True}], r"\[0\]\.rateHertz: expected a positive number"),
        ('[{"nodes": ["*"], "nameplateWatts": NaN}]', r"\[0\]\.nameplateWatts: expected a positive number"),
        (" " * (1 << 20) + "[]", "at most 1 MiB"),
    ],
)
def test_a_wrong_rule_is_named_with_its_field(content: object, words: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError, match=words):
        for_node(rules(tmp_path, content), "pi-01", "")


def test_what_is_wrong_for_one_node_stops_no_other(tmp_path: Path) -> None:
    file = rules(tmp_path, [{"nodes": ["pi-01"], "rateHertz": -1}, {"nodes": ["pi-02"], "rateHertz": 2}])
    assert for_node(file, "pi-02", "") == {"rate_hertz": 2.0}


def test_the_process_refuses_a_file_of_rules_that_is_not_there(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--rules", str(tmp_path / "absent.json"), "--listen", "127.0.0.1:0"]) == 2
    assert "absent.json: No such file or directory" in capsys.readouterr().err


def test_a_rule_takes_the_place_of_a_flag(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = rules(tmp_path, [{"nodes": ["pi-01"], "rateHertz": 5000}])
    flags = ["--rules", str(file), "--node-name", "pi-01", "--rate-hertz", "10", "--listen", "127.0.0.1:0"]
    assert main(flags) == 2
    assert "between 0.1 and 1000 Hz, got 5000" in capsys.readouterr().err


def test_a_machine_without_a_device_tree_is_named_by_its_firmware(tmp_path: Path) -> None:
    assert model(tmp_path) == ""
    dmi = tmp_path / "class/dmi/id"
    dmi.mkdir(parents=True)
    (dmi / "sys_vendor").write_text("LENOVO\n")
    (dmi / "product_name").write_text("10T7CTO1WW\n")
    assert model(tmp_path) == "LENOVO 10T7CTO1WW"
    tree = tmp_path / "firmware/devicetree/base"
    tree.mkdir(parents=True)
    (tree / "model").write_text("Raspberry Pi 5 Model B Rev 1.0\0")
    assert model(tmp_path) == "Raspberry Pi 5 Model B Rev 1.0"
