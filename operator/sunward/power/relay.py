"""What all relays share: the section of the settings, the way to ask, and what an answer proves.

The proof is always the relay's own output and meter, never a Node that went NotReady. Addresses, switches and passwords
come from the administrator's settings; custom resources carry only a relay's name.
"""

from __future__ import annotations

import json
import logging
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import aiohttp
from pydantic import Field

from sunward.domain.errors import SourceUnavailable
from sunward.domain.steps import PowerReading
from sunward.settings.address import Url
from sunward.settings.section import Section
from sunward.settings.token import TokenFile, read_token

TIMEOUT = aiohttp.ClientTimeout(total=5)
BODY_LIMIT_BYTES = 65536

Clock = Callable[[], datetime]
log = logging.getLogger(__name__)


def utc_now() -> datetime:
    """The time of this machine, aware."""
    return datetime.now(UTC)


class RelaySection(Section, ABC):
    """One relay of the administrator's settings; every kind adds `driver`, a Literal with its name."""

    url: Url
    switch_id: int = Field(default=0, ge=0, le=63)
    token_file: TokenFile | None = None

    @abstractmethod
    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this relay. Asks nothing yet."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to one relay, and the clock by which its answers are dated."""

    session: aiohttp.ClientSession
    name: str
    relay: RelaySection
    clock: Clock = utc_now
    timeout: aiohttp.ClientTimeout = TIMEOUT

    async def ask(self, method: str, path: str, what: str, **request: Any) -> dict[str, Any]:
        """The JSON object that the relay answers with. Raises SourceUnavailable for anything else.

        Its text never holds the address: a question may carry a password there.
        """
        try:
            async with self.session.request(
                method, f"{self.relay.url}{path}", timeout=self.timeout, allow_redirects=False, **request
            ) as response:
                if response.status != 200:
                    raise self.unavailable(f"{what}: HTTP {response.status}{_hint(response.status)}")
                answer = json.loads(await self._short_body(response))
        except (aiohttp.ClientError, TimeoutError, ValueError, RecursionError) as error:
            raise self.unavailable(f"{what}: {_failure(error)}") from None
        if not isinstance(answer, dict):
            raise self.unavailable(f"{what}: unexpected response{self.quoted(answer)}")
        return answer

    def password(self) -> str | None:
        """The relay's password; None where it has none. Raises SourceUnavailable when its file holds none."""
        return None if self.relay.token_file is None else read_token(self.relay.token_file, self.name, "utf-8")

    def quoted(self, answer: object) -> str:
        """An answer for an error message, after a colon; nothing of a relay that knows a password and may repeat it."""
        return f": {str(answer)[:200]}" if self.relay.token_file is None else ""

    def unavailable(self, why: str) -> SourceUnavailable:
        """The error that this relay gives no usable answer."""
        return SourceUnavailable(self.name, why)

    async def _short_body(self, response: aiohttp.ClientResponse) -> bytes:
        """The whole body, unless it is longer than any relay's answer, whatever length it announces."""
        body = bytearray()
        async for chunk in response.content.iter_chunked(4096):
            body += chunk
            if len(body) > BODY_LIMIT_BYTES:
                raise self.unavailable("the response is too long")
        return bytes(body)


def _hint(status: int) -> str:
    return ": the password (tokenSecretRef) is missing or wrong" if status == 401 else ""


def _failure(error: Exception) -> str:
    """What went wrong on the way, by the kind of error alone: the library's own text may hold the whole address."""
    if isinstance(error, TimeoutError):
        return "no response in time"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, json.JSONDecodeError | RecursionError):
        return "the response is not JSON"
    return type(error).__name__


class RelayDriver(ABC):
    """Switches a machine through one relay and proves its state; a kind of relay says how it is asked and ordered."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._failure = ""

    async def read(self) -> PowerReading | None:
        """Output state and active power, dated before the question; None when the relay gives no usable answer."""
        asked_at = self._line.clock()
        try:
            output, watts = await self.state()
        except SourceUnavailable as error:
            self._note(str(error))
            return None
        self._note("")
        return reading(output, watts, asked_at)

    @abstractmethod
    async def state(self) -> tuple[object, object]:
        """Output and watts as the relay says them, unchecked; None for what it does not say.

        Raises SourceUnavailable when it gives no answer about this switch.
        """

    @abstractmethod
    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the relay for a state, once. Raises SourceUnavailable when it did not accept it."""

    def _note(self, failure: str) -> None:
        """Log why there is no reading, once for as long as it stays the same: it is asked for in every pass."""
        if failure and failure != self._failure:
            log.warning(failure)
        self._failure = failure


def reading(output: object, watts: object, asked_at: datetime) -> PowerReading | None:
    """What a relay's words prove: nothing without a plain on or off; no number without a finite one.

    A meter that counts backwards is mounted the wrong way round; the machine draws power all the same.
    """
    if not isinstance(output, bool):
        return None
    usable = isinstance(watts, int | float) and not isinstance(watts, bool) and math.isfinite(watts)
    return PowerReading(is_on=output, watts=abs(float(watts)) if usable else None, time=asked_at)  # type: ignore[arg-type]  # usable means a number
