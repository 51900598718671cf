"""A check that the product silences says why: `noqa` and `type: ignore` carry a rule and a reason."""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PRODUCT = ("operator", "trainer", "node_exporter", "lab", "auditor")
SILENCED = re.compile(r"#\s*(?:noqa|type:\s*ignore|nosec)\b")
WITH_REASON = re.compile(
    r"(?:#\s*(?:noqa:\s*[A-Z]+\d+|type:\s*ignore\[[a-z-]+(?:,[a-z-]+)*\]|nosec\s+B\d+)\s*)+(?:#|-)?\s*[\w'].{8,}"
)


def silenced() -> Iterator[tuple[str, str]]:
    """Every comment that silences a check, and where it stands."""
    for folder in PRODUCT:
        for path in sorted((ROOT / folder).rglob("*.py")):
            with path.open("rb") as file:
                for token in tokenize.tokenize(file.readline):
                    if token.type == tokenize.COMMENT and SILENCED.match(token.string):
                        yield f"{path.relative_to(ROOT)}:{token.start[0]}", token.string


def says_why(comment: str) -> bool:
    return WITH_REASON.fullmatch(comment) is not None


def test_every_silenced_check_says_why() -> None:
    found = dict(silenced())
    assert found
    assert [place for place, comment in found.items() if not says_why(comment)] == []


@pytest.mark.parametrize(
    "comment",
    [
        "# noqa: S104",
        "# noqa",
        "# type: ignore",
        "# type: ignore[arg-type]",
        "# type: ignore  # kopf has no types",
        "# nosec B104",
    ],
)
def test_a_bare_silence_is_not_enough(comment: str) -> None:
    assert not says_why(comment)
