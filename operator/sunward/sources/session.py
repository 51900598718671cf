"""The connections of the sources: names are resolved under watch, nothing is remembered, no proxy is assumed.

The settings say which hosts may be asked; where their names lead is up to DNS, which others may control. So a public
name never leads inside, and no name leads to link-local addresses, where clouds keep credentials.
"""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sunward.settings.address import is_inside


class GuardedResolver(AbstractResolver):
    """Resolves as another resolver does, less the addresses to which a name must not lead."""

    def __init__(self, inner: AbstractResolver) -> None:
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses that may be connected to; raises OSError when none is left, as for a name that does not exist."""
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if may_lead_to(host, result["host"])]
        if not allowed:
            raise OSError(f"{host} resolves to no permitted address")
        return allowed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def may_lead_to(host: str, address: str) -> bool:
    """Whether a name may be connected to at an address."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
        return False
    return is_inside(host) or parsed.is_global


def open_session() -> aiohttp.ClientSession:
    """A session for the sources; the caller closes it. Needs a running event loop."""
    connector = aiohttp.TCPConnector(resolver=GuardedResolver(aiohttp.ThreadedResolver()), limit=32)
    return aiohttp.ClientSession(connector=connector, trust_env=False, cookie_jar=aiohttp.DummyCookieJar())
