"""`sunward init` writes what is known of a cluster, and says what is not: nothing is invented."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from aiohttp import web

from sunward.cli.setup.boards import BOARDS, board_of
from sunward.cli.setup.exporters import read
from sunward.cli.setup.init import NODES_FILE, VALUES_FILE, init
from sunward.cluster.objects import schema
from sunward.domain.errors import InvalidInput, SourceUnavailable
from support import chart, crds
from support.sources import serving

Body = dict[str, Any]
MODELS = {
    "pi-1": "Raspberry Pi 5 Model B Rev 1.0",
    "pi-2": "Raspberry Pi 4 Model B Rev 1.4",
    "cm-3": "Raspberry Pi Compute Module 4 Rev 1.0",
    "box-4": "GMKtec NucBox G3",
}


def page(model: str) -> str:
    return f'# TYPE sunward_exporter_board_info gauge\nsunward_exporter_board_info{{model="{model}"}} 1.0\n'


class Cluster:
    """An API server with nodes, exporters behind its proxy, and a provider of zones beside it."""

    def __init__(self, models: dict[str, str], *, labels: dict[str, str] | None = None) -> None:
        self.models, self.labels = models, labels or {}
        self.energy_nodes: list[Body] = []
        self.silent: set[str] = set()

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        if path == "/api/v1/nodes":
            return web.json_response({"items": [self._node(name) for name in self.models]})
        if path.endswith("/energynodes"):
            return web.json_response({"items": self.energy_nodes})
        if path == "/api/v1/pods":
            assert "component=exporter" in request.query["labelSelector"]
            return web.json_response({"items": [self._exporter(name) for name in self.models]})
        if path.endswith("/proxy/metrics"):
            name = path.split("/pods/exporter-")[1].split(":")[0]
            return web.Response(status=503) if name in self.silent else web.Response(text=page(self.models[name]))
        if path == "/v3/carbon-intensity/latest":
            assert (request.query["lat"], request.query["lon"]) == ("52.52000", "13.40500")
            return web.json_response({"zone": "DE", "carbonIntensity": 300})
        return web.json_response({"kind": "Status"}, status=404)

    def _node(self, name: str) -> Body:
        labels = {"node-role.kubernetes.io/control-plane": "true"} if name == "pi-1" else {}
        return {"metadata": {"name": name, "labels": labels | self.labels}}

    def _exporter(self, name: str) -> Body:
        spec = {"nodeName": name, "containers": [{"image": "exporter"}]}
        metadata = {"name": f"exporter-{name}", "namespace": "sunward-system"}
        return {"metadata": metadata, "spec": spec, "status": {"phase": "Running"}}


async def written(tmp_path: Path, cluster: Cluster, **options: Any) -> tuple[str, Body]:
    """The text of the EnergyNodes, and the values."""
    await run(tmp_path, cluster, tmp_path / "setup", **options)
    values = yaml.safe_load((tmp_path / "setup" / VALUES_FILE).read_text())
    return (tmp_path / "setup" / NODES_FILE).read_text(), values


async def run(tmp_path: Path, cluster: Cluster, folder: Path, **options: Any) -> None:
    """The command against this cluster; SERVER in an option stands for its address."""
    async with serving(cluster.answer) as server:
        config = tmp_path / "kubeconfig"
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        clusters, users = [{"name": "c", "cluster": {"server": server.url}}], [{"name": "u", "user": {}}]
        config.write_text(
            yaml.safe_dump({"clusters": clusters, "users": users, "contexts": [context], "current-context": "c"})
        )
        options = {
            key: value.replace("SERVER", server.url) if isinstance(value, str) else value
            for key, value in options.items()
        }
        await asyncio.to_thread(lambda: init(folder, kubeconfig=str(config), **options))


def objects(text: str) -> dict[str, Body]:
    return {body["metadata"]["name"]: body for body in yaml.safe_load_all(text) if body}


async def test_boards_of_the_table_become_energy_nodes_that_the_definitions_accept(tmp_path: Path) -> None:
    text, values = await written(tmp_path, Cluster(MODELS), zone=["DE"], grams=380.0, site="home")
    found = objects(text)
    assert set(found) == {"pi-1", "pi-2"}
    definition = next(one for one in crds.definitions() if one["spec"]["names"]["kind"] == "EnergyNode")
    for body in found.values():
        jsonschema.validate(body, crds.schema_of(definition))
        assert schema.node_spec(body).grid_zone == "DE"
    assert found["pi-1"]["spec"]["role"] == "AlwaysOn", "the control plane never sleeps"
    assert found["pi-2"]["spec"]["power"] == {"profile": "rpi4b", "idleMilliwatts": 2700, "busyMilliwatts": 6400}
    assert values["intensitySources"]["default"]["gramsPerKilowattHour"] == {"DE": 380.0}


async def test_what_nobody_measured_is_left_to_people_and_named(tmp_path: Path) -> None:
    text, _ = await written(tmp_path, Cluster(MODELS), zone=["DE"])
    assert "# box-4; model: GMKtec NucBox G3" in text
    assert "#   power:\n#     profile: rpicm4\n#     idleMilliwatts: FILL IN\n#     busyMilliwatts: 5200" in text
    assert "sleep" not in text, "no relay is invented"


async def test_the_values_are_accepted_by_the_chart(tmp_path: Path) -> None:
    relays = ["pi-2=Shelly@http://192.168.1.57"]
    text, values = await written(tmp_path, Cluster(MODELS), zone=["pi-2=FR", "DE"], grams=380.0, relay=relays)
    assert objects(text)["pi-2"]["spec"]["sleep"] == {"driver": "Shelly", "driverRef": {"name": "relay-pi-2"}}
    assert objects(text)["pi-2"]["spec"]["gridZone"] == "FR"
    rendered = chart.render(tmp_path, values=values)
    settings = yaml.safe_load(chart.one(rendered, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    assert settings["relays"] == {"relay-pi-2": {"driver": "Shelly", "url": "http://192.168.1.57"}}


async def test_the_zone_is_asked_by_coordinates_and_labels_come_first(tmp_path: Path) -> None:
    token = tmp_path / "token"
    token.write_text("secret")
    options = {"at": "52.52,13.405", "intensity_url": "SERVER", "token_file": token}
    text, values = await written(tmp_path, Cluster(MODELS), **options)
    assert {body["spec"]["gridZone"] for body in objects(text).values()} == {"DE"}
    assert values["intensitySources"]["default"]["tokenSecretRef"] == {"name": "electricity-maps", "key": "token"}
    labelled = Cluster(MODELS, labels={"sunward.dev/grid-zone": "AT"})
    text, _ = await written(tmp_path, labelled, force=True)
    assert {body["spec"]["gridZone"] for body in objects(text).values()} == {"AT"}


async def test_an_exporter_that_does_not_answer_leaves_the_board_unknown(tmp_path: Path) -> None:
    cluster = Cluster({"pi-2": MODELS["pi-2"]})
    cluster.silent = {"pi-2"}
    text, _ = await written(tmp_path, cluster, zone=["DE"])
    assert "model: not known" in text
    assert objects(text) == {}
    text, _ = await written(tmp_path, cluster, zone=["DE"], board=["pi-2=rpi4b"], force=True)
    assert objects(text)["pi-2"]["spec"]["power"]["profile"] == "rpi4b"


async def test_nodes_that_have_an_energy_node_are_left_alone(tmp_path: Path) -> None:
    cluster = Cluster(MODELS)
    cluster.energy_nodes = [{"metadata": {"name": "other"}, "spec": {"nodeName": "pi-2"}}]
    text, _ = await written(tmp_path, cluster, zone=["DE"])
    assert "pi-2" not in text


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({}, "--zone: no zone is known of box-4, cm-3, pi-1, pi-2"),
        ({"zone": ["nobody=DE"]}, "no node without an EnergyNode"),
        ({"zone": ["DE"], "board": ["pi-2=rpi9"]}, "not in the table"),
        ({"zone": ["DE"], "relay": ["pi-2=Shelly"]}, "NODE=DRIVER@URL"),
        ({"zone": ["DE"], "relay": ["pi-2=Hammer@http://10.0.0.2"]}, "NODE=DRIVER@URL"),
        ({"at": "91,0", "intensity_url": "http://127.0.0.1"}, "outside 90 degrees"),
        ({"at": "nan,0", "intensity_url": "http://127.0.0.1"}, "outside 90 degrees"),
        ({"at": "Berlin", "intensity_url": "http://127.0.0.1"}, "is not LATITUDE,LONGITUDE"),
        ({"at": "52,13"}, "--intensity-url"),
    ],
)
async def test_wrong_options_are_named(tmp_path: Path, options: Body, says: str) -> None:
    with pytest.raises(InvalidInput, match=says):
        await written(tmp_path, Cluster(MODELS), **options)


async def test_files_are_not_overwritten_without_a_word(tmp_path: Path) -> None:
    await written(tmp_path, Cluster(MODELS), zone=["DE"])
    with pytest.raises(InvalidInput, match="exists already"):
        await written(tmp_path, Cluster(MODELS), zone=["DE"])


async def test_a_provider_that_does_not_answer_is_named(tmp_path: Path) -> None:
    with pytest.raises(SourceUnavailable):
        await written(tmp_path, Cluster(MODELS), at="52.52,13.405", intensity_url="SERVER/elsewhere")


@pytest.mark.parametrize(
    ("model", "profile"),
    [
        ("Raspberry Pi 4 Model B Rev 1.5", "rpi4b"),
        ("raspberry pi  5 model b rev 1.0", "rpi5"),
        ("Raspberry Pi 3 Model B Plus Rev 1.3", "rpi3bplus"),
        ("Raspberry Pi 3 Model B Rev 1.2", None),
        ("NVIDIA Jetson Orin Nano Engineering Reference Developer Kit Super", "jetson-orin-nano"),
        ("NVIDIA Jetson Nano Developer Kit", "jetson-nano"),
        ("", None),
        ("A Raspberry Pi 4 Model B", None),
    ],
)
def test_a_board_is_known_by_the_beginning_of_its_model(model: str, profile: str | None) -> None:
    board = board_of(model)
    assert (board and board.profile) == profile


def test_every_figure_of_the_table_names_its_source_and_idle_is_below_busy() -> None:
    for board in BOARDS:
        assert board.source
        assert board.busy_milliwatts is not None or board.idle_milliwatts is not None
        assert (board.idle_milliwatts or 0) < (board.busy_milliwatts or 1 << 30)
    assert len({board.profile for board in BOARDS}) == len(BOARDS)


@pytest.mark.parametrize("text", ["", "no metrics", "{", 'a{b="c', "sunward_exporter_board_info 1", "x 1\n" * 9000])
def test_a_page_that_says_nothing_tells_nothing(text: str) -> None:
    assert read(text).board is None


async def test_both_files_can_be_printed(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    await run(tmp_path, Cluster(MODELS), Path("-"), zone=["DE"], grams=380.0)
    printed = capsys.readouterr().out
    assert printed.index(f"# {NODES_FILE}") < printed.index(f"# {VALUES_FILE}")
    assert set(objects(printed.split(f"# {VALUES_FILE}")[0])) == {"pi-1", "pi-2"}
    assert not (tmp_path / "setup").exists()
