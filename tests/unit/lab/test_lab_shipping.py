"""Images to take away: the same bytes from the same content, and nothing in them that was not asked for."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sunward_lab.building import sites
from sunward_lab.building.images import reference
from sunward_lab.errors import LabError
from sunward_lab.shipping import archive, base, bill, dockerfile, layers, provenance, ship

ROOT = Path(__file__).parents[3]
NAME = "docker.io/library/one:1"


def make_layer(folder: Path, content: dict[str, str]) -> layers.Layer:
    return layers.write([layers.of_text(name, text) for name, text in content.items()], folder / "layer")


def make_base(path: Path, files: dict[str, bytes]) -> Path:
    """An archive as mmdebstrap writes it."""
    with tarfile.open(path, "w") as tar:
        for name, data in files.items():
            about = tarfile.TarInfo(f"./{name}")
            about.size, about.mode = len(data), 0o755
            tar.addfile(about, io.BytesIO(data))
    return path


def names_of(path: Path) -> list[str]:
    with tarfile.open(path) as tar:
        return tar.getnames()


def read(path: Path, name: str) -> bytes:
    with tarfile.open(path) as tar:
        member = tar.extractfile(name)
        assert member is not None
        return member.read()


def blob(path: Path, digest: str) -> Any:
    text = read(path, f"blobs/sha256/{digest.removeprefix('sha256:')}")
    assert f"sha256:{hashlib.sha256(text).hexdigest()}" == digest
    return json.loads(text)


@pytest.mark.parametrize("umask", [0o022, 0o077])
def test_a_layer_depends_on_neither_times_nor_umask(tmp_path: Path, umask: int) -> None:
    written = []
    for number, current in enumerate((0o022, umask)):
        folder = tmp_path / str(number)
        before = os.umask(current)
        try:
            (folder / "in/deep").mkdir(parents=True)
            (folder / "in/deep/file").write_text("content")
            (folder / "in/link").symlink_to("deep/file")
        finally:
            os.umask(before)
        os.utime(folder / "in/deep/file", (number * 1e9, number * 1e9))
        written.append(layers.write(layers.of_folder(folder / "in", "opt/x"), folder / "layer"))
    assert written[0].digest == written[1].digest
    assert names_of(written[0].path) == ["opt", "opt/x", "opt/x/deep", "opt/x/deep/file", "opt/x/link"]


@given(st.dictionaries(st.text("abc", min_size=1), st.text(max_size=20), max_size=5), st.randoms())
def test_a_layer_depends_on_no_order(
    tmp_path_factory: pytest.TempPathFactory, content: dict[str, str], random: Any
) -> None:
    folder = tmp_path_factory.mktemp("layers")
    shuffled = list(content.items())
    random.shuffle(shuffled)
    first, second = make_layer(folder, content), make_layer(folder, dict(shuffled))
    assert (first.digest, first.diff_id) == (second.digest, second.diff_id)
    assert {name: read(second.path, name).decode() for name in content} == content


def test_digests_of_a_layer_are_those_of_its_bytes(tmp_path: Path) -> None:
    made = make_layer(tmp_path, {"file": "content"})
    packed = made.path.read_bytes()
    assert made.digest == f"sha256:{hashlib.sha256(packed).hexdigest()}"
    assert made.size_bytes == len(packed)
    with tarfile.open(made.path, "r:gz") as tar:
        assert [(item.mtime, item.uid, item.gid, item.uname) for item in tar] == [(0, 0, 0, "")]


def test_an_archive_for_two_architectures_is_an_index_of_both(tmp_path: Path) -> None:
    made = make_layer(tmp_path, {"file": "content"})
    built = [archive.image(kind, {"User": "1:1"}, [made], "1970-01-01T00:00:00Z") for kind in ("amd64", "arm64")]
    target = tmp_path / "one.tar"
    digests = archive.write({NAME: built}, target)
    (entry,) = json.loads(read(target, "index.json"))["manifests"]
    assert entry["digest"] == digests[NAME]
    assert entry["annotations"]["io.containerd.image.name"] == NAME
    manifests = blob(target, entry["digest"])["manifests"]
    assert [item["platform"]["architecture"] for item in manifests] == ["amd64", "arm64"]
    configuration = blob(target, blob(target, manifests[1]["digest"])["config"]["digest"])
    assert configuration["architecture"] == "arm64"
    assert configuration["rootfs"]["diff_ids"] == [made.diff_id]
    assert configuration["config"] == {"User": "1:1"}


def test_an_archive_for_one_architecture_has_no_index_and_shared_layers_once(tmp_path: Path) -> None:
    made = make_layer(tmp_path, {"file": "content"})
    built = [archive.image("arm64", {"User": user}, [made], "1970-01-01T00:00:00Z") for user in ("1:1", "2:2")]
    images = {NAME: [built[0]], "docker.io/library/two:1": [built[1]]}
    target, again = tmp_path / "bundle.tar", tmp_path / "again.tar"
    digests = archive.write(images, target)
    assert [blob(target, digest)["layers"][0]["digest"] for digest in digests.values()] == [made.digest] * 2
    assert len(names_of(target)) == len(set(names_of(target))) == 2 + 2 + 2 + 1
    archive.write(images, again)
    assert target.read_bytes() == again.read_bytes()


def test_the_base_keeps_python_and_certificates_and_no_other_program(tmp_path: Path) -> None:
    files = {
        "usr/bin/python3.11": b"python",
        "usr/bin/env": b"env",
        "usr/bin/dpkg": b"dpkg",
        "bin/tar": b"tar",
        "usr/lib/python3.11/os.py": b"os",
        "usr/share/doc/python3/copyright": b"text",
        "usr/share/ca-certificates/mozilla/b.crt": b"second\n",
        "usr/share/ca-certificates/mozilla/a.crt": b"first\n",
        "sunward-packages": b"00ff  libssl3_3.0.1-1_arm64.deb\n11ee  python3.11_1%3a3.11.2-6_arm64.deb\n",
    }
    packed = make_base(tmp_path / "base.tar", files)
    made = layers.write(base.members(packed), tmp_path / "layer")
    kept = ["etc/ssl/certs/ca-certificates.crt", "usr/bin/env", "usr/bin/python3", "usr/bin/python3.11"]
    assert names_of(made.path) == [*kept, "usr/lib/python3.11/os.py"]
    assert read(made.path, "etc/ssl/certs/ca-certificates.crt") == b"first\nsecond\n"
    assert read(made.path, "usr/lib/python3.11/os.py") == b"os"
    assert [(item.name, item.version, item.sha256) for item in base.packages(packed)] == [
        ("libssl3", "3.0.1-1", "00ff"),
        ("python3.11", "1:3.11.2-6", "11ee"),
    ]


@pytest.mark.parametrize("image", ship.PRODUCT, ids=lambda image: image.name)
def test_every_dockerfile_of_the_product_is_understood(image: Any) -> None:
    stage = dockerfile.read(ROOT / image.dockerfile)
    assert stage.configuration["User"] == ("0:0" if image.name == "sunward-agent" else "65532:65532")
    assert isinstance(stage.configuration["Entrypoint"], list)
    assert "PYTHONPATH=/opt/sunward/code:/opt/sunward/site" in stage.configuration["Env"]  # type: ignore[operator]
    assert all((ROOT / source).exists() for source, _ in stage.copies)


def test_an_instruction_that_would_be_lost_is_refused(tmp_path: Path) -> None:
    (tmp_path / "Dockerfile").write_text("FROM scratch\nVOLUME /data\n")
    with pytest.raises(LabError, match="VOLUME"):
        dockerfile.read(tmp_path / "Dockerfile")


def test_an_unknown_architecture_is_refused_before_anything_is_fetched(tmp_path: Path) -> None:
    with pytest.raises(LabError, match="'armhf': give one or more of amd64,arm64"):
        ship.ship(tmp_path / "cache", ["arm64", "armhf"], tmp_path / "out", print)
    with pytest.raises(LabError, match="armhf"):
        sites.unpacked(tmp_path / "cache", ROOT / "requirements/exporter.txt", "armhf", print)
    assert not list(tmp_path.iterdir())


def test_a_missing_fetcher_is_named_with_its_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(LabError, match="install the package mmdebstrap"):
        base.fetched(tmp_path, "arm64", print)


def test_the_bill_names_libraries_and_packages_of_the_distribution() -> None:
    package = base.Package(name="libssl3", version="3.0.1-1", architecture="arm64", sha256="00ff")
    lock = "click==8.1.0 \\\n    --hash=sha256:" + "ab" * 32 + "\n"
    found = bill.document("one", "1", [*bill.libraries(lock), *bill.of_base((package,))])
    assert [item["purl"] for item in found["components"]] == [  # type: ignore[attr-defined]
        "pkg:pypi/click@8.1.0",
        "pkg:deb/debian/libssl3@3.0.1-1?arch=arm64&distro=bookworm",
    ]


def test_provenance_names_subject_lock_file_and_packages(tmp_path: Path) -> None:
    (tmp_path / "lock.txt").write_text("click==8.1.0")
    package = base.Package(name="libssl3", version="3.0.1-1", architecture="arm64", sha256="00ff")
    made = provenance.statement(tmp_path, {NAME: "sha256:aa"}, ["lock.txt"], {"arm64": (package,)})
    assert made["subject"] == [{"name": NAME, "digest": {"sha256": "aa"}}]
    assert made["predicate"]["buildDefinition"]["resolvedDependencies"] == [
        {"name": "lock.txt", "digest": {"sha256": hashlib.sha256(b"click==8.1.0").hexdigest()}},
        {"name": "libssl3_3.0.1-1_arm64", "digest": {"sha256": "00ff"}},
    ]


def test_the_time_of_an_image_is_that_of_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    assert provenance.created(tmp_path) == "1970-01-01T00:00:00Z"
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "86400")
    assert provenance.created(tmp_path) == "1970-01-02T00:00:00Z"


def test_what_is_left_out_of_the_operators_image_is_never_imported() -> None:
    """Every module is imported and a problem solved where an import of a library that is left out fails."""
    code = """
