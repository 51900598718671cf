"""I6: on Node objects only what is ours is changed, and a foreign cordon stays."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sunward_audit import facts
from sunward_audit.events import Body, Event, ObjectSeen, Request
from sunward_audit.facts import MARK, TAINT
from sunward_audit.verdicts import Verdict
from sunward_audit.view import View

MARK_PATH = "/metadata/annotations/" + MARK.replace("~", "~0").replace("/", "~1")
OURS = ("/spec/unschedulable", "/spec/taints", "/metadata/annotations")


def foreign_parts(view: View, event: Event) -> Iterator[Verdict]:
    """A change that sets or takes back our mark or taint is ours: it changes nothing else of the Node."""
    if not isinstance(event, ObjectSeen) or event.kind != "nodes" or event.gone or view.before is None:
        return
    old, new = view.before, event.body
    if facts.has_mark(old) == facts.has_mark(new) and _has_taint(old) == _has_taint(new):
        return
    lost = [what for what, value in _foreign(old).items() if value != _foreign(new)[what]]
    broken = "foreign parts changed with our mark" if lost else None
    yield Verdict(subject=facts.name_of(new), broken=broken, evidence=", ".join(lost))


def foreign_cordon(view: View, event: Event) -> Iterator[Verdict]:
    """A Node that another party cordoned does not get the operator's mark."""
    if not isinstance(event, ObjectSeen) or event.kind != "nodes" or event.gone or view.before is None:
        return
    if facts.has_mark(view.before) or not facts.has_mark(event.body):
        return
    broken = "a foreign cordon became ours" if facts.is_cordoned(view.before) else None
    yield Verdict(subject=facts.name_of(event.body), broken=broken)


def node_writes(view: View, event: Event) -> Iterator[Verdict]:
    """A request of ours on a Node names our mark, our taint and the cordon, and takes no cordon without our mark."""
    if not isinstance(event, Request) or event.kind != "nodes" or event.code >= 300 or not view.is_ours(event):
        return
    if event.verb not in ("patch", "update", "delete", "create"):
        return
    wrong = list(_wrong(event))
    yield from (Verdict(subject=event.name, broken=why) for why in wrong)
    if not wrong and event.body is not None:
        yield Verdict(subject=event.name)


def _wrong(event: Request) -> Iterator[str]:
    if event.verb != "patch" or event.sub:
        yield f"a Node is written by {event.verb} {event.sub}".rstrip()
    elif isinstance(event.body, Sequence) and not isinstance(event.body, str):
        yield from _json_patch(event.body)
    elif isinstance(event.body, Mapping):
        yield from _merge_patch(event.body)


def _json_patch(operations: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    changes = {str(o.get("path")): o for o in operations if o.get("op") != "test"}
    tests = {str(o.get("path")): o.get("value") for o in operations if o.get("op") == "test"}
    for path, operation in changes.items():
        if not path.startswith(OURS) or (path.startswith("/metadata/annotations") and not _is_mark(operation)):
            yield f"a write to {path}"
        if path == "/spec/taints" and operation.get("op") == "replace":
            yield from _taints(tests.get(path), operation.get("value"))
    frees = changes.get("/spec/unschedulable", {}).get("op") == "remove"
    if frees and changes.get(MARK_PATH, {}).get("op") != "remove":
        yield "a cordon is taken back without our mark"


def _is_mark(operation: Mapping[str, Any]) -> bool:
    value = operation.get("value")
    whole = operation.get("path") == "/metadata/annotations" and isinstance(value, Mapping) and set(value) == {MARK}
    return operation.get("path") == MARK_PATH or whole


def _taints(old: Any, new: Any) -> Iterator[str]:
    if old is None:
        yield "taints are replaced without a test of what they were"
    elif _others(old) != _others(new or ()):
        yield "foreign taints are replaced"


def _merge_patch(patch: Mapping[str, Any]) -> Iterator[str]:
    spec, metadata = facts.part(patch, "spec"), facts.part(patch, "metadata")
    if "taints" in spec:
        yield "taints are replaced without a test of what they were"
    if "unschedulable" in spec and MARK not in facts.part(metadata, "annotations"):
        yield "a cordon is taken back without our mark" if not spec["unschedulable"] else "a cordon without our mark"
    others = [key for key in facts.part(metadata, "annotations") if key != MARK]
    for what in (*(set(spec) - {"taints", "unschedulable"}), *others, *(set(metadata) & {"labels"})):
        yield f"a write to {what}"


def _others(taints: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [taint for taint in taints if taint.get("key") != TAINT]


def _has_taint(node: Body) -> bool:
    return any(taint.get("key") == TAINT for taint in facts.part(node, "spec").get("taints") or ())


def _foreign(node: Body) -> dict[str, Any]:
    """What is not ours of a Node."""
    spec = facts.part(node, "spec")
    return {
        "labels": facts.labels(node),
        "annotations": {key: value for key, value in facts.annotations_of(node).items() if key != MARK},
        "taints": _others([_timeless(taint) for taint in spec.get("taints") or ()]),
        "spec": {key: value for key, value in spec.items() if key not in ("taints", "unschedulable")},
    }


def _timeless(taint: Mapping[str, Any]) -> Mapping[str, Any]:
    return {key: value for key, value in taint.items() if key != "timeAdded"}
