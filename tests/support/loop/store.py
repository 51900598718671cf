"""An API server in memory: objects with UID, resourceVersion and generation, patches, status subresource, eviction.

It knows nothing of nodes or power. Everything that the operator may rely on is refused as a real server refuses it: a
stale replace with 409, a failed test of a JSON patch with 422, an eviction of another UID with 409.
"""

from __future__ import annotations

import marshal
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from sunward.cluster.access.api import ApiError

Body = dict[str, Any]
STATUS_KINDS = frozenset({"energynodes", "energyplans", "trainingjobs", "nodes", "pods"})


REVIEWS = ("selfsubjectaccessreviews", "subjectaccessreviews")


def cloned(body: Any) -> Any:
    """A deep copy of JSON values, twenty times as fast as copy.deepcopy."""
    return marshal.loads(marshal.dumps(body))


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """A path of the API, taken apart."""

    kind: str
    namespace: str = ""
    name: str = ""
    sub: str = ""

    @classmethod
    def of(cls, path: str) -> Address:
        """Read /api/v1/... and /apis/GROUP/VERSION/..."""
        parts = path.strip("/").split("/")
        parts = parts[2:] if parts[0] == "api" else parts[3:]
        namespace = ""
        if parts[0] == "namespaces" and len(parts) > 2:
            namespace, parts = parts[1], parts[2:]
        kind, name, sub = (*parts, "", "")[:3]
        return cls(kind=kind, namespace=namespace, name=name, sub=sub)

    @property
    def key(self) -> tuple[str, str]:
        """What an object is found by among those of its kind."""
        return (self.namespace, self.name)


