"""Names and addresses of a cluster."""

from __future__ import annotations

from ipaddress import collapse_addresses
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_lab import surroundings
from sunward_lab.errors import LabError
from sunward_lab.settings import MAXIMUM_WORKERS, RunFolder, Settings
from sunward_lab.world.scenario import load_scenario

clusters = st.builds(
    Settings,
    nodes=st.integers(1, MAXIMUM_WORKERS),
    instance=st.integers(0, 100),
    kwok_nodes=st.integers(0, 5000),
    world=st.booleans(),
)


@given(clusters)
def test_settings_read_back_as_they_were_written(settings: Settings) -> None:
    assert Settings.from_json(settings.to_json()) == settings


@given(clusters)
def test_no_two_machines_share_a_name_an_address_or_a_pod_network(settings: Settings) -> None:
    machines = settings.machines()
    assert len({machine.name for machine in machines}) == settings.nodes + 1
    assert len({machine.address for machine in machines} | {settings.host_address}) == settings.nodes + 2
    pods = [machine.pod_network for machine in machines]
    assert sum(one.overlaps(other) for one in pods for other in pods) == len(pods)
    assert not any(machine.address in network for machine in machines for network in pods)
    assert all(network.subnet_of(settings.network) for network in collapse_addresses(pods))


@given(clusters)
def test_names_of_interfaces_fit_the_kernel(settings: Settings) -> None:
    assert all(len(f"{settings.bridge}-{machine.index}") <= 15 for machine in settings.machines())


def test_clusters_with_other_numbers_share_no_address() -> None:
    assert not Settings(instance=0).network.overlaps(Settings(instance=1).network)


def test_a_cluster_without_nodes_has_no_machines() -> None:
    assert Settings(nodes=0).machines() == ()


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"nodes": -1}, "--nodes"),
        ({"nodes": 41}, "--nodes"),
        ({"kwok_nodes": -1}, "--kwok-nodes"),
        ({"instance": 101}, "--instance"),
    ],
)
def test_a_number_out_of_range_is_named(wrong: dict[str, int], named: str) -> None:
    with pytest.raises(LabError, match=named):
        Settings(**wrong)  # type: ignore[arg-type]


def test_a_folder_without_a_cluster_says_how_to_start_one(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="sunward-lab up"):
        RunFolder(tmp_path).read_settings()


def test_a_worker_gets_the_cores_of_its_scenario_unless_told_otherwise() -> None:
    assert surroundings.limited(Settings()).worker_cores == load_scenario("demo").cpu.full_cores
    assert surroundings.limited(Settings(worker_cores=1.5)).worker_cores == 1.5
    assert surroundings.limited(Settings(world=False)).worker_cores is None
    with pytest.raises(LabError, match="no-such-scenario"):
        surroundings.limited(Settings(scenario="no-such-scenario"))
