"""Whose cordon it is. Our mark says that we set one; the server's own record of fields says whether it still stands.

The mark outlasts a person's uncordon, and a cordon that they set afterwards is theirs. The API server notes for every
field who set it last (`metadata.managedFields`), and a cordon that anybody else set, or set as well, is not taken back.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sunward.cluster.access.api import FIELD_MANAGER
from sunward.cluster.objects.records import CORDON_MARK


def is_marked(node: Mapping[str, Any]) -> bool:
    """Whether the Node carries our mark."""
    return CORDON_MARK in (node["metadata"].get("annotations") or {})


def is_ours(node: Mapping[str, Any]) -> bool:
    """Whether the Node's cordon, if it has one, is ours alone. Where no managers are noted, the mark alone tells."""
    is_cordoned = bool((node.get("spec") or {}).get("unschedulable"))
    return is_marked(node) and (not is_cordoned or set(_managers(node)) <= {FIELD_MANAGER})


def _managers(node: Mapping[str, Any]) -> Iterator[str]:
    """Who manages `spec.unschedulable`."""
    for entry in node["metadata"].get("managedFields") or ():
        if "f:unschedulable" in ((entry.get("fieldsV1") or {}).get("f:spec") or {}):
            yield str(entry.get("manager", ""))