class Store:
    """Objects by kind, then by namespace and name. Synchronous, so that every call is one atomic change.

    A stored object is never changed, only exchanged for another, so that a fork need not copy them.
    """

    def __init__(self) -> None:
        self.objects: dict[str, dict[tuple[str, str], Body]] = {}
        self.writer = "kubectl"
        self.no_evictions: set[str] = set()
        self.reviews: list[str] = []
        self._version = 0
        self._addresses = 0

    def of(self, kind: str) -> list[Body]:
        """All objects of a kind as they are stored: to read, not to change."""
        return [body for _, body in sorted(self.objects.get(kind, {}).items())]

    def find(self, kind: str, name: str, namespace: str = "") -> Body | None:
        """The stored object itself, to read, or None."""
        return self.objects.get(kind, {}).get((namespace, name))

    def get(self, path: str) -> Body:
        """A copy. Raises ApiError(404)."""
        return cast(Body, cloned(self._existing("GET", path)))

    def list(self, path: str, selector: str = "") -> list[Body]:
        """Copies of all that match `key=value` pairs, joined by commas."""
        where = Address.of(path)
        wanted = dict(pair.split("=", 1) for pair in selector.split(",") if pair)
        found = [
            body
            for (namespace, _), body in sorted(self.objects.get(where.kind, {}).items())
            if where.namespace in ("", namespace) and wanted.items() <= (body["metadata"].get("labels") or {}).items()
        ]
        return cast(list[Body], cloned(found))

    def create(self, path: str, body: Mapping[str, Any]) -> Body:
        """Create, or evict when the path says so. Raises ApiError(404 or 409)."""
        where = Address.of(path)
        if where.sub == "eviction":
            return self._evict(path, body)
        if where.kind in REVIEWS:
            return self.review(body)
        metadata = dict(body["metadata"])
        key = (where.namespace or metadata.get("namespace", ""), metadata["name"])
        if key in self.objects.setdefault(where.kind, {}):
            raise ApiError(409, "POST", path, f"{metadata['name']} exists")
        self._version += 1
        created = cloned(dict(body))
        created["metadata"] = metadata | {
            "uid": metadata.get("uid") or f"uid-{self._version}",
            "resourceVersion": str(self._version),
            "generation": 1,
            **({"namespace": key[0]} if key[0] else {}),
        }
        if where.kind in ("energyplans", "trainingjobs"):
            created.pop("status", None)
        if where.kind == "services":
            self._addresses += 1
            created["spec"]["clusterIP"] = f"10.96.0.{self._addresses}"
        self.objects[where.kind][key] = created
        return cast(Body, cloned(created))

    def review(self, body: Mapping[str, Any]) -> Body:
        """The authoriser's answer to a review of the right to evict; nothing is stored."""
        self.reviews.append(body["spec"]["resourceAttributes"]["namespace"])
        return {**body, "status": {"allowed": self.reviews[-1] not in self.no_evictions}}

    def patch(self, path: str, patch: Mapping[str, Any] | Sequence[Any]) -> Body:
        """Merge patch or JSON patch; through /status only the status changes, elsewhere it does not.

        Raises ApiError(409) for a merge patch of a version that is no longer the newest, 422 for a failed test.
        """
        where = Address.of(path)
        before = self._existing("PATCH", path)
        version = (patch.get("metadata") or {}).get("resourceVersion") if isinstance(patch, Mapping) else None
        if version is not None and version != before["metadata"]["resourceVersion"]:
            raise ApiError(409, "PATCH", path, "the object has been modified")
        after = merged(before, patch) if isinstance(patch, Mapping) else json_patched(before, patch, path)
        return self._store(where, before, after)

    def patch_as(self, writer: str, path: str, patch: Mapping[str, Any] | Sequence[Any]) -> Body:
        """As `patch`, by somebody other than a person."""
        self.writer, before = writer, self.writer
        try:
            return self.patch(path, patch)
        finally:
            self.writer = before

    def replace(self, path: str, body: Mapping[str, Any]) -> Body:
        """Put. Raises ApiError(409) for a copy that is no longer the newest."""
        before = self._existing("PUT", path)
        version = body["metadata"].get("resourceVersion")
        if version is not None and version != before["metadata"]["resourceVersion"]:
            raise ApiError(409, "PUT", path, "the object has been modified")
        return self._store(Address.of(path), before, cloned(dict(body)))

    def delete(self, path: str, uid: str | None = None) -> None:
        """Delete at once. Raises ApiError(404, or 409 for another UID)."""
        body = self._existing("DELETE", path)
        if uid is not None and body["metadata"]["uid"] != uid:
            raise ApiError(409, "DELETE", path, "the UID is another")
        where = Address.of(path)
        del self.objects[where.kind][where.key]

    def fork(self) -> Store:
        """Another store with the same content."""
        other = Store()
        other.objects = {kind: dict(bodies) for kind, bodies in self.objects.items()}
        other._version, other._addresses = self._version, self._addresses
        return other

    def put(self, kind: str, body: Body) -> None:
        """Exchange an object for a changed copy, as controllers and kubelets do: no check, a new resourceVersion."""
        self._version += 1
        metadata = body["metadata"] | {"resourceVersion": str(self._version)}
        self.objects[kind][metadata.get("namespace", ""), metadata["name"]] = {**body, "metadata": metadata}

    def _existing(self, verb: str, path: str) -> Body:
        where = Address.of(path)
        body = self.find(where.kind, where.name, where.namespace)
        if body is None:
            raise ApiError(404, verb, path, "not found")
        return body

    def _store(self, where: Address, before: Body, after: Body) -> Body:
        if where.kind in STATUS_KINDS:
            half = before if where.sub != "status" else after
            body = after if where.sub != "status" else before
            after = {**{key: value for key, value in body.items() if key != "status"}}
            if "status" in half:
                after["status"] = half["status"]
        metadata = {**before["metadata"], **after["metadata"]}
        for gone in set(before["metadata"]) - set(after["metadata"]):
            del metadata[gone]
        same = {k: v for k, v in after.items() if k != "metadata"} == {
            k: v for k, v in before.items() if k != "metadata"
        } and metadata == before["metadata"]
        if not same:
            self._version += 1
            metadata["resourceVersion"] = str(self._version)
        if where.kind == "nodes" and is_cordoned(after) != is_cordoned(before):
            metadata["managedFields"] = self._managed(is_cordoned(after))
        if after.get("spec") != before.get("spec"):
            metadata["generation"] = int(metadata.get("generation", 1)) + 1
        stored = {**cloned(after), "metadata": cloned(metadata)}
        self.objects[where.kind][where.key] = stored
        return cast(Body, cloned(stored))

    def _managed(self, cordoned: bool) -> list[Body]:
        """What the server notes of who set `spec.unschedulable`; of no other field here."""
        fields = {"f:spec": {"f:unschedulable": {}}} if cordoned else {}
        return [{"manager": self.writer, "operation": "Update", "fieldsV1": fields}]

    def _evict(self, path: str, body: Mapping[str, Any]) -> Body:
        pod = self._existing("POST", path)
        uid = ((body.get("deleteOptions") or {}).get("preconditions") or {}).get("uid")
        if uid is not None and uid != pod["metadata"]["uid"]:
            raise ApiError(409, "POST", path, "the UID is another")
        self.put("pods", {**pod, "metadata": pod["metadata"] | {"deletionTimestamp": "now"}})
        return {}


def is_cordoned(node: Mapping[str, Any]) -> bool:
    """Whether the scheduler passes a Node by."""
    return bool((node.get("spec") or {}).get("unschedulable"))


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396."""
    if not isinstance(patch, Mapping):
        return cloned(patch)
    result = cloned(target) if isinstance(target, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def json_patched(target: Body, operations: Sequence[Any], path: str) -> Body:
    """The operations of RFC 6902 that the operator uses: test, add, replace, remove."""
    result: Any = cloned(target)
    for operation in operations:
        keys = [part.replace("~1", "/").replace("~0", "~") for part in operation["path"].lstrip("/").split("/")]
        parent: Any = result
        try:
            for key in keys[:-1]:
                parent = parent[key]
            _apply(operation, parent, keys[-1])
        except KeyError as error:
            raise ApiError(422, "PATCH", path, f"{operation['op']} {operation['path']} failed") from error
    return dict(result)


def _apply(operation: Mapping[str, Any], parent: Any, key: str) -> None:
    match operation["op"]:
        case "test":
            if parent.get(key) != operation["value"]:
                raise KeyError(key)
        case "add" if isinstance(parent, list):
            parent.append(cloned(operation["value"]))
        case "remove":
            del parent[key]
        case "replace" if key not in parent:
            raise KeyError(key)
        case _:
            parent[key] = cloned(operation["value"])
