"""What `sunward doctor` asks relays: do they answer the operator, and do they answer without credentials?"""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

from sunward.domain.errors import SunwardError

if TYPE_CHECKING:
    import aiohttp

    from sunward.power.registry import RelaySettings

OPEN = "WARNING: it takes orders without a password, from whatever can reach it"
FIXES = {
    True: f"{OPEN}: the password in credentialsSecretRef is not asked for; switch authentication on in the relay",
    False: f"{OPEN}: set a password in the relay, and name its Secret in credentialsSecretRef",
}
"""What to do about an open relay, by whether the settings hold a password for it."""


async def relays(settings: Path | None) -> list[tuple[str, bool | None, str]]:
    """Whether each relay of the settings answers, with its credentials and without any. Reads, and switches nothing."""
    from sunward.cli.settings import load_settings
    from sunward.sources.session import open_session

    if settings is None:
        return []  # what to run instead is already said of Prometheus
    try:
        given = load_settings(settings)
    except SunwardError:
        return []  # the error is already told of Prometheus
    async with open_session(shared=given.shared_address_space) as session:
        return list(await asyncio.gather(*(_relay(session, name, one) for name, one in given.relays.items())))


async def _relay(session: aiohttp.ClientSession, name: str, relay: RelaySettings) -> tuple[str, bool | None, str]:
    if await _answers(session, name, relay.model_copy(update={"token_file": None})):
        return (f"relay {name}", True, FIXES[relay.token_file is not None])
    if relay.token_file is not None and await _answers(session, name, relay):
        return (f"relay {name}", True, "")
    return (f"relay {name}", False, "it does not answer: check its url, its password and the operator's log")


async def _answers(session: aiohttp.ClientSession, name: str, relay: RelaySettings) -> bool:
    from sunward.power.finder import Drivers

    driver = Drivers(session, {name: relay}).at(name)
    return driver is not None and await driver.read() is not None
