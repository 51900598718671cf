"""Bills of materials of images: CycloneDX 1.6, from the lock files and the distribution's packages."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from sunward_lab.shipping import base

_PIN: Final = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==([^\s;\\]+)")
_HASH: Final = re.compile(r"--hash=sha256:([0-9a-f]{64})")


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


def document(name: str, version: str, components: list[dict[str, object]]) -> dict[str, object]:
    """A CycloneDX document of a product and what it is made of."""
    product = {"type": "application", "name": name, "version": version}
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.6",
        "version": 1,
        "metadata": {"component": product},
        "components": components,
    }


def libraries(lock: str) -> list[dict[str, object]]:
    """Components of a bill for the packages of a lock file."""
    return [
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


def of_base(packages: tuple[base.Package, ...]) -> list[dict[str, object]]:
    """Components of a bill for the distribution's packages."""
    return [_component(package) for package in packages]


def _component(package: base.Package) -> dict[str, object]:
    url = f"pkg:deb/debian/{package.name}@{package.version}?arch={package.architecture}&distro={base.SUITE}"
    return {
        "type": "library",
        "bom-ref": url,
        "name": package.name,
        "version": package.version,
        "purl": url,
        "hashes": [{"alg": "SHA-256", "content": package.sha256}],
    }
