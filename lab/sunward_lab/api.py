"""The few questions that the lab asks the API server itself; everything else goes through kubectl."""

from __future__ import annotations

import base64
import contextlib
import http.client
import json
import ssl
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_TIMEOUT_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Api:
    """Requests as one user of the API server."""

    server: str
    token: str
    context: ssl.SSLContext

    @classmethod
    def from_kubeconfig(cls, path: Path) -> Api:
        """Use the kubeconfig that the lab wrote (JSON, one cluster, one token)."""
        body = json.loads(path.read_text(encoding="utf-8"))
        cluster = body["clusters"][0]["cluster"]
        authority = base64.b64decode(cluster["certificate-authority-data"]).decode("ascii")
        context = ssl.create_default_context(cadata=authority)
        return cls(cluster["server"], body["users"][0]["user"]["token"], context)

    def text(self, path: str) -> str:
        """Body of a GET; raises OSError (urllib.error.URLError) when it fails."""
        return self._send("GET", path, None)

    def get(self, path: str) -> Any:
        """JSON of a GET; raises OSError when it fails."""
        return json.loads(self.text(path))

    def post(self, path: str, body: Any) -> None:
        """Create an object; one that exists already is fine. Raises OSError when it fails."""
        try:
            self._send("POST", path, json.dumps(body).encode("utf-8"))
        except urllib.error.HTTPError as error:
            if error.code != 409:
                raise

    def post_all(self, path: str, bodies: Iterable[Any]) -> None:
        """Create many objects of one kind over one connection; raises OSError when one is refused."""
        address = urllib.parse.urlsplit(self.server)
        assert address.hostname is not None
        connection = http.client.HTTPSConnection(
            address.hostname, address.port, context=self.context, timeout=_TIMEOUT_SECONDS
        )
        with contextlib.closing(connection):
            for body in bodies:
                connection.request("POST", path, json.dumps(body), self._headers())
                answer = connection.getresponse()
                words = answer.read()
                if answer.status not in (201, 409):
                    raise OSError(f"POST {path}: {answer.status} {words[:200].decode(errors='replace')}")

    def exists(self, path: str) -> bool:
        """Whether the API server has the object; raises OSError when it cannot say."""
        try:
            self.text(path)
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return False
            raise
        return True

    def _send(self, method: str, path: str, body: bytes | None) -> str:
        request = urllib.request.Request(self.server + path, body, self._headers(), method=method)  # noqa: S310 - https
        answer = urllib.request.urlopen(request, timeout=_TIMEOUT_SECONDS, context=self.context)  # noqa: S310 - as above
        with answer:
            text: str = answer.read().decode("utf-8")
            return text

    def _headers(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
