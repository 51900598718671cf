"""JSON as its standard has it: Python would also write and read NaN and Infinity, which no other reader accepts."""

import json
from typing import Any, NoReturn


def to_json(document: Any, *, indent: int | None = None) -> str:
    """The document as text. Raises ValueError when a number in it is not finite."""
    return json.dumps(document, indent=indent, allow_nan=False)


def from_json(text: str | bytes) -> Any:
    """The document in the text. Raises ValueError when it is not JSON, or contains NaN or Infinity."""
    return json.loads(text, parse_constant=_refuse)


def _refuse(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number in JSON")
