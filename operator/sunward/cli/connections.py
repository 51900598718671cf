"""Connections to relays and coordinators: no proxy, and bodies as they were sent."""

from __future__ import annotations

import aiohttp


def open_local_session(connector: aiohttp.BaseConnector | None = None) -> aiohttp.ClientSession:
    """A session for what stands inside the cluster or beside it; the caller closes it. Needs a running event loop.

    A packed body may be a thousand times as long as it looks: none is asked for, and none is unpacked.
    """
    return aiohttp.ClientSession(
        connector=connector, trust_env=False, auto_decompress=False, headers={"Accept-Encoding": "identity"}
    )
