"""The one login: how the API server is reached and as whom, from the pod's service account or from a kubeconfig.

Requests and watches use what this returns; nothing else in the operator reads a kubeconfig or a token.
"""

from __future__ import annotations

import os
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml
from kubernetes.aio import client, config

from sunward.domain.errors import InvalidInput
from sunward.settings.documents import one_line, parse_yaml, read_text

LARGEST_BYTES = 4 << 20
"""Of a kubeconfig."""
USUAL = "~/.kube/config"
Loader = Callable[[client.Configuration], Awaitable[None]]


class NoLogin(InvalidInput):
    """There is no usable login: where it was looked for, and what is wrong there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where the login is: in the file `kubeconfig`, else in $KUBECONFIG, else in the pod, else in ~/.kube/config."""

    kubeconfig: str | None = None

    async def configuration(self) -> client.Configuration:
        """Address, certificates and token, read anew: whoever is refused asks again.

        Raises NoLogin when there is no usable login.
        """
        if self.kubeconfig is None and _in_cluster():
            return await _read("service account of this pod", self._load_in_cluster)
        files = self._files()
        if not files:
            raise NoLogin(f"kubeconfig {self._name()}", "does not exist; give --kubeconfig or set KUBECONFIG")
        for file in files:
            _check(file)
        return await _read(f"kubeconfig {self._name()}", self._load_file)

    async def _load_in_cluster(self, found: client.Configuration) -> None:
        config.load_incluster_config(client_configuration=found)

    async def _load_file(self, found: client.Configuration) -> None:
        await config.load_kube_config(config_file=self.kubeconfig, client_configuration=found)

    def _name(self) -> str:
        return self.kubeconfig or os.environ.get("KUBECONFIG") or USUAL

    def _files(self) -> list[Path]:
        """The files that the name stands for, as far as they exist; kubectl, too, passes over those that do not."""
        paths = [Path(part).expanduser() for part in self._name().split(os.pathsep) if part]
        return [path for path in paths if path.exists()]


def _check(file: Path) -> None:
    """Raises NoLogin for a file that is no kubeconfig, before the library, which trusts files, reads it."""
    where = f"kubeconfig {file}"
    try:
        found = parse_yaml(read_text(file, largest_bytes=LARGEST_BYTES), where, yaml.SafeLoader)
    except InvalidInput as error:
        raise NoLogin(where, error.why) from None
    if len(found) != 1 or not isinstance(found[0], Mapping) or not isinstance(found[0].get("clusters"), list):
        raise NoLogin(where, "is not a kubeconfig: it must be a map with clusters, contexts and users")


async def _read(where: str, load: Loader) -> client.Configuration:
    """A configuration that *load* filled. Raises NoLogin for whatever a wrong file makes the library raise."""
    found = client.Configuration()
    try:
        await load(found)
    except Exception as error:  # of many kinds: the library takes a file for what it should be
        why = one_line(str(error)) or type(error).__name__
        raise NoLogin(where, f"{why}; give --kubeconfig or set KUBECONFIG") from error
    if not str(found.host).startswith(("http://", "https://")):
        raise NoLogin(where, "names no server with an http(s) address")
    return found


def _in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
