"""What a Dockerfile of ours says about an image, so that both ways of building it give the same one."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from sunward_lab.errors import LabError


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """The last stage: the image's configuration in OCI's words, and copies from the repository (source, target)."""

    configuration: dict[str, object]
    copies: tuple[tuple[str, str], ...]


def read(path: Path) -> Stage:
    """Read the last stage; raises LabError for an instruction that is not understood here."""
    text = path.read_text(encoding="utf-8").replace("\\\n", " ")
    lines = [line for line in text.splitlines() if line.strip() and not line.startswith("#")]
    last = max(number for number, line in enumerate(lines) if line.startswith("FROM "))
    configuration: dict[str, object] = {}
    copies = []
    for word, _, rest in (line.partition(" ") for line in lines[last + 1 :]):
        if word == "COPY" and not rest.startswith("--"):
            source, target = rest.split()
            copies.append((source, target))
        elif word not in ("RUN", "COPY"):
            configuration |= _setting(path, word, rest)
    return Stage(configuration=configuration, copies=tuple(copies))


def _setting(path: Path, word: str, rest: str) -> dict[str, object]:
    match word:
        case "ENV":
            return {"Env": [*rest.split(), "PATH=/usr/local/bin:/usr/bin", "LANG=C.UTF-8"]}
        case "USER":
            return {"User": rest}
        case "EXPOSE":
            return {"ExposedPorts": {f"{port}/tcp": {} for port in rest.split()}}
        case "ENTRYPOINT" | "CMD":
            return {word.capitalize(): json.loads(rest)}
    raise LabError(f"{path}: {word} is not an instruction that images for several architectures are made from")
