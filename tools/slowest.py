"""Prints the slowest tests of some runs: `python tools/slowest.py FOLDER`, where pytest left JUnit files (xunit1).

What a test took includes its fixtures, and for one that was the first to use a fixture of its module all of that.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final
from xml.etree import ElementTree

MANY: Final = 10


def durations(files: Iterable[Path]) -> Iterator[tuple[float, str]]:
    """Seconds and name of every test in these files; a file that is not whole counts as empty."""
    for file in files:
        try:
            cases = list(ElementTree.parse(file).iter("testcase"))  # noqa: S314 - our own files
        except ElementTree.ParseError:
            continue
        for case in cases:
            name = case.get("name", "")
            yield float(case.get("time", "0")), f"{case.get('file')}::{name}"


def slowest(files: Iterable[Path], count: int = MANY) -> list[str]:
    """A line for each of the slowest tests, the slowest first."""
    found = sorted(durations(files), reverse=True)[:count]
    return [f"{seconds:7.1f} s  {name}" for seconds, name in found]


def main() -> None:
    """Print them under a heading; nothing where no run came to its end."""
    lines = slowest(sorted(Path(sys.argv[1]).glob("*.xml")))
    if lines:
        print("\n".join([f"the {len(lines)} slowest tests:", *lines]))


if __name__ == "__main__":
    main()
