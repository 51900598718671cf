"""What must be there before a cluster can start, and the words that say so."""

from __future__ import annotations

import shutil
import ssl
from pathlib import Path

import pytest

from sunward_lab import checks, cli
from sunward_lab.building import tools
from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.identities import ADMINISTRATOR, SCHEDULER, Identities, kubelet
from sunward_lab.run import run
from sunward_lab.settings import RunFolder, Settings

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="no openssl")


def quiet(_: str) -> None:
    """Nobody listens."""


def test_every_missing_program_is_named_with_the_command_that_brings_it(tmp_path: Path) -> None:
    lines = checks.missing(Settings(nodes=0, kwok_nodes=1), RunFolder(tmp_path), tmp_path)
    for program in (*checks.CONTROL_PLANE_PROGRAMS, "kwok"):
        assert any(f"no {program} in" in line and "sunward-lab tools" in line for line in lines)
    assert not any("kubelet" in line for line in lines)


@pytest.mark.parametrize(
    ("folder", "why"),
    [("/var/lib/lab", "give another --run-dir"), ("/tmp/" + "x" * 90, "give a shorter --run-dir")],
)
def test_a_folder_that_nodes_cannot_use_is_refused(tmp_path: Path, folder: str, why: str) -> None:
    lines = checks.missing(Settings(nodes=1), RunFolder(Path(folder)), tmp_path)
    assert any(why in line for line in lines)


def test_a_cluster_too_large_for_the_memory_is_refused(tmp_path: Path) -> None:
    lines = checks.missing(Settings(nodes=0, kwok_nodes=5000), RunFolder(tmp_path), tmp_path)
    available = int(Path("/proc/meminfo").read_text().split("MemAvailable:")[1].split()[0]) // 1024
    assert any("MiB of memory" in line for line in lines) == (available < 3300)


def test_a_part_that_does_not_exist_is_named_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(LabError, match=r"no part docker; there is system, kubernetes, etcd"):
        tools.install(tmp_path, ["docker"], quiet)


def test_the_module_files_are_found_from_a_checkout() -> None:
    assert all((tools.sources() / program.name / "go.mod").exists() for program in tools.GO_PROGRAMS)


def test_a_failing_command_shows_its_last_words() -> None:
    with pytest.raises(LabError, match=r"build failed \(3\):\n  it broke"):
        run_with_heartbeat("build", ["sh", "-c", "echo it broke; exit 3"], quiet)
    with pytest.raises(LabError, match="it broke"):
        run(["sh", "-c", "echo it broke >&2; exit 3"])


def test_a_command_that_is_not_there_is_named() -> None:
    with pytest.raises(LabError, match="no-such-program"):
        run_with_heartbeat("build", ["no-such-program"], quiet)
    with pytest.raises(LabError, match="no-such-program is missing"):
        run(["no-such-program"])


def test_a_long_command_says_when_it_begins_and_how_long_it_took() -> None:
    said: list[str] = []
    run_with_heartbeat("build", ["true"], said.append)
    assert said[0] == "build"
    assert said[-1].startswith("build: done in ")


@needs_openssl
def test_the_server_certificate_is_trusted_through_the_authority(tmp_path: Path) -> None:
    who = Identities(tmp_path / "who")
    who.create("https://127.0.0.1:6443", ["127.0.0.1"], [ADMINISTRATOR])
    certificate = str(who.certificate("apiserver"))
    run(["openssl", "verify", "-CAfile", str(who.authority), "-verify_ip", "127.0.0.1", certificate])
    with pytest.raises(LabError):
        run(["openssl", "verify", "-CAfile", str(who.authority), "-verify_ip", "127.0.0.2", certificate])
    ssl.create_default_context().load_cert_chain(certificate, who.key("apiserver"))


@needs_openssl
def test_every_identity_has_a_token_of_its_own_that_only_its_owner_can_read(tmp_path: Path) -> None:
    who = Identities(tmp_path / "who")
    everybody = [ADMINISTRATOR, SCHEDULER, kubelet("pi-01"), kubelet("pi-02")]
    who.create("https://127.0.0.1:6443", ["127.0.0.1"], everybody)
    lines = [line.split(",") for line in who.tokens.read_text().splitlines()]
    assert len({line[0] for line in lines}) == len(everybody)
    assert {line[1] for line in lines} == {identity.user for identity in everybody}
    assert all(who.kubeconfig(identity).stat().st_mode & 0o077 == 0 for identity in everybody)


def test_taking_down_nothing_is_fine(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main(["down", "--run-dir", str(tmp_path / "none")]) == 0
    assert "nothing to take down" in capsys.readouterr().out


def test_a_folder_of_somebody_else_is_not_removed(tmp_path: Path) -> None:
    (tmp_path / "letters").write_text("mine")
    assert cli.main(["down", "--run-dir", str(tmp_path)]) == 0
    assert (tmp_path / "letters").exists()


@pytest.mark.parametrize("command", [["status"], ["kubeconfig"], ["power", "off", "pi-01"], ["load-image", "x"]])
def test_without_a_cluster_one_line_says_how_to_start_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], command: list[str]
) -> None:
    assert cli.main([*command, "--run-dir", str(tmp_path)]) == 1
    told = capsys.readouterr().err
    assert told.count("\n") == 1
    assert "sunward-lab up" in told
