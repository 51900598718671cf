"""HTTP digest as a Shelly demands it: RFC 7616 with SHA-256, quality of protection `auth` and the one user `admin`."""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections import OrderedDict
from typing import Final

from aiohttp import web

_USER: Final = "admin"
_REMEMBERED: Final = 16
_FIELD: Final = re.compile(r'(\w+)=(?:"([^"]*)"|([^",\s]+))')


class DigestGuard:
    """Decides whether a request answers one of the last challenges; the password itself is never sent."""

    def __init__(self, realm: str, password: str) -> None:
        """Demand this password; the realm is the device's id."""
        self._realm = realm
        self._secret = _hashed(_USER, realm, password)
        self._counts: OrderedDict[str, int] = OrderedDict()

    def allows(self, request: web.Request) -> bool:
        """Whether the request proves the password for its own method and address, with a count not used before."""
        header = request.headers.get("Authorization", "")
        fields = {name: quoted or plain for name, quoted, plain in _FIELD.findall(header)}
        nonce, count = fields.get("nonce", ""), fields.get("nc", "")
        if nonce not in self._counts or not re.fullmatch("[0-9a-f]{8}", count):
            return False
        target = _hashed(request.method, request.raw_path)
        expected = _hashed(self._secret, nonce, count, fields.get("cnonce", ""), "auth", target)
        if not hmac.compare_digest(expected, fields.get("response", "")) or int(count, 16) <= self._counts[nonce]:
            return False
        self._counts[nonce] = int(count, 16)
        return True

    def challenge(self) -> web.HTTPUnauthorized:
        """The refusal that asks for a digest over a new nonce."""
        nonce = secrets.token_hex(8)
        self._counts[nonce] = 0
        while len(self._counts) > _REMEMBERED:
            self._counts.popitem(last=False)
        value = f'Digest qop="auth", realm="{self._realm}", nonce="{nonce}", algorithm=SHA-256'
        return web.HTTPUnauthorized(headers={"WWW-Authenticate": value})


def _hashed(*parts: str) -> str:
    return hashlib.sha256(":".join(parts).encode()).hexdigest()
