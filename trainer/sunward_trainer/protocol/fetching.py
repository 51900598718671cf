"""One GET from another process of the job, in a thread that may wait."""

import http.client
from typing import Final

from sunward_trainer.protocol.callers import NODE_HEADER
from sunward_trainer.protocol.credentials import Credentials

LARGEST_BYTES: Final = 256 * 1024 * 1024
"""More than any shard that fits into a worker's memory."""

TIMEOUT_SECONDS: Final = 30.0


def fetch(address: str, path: str, credentials: Credentials | None, *, server_name: str) -> bytes:
    """The body at `path` of host:port, from the server that proves to be `server_name`. Raises OSError."""
    host, _, port = address.rpartition(":")
    connection = http.client.HTTPConnection(host.strip("[]"), int(port), timeout=TIMEOUT_SECONDS)
    try:
        connection.connect()
        if credentials is not None:
            connection.sock = credentials.client.wrap_socket(connection.sock, server_hostname=server_name)
        connection.request("GET", path, headers={NODE_HEADER: server_name} if credentials is None else {})
        return _body(connection.getresponse())
    except http.client.HTTPException as error:
        raise OSError(f"{type(error).__name__}: {error}") from error
    finally:
        connection.close()


def _body(answer: http.client.HTTPResponse) -> bytes:
    content = answer.read(LARGEST_BYTES + 1)
    if answer.status != 200:
        raise OSError(f"HTTP {answer.status}: {content[:200].decode(errors='replace').strip()}")
    if len(content) > LARGEST_BYTES:
        raise OSError(f"sent more than {LARGEST_BYTES} bytes")
    return content
