"""The one login: how the API server is reached and as whom, from the pod's service account or from a kubeconfig.

Requests and watches use what this returns; nothing else in the operator reads a kubeconfig or a token.
"""

from __future__ import annotations

import os
from dataclasses import dataclass

from kubernetes.aio import client, config


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where the login is: in the file `kubeconfig`, else in $KUBECONFIG, else in the pod, else in ~/.kube/config."""

    kubeconfig: str | None = None

    async def configuration(self) -> client.Configuration:
        """Address, certificates and token, read anew: whoever is refused asks again.

        Raises kubernetes.aio.config.ConfigException when there is no usable login.
        """
        found = client.Configuration()
        if self.kubeconfig is None and _in_cluster():
            config.load_incluster_config(client_configuration=found)
        else:
            await config.load_kube_config(config_file=self.kubeconfig, client_configuration=found)
        return found


def _in_cluster() -> bool:
    return "KUBERNETES_SERVICE_HOST" in os.environ and "KUBECONFIG" not in os.environ
