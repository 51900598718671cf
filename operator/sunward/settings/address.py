"""Addresses that the administrator may give, and how far they may lead."""

from __future__ import annotations

import ipaddress
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator


def checked_url(text: str) -> str:
    """An address that the admin may give; raises ValueError naming what to change.

    Plain http only where it stays inside: loopback, private addresses, names without a dot or ending in .svc or
    .cluster.local. Link-local addresses (a cloud's metadata service) never.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give an http(s) URL with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("leave user, password, query and fragment out; put tokens into tokenFile")
    if _is_link_local(parts.hostname):
        raise ValueError("link-local addresses are refused")
    if parts.scheme == "http" and not is_inside(parts.hostname):
        raise ValueError("plain http leaves the cluster here; use https")
    return text.rstrip("/")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_link_local(host: str) -> bool:
    address = _address(host)
    return address is not None and (address.is_link_local or address.is_unspecified or address.is_multicast)


def is_inside(host: str) -> bool:
    """Whether a name or address stays inside the cluster or its own network, as far as the name tells."""
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_loopback
    return "." not in host or host.endswith((".svc", ".cluster.local"))


Url = Annotated[str, AfterValidator(checked_url)]
