"""The layout of built images, and archives of anybody."""

from __future__ import annotations

import hashlib
import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pytest

from sunward_lab.building import image_store, images
from sunward_lab.building.layout import Layout
from sunward_lab.errors import LabError

ONE = "docker.io/library/one:1"
TWO = "docker.io/library/two:1"


def make_image(folder: Path, *layers: bytes) -> Path:
    """A folder as buildah writes it: blobs under their digests, and the manifest."""
    folder.mkdir()
    blobs = [keep(folder, text) for text in (b'{"config": true}', *layers)]
    manifest = {
        "schemaVersion": 2,
        "mediaType": "application/vnd.oci.image.manifest.v1+json",
        "config": blobs[0],
        "layers": blobs[1:],
    }
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return folder


def keep(folder: Path, text: bytes) -> dict[str, Any]:
    digest = hashlib.sha256(text).hexdigest()
    (folder / digest).write_bytes(text)
    return {"mediaType": "any", "digest": f"sha256:{digest}", "size": len(text)}


def names_in(archive: bytes) -> dict[str, bytes]:
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        members = [(item.name, tar.extractfile(item)) for item in tar]
        return {name: member.read() for name, member in members if member is not None}


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    layout = Layout(tmp_path / "layout")
    layout.add(ONE, make_image(tmp_path / "a", b"base", b"code of one"))
    layout.add(TWO, make_image(tmp_path / "b", b"base", b"code of two"))
    return layout


def written(layout: Layout, *names: str, present: set[str] | None = None) -> dict[str, bytes]:
    output = io.BytesIO()
    layout.write(names, present or set(), output)
    return names_in(output.getvalue())


def test_a_layer_that_images_share_is_kept_once(layout: Layout) -> None:
    assert len(set(layout.blobs(ONE)) & set(layout.blobs(TWO))) == 2
    assert len(list((layout.path / "blobs/sha256").iterdir())) == 6


def test_every_blob_of_an_archive_is_what_its_name_says(layout: Layout) -> None:
    blobs = {name: text for name, text in written(layout, ONE, TWO).items() if name.startswith("blobs/")}
    assert {name.split("/")[-1] for name in blobs} == {hashlib.sha256(text).hexdigest() for text in blobs.values()}
    assert len(blobs) == 6


def test_a_receiver_that_has_the_base_gets_only_the_rest(layout: Layout) -> None:
    present = set(layout.blobs(ONE))
    texts = written(layout, TWO, present=present).values()
    assert b"code of two" in texts
    assert b"base" not in texts


def test_an_archive_names_only_the_images_asked_for(layout: Layout) -> None:
    index = json.loads(written(layout, TWO)["index.json"])
    assert [item["digest"] for item in index["manifests"]] == [layout.digest(TWO)]


def test_a_new_build_replaces_the_old_and_what_nobody_uses_goes(layout: Layout, tmp_path: Path) -> None:
    old = layout.blob(layout.digest(ONE))
    layout.add(ONE, make_image(tmp_path / "c", b"base", b"newer code of one"))
    assert set(layout.names()) == {ONE, TWO}
    assert not old.exists()
    texts = {path.read_bytes() for path in (layout.path / "blobs/sha256").iterdir()}
    assert {b"base", b"newer code of one", b"code of two"} <= texts
    assert b"code of one" not in texts


def test_an_image_that_was_not_built_is_named_with_the_command(layout: Layout) -> None:
    with pytest.raises(LabError, match=r"three:1.*sunward-lab images"):
        layout.digest("docker.io/library/three:1")
    with pytest.raises(LabError, match="no image nonsense"):
        images.reference("nonsense")


def test_the_name_in_an_archive_is_found(layout: Layout, tmp_path: Path) -> None:
    archive = tmp_path / "one.tar"
    with archive.open("wb") as output:
        layout.write([ONE], set(), output)
    assert image_store.image_name(archive) == ONE


def test_the_name_in_a_docker_archive_is_found(tmp_path: Path) -> None:
    assert image_store.image_name(archive_of(tmp_path, "manifest.json", [{"RepoTags": [ONE]}])) == ONE


@pytest.mark.parametrize(
    ("file", "content", "why"),
    [
        ("manifest.json", [{"RepoTags": None}], "not an archive"),
        ("manifest.json", [{"RepoTags": ["one:1"]}], "lacks its registry"),
        ("index.json", {"manifests": []}, "not an archive"),
        ("other.json", {}, "neither index.json nor manifest.json"),
    ],
)
def test_an_archive_without_a_full_name_says_why(tmp_path: Path, file: str, content: object, why: str) -> None:
    with pytest.raises(LabError, match=why):
        image_store.image_name(archive_of(tmp_path, file, content))


def test_a_file_that_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.tar").write_text("hello")
    with pytest.raises(LabError, match="not an archive"):
        image_store.image_name(tmp_path / "x.tar")


def archive_of(folder: Path, file: str, content: object) -> Path:
    text = json.dumps(content).encode()
    with tarfile.open(folder / "image.tar", "w") as tar:
        about = tarfile.TarInfo(file)
        about.size = len(text)
        tar.addfile(about, io.BytesIO(text))
    return folder / "image.tar"


@pytest.mark.parametrize(("failures", "imports"), [(0, 1), (2, 3)])
def test_an_import_that_fails_is_tried_again(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, failures: int, imports: int
) -> None:
    tried = importing(monkeypatch, failures)
    image_store.send(Layout(tmp_path), [ONE], [tmp_path / "socket"])
    assert len(tried) == imports


def test_an_import_that_goes_on_failing_is_told(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tried = importing(monkeypatch, failures=9)
    with pytest.raises(LabError, match="no layers, for the 3rd time"):
        image_store.send(Layout(tmp_path), [ONE], [tmp_path / "socket"])
    assert len(tried) == 3


def importing(monkeypatch: pytest.MonkeyPatch, failures: int) -> list[Path]:
    """Let imports fail so many times; the sockets of all that were tried."""
    tried: list[Path] = []

    def once(_: Layout, __: object, socket: Path) -> None:
        tried.append(socket)
        if len(tried) <= failures:
            raise LabError(f"no layers, for the {len(tried)}rd time")

    monkeypatch.setattr(image_store, "_send_once", once)
    return tried
