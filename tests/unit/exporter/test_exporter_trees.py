"""What is shown of real machines, by the trees of `sysfs_trees*.yaml`."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunward_exporter.channels import PowerChannel
from sunward_exporter.discovery import Choice
from sunward_exporter.readings import Refusal
from support.meters.exporter import Bench, bench, sample

TREES: Mapping[str, Mapping[str, Any]] = {
    name: tree
    for file in ("sysfs_trees.yaml", "sysfs_trees_boards.yaml")
    for name, tree in yaml.safe_load((Path(__file__).parent / file).read_text(encoding="utf-8")).items()
}
SECONDS = 3


def lay_out(root: Path, tree: Mapping[str, Any]) -> None:
    """Make the files and links of a tree."""
    for folder, files in tree["files"].items():
        (root / folder).mkdir(parents=True, exist_ok=True)
        for name, content in files.items():
            (root / folder / name).write_text(f"{content}\n", encoding="utf-8")
    for link, target in tree.get("links", {}).items():
        (root / link).parent.mkdir(parents=True, exist_ok=True)
        (root / link).symlink_to(target)


def raise_counters(root: Path, tree: Mapping[str, Any], second: int) -> None:
    """Let energy flow into the counters for one second more."""
    for folder, watts in tree.get("watts", {}).items():
        for counter in (*root.glob(f"class/*/{folder}/energy_uj"), *root.glob(f"class/*/{folder}/energy*_input")):
            counter.write_text(f"{round(1e9 + watts * 1e6 * second)}\n", encoding="ascii")


def measured(at: Bench, tree: Mapping[str, Any]) -> dict[str, float | str | None]:
    """What is shown after some seconds: a number, or the reason that was counted."""
    sampler = at.sampler()
    for second in range(SECONDS):
        raise_counters(at.settings.places.root, tree, second)
        sample(at, sampler)
        at.clock.now += 1.0
    shown, battery = sampler.snapshot, sampler.snapshot.battery
    gauge = None if battery is None else battery.ratio
    return {
        "node": _power(shown.node, at),
        "harvest": _power(shown.harvest, at),
        "battery": gauge if battery is None or gauge is not None else _reason(battery.refusals),
    }


def _power(channel: PowerChannel | None, at: Bench) -> float | str | None:
    watts = None if channel is None else channel.watts(at.clock.now)
    return watts if channel is None or watts is not None else _reason(channel.refusals)


def _reason(refusals: Mapping[Refusal, int]) -> str:
    return "+".join(sorted(reason.value for reason in refusals))


@pytest.mark.parametrize("name", TREES)
def test_a_real_machine_shows_what_is_measured_there_or_why_not(name: str, tmp_path: Path) -> None:
    tree = TREES[name]
    lay_out(tmp_path, tree)
    choice = Choice(node=tuple(tree.get("node_device", ())), harvest=tuple(tree.get("harvest_device", ())))
    shown = measured(bench(tmp_path, choice=choice), tree)
    for channel, value in shown.items():
        expected = tree.get(channel)
        assert value == (pytest.approx(expected, rel=2e-3) if isinstance(expected, float | int) else expected), channel
