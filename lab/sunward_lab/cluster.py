"""Bring a whole cluster up, take it down, say how it is: the order of things, and nothing else."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sunward_lab import (
    cgroups,
    checks,
    control_plane,
    identities,
    kubelet,
    kwok,
    network,
    processes,
    surroundings,
    sysctls,
)
from sunward_lab.api import Api
from sunward_lab.building import image_store
from sunward_lab.errors import LabError
from sunward_lab.identities import Identities, Identity
from sunward_lab.machine import Node
from sunward_lab.settings import DNS_ADDRESS, RunFolder, Settings, cache_folder

Say = Callable[[str], None]
_READY_SECONDS: Final = 120.0
_BOOTS_AT_ONCE: Final = 4
_UNBORN: Final = "settings.json.new"


def binaries() -> Path:
    """The folder of the programs that `sunward-lab tools` built."""
    return cache_folder() / "bin"


def up(settings: Settings, path: Path, say: Say) -> None:
    """Start a cluster in `path` and wait until every node is Ready.

    Raises LabError when something is missing or fails; what was started by then stays, for its logs, until `down`.
    """
    run = RunFolder(path.absolute())
    settings = surroundings.limited(settings)
    if missing := checks.missing(settings, run, binaries()):
        raise LabError("\n".join(["cannot start:", *(f"  {line}" for line in missing)]))
    _refuse_second(settings, run)
    _claim(settings, run)
    if settings.has_machines:
        sysctls.remember(run)
        say(f"network {settings.network} on bridge {settings.bridge}")
        network.create(settings)
    _start_control_plane(settings, run, say)
    if settings.has_machines:
        _start_machines(settings, run, say)
    if settings.kwok_nodes:
        say(f"{settings.kwok_nodes} nodes without machines")
        kwok.start(settings, run, binaries())
    await_ready(run, [*(machine.name for machine in settings.machines()), *kwok.names(settings)], say)
    if settings.has_machines and settings.world:
        surroundings.start(settings, run)


def down(path: Path, say: Say) -> None:
    """End everything the cluster in `path` started and remove all it made; fine when nothing is there."""
    run = RunFolder(path.absolute())
    if not run.settings_file.exists():
        _forget_unborn(run)
        say(f"nothing to take down in {run.path}")
        return
    settings = run.read_settings()
    processes.stop(_records_of(run, surroundings.NAME, kwok.NAME))
    if settings.has_machines:
        with ThreadPoolExecutor(_BOOTS_AT_ONCE) as pool:
            list(pool.map(Node.remove, _nodes(settings, run)))
    # Nothing of the store outlives this, so the control plane gets no time to say goodbye.
    processes.stop(processes.recorded(run.processes), grace_seconds=0.0)
    if settings.has_machines:
        network.remove(settings)
        cgroups.remove(settings)
        sysctls.restore(run)
    shutil.rmtree(run.path)
    say(f"{run.path} is gone, with all that ran in it")


def node(path: Path, name: str) -> Node:
    """One node of a running cluster; raises LabError that lists the names when there is no such node."""
    run = RunFolder(path.absolute())
    settings = run.read_settings()
    for found in _nodes(settings, run):
        if found.machine.name == name:
            return found
    names = ", ".join(machine.name for machine in settings.machines())
    raise LabError(f"no machine {name} here; there is {names or 'none'}")


def nodes(path: Path) -> tuple[Node, ...]:
    """All machines of a running cluster, the hub first."""
    run = RunFolder(path.absolute())
    return _nodes(run.read_settings(), run)


def await_ready(run: RunFolder, names: Sequence[str], say: Say) -> None:
    """Wait until these nodes are Ready; raises LabError that names those that are not, or what has ended."""
    if not names:
        return
    api = Api.from_kubeconfig(run.kubeconfig)
    started = time.monotonic()
    waiting = set(names)
    while waiting := waiting - _ready_nodes(api):
        if ended := [line for found in nodes(run.path) if found.machine.name in waiting for line in found.ended()]:
            raise LabError("\n  ".join(["a node's program has ended; see", *ended]))
        if time.monotonic() - started > _READY_SECONDS:
            raise LabError(f"{', '.join(sorted(waiting))}: not Ready in {_READY_SECONDS:.0f} s; logs in {run.logs}")
        time.sleep(0.2)
    say(f"{len(names)} nodes Ready")


def conditions(run: RunFolder) -> dict[str, str]:
    """Readiness of every node that the API server knows: `Ready`, `NotReady` or `Unknown`."""
    api = Api.from_kubeconfig(run.kubeconfig)
    items = api.get("/api/v1/nodes")["items"]
    return {item["metadata"]["name"]: _readiness(item) for item in items}


def _claim(settings: Settings, run: RunFolder) -> None:
    """Write the settings first of all, whole or not at all: nothing is started in a folder without them."""
    run.path.mkdir(parents=True, exist_ok=True, mode=0o755)
    new = run.path / _UNBORN
    new.write_text(settings.to_json(), encoding="utf-8")
    new.rename(run.settings_file)


def _forget_unborn(run: RunFolder) -> None:
    """Remove a folder in which a start was ended before it had claimed it; other folders stay."""
    (run.path / _UNBORN).unlink(missing_ok=True)
    with contextlib.suppress(OSError):
        run.path.rmdir()


def _start_control_plane(settings: Settings, run: RunFolder, say: Say) -> None:
    users = [
        identities.ADMINISTRATOR,
        identities.CONTROLLER_MANAGER,
        identities.SCHEDULER,
        identities.PROXY,
        identities.KWOK,
        *_kubelets(settings),
    ]
    plane = control_plane.for_settings(settings, run, binaries())
    plane.start(users)
    say(f"control plane at {plane.server}")


def _kubelets(settings: Settings) -> list[Identity]:
    return [identities.kubelet(machine.name) for machine in settings.machines()]


def _start_machines(settings: Settings, run: RunFolder, say: Say) -> None:
    api = Api.from_kubeconfig(Identities(run.identities).kubeconfig(identities.ADMINISTRATOR))
    store = image_store.prepared(cache_folder())
    image_store.keep_for(store, run)
    say("images unpacked")
    api.post("/api/v1/namespaces/kube-system/services", _name_service())

    def boot(one: Node) -> None:
        api.post("/api/v1/nodes", kubelet.node_object(one.machine))
        one.configure()
        image_store.link_into(store, one.folder)
        run.sysfs(one.machine.name).mkdir(parents=True, exist_ok=True)
        one.power_on()

    with ThreadPoolExecutor(_BOOTS_AT_ONCE) as pool:
        list(pool.map(boot, _nodes(settings, run)))
    say(f"{len(settings.machines())} machines on")


def _name_service() -> dict[str, object]:
    """A name service without a server: kube-proxy refuses at once what would else time out after 20 s."""
    ports = [{"name": name, "port": 53, "protocol": name.upper()} for name in ("udp", "tcp")]
    spec = {"clusterIP": str(DNS_ADDRESS), "ports": ports}
    return {"metadata": {"name": "kube-dns"}, "spec": spec}


def _nodes(settings: Settings, run: RunFolder) -> tuple[Node, ...]:
    return tuple(
        Node(settings=settings, machine=machine, run=run, binaries=binaries()) for machine in settings.machines()
    )


def _records_of(run: RunFolder, *names: str) -> list[processes.Process]:
    return [process for process in processes.recorded(run.processes) if process.name in names]


def _refuse_second(settings: Settings, run: RunFolder) -> None:
    if run.settings_file.exists():
        raise LabError(f"{run.path} holds a cluster already; take it down with `sunward-lab down`")
    if settings.has_machines and (network.exists(settings) or cgroups.is_left(settings)):
        raise LabError(
            f"bridge {settings.bridge} or its cgroups belong to a cluster in another folder; "
            "take that down, or give another --instance"
        )


def _ready_nodes(api: Api) -> set[str]:
    try:
        items = api.get("/api/v1/nodes")["items"]
    except OSError:
        return set()
    return {item["metadata"]["name"] for item in items if _readiness(item) == "Ready"}


def _readiness(item: dict[str, dict[str, list[dict[str, str]]]]) -> str:
    for condition in item["status"].get("conditions", []):
        if condition["type"] == "Ready":
            return {"True": "Ready", "False": "NotReady"}.get(condition["status"], "Unknown")
    return "Unknown"
