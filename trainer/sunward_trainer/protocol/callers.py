"""Who sends a request: the middleware in front of every handler of coordinator and worker.

Nothing in a body says who the caller is. Its certificate does, and each path lists the roles that may call it; a path
that is not listed may be called by none.
"""

from collections.abc import Mapping
from typing import Any, Final, Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

from sunward_trainer.protocol.credentials import Credentials
from sunward_trainer.protocol.identity import Identity, NotOurs, Role, peer_identity

NODE_HEADER: Final = "X-Sunward-Node"
_CALLER: Final = web.RequestKey("caller", Identity)
EVERY_ROLE: Final = frozenset(Role)


class Callers(Protocol):
    """How a caller is recognised."""

    def identify(self, request: web.Request) -> Identity:
        """Who sends the request. Raises NotOurs."""


class CertifiedCallers:
    """Callers are whom their certificate names, in the same job as our own."""

    def __init__(self, credentials: Credentials) -> None:
        self._job = credentials.identity.job

    def identify(self, request: web.Request) -> Identity:
        """The identity in the certificate that the connection was opened with."""
        found = peer_identity(request.get_extra_info("peercert"))
        if found.job != self._job:
            raise NotOurs(f"the certificate is of job {found.job}")
        return found


class LoopbackCallers:
    """Without certificates, on loopback only: a worker says its node in a header, everything else is the operator."""

    def identify(self, request: web.Request) -> Identity:
        """What the header says."""
        node = request.headers.get(NODE_HEADER, "")
        return Identity(job="", role=Role.WORKER if node else Role.OPERATOR, node=node)


def callers_of(credentials: Credentials | None) -> Callers:
    """Callers by certificate, or the loopback's where there is none."""
    return LoopbackCallers() if credentials is None else CertifiedCallers(credentials)


def door(callers: Callers, allowed: Mapping[str, frozenset[Role]]) -> Any:
    """The middleware: 401 for a certificate that names no member of the job, 403 for a role that the path is not for.

    `allowed` lists the roles by the first part of the path.
    """

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        try:
            caller = callers.identify(request)
        except NotOurs as error:
            raise web.HTTPUnauthorized(text=f"{error}\n") from error
        if caller.role not in allowed.get(request.path.split("/")[1], frozenset()):
            raise web.HTTPForbidden(text=f"{request.path} is not for the role {caller.role}\n")
        request[_CALLER] = caller
        return await handler(request)

    return check


def caller_of(request: web.Request) -> Identity:
    """Whom the middleware let in."""
    return request[_CALLER]
