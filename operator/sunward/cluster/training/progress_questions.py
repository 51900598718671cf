"""Asks all coordinators of a pass how far they are (`/progress`), within one limit of bytes and one of time.

A coordinator that answers slowly or at length costs its own job and at most its own namespace: every namespace has its
share of the bytes, and they take turns in the order of asking.
"""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from itertools import zip_longest
from typing import Any

import aiohttp

from sunward.cluster.training.certificates import COORDINATOR_NAME
from sunward.cluster.training.progress import parse_progress
from sunward.cluster.training.templates import PROGRESS_PORT
from sunward.domain.errors import InvalidInput
from sunward.domain.jobs import JobProgress

Answer = JobProgress | InvalidInput | None
"""What came of a question: how far the job is, what is wrong with the answer, or None for silence."""

TIMEOUT = aiohttp.ClientTimeout(total=3)
TOTAL_SECONDS = 5.0
"""All questions of a pass; a job whose turn does not come has no progress in this pass."""
LARGEST_BYTES = 256 << 10
"""Of one answer: room for a job with 256 shards and as many workers."""
TOTAL_BYTES = 16 << 20
"""Of all answers that are kept in a pass; namespaces have equal shares, each with room for one answer at least."""
AT_ONCE = 64
"""Questions that are under way at one time."""
HEADERS = {"Accept": "application/json", "Accept-Encoding": "identity"}
"""A body that is packed may be a thousand times as long as it looks, so none is taken."""


async def ask_all(
    session: aiohttp.ClientSession, addresses: Mapping[str, str], contexts: Mapping[str, ssl.SSLContext]
) -> Mapping[str, Answer]:
    """What the coordinators answer, by namespace/job as the addresses are. Raises nothing for what they say.

    `contexts` are the TLS settings by namespace/job: a coordinator has to prove that it is that job's.
    """
    round_ = _Round(session, addresses, contexts)
    order = list(_in_turn(addresses))
    found = await asyncio.gather(*(round_.ask(key, addresses[key]) for key in order))
    return dict(zip(order, found, strict=True))


def _in_turn(keys: Mapping[str, str]) -> Iterator[str]:
    """The first job of every namespace, then the second of each, and so on: none stands before all of another's."""
    queues: dict[str, list[str]] = defaultdict(list)
    for key in keys:
        queues[_namespace(key)].append(key)
    for row in zip_longest(*queues.values()):
        yield from (key for key in row if key is not None)


def _namespace(key: str) -> str:
    return key.split("/", 1)[0]


class _Round:
    """The questions of one pass and what is left for them."""

    def __init__(
        self, session: aiohttp.ClientSession, addresses: Mapping[str, str], contexts: Mapping[str, ssl.SSLContext]
    ) -> None:
        self._session, self._contexts = session, contexts
        self._deadline = asyncio.get_running_loop().time() + TOTAL_SECONDS
        self._turn = asyncio.Semaphore(AT_ONCE)
        self._share = max(LARGEST_BYTES, TOTAL_BYTES // max(1, len({_namespace(key) for key in addresses})))
        self._taken: Counter[str] = Counter()

    async def ask(self, key: str, address: str) -> Answer:
        """What one coordinator answers."""
        try:
            async with asyncio.timeout_at(self._deadline), self._turn:
                return parse_progress(await self._body(key, address))
        except InvalidInput as error:
            return error
        except TimeoutError:
            return self._late()
        except aiohttp.ClientConnectorCertificateError:
            return InvalidInput("/progress", "came from a server without a certificate of this job's coordinator")
        except (aiohttp.ClientError, OSError, ValueError):
            return None  # ValueError: an address that no URL can hold
        except Exception as error:  # the shell around one coordinator, which may answer anything
            return InvalidInput("/progress", f"cannot be read: {type(error).__name__}")

    def _late(self) -> InvalidInput | None:
        """Silence of the coordinator itself is no fault of the others."""
        if asyncio.get_running_loop().time() < self._deadline:
            return None
        return InvalidInput("/progress", f"was not read within the {TOTAL_SECONDS:g} s for all jobs of a pass")

    async def _body(self, key: str, address: str) -> bytes:
        url = f"https://{address}:{PROGRESS_PORT}/progress"
        proof: dict[str, Any] = {"ssl": self._contexts[key], "server_hostname": COORDINATOR_NAME}
        async with self._session.get(url, timeout=TIMEOUT, allow_redirects=False, headers=HEADERS, **proof) as response:
            _refuse_head(response)
            body = bytearray()
            try:
                async for chunk in response.content.iter_chunked(1 << 14):
                    body += chunk
                    self._count(_namespace(key), len(chunk), len(body))
            except BaseException:
                self._taken[_namespace(key)] -= len(body)  # what is not kept takes no room from the others
                raise
        return bytes(body)

    def _count(self, namespace: str, more: int, size: int) -> None:
        """Raises InvalidInput when an answer, or all of its namespace together, are longer than they may be."""
        self._taken[namespace] += more
        if size > LARGEST_BYTES:
            raise InvalidInput("/progress", f"is longer than {LARGEST_BYTES} bytes")
        if self._taken[namespace] > self._share:
            raise InvalidInput("/progress", f"all of namespace {namespace} are longer than {self._share} bytes")


def _refuse_head(response: aiohttp.ClientResponse) -> None:
    """Raises InvalidInput for an answer that is no plain JSON."""
    if response.status != 200:
        raise InvalidInput("/progress", f"returned HTTP {response.status}")
    if response.content_type != "application/json":
        raise InvalidInput("/progress", f"returned {response.content_type[:80]!r}, not application/json")
    packed = response.headers.get("Content-Encoding", "identity")
    if packed != "identity":
        raise InvalidInput("/progress", f"is compressed ({packed[:20]!r}); send it as it is")
