"""The data set that the trainer's image carries, as a folder whose `data/` is laid over the image's root.

MNIST when SUNWARD_SHARED names a folder that holds it; else the distribution's Fashion-MNIST; else nothing, and the
trainer falls back on the digits that come with its libraries. Nothing is taken from beside the checkout, so that two
clones of one commit train on the same data. Which set was used is the trainer's to report.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat

_MNIST: Final = Path("data/mnist/mnist.npz")
_MNIST_IN_IMAGE: Final = Path("data/usr/share/sunward/data/mnist/mnist.npz")
_FASHION: Final = "dataset-fashion-mnist"


def prepared(cache: Path, say: Callable[[str], None]) -> Path:
    """The folder with the data set; its name changes with its content. Raises LabError when MNIST was promised."""
    if given := os.environ.get("SUNWARD_SHARED"):
        return _from_mnist(cache, Path(given) / _MNIST)
    if shutil.which("apt-get") is not None:
        return _from_distribution(cache, say)
    say("no MNIST and no apt-get here: the trainer's image carries no data set and uses scikit-learn's digits")
    nothing = cache / "data-none"
    (nothing / "data").mkdir(parents=True, exist_ok=True)
    return nothing


def _from_mnist(cache: Path, mnist: Path) -> Path:
    if not mnist.is_file():
        raise LabError(f"SUNWARD_SHARED: {mnist} does not exist; name a folder with {_MNIST}, or unset SUNWARD_SHARED")
    target = cache / f"data-mnist-{hashlib.sha256(mnist.read_bytes()).hexdigest()[:12]}"
    if not target.is_dir():
        new = _empty(cache)
        (new / _MNIST_IN_IMAGE).parent.mkdir(parents=True)
        shutil.copyfile(mnist, new / _MNIST_IN_IMAGE)
        (new / _MNIST_IN_IMAGE).chmod(0o644)
        new.rename(target)
    return target


def _from_distribution(cache: Path, say: Callable[[str], None]) -> Path:
    """The package is unpacked, not installed: only the image needs its files."""
    target = cache / "data-fashion-mnist"
    if not target.is_dir():
        packages = cache / "data-packages"
        shutil.rmtree(packages, ignore_errors=True)
        packages.mkdir()
        # apt downloads as a user of its own where it can, who may not enter our cache.
        own = ["-o", "APT::Sandbox::User=root"]
        run_with_heartbeat(f"fetch {_FASHION}", ["apt-get", "download", "-q", *own, _FASHION], say, folder=packages)
        new = _empty(cache)
        package = next(packages.glob("*.deb"))
        run_with_heartbeat(f"unpack {_FASHION}", ["dpkg-deb", "-x", str(package), str(new / "data")], say)
        shutil.rmtree(new / "data/usr/share/doc", ignore_errors=True)
        shutil.rmtree(packages)
        new.rename(target)
    return target


def _empty(cache: Path) -> Path:
    new = cache / "data.new"
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir()
    return new
