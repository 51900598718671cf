"""Shared by commands that look at a cluster."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated, TypeVar

import typer

from sunward.domain.errors import InvalidInput, SunwardError
from sunward.settings.documents import one_line

if TYPE_CHECKING:
    from sunward.cluster.access.api import ApiError, KubernetesApi

T = TypeVar("T")
NAME = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
"""Of an object of Kubernetes."""
LONGEST_ADVICE = 400
"""Characters of the server's words that an error repeats."""
Kubeconfig = Annotated[str, typer.Option("--kubeconfig", envvar="KUBECONFIG", help="Kubeconfig file.")]


def check_name(name: str, option: str) -> None:
    """Raise InvalidInput for what can be the name of no object: it would lead to another path of the API."""
    if not NAME.fullmatch(name):
        shown = repr(one_line(name, 80))
        raise InvalidInput(option, f"{shown} is no name of a Kubernetes object: small letters, digits, '-' and '.'")


class ClusterUnreachable(SunwardError):
    """The cluster cannot be asked."""


def with_api(kubeconfig: str, work: Callable[[KubernetesApi], Awaitable[T]]) -> T:
    """Run *work* against the cluster.

    Raises NoLogin or ClusterUnreachable, in one line that says what to do.
    """
    return asyncio.run(call_api(kubeconfig, work))


async def call_api(kubeconfig: str, work: Callable[[KubernetesApi], Awaitable[T]]) -> T:
    """As `with_api`, for a caller that has an event loop already."""
    try:
        from sunward.cluster.access.api import ApiError, connect
    except ImportError as error:
        raise ClusterUnreachable(f"{error.name} is not installed: pip install 'sunward[operator]'") from error
    try:
        async with connect(kubeconfig or None) as api:
            return await work(api)
    except ApiError as error:
        raise ClusterUnreachable(advice(error)) from error


def advice(error: ApiError) -> str:
    """What an answer of the API server, or its silence, means for a person who asked."""
    said = one_line(str(error), LONGEST_ADVICE)
    if error.status == 0:
        return f"the API server cannot be reached, or is none: {said}; check the server in the kubeconfig"
    if error.status == 401:
        return f"the API server refuses the login of the kubeconfig: {said}"
    if error.status == 403:
        return f"the login of the kubeconfig lacks this right: {said}"
    if error.status == 404 and "sunward.dev" in error.path and '" not found' not in str(error):
        return "the cluster has no Sunward resources: install the chart or apply crds/"
    return said
