"""The custom resource definitions and their samples, and a client of thirty lines for any API server.

The client speaks plain HTTP with the standard library, so that what a test sends is what the server is asked.
"""

from __future__ import annotations

import json
import ssl
import time
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote

import yaml

ROOT = Path(__file__).resolve().parents[2]
CRDS = ROOT / "crds"
VALID = CRDS / "samples" / "valid"
INVALID = CRDS / "samples" / "invalid"

Manifest = dict[str, Any]
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""The safe loader in C where libyaml is there: the definitions take it a tenth of the seconds."""


def documents(text: str) -> list[Manifest]:
    """All objects in a text of YAML; empty documents are left out."""
    return [body for body in yaml.load_all(text, Loader=_LOADER) if body]


@cache
def definitions() -> list[Manifest]:
    """All custom resource definitions, in the order of their file names. Shared: copy before changing."""
    return [body for path in sorted(CRDS.glob("*.yaml")) for body in documents(path.read_text(encoding="utf-8"))]


def schema_of(definition: Manifest) -> Manifest:
    """The schema of the only version of a definition."""
    (version,) = definition["spec"]["versions"]
    schema: Manifest = version["schema"]["openAPIV3Schema"]
    return schema


def nodes_of_schema(schema: Manifest, path: str = "") -> Iterator[tuple[str, Manifest]]:
    """Every schema within a schema with its path, depth first."""
    yield path, schema
    for name, child in schema.get("properties", {}).items():
        yield from nodes_of_schema(child, f"{path}.{name}")
    if "items" in schema:
        yield from nodes_of_schema(schema["items"], f"{path}[]")
    if isinstance(schema.get("additionalProperties"), dict):
        yield from nodes_of_schema(schema["additionalProperties"], f"{path}.*")


def sample(name: str) -> Manifest:
    """A valid sample by its file name without the ending."""
    manifest: Manifest = yaml.safe_load((VALID / f"{name}.yaml").read_text(encoding="utf-8"))
    return manifest


def expected_message(path: Path) -> str:
    """What the server must say about an invalid sample: its first line, `# expect: ...`."""
    first = path.read_text(encoding="utf-8").splitlines()[0]
    if not first.startswith("# expect: "):
        raise ValueError(f"{path.name}: begin with '# expect: <part of the message>'")
    return first.removeprefix("# expect: ")


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the API server answered."""

    code: int
    body: Manifest

    @property
    def message(self) -> str:
        """The reason of a refusal; empty for an accepted request."""
        return str(self.body.get("message", ""))


@dataclass(frozen=True, slots=True, kw_only=True)
class Api:
    """One identity at one API server. The certificate is not checked: it is the test's own server."""

    url: str
    token: str
    headers: Mapping[str, str] = field(default_factory=dict)

    def acting_as(self, user: str, **extra: str) -> Api:
        """The same server as somebody else, for whom an administrator may speak; extra are facts about the token."""
        headers = {"Impersonate-User": user}
        if user.startswith("system:serviceaccount:"):
            headers["Impersonate-Group"] = "system:serviceaccounts"
        facts = {f"Impersonate-Extra-{quote(name, safe='')}": value for name, value in extra.items()}
        return Api(url=self.url, token=self.token, headers=headers | facts)

    def request(
        self,
        method: str,
        path: str,
        body: object = None,
        *,
        content_type: str = "application/json",
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send one request; a refusal is an answer, not an exception."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        request.add_header("Authorization", f"Bearer {self.token}")
        request.add_header("Content-Type", content_type)
        for name, value in {**self.headers, **(headers or {})}.items():
            request.add_header(name, value)
        try:
            with urllib.request.urlopen(request, timeout=30, context=_unchecked()) as reply:
                return Answer(code=reply.status, body=json.load(reply))
        except urllib.error.HTTPError as refusal:
            with refusal:
                return Answer(code=refusal.code, body=_read(refusal.read()))

    def apply(self, manifest: Manifest, *, manager: str = "test", dry_run: bool = False) -> Answer:
        """Server-side apply with strict field validation."""
        query = f"?fieldManager={manager}&force=true&fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.request("PATCH", path_of(manifest) + query, manifest, content_type="application/apply-patch+yaml")

    def create(self, manifest: Manifest, *, dry_run: bool = False) -> Answer:
        """Create with strict field validation, which is what `kubectl apply` sends first."""
        query = "?fieldValidation=Strict" + ("&dryRun=All" if dry_run else "")
        return self.request("POST", path_of(manifest).rsplit("/", 1)[0] + query, manifest)

    def merge(self, path: str, patch: Manifest) -> Answer:
        """Merge-patch what stands at a path."""
        return self.request("PATCH", path, patch, content_type="application/merge-patch+json")

    def get(self, path: str) -> Answer:
        """Read what stands at a path."""
        return self.request("GET", path)

    def delete(self, path: str) -> Answer:
        """Delete what stands at a path."""
        return self.request("DELETE", path)


def administrator(kubeconfig: Path) -> Api:
    """The user of a kubeconfig with one cluster and one token."""
    config = yaml.safe_load(kubeconfig.read_text(encoding="utf-8"))
    (cluster,), (user,) = config["clusters"], config["users"]
    return Api(url=cluster["cluster"]["server"], token=user["user"]["token"])


def path_of(manifest: Manifest) -> str:
    """The address of an object, from its kind; namespaced objects without a namespace are in `default`."""
    version, name = manifest["apiVersion"], manifest["metadata"]["name"]
    prefix = f"/api/{version}" if "/" not in version else f"/apis/{version}"
    kind = manifest["kind"]
    plural = _PLURALS.get(kind, kind.lower() + "s")
    if kind in _CLUSTER_SCOPED:
        return f"{prefix}/{plural}/{name}"
    return f"{prefix}/namespaces/{manifest['metadata'].get('namespace', 'default')}/{plural}/{name}"


def install(api: Api, *, timeout_seconds: float = 30.0) -> None:
    """Install all definitions and wait until the server serves them."""
    for definition in definitions():
        answer = api.apply(definition)
        assert answer.code in (200, 201), answer.message
    for definition in definitions():
        _wait_for(api, f"/apis/sunward.dev/v1alpha1/{definition['spec']['names']['plural']}", timeout_seconds)


def _wait_for(api: Api, path: str, timeout_seconds: float) -> None:
    deadline = time.monotonic() + timeout_seconds
    while api.get(path).code != 200:
        if time.monotonic() > deadline:
            raise TimeoutError(f"{path} is not served after {timeout_seconds} s")
        time.sleep(0.1)


@cache
def _unchecked() -> ssl.SSLContext:
    """One context for all requests, without the system's authorities: reading them took longer than a request."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _read(text: bytes) -> Manifest:
    try:
        body: Manifest = json.loads(text)
    except ValueError:
        return {"message": text.decode(errors="replace")}
    return body


_PLURALS = {"EnergyPolicy": "energypolicies", "NetworkPolicy": "networkpolicies"}
_PLURALS |= {"ValidatingAdmissionPolicy": "validatingadmissionpolicies", "RuntimeClass": "runtimeclasses"}
_CLUSTER_SCOPED = frozenset(
    {
        "ClusterRole",
        "ClusterRoleBinding",
        "CustomResourceDefinition",
        "EnergyNode",
        "EnergyPlan",
        "EnergyPolicy",
        "Namespace",
        "Node",
        "PersistentVolume",
        "PriorityClass",
        "RuntimeClass",
        "ValidatingAdmissionPolicy",
        "ValidatingAdmissionPolicyBinding",
        "VolumeAttachment",
    }
)
