"""Where the API server is and how to prove who we are: a kubeconfig, or the service account of a pod."""

from __future__ import annotations

import base64
import os
import ssl
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

SERVICE_ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")


class ConfigError(Exception):
    """No usable access to an API server; the message says what to give."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """One API server. `token_file` is read anew for every connection, because a pod's token expires."""

    server: str
    context: ssl.SSLContext
    token: str | None = None
    token_file: Path | None = None

    def headers(self) -> dict[str, str]:
        """Authorisation of a request."""
        token = self.token_file.read_text(encoding="utf-8").strip() if self.token_file else self.token
        return {"Authorization": f"Bearer {token}"} if token else {}


def access(kubeconfig: Path | None) -> Access:
    """From the file given, $KUBECONFIG, the pod's service account, or ~/.kube/config. Raises ConfigError."""
    named = kubeconfig or (Path(os.environ["KUBECONFIG"]) if os.environ.get("KUBECONFIG") else None)
    if named is None and "KUBERNETES_SERVICE_HOST" in os.environ:
        return _in_cluster()
    path = named or Path.home() / ".kube" / "config"
    try:
        return _from_file(yaml.safe_load(path.read_text(encoding="utf-8")), path.parent)
    except (OSError, ValueError, KeyError, TypeError, StopIteration, ssl.SSLError, yaml.YAMLError) as error:
        raise ConfigError(f"{path}: no usable kubeconfig: {type(error).__name__} {error}") from error


def _in_cluster() -> Access:
    host, port = os.environ["KUBERNETES_SERVICE_HOST"], os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    context = ssl.create_default_context(cafile=str(SERVICE_ACCOUNT / "ca.crt"))
    host = f"[{host}]" if ":" in host else host
    return Access(server=f"https://{host}:{port}", context=context, token_file=SERVICE_ACCOUNT / "token")


def _from_file(config: Mapping[str, Any], folder: Path) -> Access:
    context = _named(config, "contexts", "context", config["current-context"])
    cluster = _named(config, "clusters", "cluster", context["cluster"])
    user = _named(config, "users", "user", context["user"])
    if "exec" in user or "auth-provider" in user:
        raise ValueError("credential plugins are not run; give a token or a certificate")
    token_file = user.get("tokenFile")
    return Access(
        server=str(cluster["server"]).rstrip("/"),
        context=_tls(cluster, user, folder),
        token=user.get("token"),
        token_file=folder / token_file if token_file else None,
    )


def _named(config: Mapping[str, Any], section: str, key: str, name: str) -> Mapping[str, Any]:
    return dict(next(entry[key] for entry in config[section] if entry["name"] == name))


def _tls(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path) -> ssl.SSLContext:
    authority = _data(cluster, "certificate-authority", folder)
    context = ssl.create_default_context(cadata=authority.decode("ascii") if authority else None)
    if cluster.get("insecure-skip-tls-verify"):
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    certificate, key = _data(user, "client-certificate", folder), _data(user, "client-key", folder)
    if certificate and key:
        with tempfile.NamedTemporaryFile() as file:  # OpenSSL loads certificates from files only
            file.write(certificate + b"\n" + key)
            file.flush()
            context.load_cert_chain(file.name)
    return context


def _data(section: Mapping[str, Any], key: str, folder: Path) -> bytes | None:
    inline, path = section.get(f"{key}-data"), section.get(key)
    if inline:
        return base64.b64decode(inline)
    return (folder / path).read_bytes() if path else None
