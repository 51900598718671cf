"""No name leads where its admin did not mean it to lead."""

from __future__ import annotations

import socket
from dataclasses import dataclass

import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from sunward.sources.session import GuardedResolver, may_lead_to, open_session
from support.sources import serving

FAMILY = socket.AF_INET


@dataclass(slots=True)
class Scripted(AbstractResolver):
    """A name service that says what it is told to."""

    addresses: list[str]
    closed: bool = False

    async def resolve(self, host: str, port: int = 0, family: socket.AddressFamily = FAMILY) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=address, port=port, family=family, proto=0, flags=0)
            for address in self.addresses
        ]

    async def close(self) -> None:
        self.closed = True


@pytest.mark.parametrize(
    ("host", "address", "may"),
    [
        ("api.electricitymaps.com", "34.107.153.36", True),
        ("api.electricitymaps.com", "10.96.0.1", False),
        ("api.electricitymaps.com", "127.0.0.1", False),
        ("api.electricitymaps.com", "169.254.169.254", False),
        ("api.electricitymaps.com", "fe80::1%eth0", False),
        ("api.electricitymaps.com", "::1", False),
        ("prometheus.monitoring.svc", "10.96.0.90", True),
        ("prometheus", "10.96.0.90", True),
        ("prometheus", "169.254.169.254", False),
        ("prometheus", "0.0.0.0", False),
        ("localhost", "127.0.0.1", True),
        ("prometheus.monitoring.svc", "34.107.153.36", True),
        ("prometheus-server.monitoring", "10.96.0.90", True),
        ("prometheus-server.monitoring", "100.64.0.7", True),
        ("prometheus-server.monitoring", "34.107.153.36", False),
        ("shelly.fritz.box", "192.168.178.31", True),
        ("shelly.fritz.box", "45.76.93.104", False),
        ("plug.local", "2a00:1450::1", False),
        ("plug.local", "169.254.3.4", False),
        ("host.tailnet.ts.net", "100.64.0.7", False),
    ],
)
def test_public_names_stay_outside_and_no_name_leads_to_a_clouds_secrets(host: str, address: str, may: bool) -> None:
    assert may_lead_to(host, address) is may


def test_a_public_name_leads_to_the_providers_addresses_on_the_admins_word_alone() -> None:
    assert may_lead_to("host.tailnet.ts.net", "100.64.0.7", shared=True)
    assert not may_lead_to("host.tailnet.ts.net", "10.0.0.7", shared=True)


async def test_only_the_allowed_addresses_of_a_name_are_used() -> None:
    inner = Scripted(["10.0.0.1", "34.107.153.36"])
    resolver = GuardedResolver(inner)

    found = await resolver.resolve("api.electricitymaps.com", 443)
    await resolver.close()

    assert [result["host"] for result in found] == ["34.107.153.36"]
    assert inner.closed


async def test_a_name_with_no_allowed_address_does_not_exist() -> None:
    with pytest.raises(OSError, match="resolves to no permitted address"):
        await GuardedResolver(Scripted(["169.254.169.254"])).resolve("metadata", 80)


async def test_the_session_reaches_inside_and_keeps_no_cookies() -> None:
    async def answer(_request: web.Request) -> web.StreamResponse:
        response = web.json_response({})
        response.set_cookie("track", "me")
        return response

    async with serving(answer) as server, open_session() as session:
        url = server.url.replace("127.0.0.1", "localhost")
        for _ in range(2):
            async with session.get(url) as response:
                assert response.status == 200

    assert "Cookie" not in server.asked[1].headers
