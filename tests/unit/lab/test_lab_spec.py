"""The file shared by the cluster and the world."""

import json
from pathlib import Path

import pytest

from sunward_lab.spec import SpecError, WorldNode, WorldSpec

NODE = WorldNode(
    name="pi-01",
    index=1,
    role="worker",
    address="10.77.0.11",
    cgroup="/sys/fs/cgroup/cpuacct/sunward-lab/pi-01",
    sysfs="/run/lab/sys/pi-01",
    power_file="/run/lab/nodes/pi-01/power",
    relay_name="relay-pi-01",
    relay_port=18101,
    power_on=("sunward-lab", "power", "on", "pi-01"),
    power_off=("sunward-lab", "power", "off", "pi-01"),
)
SPEC = WorldSpec(run_folder="/run/lab", emissions_port=18080, nodes=(NODE,))


def test_a_spec_reads_back_as_it_was_written() -> None:
    assert WorldSpec.from_json(SPEC.to_json()) == SPEC


def test_an_unknown_field_is_named() -> None:
    raw = json.loads(SPEC.to_json())
    raw["nodes"][0]["colour"] = "red"
    with pytest.raises(SpecError, match="colour"):
        WorldSpec.from_json(json.dumps(raw))


def test_a_missing_field_is_named() -> None:
    raw = json.loads(SPEC.to_json())
    del raw["nodes"][0]["power_off"]
    with pytest.raises(SpecError, match="power_off"):
        WorldSpec.from_json(json.dumps(raw))


def test_a_missing_file_says_how_to_make_it(tmp_path: Path) -> None:
    with pytest.raises(SpecError, match="sunward-lab up"):
        WorldSpec.read(tmp_path)
