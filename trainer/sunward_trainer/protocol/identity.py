"""Who a certificate says that its holder is.

A certificate of a job contains one URI: `sunward://JOB/ROLE/NODE?site=SITE`. JOB identifies the job (the operator
writes its UID), NODE is present for workers only, and the site where the node has one. Servers also have a DNS name,
because a client must know before it connects which server it wants, and addresses of pods are not known when a
certificate is made.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Final
from urllib.parse import parse_qs, unquote, urlsplit

SCHEME: Final = "sunward"
COORDINATOR_NAME: Final = "coordinator"
_NAME_LENGTH: Final = 40


class Role(StrEnum):
    """What the holder of a certificate may be."""

    COORDINATOR = "coordinator"
    WORKER = "worker"
    OPERATOR = "operator"


class NotOurs(ValueError):
    """The certificate names no member of this job."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """The holder of a certificate; `node` is empty unless the role is worker, `site` None where the node has none."""

    job: str
    role: Role
    node: str = ""
    site: str | None = None


def worker_name(node: str) -> str:
    """DNS name of a node's shard server: a hash, because a node's name may be longer than a label."""
    return f"worker-{hashlib.sha256(node.encode()).hexdigest()[:_NAME_LENGTH]}"


def peer_identity(peer: Mapping[str, Any] | None) -> Identity:
    """The identity in what `SSLSocket.getpeercert` returns. Raises NotOurs."""
    names = (peer or {}).get("subjectAltName", ())
    return identity_of(value for kind, value in names if kind == "URI")


def identity_of(uris: Iterable[str]) -> Identity:
    """The identity in a certificate's URIs. Raises NotOurs unless exactly one is ours and complete."""
    ours = [parts for uri in uris if (parts := urlsplit(uri)).scheme == SCHEME]
    if len(ours) != 1:
        raise NotOurs(f"the certificate has {len(ours)} URIs of the scheme {SCHEME}, one is needed")
    (found,) = ours
    role, _, node = found.path.lstrip("/").partition("/")
    if role not in set(Role) or not found.netloc or (role == Role.WORKER) is not bool(node):
        raise NotOurs(f"the certificate's URI {found.geturl()[:200]!r} names no job, role and node")
    sites = parse_qs(found.query).get("site")
    return Identity(job=found.netloc, role=Role(role), node=unquote(node), site=sites[0] if sites else None)
