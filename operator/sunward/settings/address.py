"""Addresses that the administrator may give, and how far they may lead.

The chart holds the same rules in `templates/_addresses.tpl`; a contract test compares both, address by address.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Annotated, Final

from pydantic import AfterValidator, ValidationInfo

LONGEST_URL: Final = 512
SHARED_SPACE: Final = "sharedAddressSpace"
"""The setting, and the key of the validation context, that calls 100.64.0.0/10 a network of the admin's own."""

CLUSTER_ENDINGS: Final = (".svc", ".cluster.local")
_LAN = "local lan home home.arpa internal intranet private corp localdomain fritz.box"
LAN_ENDINGS: Final = tuple(f".{name}" for name in _LAN.split())
"""Endings of mDNS (RFC 6762), of home routers and of private networks (its appendix G)."""
_TOPS = (
    "app arpa art biz blog box cloud club com dev edu energy global gov host info int link live mil mobi name net"
    " network online org page pro shop site solar solutions space store systems tech tel today top website work world"
    " xyz zone"
)
PUBLIC_TOPS: Final = frozenset(_TOPS.split())
"""Endings that make a name of two parts a public one; so does every ending of two letters, which are countries."""

_URL = re.compile(
    r"(?P<scheme>[Hh][Tt][Tt][Pp][Ss]?)://(?P<host>[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\])(?::(?P<port>[0-9]{1,5}))?"
    r"(?P<path>(?:/[A-Za-z0-9._~!$&'()*+,;=:@-]*)*)"
)
_LABEL = r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?"
_NAME = re.compile(rf"{_LABEL}(\.{_LABEL})*")
_NUMBER = re.compile(r"(?:.*\.)?(?:[0-9]+|0x[0-9a-f]*)")
SHARED_NETWORK: Final = ipaddress.ip_network("100.64.0.0/10")
"""Addresses between a provider and its customers, which VPNs such as Tailscale use as well."""
_SERVICE_ENDING = re.compile(r"\.svc(\.cluster\.local)?$")
_INSIDE = tuple(
    ipaddress.ip_network(text)
    for text in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "fc00::/7", "::1/128")
)
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


def checked_url(text: str, *, shared: bool = False) -> str:
    """An address that the admin may give; raises ValueError that says what to change.

    Plain http only where it stays inside (`is_inside`); in 100.64.0.0/10 only where `shared` says that these addresses
    are the admin's own. Link-local addresses (a cloud's metadata service) never.
    """
    scheme, host, _, _ = _parts(text)
    address = _address(host)
    if address is not None and (address.is_link_local or address.is_unspecified or address.is_multicast):
        raise ValueError("link-local, multicast and unspecified addresses are refused")
    if scheme == "http" and address is not None and address in SHARED_NETWORK and not shared:
        raise ValueError(f"100.64.0.0/10 may belong to the provider: use https, or set {SHARED_SPACE}: true")
    if scheme == "http" and not is_inside(host):
        raise ValueError("plain http leaves the cluster here; use https, or end the name of a Service with .svc")
    return text.rstrip("/")


def same_target(text: str) -> str:
    """One spelling for all spellings of an address, to compare by.

    Without the scheme where the port is the scheme's own, because a device answers on both of them; a Service in its
    shortest form. Raises ValueError.
    """
    scheme, host, port, path = _parts(text)
    name = "127.0.0.1" if host == "localhost" else _SERVICE_ENDING.sub("", host)
    return f"{name}{'' if port == _DEFAULT_PORTS[scheme] else f':{port}'}{path}"


def is_inside(host: str) -> bool:
    """Whether a name or address stays inside the cluster or the admin's own network, as far as the name tells."""
    address = _address(host)
    if address is not None:
        return any(address in network for network in (*_INSIDE, SHARED_NETWORK))
    return is_of_cluster(host) or f".{_plain(host)}".endswith(LAN_ENDINGS) or _is_service(_plain(host))


def is_of_cluster(host: str) -> bool:
    """Whether a name can only be the cluster's own: its Services may have addresses of any kind."""
    return "." not in _plain(host) or _plain(host).endswith(CLUSTER_ENDINGS)


def _parts(text: str) -> tuple[str, str, int, str]:
    """Scheme, host and path in one spelling, and the port. Raises ValueError."""
    found = _URL.fullmatch(text)
    if len(text) > LONGEST_URL or found is None:
        raise ValueError(_what_is_wrong(text))
    scheme, host = found["scheme"].lower(), _plain(found["host"])
    if not (found["host"].startswith("[") or _NAME.fullmatch(host)) or len(host) > 253:
        raise ValueError("the host is not a name or an address")
    if found["host"].startswith("[") or _NUMBER.fullmatch(host):
        host = _canonical(host)
    port = int(found["port"] or _DEFAULT_PORTS[scheme])
    if not 1 <= port <= 65535:
        raise ValueError("the port is not between 1 and 65535")
    path = re.sub("/+", "/", found["path"]).rstrip("/")
    if {".", ".."} & set(path.split("/")):
        raise ValueError("leave . and .. out of the path")
    return scheme, host, port, path


def _what_is_wrong(text: str) -> str:
    if re.search("[@?#]", text):
        return "leave user, password, query and fragment out; name a Secret or a file for credentials"
    return f"give an http(s) URL with a host, in ASCII, of at most {LONGEST_URL} characters"


def _canonical(host: str) -> str:
    """An address in its one spelling; raises ValueError for the others, which other programs read in other ways."""
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        raise ValueError("write the address as four decimal numbers, or as IPv6 in brackets") from None
    if isinstance(address, ipaddress.IPv6Address) and address.ipv4_mapped is not None:
        raise ValueError("write the IPv4 address itself")
    return str(address)


def _plain(host: str) -> str:
    return host.lower().strip("[]").removesuffix(".")


def _address(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(_plain(host))
    except ValueError:
        return None


def _is_service(name: str) -> bool:
    """NAME.NAMESPACE, as people call a Service of another namespace."""
    service, _, namespace = name.partition(".")
    return "." not in namespace and bool(service) and len(namespace) > 2 and namespace not in PUBLIC_TOPS


def _url(text: str, info: ValidationInfo) -> str:
    return checked_url(text, shared=bool((info.context or {}).get(SHARED_SPACE)))


Url = Annotated[str, AfterValidator(_url)]
