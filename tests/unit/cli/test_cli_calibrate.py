"""`sunward calibrate` measures an idle node, and the same with all cores busy, by its own counter of energy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from sunward.cli.setup.calibrate import boot_time, run
from sunward.cli.setup.exporters import Exporter, Scrape
from sunward.cli.setup.measuring import LOAD, load_pod, means
from sunward.cluster.access.api import ApiError, core, ours
from sunward.domain.errors import InvalidInput, SunwardError
from support.loop.objects import new_energy_node, new_node, new_pod
from support.loop.process import Process
from support.loop.process import run as run_operator
from support.loop.store import Body, Store
from support.loop.world import World
from support.store_api import StoreApi

NODE, HOME = "pi-1", "sunward-system"


class Bench(StoreApi):
    """A cluster with one metered node: its draw depends on the load, and time passes when the measurement waits."""

    def __init__(self, *, idle: float = 2.5, busy: float = 6.0) -> None:
        super().__init__(Store())
        self.watts = {False: idle, True: busy}
        self.seconds, self.joules = 0.0, 0.0
        self.loads: list[Body] = []
        self.meter_absent = False
        self.starts = True
        self.store.create("/api/v1/nodes", new_node(NODE))
        self.store.create(ours("energynodes"), new_energy_node(NODE, "DE"))
        status = {"powerState": "Awake", "learned": {"wakeMilliseconds": 42_000, "observations": {"wake": 3}}}
        self.store.patch(ours("energynodes", NODE, sub="status"), {"status": status})
        exporter = new_pod("exporter-1", NODE, "DaemonSet", HOME)
        exporter["metadata"]["labels"] = {
            "app.kubernetes.io/name": "sunward",
            "app.kubernetes.io/component": "exporter",
        }
        exporter["spec"]["containers"] = [{"name": "exporter", "image": "sunward-exporter:0.1.0"}]
        exporter["status"] = {"phase": "Running"}
        self.store.create(core("pods", namespace=HOME), exporter)

    @property
    def is_loaded(self) -> bool:
        return any(pod["metadata"]["name"].startswith("sunward-calibration") for pod in self.store.of("pods"))

    async def pause(self, seconds: float) -> None:
        self.joules += self.watts[self.is_loaded] * seconds
        self.seconds += seconds

    async def text(self, path: str) -> str:
        assert path.endswith(f"/{HOME}/pods/exporter-1:9811/proxy/metrics")
        if self.meter_absent:
            return ""
        return (
            f'sunward_node_energy_joules_total{{source="node"}} {self.joules}\n'
            f'sunward_node_last_sample_timestamp_seconds{{source="node"}} {self.seconds}\n'
        )

    async def create(self, path: str, body: Mapping[str, Any]) -> Body:
        if path.endswith("/pods"):
            self.loads.append(dict(body))
            body = {**body, "status": {"phase": "Running" if self.starts else "Pending"}}
        return self.store.create(path, body)

    async def delete(self, path: str, *, uid: str | None = None, grace_seconds: int | None = None) -> None:
        try:
            self.store.delete(path, uid)
        except ApiError as error:
            if error.status != 404:
                raise

    @property
    def status(self) -> Body:
        body = self.store.find("energynodes", NODE)
        assert body is not None
        found: Body = body["status"]
        return found


async def calibrated(bench: Bench) -> list[str]:
    said: list[str] = []
    await run(bench, NODE, 60.0, boot=False, say=said.append, pause=bench.pause)  # type: ignore[arg-type]  # a port
    return said


async def test_both_draws_are_measured_and_stored_and_the_wakes_are_left_alone() -> None:
    bench = Bench()
    said = await calibrated(bench)
    learned = bench.status["learned"]
    assert (learned["idleMilliwatts"], learned["busyMilliwatts"]) == (2500, 6000)
    assert learned["observations"] == {"idle": 6, "busy": 6, "wake": 3}
    assert learned["wakeMilliseconds"] == 42_000
    assert learned["time"]
    assert '{"idleMilliwatts": 2500, "busyMilliwatts": 6000}' in said[-1]
    assert not bench.is_loaded, "the load ends with the measurement"


async def test_the_load_runs_on_that_node_without_rights_and_ends_by_itself() -> None:
    bench = Bench()
    await calibrated(bench)
    (pod,) = bench.loads
    spec, container = pod["spec"], pod["spec"]["containers"][0]
    assert (spec["nodeName"], container["image"]) == (NODE, "sunward-exporter:0.1.0")
    assert spec["activeDeadlineSeconds"] < 600
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}
    compile(LOAD, "load", "exec")
    assert len(load_pod(Exporter(namespace=HOME, pod="p", image="i"), "n" * 300, 60)["metadata"]["name"]) <= 253


@pytest.mark.parametrize("owner", ["ReplicaSet", "Job"])
async def test_a_node_with_pods_is_not_idle_and_is_not_loaded(owner: str) -> None:
    bench = Bench()
    bench.store.create(core("pods", namespace="media"), new_pod("web", NODE, owner, "media"))
    with pytest.raises(InvalidInput, match="media/web"):
        await calibrated(bench)
    assert bench.loads == []


async def test_a_node_that_is_not_awake_is_not_measured() -> None:
    bench = Bench()
    bench.store.patch(ours("energynodes", NODE, sub="status"), {"status": {"powerState": "Asleep"}})
    with pytest.raises(InvalidInput, match="sunward wake"):
        await calibrated(bench)


async def test_without_a_meter_nothing_is_written() -> None:
    bench = Bench()
    bench.meter_absent = True
    with pytest.raises(SunwardError, match="sunward_exporter_meter_absent"):
        await calibrated(bench)
    assert "idleMilliwatts" not in bench.status["learned"]


async def test_a_meter_that_does_not_see_the_load_is_not_believed() -> None:
    bench = Bench(idle=4.0, busy=3.9)
    with pytest.raises(SunwardError, match="check that the meter measures this node"):
        await calibrated(bench)
    assert "busyMilliwatts" not in bench.status["learned"]
    assert not bench.is_loaded


async def test_a_load_that_does_not_start_is_removed() -> None:
    bench = Bench()
    bench.starts = False
    with pytest.raises(SunwardError, match="did not start"):
        await calibrated(bench)
    assert not bench.is_loaded


async def test_a_name_that_is_no_energy_node_is_told_with_those_that_are() -> None:
    bench = Bench()
    with pytest.raises(InvalidInput, match=NODE):
        await run(bench, "pi-9", 60.0, boot=False, say=print, pause=bench.pause)  # type: ignore[arg-type]  # a port


def at(joules: float | None, seconds: float | None) -> Scrape:
    return Scrape(energy_joules=joules, sampled_at=seconds)


@pytest.mark.parametrize(
    ("scrapes", "watts"),
    [
        ([at(0, 0), at(20, 10), at(50, 20)], [2.0, 3.0]),
        ([at(50, 0), at(5, 10), at(25, 20)], [2.0]),  # the exporter began anew
        ([at(0, 0), at(0, 0), at(20, 10)], [2.0]),  # no new sample
        ([at(0, 0), at(None, None), at(20, 10)], []),
        ([], []),
    ],
)
def test_windows_that_tell_nothing_are_left_out(scrapes: list[Scrape], watts: list[float]) -> None:
    assert means(scrapes) == watts


async def test_the_boot_is_measured_by_the_operator_with_all_its_guards() -> None:
    world = World(jobs=False)
    world.store.patch(ours("energypolicies", "default"), {"spec": {"budgets": {"minimumAwakeNodes": 3}}})
    process = await run_operator(world, Process(world, "op"), 120)
    assert world.power("pi-2") == "Awake"
    world.store.patch(ours("energypolicies", "default"), {"spec": {"budgets": {"minimumAwakeNodes": 0}}})
    api = StoreApi(world.store)
    api.clock = lambda: world.now  # type: ignore[assignment,return-value]  # the operator of this world judges by it

    async def pause(seconds: float) -> None:
        await run_operator(world, process, world.seconds + seconds)

    said = await boot_time(api, "pi-2", pause)  # type: ignore[arg-type]  # a port
    assert "from the power command to Ready" in said
    body = world.store.find("energynodes", "pi-2")
    assert body is not None
    assert body["spec"].get("override") is None
    assert body["status"]["learned"]["observations"]["wake"] >= 1
