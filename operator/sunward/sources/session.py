"""The connections of the sources: names are resolved under watch, nothing is remembered, no proxy is assumed.

The settings say which hosts may be asked; where their names lead is up to DNS, which others may control. So a public
name never leads inside, a name of the admin's own network never leads outside, and no name leads to link-local
addresses, where clouds keep credentials.
"""

from __future__ import annotations

import ipaddress
import socket

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from sunward.settings.address import SHARED_NETWORK, is_inside, is_of_cluster


class GuardedResolver(AbstractResolver):
    """Resolves as another resolver does, less the addresses to which a name must not lead."""

    def __init__(self, inner: AbstractResolver, *, shared: bool = False) -> None:
        self._inner = inner
        self._shared = shared

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Addresses that may be connected to; raises OSError when none is left, as for a name that does not exist."""
        found = await self._inner.resolve(host, port, family)
        allowed = [result for result in found if may_lead_to(host, result["host"], shared=self._shared)]
        if not allowed:
            raise OSError(f"{host} resolves to no permitted address")
        return allowed

    async def close(self) -> None:
        """Close the inner resolver."""
        await self._inner.close()


def may_lead_to(host: str, address: str, *, shared: bool = False) -> bool:
    """Whether a name may be connected to at an address.

    Only names of the cluster may lead anywhere: its Services may have public addresses. NAME.NAMESPACE is also how a
    public name may look, and a home router's names are also answered by others, so these must stay inside. `shared`
    says that 100.64.0.0/10 is a network of the admin's, to which public names (of a VPN) may lead.
    """
    parsed = ipaddress.ip_address(address.partition("%")[0])
    if parsed.is_link_local or parsed.is_multicast or parsed.is_unspecified:
        return False
    if is_inside(host):
        return is_of_cluster(host) or not parsed.is_global
    return parsed.is_global or (shared and parsed in SHARED_NETWORK)


def open_session(*, shared: bool = False, connections: int = 32) -> aiohttp.ClientSession:
    """A session for addresses of the settings; the caller closes it. Needs a running event loop.

    `shared` is the setting sharedAddressSpace. `connections` is how many may be open at once. Bodies arrive as they
    were sent and are asked for unpacked: what is packed may be a thousand times as long as it looks, before any limit
    of a reader counts it.
    """
    resolver = GuardedResolver(aiohttp.ThreadedResolver(), shared=shared)
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(resolver=resolver, limit=connections),
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        auto_decompress=False,
        headers={"Accept-Encoding": "identity"},
    )
