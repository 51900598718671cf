"""What all relays share: the section of the settings, the way to ask, and what an answer proves.

The proof is always the relay's own output and meter, never a Node that went NotReady. Addresses, switches and passwords
come from the administrator's settings; custom resources carry only a relay's name.
"""

from __future__ import annotations

import logging
import re
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Self

import aiohttp
from pydantic import Field, model_validator

from sunward.domain.errors import SourceUnavailable
from sunward.domain.foreign_json import parse_foreign_json
from sunward.domain.steps import PowerReading
from sunward.settings.address import Url, same_target
from sunward.settings.section import Section
from sunward.settings.token import TokenFile, read_token
from sunward.settings.trust import trusted

TIMEOUT = aiohttp.ClientTimeout(total=5)
BODY_LIMIT_BYTES = 65536
FAULTS_LIMIT = 8
UNREADABLE_FAULT = "unreadable"
"""What a relay reports where its list of faults is no list of words: something is wrong, it is not known what."""
USER = "admin"
"""The user that firmware comes with."""
MOST_WATTS = 1e6
"""No relay carries more; a larger number is no measurement."""

_FAULT = re.compile(r"[a-z][a-z0-9_:-]{0,31}")

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
    ca_file: TokenFile | None = None

    @property
    def switch(self) -> str:
        """Which switch of which device this is, the same for every spelling of the address."""
        return f"{same_target(self.url)} switch {self.switch_id}"

    @model_validator(mode="after")
    def _uses_its_certificate(self) -> Self:
        if self.ca_file is not None and not self.url.lower().startswith("https://"):
            raise ValueError("caFile is used with https only: change url to https, or remove caFile")
        return self

    @abstractmethod
    def build(self, line: Line) -> RelayDriver:
        """The driver at the end of a line to this relay. Asks nothing yet."""


class UserSection(RelaySection, ABC):
    """A relay whose user may have another name than the one that its firmware comes with."""

    username: str = Field(default=USER, min_length=1, max_length=64, pattern=r"^[!-~]+$")

    @model_validator(mode="after")
    def _uses_its_name(self) -> Self:
        if "username" in self.model_fields_set and self.token_file is None:
            raise ValueError("username needs a password: set tokenFile as well, or remove username")
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """The way to one relay, and the clock by which its answers are dated.

    `shared_with` are other names of the same switch: then it is not known whose power it is, and it takes no orders.
    """

    session: aiohttp.ClientSession
    name: str
    relay: RelaySection
    clock: Clock = utc_now
    timeout: aiohttp.ClientTimeout = TIMEOUT
    shared_with: tuple[str, ...] = ()

    async def ask(self, method: str, path: str, what: str, *, base: str = "", **request: Any) -> dict[str, Any]:
        """The JSON object that the relay answers with. Raises SourceUnavailable for anything else.

        Its text never holds the address: a question may carry a password there. *path* is below the relay's address, or
        below *base*.
        """
        return await self._exchange(method, path, what, base, (200,), request)

    async def tell(self, method: str, path: str, what: str, *, base: str = "", **request: Any) -> dict[str, Any]:
        """The JSON object of an answer that may also be an acceptance without one: then it is empty.

        Raises SourceUnavailable for anything else.
        """
        return await self._exchange(method, path, what, base, (200, 202, 204), request)

    async def _exchange(
        self, method: str, path: str, what: str, base: str, accepted: tuple[int, ...], request: dict[str, Any]
    ) -> dict[str, Any]:
        try:
            async with self.session.request(
                method,
                f"{base or self.relay.url}{path}",
                timeout=self.timeout,
                allow_redirects=False,
                ssl=trusted(self.relay.ca_file, self.name),
                **request,
            ) as response:
                if response.status not in accepted:
                    raise self.unavailable(f"{what}: HTTP {response.status}{_hint(response.status)}")
                body = await self._short_body(response)
                answer = parse_foreign_json(body) if body or accepted == (200,) else {}
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise self.unavailable(f"{what}: {_failure(error)}") from None
        if not isinstance(answer, dict):
            raise self.unavailable(f"{what}: unexpected response{self.quoted(answer)}")
        return answer

    def password(self) -> str | None:
        """The relay's password; None where it has none. Raises SourceUnavailable when its file holds none."""
        return None if self.relay.token_file is None else read_token(self.relay.token_file, self.name, "utf-8")

    def quoted(self, answer: object) -> str:
        """An answer for an error message, after a colon; nothing of a relay that knows a password and may repeat it.

        What cannot be printed is written as an escape: half a surrogate cannot even be logged.
        """
        if self.relay.token_file is not None:
            return ""
        return ": " + "".join(c if c.isprintable() else ascii(c)[1:-1] for c in str(answer)[:200])

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
    return ": the password (credentialsSecretRef) is missing or wrong" if status == 401 else ""


