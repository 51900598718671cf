"""Kubeconfigs, names, numbers and addresses that are wrong end in one line; the rescue needs no kubeconfig."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from aiohttp import web

from sunward.cli.doctor import doctor
from sunward.cli.main import main
from sunward.cli.output import Output
from sunward.cli.power import _recover
from sunward.cli.settings import load_settings
from support.sources import serving

Run = Callable[..., tuple[int, str]]

MANIFESTS = """
apiVersion: sunward.dev/v1alpha1
kind: EnergyNode
metadata: {name: pi-01}
spec: {gridZone: DE, power: {idleMilliwatts: 2700, busyMilliwatts: 6400}, sleep: {driver: CordonOnly}}
"""
KUBECONFIG = {
    "apiVersion": "v1",
    "kind": "Config",
    "current-context": "c",
    "contexts": [{"name": "c", "context": {"cluster": "c", "user": "u"}}],
    "users": [{"name": "u", "user": {"token": "hunter2"}}],
}


def a_kubeconfig(folder: Path, server: object, **cluster: object) -> str:
    body = {**KUBECONFIG, "clusters": [{"name": "c", "cluster": {"server": server, **cluster}}]}
    (folder / "kube.yaml").write_text(yaml.safe_dump(body))
    return str(folder / "kube.yaml")


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str], tmp_path: Path) -> Run:
    """The whole program: its exit status, and its one line on standard error."""
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))

    def ended(*words: str) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["sunward", *words])
        with pytest.raises(SystemExit) as caught:
            main()
        out, error = capfd.readouterr()
        assert (out, error.count("\n")) == ("", 1), error
        assert error.strip().isprintable()
        assert "hunter2" not in error
        assert isinstance(caught.value.code, int)
        return caught.value.code, error

    return ended


FILES = {
    "empty": b"",
    "null": b"null",
    "text": b"# Sunward\n\n**Shift** work",
    "list": b"[]",
    "number": b"5",
    "binary": b"\x7fELF\xff\xfe",
    "null clusters": b"clusters: null",
    "no contexts": b"clusters: []",
    "odd contexts": b"{clusters: [], contexts: 5, users: x, current-context: [1]}",
    "nested": b"[" * 3000,
    "digits": b"clusters: " + b"9" * 5000,
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_that_is_no_kubeconfig_is_named(name: str, run: Run, tmp_path: Path) -> None:
    path = tmp_path / "config"
    path.write_bytes(FILES[name])
    for command in (("status",), ("explain", "x"), ("wake", "x"), ("sleep", "x")):
        status, said = run(*command, "--kubeconfig", str(path))
        assert status == 2
        assert said.startswith(f"sunward: kubeconfig {path}: ")


def test_no_kubeconfig_at_all_and_one_that_is_not_there(run: Run, tmp_path: Path) -> None:
    assert run("status") == (
        2,
        "sunward: kubeconfig ~/.kube/config: does not exist; give --kubeconfig or set KUBECONFIG\n",
    )
    assert "none.yaml: does not exist" in run("status", "--kubeconfig", str(tmp_path / "none.yaml"))[1]
    assert "cannot be read: Is a directory" in run("status", "--kubeconfig", str(tmp_path))[1]
    assert "is longer than" in run("status", "--kubeconfig", "/dev/zero")[1]


def test_the_variable_is_read_as_the_option_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", "/dev/null")
    assert run("status")[1].startswith("sunward: kubeconfig /dev/null: is not a kubeconfig")


@pytest.mark.parametrize("server", [5, None, "", "ftp://x", "127.0.0.1", "http://[::1", "http://127.0.0.1:99999"])
def test_an_address_that_leads_nowhere_is_one_line(server: object, run: Run, tmp_path: Path) -> None:
    status, said = run("status", "--kubeconfig", a_kubeconfig(tmp_path, server))
    assert status in (1, 2)
    assert said.startswith("sunward: ")


def test_certificates_that_are_none_are_one_line(run: Run, tmp_path: Path) -> None:
    config = a_kubeconfig(tmp_path, "https://127.0.0.1:1", **{"certificate-authority-data": "bm9uc2Vuc2U="})
    assert run("status", "--kubeconfig", config)[0] == 2


def test_a_server_that_is_down_cannot_be_reached_and_nothing_is_to_be_applied(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(BaseException, match="1"):
        doctor(a_kubeconfig(tmp_path, "http://127.0.0.1:1"), None, Output.JSON)
    said = capsys.readouterr().out
    assert "the API server cannot be reached" in said
    assert "127.0.0.1:1" in said
    assert "kubectl apply" not in said


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (200, "<html>log in</html>", "cannot be reached, or is none"),
        (200, "[]", "cannot be reached, or is none"),
        (401, "{}", "refuses the login"),
        (403, "{}", "lacks this right"),
        (500, "broken", "500 broken"),
    ],
)
async def test_a_server_that_is_not_ours_is_said_to_be_so(status: int, body: str, says: str, tmp_path: Path) -> None:
    from sunward.cli.clusterio import ClusterUnreachable, call_api
    from sunward.cli.status import read

    async def answer(_: web.Request) -> web.Response:
        return web.Response(status=status, text=body, content_type="application/json")

    async with serving(answer) as server:
        with pytest.raises(ClusterUnreachable, match=says):
            await call_api(a_kubeconfig(tmp_path, server.url), read)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("wake", ".."), "NODE: '..' is no name of a Kubernetes object"),
        (("wake", "a/b"), "NODE: 'a/b' is no name"),
        (("sleep", "A" * 500), "is no name of a Kubernetes object"),
        (("wake", "x", "--minutes", "100000000000"), "'--minutes': 100000000000 is not in the range"),
        (("wake", "--all", "--direct", "--pause", "nan"), "--pause: must be a number of seconds"),
        (("wake", "--all", "--direct", "--pause", "inf"), "'--pause': inf is not in the range"),
        (("run", "--listen-port", "99999"), "'--listen-port': 99999 is not in the range"),
        (("run", "--log-level", "loud"), "'--log-level': 'loud' is not one of"),
        (("run", "--namespace", "../x"), "--namespace: '../x' is no name"),
        (("run", "--settings", "/dev/null"), "/dev/null: must be one mapping"),
        (("simulate", "x", "--seed", "9" * 30), "'--seed'"),
    ],
)
def test_wrong_names_and_numbers_are_refused(words: tuple[str, ...], says: str, run: Run) -> None:
    status, said = run(*words)
    assert status == 2
    assert says in said


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--intensity", "DE=400", "--harvest", "pi-09=5"), "--harvest: the manifests have no EnergyNode pi-09"),
        (("--intensity", "DE=400", "--intensity", "FR=1"), "--intensity: the manifests have no grid zone FR"),
        (("--intensity", "DE=nan"), "--intensity: 'DE=nan' needs a name and a number"),
        (("--intensity", "DE=-1"), "--intensity: 'DE=-1' needs a name and a number"),
        (("--intensity", "DE=1e300"), "--intensity: 'DE=1e300' needs a name and a number"),
        (("--intensity", "DE=1", "--intensity", "DE=2"), "DE is given twice"),
        (("--intensity", "=1"), "needs a name"),
        (("--intensity", "DE"), "is not of the form NAME=NUMBER"),
        (("--intensity", "D\nE" * 999), "is not of the form NAME=NUMBER"),
    ],
)
def test_a_name_that_no_manifest_has_counts_for_nothing_and_is_refused(
    options: tuple[str, ...], says: str, run: Run, tmp_path: Path
) -> None:
    (tmp_path / "m.yaml").write_text(MANIFESTS)
    status, said = run("plan", "-f", str(tmp_path / "m.yaml"), *options)
    assert status == 2
    assert says in said


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (MANIFESTS.replace("kind: EnergyNode", ""), "m.yaml: object 1: kind: must be text"),
        (MANIFESTS.replace("{name: pi-01}", "null"), "m.yaml: object 1: metadata: must be a map with a name"),
        (MANIFESTS.replace("pi-01", "Pi_01"), "m.yaml: object 1: metadata.name: must be a name of Kubernetes"),
        (MANIFESTS.replace("DE", "[]"), "m.yaml: EnergyNode pi-01: spec.gridZone: must be text"),
        (MANIFESTS + "---" + MANIFESTS, "m.yaml: EnergyNode pi-01: is there twice"),
        (MANIFESTS.replace("2700", "9" * 5000), "m.yaml: holds a value that cannot be read"),
    ],
)
def test_a_wrong_manifest_is_named_with_its_file(text: str, says: str, run: Run, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(text)
    status, said = run("plan", "-f", str(tmp_path / "m.yaml"), "--intensity", "DE=400")
    assert status == 2
    assert says in said


async def test_every_relay_is_switched_on_without_any_kubeconfig(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("KUBECONFIG", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path / "nobody"))
    orders: list[object] = []

    async def answer(request: web.Request) -> web.Response:
        frame = await request.json()
        orders.append((frame["method"], frame["params"]))
        return web.json_response({"id": 1, "result": {"was_on": False}})

    async with serving(answer) as server:
        settings = {
            "prometheus": {"url": "http://127.0.0.1:9"},
            "relays": {"r": {"driver": "Shelly", "url": server.url}},
        }
        (tmp_path / "s.yaml").write_text(yaml.safe_dump(settings))
        recovered = await _recover("", "", load_settings(tmp_path / "s.yaml"), 0.0)
    assert orders == [("Switch.Set", {"id": 0, "on": True})]
    assert [(one.subject, bool(one.done), bool(one.failed)) for one in recovered] == [
        ("r", True, False),
        ("EnergyNodes", False, True),
        ("Nodes", False, True),
    ]
