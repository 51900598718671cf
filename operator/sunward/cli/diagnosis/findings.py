"""What a check of `sunward doctor` answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Finding = tuple[str, bool | None, str]
"""What was checked, whether it is as it should be (None: it could not be checked from here), and what to do."""


def condition(body: Mapping[str, Any], kind: str) -> Mapping[str, Any]:
    """The condition of that type in an object's status; empty where there is none."""
    found = (one for one in (body.get("status") or {}).get("conditions") or () if one.get("type") == kind)
    return next(found, {})
