"""A page of the terminal that is redrawn until it is interrupted, also while the cluster cannot be reached."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sunward.settings.documents import one_line

if TYPE_CHECKING:
    from sunward.cluster.access.api import ApiError

Body = dict[str, Any]
EVERY_SECONDS: Final = 2.0


async def redraw(
    read: Callable[[], Awaitable[Body]],
    page: Callable[[Body], RenderableType],
    *,
    console: Console | None = None,
    wait: Callable[[], Awaitable[None]] = lambda: asyncio.sleep(EVERY_SECONDS),
) -> None:
    """Draw what is read, again and again. The first read must succeed; after it, a failure is a line below the page.

    Raises ApiError for the first read. Ends when it is cancelled or `wait` raises StopAsyncIteration.
    """
    from sunward.cluster.access.api import ApiError

    data = await read()
    with Live(console=console, screen=False, auto_refresh=False) as live:
        live.update(_whole(page(data), None), refresh=True)
        while await _goes_on(wait):
            try:
                data, failed = await read(), None
            except ApiError as error:
                failed = error
            live.update(_whole(page(data), failed), refresh=True)


async def _goes_on(wait: Callable[[], Awaitable[None]]) -> bool:
    try:
        await wait()
    except (StopAsyncIteration, asyncio.CancelledError):
        return False
    return True


def _whole(page: RenderableType, failed: ApiError | None) -> Group:
    now = f"{datetime.now(UTC):%H:%M:%S} UTC"
    line = now if failed is None else f"{now}: not up to date, {one_line(str(failed))}"
    return Group(page, Text(line, style="dim" if failed is None else "bold red"))
