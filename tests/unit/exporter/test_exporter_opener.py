"""Counters that only root may open: the opener gives them to the exporter, and nothing else."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sunward_exporter import opener
from sunward_exporter.discovery import Choice, Found, Places, discover
from sunward_exporter.readings import Reading, Refusal

NOBODY = 65532


@pytest.fixture
def places() -> Iterator[Places]:
    """RAPL of a newer kernel, in a folder that every user may enter, and an opener of it."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        root.chmod(0o755)
        for number, name in enumerate(("package-0", "psys")):
            zone = root / f"class/powercap/intel-rapl:{number}"
            zone.mkdir(parents=True)
            (zone / "name").write_text(f"{name}\n")
            (zone / "energy_uj").write_text(f"{10**9 * (number + 1)}\n")
            (zone / "energy_uj").chmod(0o400)
            (zone / "secret").write_text("1\n")
        path = root / "opener.sock"
        command = [sys.executable, "-m", "sunward_exporter.opener", f"--sysfs-root={root}", f"--socket={path}"]
        process = subprocess.Popen(command)
        try:
            deadline = time.monotonic() + 20.0
            while not path.is_socket() and time.monotonic() < deadline:
                time.sleep(0.02)
            yield Places(root=root, opener=path)
        finally:
            process.kill()
            process.wait()


@contextlib.contextmanager
def somebody_else() -> Iterator[None]:
    """Not root, and not the owner of the files."""
    if os.geteuid() != 0:
        pytest.skip("only root can become another user")
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_without_the_opener_the_refusal_names_the_permission(places: Places) -> None:
    with somebody_else():
        found = discover(Places(root=places.root), Choice()).node
        assert isinstance(found, Found)
        assert found.meter.read(0.0) is Refusal.PERMISSION_DENIED


def test_with_the_opener_the_counter_is_read_as_ever(places: Places) -> None:
    counter = places.root / "class/powercap/intel-rapl:1/energy_uj"
    with somebody_else():
        found = discover(places, Choice()).node
        assert isinstance(found, Found)
        assert found.meter.read(0.0) is None
    counter.write_text(f"{2 * 10**9 + 24_000_000}\n")
    with somebody_else():
        assert found.meter.read(1.0) == Reading(watts=pytest.approx(24.0), joules=pytest.approx(24.0))


def test_a_psys_that_does_not_count_is_found_out_through_the_opener(places: Places) -> None:
    (places.root / "class/powercap/intel-rapl:1/energy_uj").write_text("0\n")
    with somebody_else():
        found = discover(places, Choice())
    assert isinstance(found.node, Found)
    assert found.choices == ("rapl",)
    assert found.node.source == "rapl"
    (places.root / "class/powercap/intel-rapl:0/energy_uj").write_text(f"{10**9}\n")
    with somebody_else():
        assert found.node.meter.read(0.0) is None  # the package, for psys stands at zero


def test_an_opener_that_is_gone_is_a_refusal(places: Places) -> None:
    with somebody_else():
        found = discover(Places(root=places.root, opener=places.root / "absent.sock"), Choice()).node
        assert isinstance(found, Found)
        assert isinstance(found.meter.read(0.0), Refusal)


def test_it_gives_counters_and_no_other_file(places: Places) -> None:
    zone = places.root / "class/powercap/intel-rapl:0"
    shutil.copytree(zone, places.root / "class/powercap/intel-rapl:0:0")
    shutil.copytree(zone, places.root / "class/powercap/intel-rapl:x")
    assert places.opener is not None
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(places.opener))
        names, descriptors, *_ = socket.recv_fds(connection, 4096, opener.MOST_ZONES)
    assert names == b'["intel-rapl:0", "intel-rapl:1"]'
    paths = [os.readlink(f"/proc/self/fd/{descriptor}") for descriptor in descriptors]
    for descriptor in descriptors:
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.write(descriptor, b"1")
        os.close(descriptor)
    assert {Path(path).name for path in paths} == {"energy_uj"}


def test_a_socket_that_cannot_be_made_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert opener.main(["--socket", str(tmp_path / "absent" / "s")]) == 2
    assert "cannot listen on" in capsys.readouterr().err
