"""Shared by commands that look at a cluster."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sunward.domain.errors import SunwardError

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

T = TypeVar("T")
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="Kubeconfig file.")]


class ClusterUnreachable(SunwardError):
    """The cluster cannot be asked."""


def with_api(kubeconfig: str, work: Callable[[KubernetesApi], Awaitable[T]]) -> T:
    """Run *work* against the cluster. Raises ClusterUnreachable in one line that says what to do."""
    return asyncio.run(_with_api(kubeconfig, work))


async def _with_api(kubeconfig: str, work: Callable[[KubernetesApi], Awaitable[T]]) -> T:
    try:
        from kubernetes.aio.config import ConfigException

        from sunward.cluster.access.api import ApiError, connect
    except ImportError as error:
        raise ClusterUnreachable(f"{error.name} is not installed: pip install 'sunward[operator]'") from error
    try:
        async with connect(kubeconfig or None) as api:
            return await work(api)
    except ConfigException as error:
        raise ClusterUnreachable(f"no cluster: {error}; give --kubeconfig or set KUBECONFIG") from error
    except ApiError as error:
        if error.status == 404 and "sunward.dev" in error.path:
            raise ClusterUnreachable(
                "the cluster has no Sunward resources: install the chart or apply crds/"
            ) from error
        raise ClusterUnreachable(str(error)) from error
