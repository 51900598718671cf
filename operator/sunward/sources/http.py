"""One careful way to read JSON over HTTP: short, bounded, without redirects, retried a few times.

Every answer of another program is treated as hostile: the body has a limit, the type must be JSON, numbers keep
their text until they are checked. It must not know what the JSON means.
"""

from __future__ import annotations

import asyncio
import base64
import contextlib
import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote, quote_plus

import aiohttp

from sunward.domain.errors import SourceUnavailable
from sunward.domain.foreign_json import parse_foreign_json
from sunward.settings.trust import trusted

UNPACKED = {"Accept-Encoding": "identity"}
"""What is asked for: the size of an answer is known before its content only where it is not compressed."""
NOT_FOUND = "HTTP 404: no such path or zone; check the URL and the zone"
LONGEST_WORDS = 160
"""Of a server's own explanation, in characters."""
WITHHELD = "(withheld: its words repeat a credential of the request)"
PUBLIC_HEADERS = frozenset({*UNPACKED, "X-Scope-OrgID"})
"""Whatever else is sent in a header is taken for a secret."""
SCHEMES = frozenset({"Bearer", "Basic"})
SECRET_PARAMETERS = ("api_key",)
Sleep = Callable[[float], Awaitable[None]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """How long and how much one question may take. Times in seconds, sizes in bytes."""

    timeout_seconds: float = 10.0
    attempts: int = 3
    first_pause_seconds: float = 0.25
    maximum_bytes: int = 1 << 20


@dataclass(frozen=True, slots=True)
class _Transient(Exception):
    """A failure that may be gone at the next attempt."""

    why: str


class TooLarge(SourceUnavailable):
    """The answer has more bytes than asked for, or the server says that it would (HTTP 422 of Prometheus)."""


class Unauthorised(SourceUnavailable):
    """The server does not accept the credentials, or no longer (HTTP 401)."""


class NotFound(SourceUnavailable):
    """The server answers, but knows nothing of what was asked (HTTP 404); `said` is its own explanation, or empty."""

    def __init__(self, source: str, why: str, said: str = "") -> None:
        self.said = said
        super().__init__(source, f"{why}; it says: {said!r}" if said else why)


@dataclass(slots=True, kw_only=True)
class JsonReader:
    """Reads JSON from one server; `name` is how errors call it. Headers may hold a secret and are never shown.

    `headers` go with every request; with `ca_file`, only certificates of that authority count.
    """

    name: str
    session: aiohttp.ClientSession
    limits: Limits = field(default_factory=Limits)
    sleep: Sleep = asyncio.sleep
    headers: Callable[[], Mapping[str, str]] = dict
    ca_file: Path | None = None

    async def get(self, url: str, parameters: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Any:
        """The parsed body of a GET; raises SourceUnavailable after the last attempt, or at once for a lasting fault."""
        return await self._ask(
            "GET", url, self.limits.maximum_bytes, params=dict(parameters), headers=dict(headers or {})
        )

    async def post_form(self, url: str, form: Mapping[str, str], *, maximum_bytes: int) -> Any:
        """The parsed body of a POST, for questions too long for a URL; otherwise as `get`.

        Raises TooLarge, which is a SourceUnavailable, when it has more than `maximum_bytes`.
        """
        return await self._ask("POST", url, maximum_bytes, data=dict(form))

    async def _ask(self, method: str, url: str, maximum_bytes: int, **arguments: Any) -> Any:
        attempt, pause = 1, self.limits.first_pause_seconds
        while True:
            try:
                return await self._once(method, url, maximum_bytes, **arguments)
            except _Transient as failure:
                if attempt >= self.limits.attempts:
                    raise SourceUnavailable(self.name, f"{failure.why} ({attempt} attempts)") from None
            await self.sleep(pause)
            attempt, pause = attempt + 1, 2.0 * pause

    async def _once(self, method: str, url: str, maximum_bytes: int, **arguments: Any) -> Any:
        timeout = aiohttp.ClientTimeout(total=self.limits.timeout_seconds)
        headers = {**UNPACKED, **self.headers(), **arguments.pop("headers", {})}
        hidden = credentials(headers, arguments.get("params", {}))
        try:
            async with self.session.request(
                method,
                url,
                timeout=timeout,
                allow_redirects=False,
                ssl=trusted(self.ca_file, self.name),
                headers=headers,
                **arguments,
            ) as response:
                if response.status == 404:
                    raise NotFound(
                        self.name, NOT_FOUND, _said(await self._bounded_body(response, maximum_bytes), hidden)
                    )
                self._refuse_bad_status(response)
                if response.status != 200:
                    words = _said(await self._bounded_body(response, maximum_bytes), hidden)
                    kind = Unauthorised if response.status == 401 else SourceUnavailable
                    raise kind(self.name, _explain_status(response.status, words))
                body = await self._bounded_body(response, maximum_bytes)
        except TimeoutError:
            raise _Transient(f"no response within {self.limits.timeout_seconds:g} s") from None
        except aiohttp.ClientError as error:
            raise _Transient(type(error).__name__) from error
        return _parse(self.name, body)

    def _refuse_bad_status(self, response: aiohttp.ClientResponse) -> None:
        status = response.status
        wait = _retry_after(response)
        if status == 429 or (wait is not None and status == 503):
            raise SourceUnavailable(self.name, _explain_wait(status, wait), wait)
        if status >= 500:
            raise _Transient(f"HTTP {status}")
        if 300 <= status < 400:
            raise SourceUnavailable(self.name, f"HTTP {status}: redirects are not followed; set the final URL")
        if status == 422:
            raise TooLarge(self.name, "HTTP 422: the query takes too many samples")
        if status == 200 and response.content_type != "application/json":
            raise SourceUnavailable(self.name, f"returned {response.content_type[:80]!r}, not application/json")
        packed = response.headers.get("Content-Encoding", "identity")
        if packed != "identity":
            raise SourceUnavailable(self.name, f"returned a compressed body ({packed[:20]!r}) that was not asked for")

    async def _bounded_body(self, response: aiohttp.ClientResponse, maximum_bytes: int) -> bytes:
        body = bytearray()
        async for chunk in response.content.iter_chunked(1 << 16):
            body += chunk
            if len(body) > maximum_bytes:
                raise TooLarge(self.name, f"returned more than {maximum_bytes} bytes")
        return bytes(body)


def _retry_after(response: aiohttp.ClientResponse) -> float | None:
    """Seconds for which a server asks to be left alone (RFC 9110, 10.2.3: a number, or a date by its own clock)."""
    text = response.headers.get("Retry-After", "")
    if re.fullmatch(r"[0-9]{1,9}", text):
        return float(text)
    try:
        until, now = (parsedate_to_datetime(value) for value in (text, response.headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _explain_wait(status: int, seconds: float | None) -> str:
    asked = "" if seconds is None else f"; it asks to wait {seconds:.0f} s"
    return f"HTTP {status}: too many requests{asked}" if status == 429 else f"HTTP {status}{asked}"


def credentials(headers: Mapping[str, str], parameters: Mapping[str, str]) -> frozenset[str]:
    """Every spelling of the secrets that a request carries, which no error may repeat."""
    found = {word for name, value in headers.items() if name not in PUBLIC_HEADERS for word in value.split()} - SCHEMES
    found |= {parameters[name] for name in SECRET_PARAMETERS if name in parameters}
    for word in tuple(found):
        with contextlib.suppress(ValueError):  # what is not base64 is no user and password
            found.add(base64.b64decode(word, validate=True).decode().partition(":")[2])
    return frozenset(spelling for word in found if word for spelling in (word, quote(word), quote_plus(word)))


def _said(body: bytes, hidden: frozenset[str]) -> str:
    """What an error's body says; empty if it says nothing readable. Words that repeat a credential are withheld."""
    try:
        words = said(parse_foreign_json(body), longest=None)
    except ValueError:
        return ""
    return WITHHELD if any(one in words for one in hidden) else words[:LONGEST_WORDS]


def said(document: object, *, longest: int | None = LONGEST_WORDS) -> str:
    """The words of an error, shortened: under `error` or `message`, or one level below; empty if there are none."""
    for _ in range(2):
        document = document.get("message") or document.get("error") if isinstance(document, dict) else document
    return document[:longest] if isinstance(document, str) else ""


def _explain_status(status: int, words: str) -> str:
    hints = {401: "the token or password is missing or wrong", 403: "the token lacks permission to read this"}
    hint = f": {hints[status]}" if status in hints else ""
    return f"HTTP {status}{hint}" + (f"; it says: {words!r}" if words else "")


def _parse(name: str, body: bytes) -> Any:
    try:
        return parse_foreign_json(body)
    except ValueError as error:
        raise SourceUnavailable(name, f"returned invalid JSON: {error}") from None
