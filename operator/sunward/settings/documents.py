"""Files that people write: read within bounds, as text or as YAML, or one line that names the file and the place.

YAML here is what both people and Kubernetes mean by it: safe types only, and no key twice in one mapping.
"""

from __future__ import annotations

from collections.abc import Hashable
from pathlib import Path
from typing import Any, Literal

import yaml

from sunward.domain.errors import InvalidInput

LARGEST_YAML_BYTES = 16 << 20
Encoding = Literal["utf-8", "utf-8-sig"]
LONGEST_REASON = 200
"""Characters of a library's own error that a message repeats."""


def read_text(path: Path, *, largest_bytes: int = LARGEST_YAML_BYTES, encoding: Encoding = "utf-8-sig") -> str:
    """The text of a file; one that never ends is read no further than it may be long.

    Raises InvalidInput when it cannot be read, is longer, or is not UTF-8.
    """
    try:
        with path.open("rb") as file:
            body = file.read(largest_bytes + 1)
    except (OSError, ValueError) as error:
        raise InvalidInput(str(path), f"cannot be read: {_said(error)}") from None
    return decoded(body, str(path), largest_bytes=largest_bytes, encoding=encoding)


def decoded(body: bytes, where: str, *, largest_bytes: int, encoding: Encoding) -> str:
    """Bytes of a file as text; "utf-8-sig" passes over a byte order mark. Raises InvalidInput as `read_text` does."""
    if len(body) > largest_bytes:
        raise InvalidInput(where, f"is longer than {largest_bytes} bytes")
    try:
        return body.decode(encoding)
    except UnicodeDecodeError:
        raise InvalidInput(where, "is not UTF-8 text") from None


class StrictLoader(yaml.SafeLoader):
    """YAML without a key named twice in one mapping: the second would silently win."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Hashable, Any]:
        """A mapping, or an error that names the place of the repeated key."""
        seen: set[object] = set()
        for key, _ in node.value:
            name = key.value if isinstance(key.value, str) else id(key)
            if name in seen:
                raise yaml.constructor.ConstructorError(None, None, f"{name!r} is there twice", key.start_mark)
            seen.add(name)
        return super().construct_mapping(node, deep=deep)


class ManifestLoader(StrictLoader):
    """YAML as Kubernetes reads it: a time is text, with quotes or without."""


ManifestLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in rules if tag != "tag:yaml.org,2002:timestamp"]
    for first, rules in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def parse_yaml(text: str, where: str, loader: type[yaml.SafeLoader] = StrictLoader) -> list[Any]:
    """All documents of a YAML text. Raises InvalidInput, in one line, for whatever is wrong with it."""
    try:
        return list(yaml.load_all(text, Loader=loader))  # every loader here is a safe loader
    except yaml.YAMLError as error:
        raise InvalidInput(where, f"is not valid YAML: {_place(error)}") from None
    except RecursionError:
        raise InvalidInput(where, "is not valid YAML: it is nested too deeply") from None
    except Exception as error:  # what tags ask for makes the library raise whatever it stumbles over
        raise InvalidInput(where, f"holds a value that cannot be read: {_said(error)}") from None


def one_line(text: str, longest: int = LONGEST_REASON) -> str:
    """Words of a foreign text on one printable line of bounded length."""
    words = " ".join("".join(letter if letter.isprintable() else " " for letter in text[: 4 * longest]).split())
    return words if len(words) <= longest else f"{words[:longest]}..."


def _place(error: yaml.YAMLError) -> str:
    """Line, column and problem, without the text around them, which may be secret."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    if mark is None or not problem:
        return one_line(str(error))
    return f"line {mark.line + 1}, column {mark.column + 1}: {one_line(problem)}"


def _said(error: Exception) -> str:
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return one_line(said) or type(error).__name__
