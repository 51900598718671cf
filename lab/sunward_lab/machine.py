"""One node as a machine: everything it runs hangs on one first process in namespaces of its own.

The first process holds the node's processes, mounts and name; the network comes from the host. When it is
killed, the kernel ends every process and undoes every mount of the node: a power cut. /run and /var/log are
in memory and are lost with it, /var/lib is the node's disk and stays.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_lab import cgroups, containerd, identities, kubelet, network, processes
from sunward_lab.errors import LabError
from sunward_lab.identities import Identities
from sunward_lab.settings import Machine, NodeFolder, RunFolder, Settings

_FIRST: Final = "first"
_BECOME_A_MACHINE: Final = """\
set -e
name=$1 memory=$2 disk=$3 run=$4 pause=$5
hostname "$name"
mount -t tmpfs -o mode=755 sunward "$memory"
case "$run" in /run/*) mkdir -p "$memory/${run#/run/}"; mount --bind "$run" "$memory/${run#/run/}";; esac
mount --rbind "$memory" /run
mount --bind "$disk" /var/lib
mount -t tmpfs -o mode=755 sunward /var/log
mount --make-rshared /
exec "$pause"
"""
_NAMESPACES: Final = ("--pid", "--fork", "--kill-child", "--mount", "--mount-proc", "--uts")


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of one cluster, with all that is needed to switch it."""

    settings: Settings
    machine: Machine
    run: RunFolder
    binaries: Path

    @property
    def folder(self) -> NodeFolder:
        """The node's files."""
        return self.run.node(self.machine.name)

    @property
    def records(self) -> Path:
        """Records of the node's processes."""
        return self.folder.path / "processes"

    def configure(self) -> None:
        """Write what the node's daemons read; the disk is left as it is."""
        folder, who = self.folder, Identities(self.run.identities)
        for path in (folder.disk, folder.memory, folder.configuration / "cni"):
            path.mkdir(parents=True, exist_ok=True)
        networks = folder.configuration / "cni"
        (networks / "pods.conflist").write_text(containerd.network_configuration(self.machine.pod_network))
        (folder.configuration / "containerd.toml").write_text(
            containerd.configuration(
                root="/var/lib/containerd", state="/run/containerd", socket=folder.socket, networks=networks
            )
        )
        (folder.configuration / "kubelet.json").write_text(
            kubelet.configuration(self.settings, self.machine, socket=folder.socket, authority=who.authority)
        )
        (folder.configuration / "kube-proxy.json").write_text(
            kubelet.proxy_configuration(self.settings, self.machine, kubeconfig=who.kubeconfig(identities.PROXY))
        )

    def power_on(self) -> None:
        """Boot the node; it joins by itself. A node that is on stays as it is."""
        if self.is_on():
            return
        self._cut()
        cgroups.create(self.settings, self.machine)
        network.set_link(self.settings, self.machine, up=True)
        self._start_first()
        self._enter("containerd", ["containerd", "--config", self._file("containerd.toml")])
        self._await_socket()
        who = Identities(self.run.identities)
        kubeconfig = who.kubeconfig(identities.kubelet(self.machine.name))
        configuration_file = self.folder.configuration / "kubelet.json"
        flags = kubelet.arguments(self.machine, configuration_file=configuration_file, kubeconfig=kubeconfig)
        self._enter("kubelet", [str(self.binaries / "kubelet"), *flags])
        proxy = [str(self.binaries / "kube-proxy"), f"--config={self._file('kube-proxy.json')}"]
        self._enter("kube-proxy", proxy)
        self.folder.power_file.write_text("on\n", encoding="ascii")

    def power_off(self) -> None:
        """Cut the node's power: without a shutdown. A node that is off stays as it is."""
        self.folder.power_file.write_text("off\n", encoding="ascii")
        network.set_link(self.settings, self.machine, up=False)
        self._cut()

    def remove(self) -> None:
        """End the node for good; fine when it is off or was never made."""
        self._cut()

    def is_on(self) -> bool:
        """Whether the node's first process runs and power was not cut."""
        first = processes.read(self.records / _FIRST)
        with contextlib.suppress(FileNotFoundError):
            powered = self.folder.power_file.read_text(encoding="ascii").strip() == "on"
            return powered and first is not None and first.is_alive()
        return False

    def ended(self) -> list[str]:
        """Logs of the node's programs that have ended although it has power."""
        programs = processes.recorded(self.records) if self.is_on() else ()
        logs = self.run.logs / self.machine.name
        return [str(logs / f"{program.name}.log") for program in programs if not program.is_alive()]

    def _cut(self) -> None:
        """Kill all that the node's cgroup holds, until nothing is left, then remove it."""
        limit = time.monotonic() + 20.0
        while pids := cgroups.processes(self.settings, self.machine.name):
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            if time.monotonic() > limit:
                raise LabError(f"{self.machine.name}: processes {pids[:5]} survived SIGKILL")
            time.sleep(0.01)
        cgroups.remove(self.settings, self.machine.name)
        self.folder.socket.unlink(missing_ok=True)

    def _start_first(self) -> None:
        folder = self.folder
        about = [self.machine.name, str(folder.memory), str(folder.disk), str(self.run.path)]
        script = ["sh", "-c", _BECOME_A_MACHINE, "sh", *about, str(self.binaries / "sunward-pause")]
        shutil.rmtree(folder.memory, ignore_errors=True)
        folder.memory.mkdir(parents=True)
        inside = ["nsenter", f"--net=/run/netns/{self.machine.namespace}", "unshare", *_NAMESPACES]
        self._start(_FIRST, [*inside, *script])
        self._await_first()

    def _enter(self, name: str, argv: list[str]) -> None:
        target = f"--target={self._first_pid()}"
        self._start(name, ["nsenter", target, "--mount", "--pid", "--net", "--uts", "--", *argv])

    def _start(self, name: str, argv: list[str]) -> None:
        cgroup = cgroups.counted(self.settings, self.machine.name)
        logs = self.run.logs / self.machine.name
        processes.start(name, argv, records=self.records, logs=logs, cgroup=cgroup)

    def _await_first(self) -> None:
        """The machine is made when its first program has become `sunward-pause`."""
        log = self.run.logs / self.machine.name / "first.log"
        processes.wait_for(self._has_booted, 30.0, f"{self.machine.name} did not boot; see {log}")

    def _has_booted(self) -> bool:
        comm = Path(f"/proc/{self._first_pid()}/comm").read_text(encoding="ascii")
        return comm == "sunward-pause\n"

    def _first_pid(self) -> int:
        """The host's number of the process that is number 1 on the node."""
        outer = processes.read(self.records / _FIRST)
        if outer is None:
            raise LabError(f"{self.machine.name} has no first process; is it off?")
        children = Path(f"/proc/{outer.pid}/task/{outer.pid}/children").read_text(encoding="ascii").split()
        return int(children[0]) if children else outer.pid

    def _await_socket(self) -> None:
        log = self.run.logs / self.machine.name / "containerd.log"
        processes.wait_for(self._answers, 60.0, f"containerd of {self.machine.name} does not answer; see {log}")

    def _answers(self) -> bool:
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(str(self.folder.socket))
        return True

    def _file(self, name: str) -> str:
        return str(self.folder.configuration / name)
