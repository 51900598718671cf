"""Brings this program into a user's image: an init container copies it to a volume that the app's container reads.

The user's image has Flower, of the version that this one is made for, and what Flower needs. What this program needs
beyond that is copied too, and found only where the image does not have its own. Its compiled parts may be for another
Python; these libraries then run without them.
"""

import shutil
from importlib import import_module
from pathlib import Path
from typing import Final

import sunward_trainer

LIBRARIES: Final = (
    "aiohappyeyeballs",
    "aiohttp",
    "aiosignal",
    "attr",
    "attrs",
    "frozenlist",
    "multidict",
    "propcache",
    "yarl",
)
"""aiohttp and what it needs; Flower brings everything else."""

SCRIPT: Final = "sunward-flower"
_TEXT: Final = '''"""Runs a Flower app for Sunward. Copied here by an init container."""

import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path += [str(HERE / "code"), str(HERE / "libraries")]

if __name__ == "__main__":
    from sunward_trainer.apps.__main__ import main

    raise SystemExit(main())
'''


def inject(folder: Path) -> None:
    """Copy the program and its libraries to the folder, which exists. A repeated copy replaces the first."""
    _copy(Path(sunward_trainer.__file__).parent, folder / "code" / "sunward_trainer")
    for name in LIBRARIES:
        _copy(Path(str(import_module(name).__file__)).parent, folder / "libraries" / name)
    (folder / SCRIPT).write_text(_TEXT)


def _copy(source: Path, target: Path) -> None:
    shutil.copytree(source, target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
