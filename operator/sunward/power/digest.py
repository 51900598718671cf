"""HTTP digest (RFC 7616) towards one relay: it challenges, we answer, and the password itself never travels."""

from __future__ import annotations

from collections.abc import Callable

from aiohttp import ClientHandlerType, ClientMiddlewareType, ClientRequest, ClientResponse, DigestAuthMiddleware


class Digest:
    """Answers the challenges of one relay.

    The last challenge is kept and answered in advance, so that an order, which follows a reading, goes out once. Where
    the relay wants another answer it refuses with 401, which means that nothing was done, and is asked again, once.
    """

    def __init__(self, user: str, password: Callable[[], str | None]) -> None:
        self._user = user
        self._password = password
        self._known: str | None = None
        self._middlewares: tuple[ClientMiddlewareType, ...] = ()

    def middlewares(self) -> tuple[ClientMiddlewareType, ...]:
        """What a request needs to authenticate; nothing where there is no password. Raises what `password` raises."""
        password = self._password()
        if password != self._known:
            self._known = password
            self._middlewares = () if password is None else (DigestAuthMiddleware(self._user, password), _without_body)
        return self._middlewares


async def _without_body(request: ClientRequest, ask: ClientHandlerType) -> ClientResponse:
    """Let a refusal's connection go unread: all that matters stands in its header, and its body may have no end."""
    response = await ask(request)
    if response.status == 401:
        response.release()
    return response