def _failure(error: Exception) -> str:
    """What went wrong on the way, by the kind of error alone: the library's own text may hold the whole address."""
    if isinstance(error, TimeoutError):
        return "no response in time"
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        return "its certificate is not of a trusted authority (caSecretRef)"
    if isinstance(error, OSError):
        return error.strerror or type(error).__name__
    if isinstance(error, ValueError) and not isinstance(error, aiohttp.ClientError):
        return "the response is not JSON"
    return type(error).__name__


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """What a relay says of one switch, unchecked; None for what it does not say."""

    output: object
    watts: object
    faults: object = None


class RelayDriver(ABC):
    """Switches a machine through one relay and proves its state; a kind of relay says how it is asked and ordered."""

    def __init__(self, line: Line) -> None:
        self._line = line
        self._failure = ""

    async def read(self) -> PowerReading | None:
        """Output state and active power, dated before the question; None when the relay gives no usable answer."""
        asked_at = self._line.clock()
        try:
            said = await self.state()
        except SourceUnavailable as error:
            self._note(str(error))
            return None
        self._note("")
        found = reading(said.output, said.watts, asked_at)
        return found and replace(found, faults=faults(said.faults), shared_with=self._line.shared_with)

    async def switch(self, on: bool, operation: str, fencing_token: int) -> None:
        """Ask the relay for a state, once. Raises SourceUnavailable when it did not accept it."""
        if self._line.shared_with:
            raise self._line.unavailable(f"it is the same switch as {', '.join(self._line.shared_with)}; not switched")
        await self.order(on, operation, fencing_token)

    @abstractmethod
    async def state(self) -> Said:
        """What the relay says. Raises SourceUnavailable when it gives no answer about this switch."""

    @abstractmethod
    async def order(self, on: bool, operation: str, fencing_token: int) -> None:
        """Send the order, once. Raises SourceUnavailable unless the relay's answer says that it was accepted."""

    def _note(self, failure: str) -> None:
        """Log why there is no reading, once for as long as it stays the same: it is asked for in every pass."""
        if failure and failure != self._failure:
            log.warning(failure)
        self._failure = failure


def reading(output: object, watts: object, asked_at: datetime) -> PowerReading | None:
    """What a relay's words prove: nothing without a plain on or off; no number without one that it can carry.

    A meter that counts backwards is mounted the wrong way round; the machine draws power all the same.
    """
    if not isinstance(output, bool):
        return None
    usable = isinstance(watts, int | float) and not isinstance(watts, bool) and abs(watts) <= MOST_WATTS
    return PowerReading(is_on=output, watts=abs(float(watts)) if usable else None, time=asked_at)  # type: ignore[arg-type]  # usable means a number


def faults(said: object) -> tuple[str, ...]:
    """The faults that a relay reports of itself (overpower, overtemp), in its own words; none where it lists none.

    A list that cannot be read is a fault as well: it is not there without a reason.
    """
    if said is None or said == []:
        return ()
    words = said if isinstance(said, list) else [said]
    known = [word if isinstance(word, str) and _FAULT.fullmatch(word) else UNREADABLE_FAULT for word in words]
    return tuple(dict.fromkeys(known[:FAULTS_LIMIT]))