import importlib, pkgutil, sys
sys.modules["pandas"] = None
import sunward
for found in pkgutil.walk_packages(sunward.__path__, "sunward."):
    if not found.name.endswith("__main__"):
        importlib.import_module(found.name)
from support.optimisation.two_price import fleet
from sunward.optimisation.solve import solve_exact
assert solve_exact(fleet(3), time_limit_seconds=10.0, relative_gap=1e-6).objective_grams > 0
"""
    variables = {**os.environ, "PYTHONPATH": str(ROOT / "tests")}
    done = subprocess.run([sys.executable, "-c", code], env=variables, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


STUB = """#!/bin/sh
# Refuses what docker buildx does not know, and records what it was given.
[ "$1" = buildx ] || { echo "unknown command $1" >&2; exit 1; }
case $2 in version) exit 0 ;; build) ;; *) exit 1 ;; esac
shift 2
echo "$@" >> "$RECORD"
while [ $# -gt 1 ]; do
  case $1 in
    --platform) [ "$2" = linux/arm64,linux/amd64 ] || exit 1; shift 2 ;;
    --file) [ -f "$2" ] || exit 1; shift 2 ;;
    --output) shift 2 ;;
    --provenance=true|--sbom=true) shift ;;
    *) echo "unknown flag $1" >&2; exit 1 ;;
  esac
done
[ "$1" = . ]
"""


def test_docker_builds_every_image_of_the_product_for_all_architectures(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text(STUB)
    (tmp_path / "docker").chmod(0o755)
    variables = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record")}
    subprocess.run(["make", "images-buildx", "ARCH=arm64,amd64"], cwd=ROOT, env=variables, check=True)
    lines = (tmp_path / "record").read_text().splitlines()
    assert len(lines) == len(ship.PRODUCT)
    for line, image in zip(sorted(lines), sorted(ship.PRODUCT, key=lambda image: image.dockerfile), strict=True):
        assert f"--file {image.dockerfile} " in line
        assert f"name={reference(image.name)},dest=dist/images/{image.name}.tar" in line


def test_without_docker_the_other_way_is_named(tmp_path: Path) -> None:
    (tmp_path / "docker").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "docker").chmod(0o755)
    argv = ["bash", str(ROOT / "tools/buildx.sh"), "linux/arm64"]
    path = f"{tmp_path}:{os.environ['PATH']}"
    done = subprocess.run(argv, env={"PATH": path}, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "make images ARCH=" in done.stderr
