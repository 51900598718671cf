"""Who is who: a certificate authority of the cluster's own, a token per component, a kubeconfig per token.

Every component has its own identity, so that the API server's authorisation is real: a kubelet that acts as
another node is refused here as on real hardware. Tokens live in a file because the cluster is thrown away.
"""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from sunward_lab.run import run

_DAYS: Final = "3650"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """A user of the API server with its groups."""

    name: str
    user: str
    groups: tuple[str, ...] = ()


ADMINISTRATOR: Final = Identity(name="admin", user="sunward-lab-admin", groups=("system:masters",))
CONTROLLER_MANAGER: Final = Identity(name="controller-manager", user="system:kube-controller-manager")
SCHEDULER: Final = Identity(name="scheduler", user="system:kube-scheduler")
PROXY: Final = Identity(name="kube-proxy", user="system:kube-proxy")
KWOK: Final = Identity(name="kwok", user="sunward-lab-kwok")


def kubelet(node: str) -> Identity:
    """The identity that the node authoriser expects of a node's agent."""
    return Identity(name=f"kubelet-{node}", user=f"system:node:{node}", groups=("system:nodes",))


@dataclass(frozen=True, slots=True)
class Identities:
    """The files of all identities of one cluster."""

    folder: Path

    @property
    def authority(self) -> Path:
        """Certificate that signs the others and that clients trust."""
        return self.folder / "ca.crt"

    @property
    def authority_key(self) -> Path:
        """Its private key."""
        return self.folder / "ca.key"

    @property
    def tokens(self) -> Path:
        """The API server's token file."""
        return self.folder / "tokens.csv"

    @property
    def service_account_key(self) -> Path:
        """Signs the pods' tokens."""
        return self.folder / "service-accounts.key"

    def certificate(self, name: str) -> Path:
        """A certificate by name."""
        return self.folder / f"{name}.crt"

    def key(self, name: str) -> Path:
        """The private key of a certificate."""
        return self.folder / f"{name}.key"

    def kubeconfig(self, identity: Identity) -> Path:
        """A component's kubeconfig."""
        return self.folder / f"{identity.name}.kubeconfig"

    def create(self, server: str, addresses: Sequence[str], identities: Sequence[Identity]) -> None:
        """Write everything: certificates for `addresses`, and for each identity a token and a kubeconfig."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._create_authority()
        names = ",".join(f"IP:{address}" for address in addresses)
        self._sign("apiserver", "/CN=kube-apiserver", f"subjectAltName={names},DNS:kubernetes.default.svc")
        self._sign("apiserver-client", "/O=system:masters/CN=kube-apiserver", "extendedKeyUsage=clientAuth")
        _private_key(self.service_account_key)
        tokens = {identity: secrets.token_hex(16) for identity in identities}
        self.tokens.write_text("".join(_token_line(*item) for item in tokens.items()), encoding="utf-8")
        for identity, token in tokens.items():
            self._write_kubeconfig(server, identity, token)

    def _create_authority(self) -> None:
        _private_key(self.authority_key)
        subject = ["-subj", "/CN=sunward-lab", "-days", _DAYS]
        run(["openssl", "req", "-x509", "-key", str(self.authority_key), "-out", str(self.authority), *subject])

    def _sign(self, name: str, subject: str, extension: str) -> None:
        _private_key(self.key(name))
        authority = ["-CA", str(self.authority), "-CAkey", str(self.authority_key)]
        files = ["-key", str(self.key(name)), "-out", str(self.certificate(name))]
        about = ["-subj", subject, "-addext", extension, "-addext", "basicConstraints=critical,CA:FALSE"]
        run(["openssl", "req", "-x509", *authority, *files, *about, "-days", _DAYS])

    def _write_kubeconfig(self, server: str, identity: Identity, token: str) -> None:
        authority = base64.b64encode(self.authority.read_bytes()).decode("ascii")
        cluster = {"server": server, "certificate-authority-data": authority}
        context = {"cluster": "sunward-lab", "user": identity.name}
        body = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "sunward-lab", "cluster": cluster}],
            "users": [{"name": identity.name, "user": {"token": token}}],
            "contexts": [{"name": "sunward-lab", "context": context}],
            "current-context": "sunward-lab",
        }
        path = self.kubeconfig(identity)
        path.touch(mode=0o600)
        path.write_text(json.dumps(body, indent=2) + "\n", encoding="utf-8")


def _private_key(path: Path) -> None:
    """An elliptic key in the older form: the API server finds no public half in the newer one."""
    run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", str(path)])


def _token_line(identity: Identity, token: str) -> str:
    groups = f',"{",".join(identity.groups)}"' if identity.groups else ""
    return f"{token},{identity.user},{identity.name}{groups}\n"
