"""Asks coordinators how far they are, over TLS with the certificates of each job.

The operator shows a certificate of the job's own authority, which it issues to itself and keeps in memory only.
"""

from __future__ import annotations

import ssl
import tempfile
from collections import OrderedDict
from collections.abc import Callable, Mapping
from datetime import datetime
from pathlib import Path

import aiohttp

from sunward.cluster.access.api import ApiError
from sunward.cluster.training.authorities import Authorities
from sunward.cluster.training.certificates import RENEW_BEFORE, Bundle
from sunward.cluster.training.progress_questions import Answer, ask_all
from sunward.domain.errors import InvalidInput

MOST_CONTEXTS = 1024
"""Jobs whose certificates are kept; a forgotten one is issued anew within milliseconds."""


class Coordinators:
    """All coordinators, with the certificates to be let in."""

    def __init__(self, session: aiohttp.ClientSession, authorities: Authorities, clock: Callable[[], datetime]) -> None:
        self._session = session
        self._authorities = authorities
        self._clock = clock
        self._contexts: OrderedDict[str, tuple[datetime, ssl.SSLContext]] = OrderedDict()

    async def ask(self, addresses: Mapping[str, str], uids: Mapping[str, str]) -> Mapping[str, Answer]:
        """What the coordinators at these addresses answer, by namespace/job; `uids` are those of the jobs."""
        contexts: dict[str, ssl.SSLContext] = {}
        faults: dict[str, Answer] = {}
        for key in addresses:
            try:
                contexts[key] = await self._context(uids[key])
            except ApiError as error:
                faults[key] = InvalidInput("/progress", f"cannot be asked without a certificate: {error}")
        asked = {key: address for key, address in addresses.items() if key in contexts}
        return {**faults, **await ask_all(self._session, asked, contexts)}

    async def _context(self, job_uid: str) -> ssl.SSLContext:
        expires, context = self._contexts.get(job_uid, (None, None))
        if context is None or expires is None or expires - RENEW_BEFORE <= self._clock():
            bundle = (await self._authorities.of(job_uid)).operator(self._clock())
            context = client_context(bundle)
            self._contexts[job_uid] = (bundle.expires, context)
        self._contexts.move_to_end(job_uid)
        while len(self._contexts) > MOST_CONTEXTS:
            self._contexts.popitem(last=False)
        return context


def client_context(bundle: Bundle) -> ssl.SSLContext:
    """TLS 1.3 to servers of the bundle's job, with the bundle's certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    context.verify_flags |= ssl.VERIFY_X509_STRICT
    context.load_verify_locations(cadata=bundle.authority.decode("ascii"))
    with tempfile.TemporaryDirectory() as folder:  # OpenSSL's binding reads keys from files only
        file = Path(folder) / "tls.pem"
        file.write_bytes(bundle.certificate + bundle.key)
        context.load_cert_chain(file)
    return context
