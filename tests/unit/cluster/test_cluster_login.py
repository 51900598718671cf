"""One login for requests and watches: the same address, certificates and token, whichever file they come from."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import pytest
import yaml
from kubernetes.aio.config import incluster_config

from sunward.cluster.access.handlers import connection
from sunward.cluster.access.login import Login, NoLogin

CERTIFICATE = base64.b64encode(b"-----BEGIN CERTIFICATE-----\n").decode()


def a_kubeconfig(folder: Path, cluster: dict[str, Any], user: dict[str, Any]) -> str:
    content = {
        "current-context": "lab",
        "contexts": [{"name": "lab", "context": {"cluster": "lab", "user": "me"}}],
        "clusters": [{"name": "lab", "cluster": {"server": "https://10.0.0.1:6443", **cluster}}],
        "users": [{"name": "me", "user": user}],
    }
    (folder / "config").write_text(yaml.safe_dump(content))
    return str(folder / "config")


@pytest.mark.parametrize(
    ("user", "header"),
    [
        ({"token": "abc"}, {"Authorization": "Bearer abc"}),
        ({"username": "me", "password": "hunter 2"}, {"Authorization": "Basic bWU6aHVudGVyIDI="}),
        ({}, {}),
    ],
)
async def test_watches_authenticate_as_requests_do(
    tmp_path: Path, user: dict[str, Any], header: dict[str, str]
) -> None:
    login = Login(kubeconfig=a_kubeconfig(tmp_path, {}, user))
    configuration = await login.configuration()
    settings = await configuration.auth_settings()
    assert (await connection(configuration)).as_http_headers() == header
    assert {one["key"].title(): one["value"] for one in settings.values()} == header


def content(path: object) -> bytes:
    return Path(str(path)).read_bytes()


async def test_watches_trust_and_show_the_same_certificates_as_requests(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("key")
    cluster = {"certificate-authority-data": CERTIFICATE, "proxy-url": "http://proxy:3128"}
    user = {"client-certificate-data": CERTIFICATE, "client-key": "key"}
    found = await connection(await Login(kubeconfig=a_kubeconfig(tmp_path, cluster, user)).configuration())
    assert (found.server, found.proxy_url, found.insecure) == ("https://10.0.0.1:6443", "http://proxy:3128", False)
    assert [content(path) for path in (found.ca_path, found.certificate_path)] == [b"-----BEGIN CERTIFICATE-----\n"] * 2
    assert found.private_key_path == str(tmp_path / "key")


async def test_only_a_kubeconfig_that_says_so_skips_the_check_of_certificates(tmp_path: Path) -> None:
    login = Login(kubeconfig=a_kubeconfig(tmp_path, {"insecure-skip-tls-verify": True}, {"token": "abc"}))
    assert (await connection(await login.configuration())).insecure is True


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pod's service account, and the environment that the kubelet gives a pod."""
    (tmp_path / "token").write_text("first")
    (tmp_path / "ca.crt").write_text("certificate")
    monkeypatch.setattr(incluster_config, "SERVICE_TOKEN_FILENAME", str(tmp_path / "token"))
    monkeypatch.setattr(incluster_config, "SERVICE_CERT_FILENAME", str(tmp_path / "ca.crt"))
    monkeypatch.setenv("KUBERNETES_SERVICE_HOST", "fd00::1")
    monkeypatch.setenv("KUBERNETES_SERVICE_PORT", "443")
    monkeypatch.delenv("KUBECONFIG", raising=False)
    return tmp_path


async def test_a_pod_uses_its_service_account_by_address(account: Path) -> None:
    found = await connection(await Login().configuration())
    assert (found.server, found.ca_path) == ("https://[fd00::1]:443", str(account / "ca.crt"))
    assert found.as_http_headers()["Authorization"].split() == ["bearer", "first"]


async def test_a_login_that_was_refused_finds_the_token_of_now(account: Path) -> None:
    login = Login()
    await login.configuration()
    (account / "token").write_text("second")
    assert (await connection(await login.configuration())).token == "second"


async def test_a_pod_that_is_given_a_kubeconfig_uses_it(account: Path) -> None:
    login = Login(kubeconfig=a_kubeconfig(account, {}, {"token": "abc"}))
    assert (await connection(await login.configuration())).server == "https://10.0.0.1:6443"


async def test_without_a_login_the_error_says_what_is_missing(tmp_path: Path) -> None:
    with pytest.raises(NoLogin, match="nothing: does not exist"):
        await Login(kubeconfig=str(tmp_path / "nothing")).configuration()
