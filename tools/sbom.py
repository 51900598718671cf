"""Write a software bill of materials of an image's locked requirements: CycloneDX 1.6, from the lock file alone.

Usage: tools/sbom.py [operator|exporter|agent|trainer ...] --folder report/sbom
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
IMAGES = ("operator", "exporter", "agent", "trainer")
_PIN = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
_HASH = re.compile(r"--hash=sha256:([0-9a-f]{64})")


@dataclass(frozen=True, slots=True, kw_only=True)
class Package:
    """One locked package; any of the hashes may be the file that an installer takes."""

    name: str
    version: str
    sha256: tuple[str, ...]

    @property
    def url(self) -> str:
        """Its package URL."""
        return f"pkg:pypi/{re.sub(r'[-_.]+', '-', self.name).lower()}@{self.version}"


def packages(lock: str) -> Iterator[Package]:
    """The packages of a lock file in pip's format, in its order."""
    for block in re.split(r"\n(?=\S)", lock):
        pin = _PIN.match(block)
        if pin:
            yield Package(name=pin[1], version=pin[2], sha256=tuple(_HASH.findall(block)))


def bill(image: str, lock: str, version: str) -> dict[str, object]:
    """The bill of one image as a CycloneDX document; the same lock gives the same bill."""
    components = [
        {
            "type": "library",
            "bom-ref": package.url,
            "name": package.name,
            "version": package.version,
            "purl": package.url,
            "hashes": [{"alg": "SHA-256", "content": digest} for digest in package.sha256],
        }
        for package in packages(lock)
    ]
    product = {"type": "application", "name": f"sunward-{image}", "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": components,
    }


def main() -> int:
    """Write what was asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("images", nargs="*", default=IMAGES, metavar="IMAGE")
    parser.add_argument("--folder", type=Path, default=Path("report/sbom"))
    given = parser.parse_args()
    version = re.search(r'^version = "([^"]+)"', (ROOT / "pyproject.toml").read_text(), re.MULTILINE)
    assert version is not None
    given.folder.mkdir(parents=True, exist_ok=True)
    for image in given.images:
        made = bill(image, (ROOT / "requirements" / f"{image}.txt").read_text(), version[1])
        (given.folder / f"{image}.cdx.json").write_text(json.dumps(made, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
