"""Write a software bill of materials of an image's locked requirements: CycloneDX 1.6, from the lock file alone.

Usage: tools/sbom.py [operator|exporter|agent|trainer ...] --folder report/sbom
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from pathlib import Path

from sunward_lab.shipping.bill import document, libraries

ROOT = Path(__file__).parents[1]
IMAGES = ("operator", "exporter", "agent", "trainer")


def bill(image: str, lock: str, version: str) -> dict[str, object]:
    """The bill of one image's locked libraries; the same lock gives the same bill."""
    return document(f"sunward-{image}", version, libraries(lock))


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
