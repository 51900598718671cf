"""Make the product's images for several architectures, as archives with their bills and provenance beside them.

Nothing of the images is run, so that any architecture is made on any, without a container engine and without root.
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from sunward_lab.building import datasets, sites
from sunward_lab.building.images import IMAGES, VERSION, Image, reference
from sunward_lab.building.tools import sources
from sunward_lab.errors import LabError
from sunward_lab.heartbeat import run_with_heartbeat
from sunward_lab.shipping import archive, base, bill, dockerfile, layers, provenance

Say = Callable[[str], None]
PRODUCT: Final = tuple(image for image in IMAGES if image.requirements is not None)
_SITE: Final = "opt/sunward/site"
# ortools names pandas for its tables of variables, which the operator does not use; it is never imported.
_NEVER_IMPORTED: Final = {"requirements/operator.txt": ("pandas",)}


@dataclass(slots=True, kw_only=True)
class _Work:
    """What one call has fetched and made so far."""

    cache: Path
    folder: Path
    say: Say
    repository: Path
    bases: dict[str, layers.Layer] = field(default_factory=dict)
    packages: dict[str, tuple[base.Package, ...]] = field(default_factory=dict)


def ship(cache: Path, architectures: Sequence[str], out: Path, say: Say, *, bundle: bool = False) -> None:
    """Write `<out>/NAME.tar` of each image for all architectures, or one archive per architecture for k3s.

    Beside each lie `.cdx.json` (what is in it) and `.provenance.json` (what it was made from). Raises LabError for an
    architecture that images are not made for, and for what this machine lacks.
    """
    if unknown := [name for name in architectures if name not in base.ARCHITECTURES]:
        raise LabError(f"architecture {unknown[0]!r}: give one or more of {','.join(base.ARCHITECTURES)}")
    cache.mkdir(parents=True, exist_ok=True)
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="shipping-", dir=cache) as folder:
        # The fetcher of packages works as another user.
        Path(folder).chmod(0o755)
        work = _Work(cache=cache, folder=Path(folder), say=say, repository=sources().parent)
        built = {image.name: [_image(work, image, name) for name in architectures] for image in PRODUCT}
        if bundle:
            _write_bundles(work, built, architectures, out)
        else:
            for image in PRODUCT:
                _write(work, image.name, {reference(image.name): built[image.name]}, (image,), out)


def _write_bundles(work: _Work, built: dict[str, list[archive.Built]], architectures: Sequence[str], out: Path) -> None:
    for number, architecture in enumerate(architectures):
        images = {reference(name): [kinds[number]] for name, kinds in built.items()}
        _write(work, f"sunward-images-{architecture}", images, PRODUCT, out)


def _write(work: _Work, name: str, images: dict[str, list[archive.Built]], recipes: Sequence[Image], out: Path) -> None:
    digests = archive.write(images, out / f"{name}.tar")
    kinds = sorted({built.architecture for several in images.values() for built in several})
    packages = {kind: work.packages[kind] for kind in kinds}
    files = [item for image in recipes for item in (image.dockerfile, image.requirements) if item is not None]
    _json(out / f"{name}.cdx.json", _bill(work, name, recipes, packages))
    _json(out / f"{name}.provenance.json", provenance.statement(work.repository, digests, files, packages))
    for full, several in images.items():
        sizes = ", ".join(f"{built.architecture} {built.size_bytes / 1e6:.1f} MB" for built in several)
        work.say(f"{full} {digests[full]} {sizes}")


def _bill(
    work: _Work, name: str, recipes: Sequence[Image], packages: dict[str, tuple[base.Package, ...]]
) -> dict[str, object]:
    """One document for all that an archive holds; what several images have in common is named once."""
    found: dict[str, dict[str, object]] = {}
    for image in recipes:
        lock = (work.repository / str(image.requirements)).read_text(encoding="utf-8")
        left_out = _NEVER_IMPORTED.get(str(image.requirements), ())
        found |= {str(item["purl"]): item for item in bill.libraries(lock) if item["name"] not in left_out}
    for several in packages.values():
        found |= {str(item["purl"]): item for item in bill.of_base(several)}
    return bill.document(name, VERSION, list(found.values()))


def _image(work: _Work, image: Image, architecture: str) -> archive.Built:
    stage = dockerfile.read(work.repository / image.dockerfile)
    parts = [_base(work, architecture), _site(work, image, architecture)]
    if image.has_data:
        data = datasets.prepared(work.cache, work.say) / "data"
        parts.append(layers.write(layers.of_folder(data, ""), work.folder / f"{image.name}-data-{architecture}"))
    parts.append(_code(work, image, stage, architecture))
    return archive.image(architecture, stage.configuration, parts, provenance.created(work.repository))


def _base(work: _Work, architecture: str) -> layers.Layer:
    if architecture not in work.bases:
        found = base.fetched(work.folder, architecture, work.say)
        work.packages[architecture] = base.packages(found)
        work.bases[architecture] = layers.write(base.members(found), work.folder / f"base-{architecture}.layer")
    return work.bases[architecture]


def _site(work: _Work, image: Image, architecture: str) -> layers.Layer:
    """Libraries and their byte code: compiled in a copy, as the folder in the cache is shared."""
    requirements = work.repository / str(image.requirements)
    made = sites.unpacked(work.cache, requirements, architecture, work.say) / "site"
    root = work.folder / f"{image.name}-{architecture}"
    shutil.copytree(made, root / _SITE, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
    for name in _NEVER_IMPORTED.get(str(image.requirements), ()):
        for path in (root / _SITE).glob(f"{name}*"):
            shutil.rmtree(path)
    _compile(work, image.name, root)
    layer = layers.write(layers.of_folder(root, ""), work.folder / f"{image.name}-site-{architecture}")
    shutil.rmtree(root)
    return layer


def _code(work: _Work, image: Image, stage: dockerfile.Stage, architecture: str) -> layers.Layer:
    root = work.folder / f"{image.name}-code-{architecture}"
    for source, target in stage.copies:
        _copy(work.repository / source, root / target.lstrip("/"))
    _compile(work, image.name, root)
    return layers.write(layers.of_folder(root, ""), work.folder / f"{image.name}-code-{architecture}.layer")


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)


def _compile(work: _Work, name: str, root: Path) -> None:
    """Byte code for the base's Python, by one process: several share constants differently each time."""
    argv, environment = base.python(work.folder, work.say)
    options = ["-m", "compileall", "-q", "--invalidation-mode", "unchecked-hash", "-s", str(root), "-p", "/"]
    # Libraries may bring files for other versions of Python, which do not compile and are not imported.
    tolerant = ["sh", "-c", '"$@" >/dev/null || true', "sh", *argv, *options, str(root)]
    run_with_heartbeat(f"compile {name}", tolerant, work.say, environment=environment)


def _json(path: Path, document: object) -> None:
    path.write_text(json.dumps(document, indent=1, sort_keys=True) + "\n", encoding="utf-8")
