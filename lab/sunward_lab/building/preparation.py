"""Everything that a cluster needs before it can start, with what can be done at once done at once.

Compilers keep all cores busy for minutes, while the images mostly wait for downloads and disks; side by side
they take little longer than the compilers alone.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

from sunward_lab.building import image_store, images, tools

_FOR_IMAGES: Final = (tools.SYSTEM, "pause", tools.CLIENTS)


def prepare(cache: Path, say: Callable[[str], None], *, kwok: bool = False) -> None:
    """Install programs, build images and unpack them for the nodes; what is there already costs nothing.

    KWOK takes a minute to compile and is left out unless asked for. Raises LabError that says what is missing.
    """
    skipped = set(_FOR_IMAGES) if kwok else {*_FOR_IMAGES, "kwok"}
    tools.install(cache, _FOR_IMAGES, say)
    with ThreadPoolExecutor(1) as pool:
        programs = pool.submit(tools.install, cache, [name for name in tools.names() if name not in skipped], say)
        images.build(cache, (), say)
        image_store.prepared(cache)
        programs.result()
