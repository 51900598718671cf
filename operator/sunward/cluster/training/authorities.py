"""Where the authorities of jobs come from: one seed, in a Secret of the operator's own namespace.

It is the only Secret that the operator reads. Those of the jobs it only writes.
"""

from __future__ import annotations

import base64
import binascii
import secrets
from collections.abc import Mapping
from typing import Any

from sunward.cluster.access.api import Api, ApiError, core
from sunward.cluster.training.certificates import SEED_BYTES, Authority

SEED_SECRET = "sunward-job-authority"  # noqa: S105  # its name
SEED_KEY = "seed"


class Authorities:
    """The authority of every job, from the seed that is read or made once. `namespace` is the operator's own."""

    def __init__(self, api: Api, namespace: str) -> None:
        self._api = api
        self.namespace = namespace
        self._seed: bytes | None = None

    async def of(self, job_uid: str) -> Authority:
        """The job's authority. Raises ApiError when the seed can be neither read nor made."""
        if self._seed is None:
            self._seed = await self._read() or await self._make()
        return Authority(self._seed, job_uid)

    async def _read(self) -> bytes | None:
        path = core("secrets", SEED_SECRET, namespace=self.namespace)
        try:
            body = await self._api.get(path)
        except ApiError as error:
            if error.status == 404:
                return None
            raise
        return _seed_in(body, path)

    async def _make(self) -> bytes:
        """A new seed; where another replica was quicker, that one's."""
        seed = secrets.token_bytes(SEED_BYTES)
        body = {
            "apiVersion": "v1",
            "kind": "Secret",
            "metadata": {
                "name": SEED_SECRET,
                "namespace": self.namespace,
                "labels": {"app.kubernetes.io/managed-by": "sunward"},
            },
            "immutable": True,
            "data": {SEED_KEY: base64.b64encode(seed).decode()},
        }
        path = core("secrets", namespace=self.namespace)
        try:
            await self._api.create(path, body)
        except ApiError as error:
            other = await self._read() if error.status == 409 else None
            if other is None:
                raise
            return other
        return seed


def _seed_in(body: Mapping[str, Any], path: str) -> bytes:
    """The seed in the Secret. Raises ApiError, with what to do, when there is none."""
    try:
        seed = base64.b64decode((body.get("data") or {}).get(SEED_KEY, ""), validate=True)
    except binascii.Error:
        seed = b""
    if len(seed) != SEED_BYTES:
        why = f"data.{SEED_KEY} is not {SEED_BYTES} bytes in base64; delete the Secret to have it made anew"
        raise ApiError(0, "GET", path, why)
    return seed
