"""Messages between the program and its solver process: a length and that many bytes, sent and read with a deadline."""

import os
import select
import time

READY = b"ready"
"""The solver process' first message: it has loaded what it needs. Here, because the program loads no solver."""
HEADER = 8
"""Bytes that announce the length of a message."""
LARGEST = 1 << 30
"""No message is longer; a larger announcement is garbage."""
LONGEST_WAIT_SECONDS = 3600.0
"""The system takes no longer wait at once."""


class FrameError(RuntimeError):
    """The other side is gone, late or talks nonsense."""


class EndedError(FrameError):
    """The other side is gone."""


def write_frame(descriptor: int, payload: bytes, deadline: float | None = None) -> None:
    """Write one message completely; raises OSError when the reader is gone.

    With a `deadline` (of `time.monotonic`) the descriptor must not block, and a reader that is late is a FrameError.
    """
    view = memoryview(len(payload).to_bytes(HEADER, "big") + payload)
    while view:
        if deadline is not None:
            _wait([], [descriptor], deadline)
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            continue


def read_frame(descriptor: int, deadline: float | None = None, *, largest: int = LARGEST) -> bytes:
    """Read one message of at most `largest` bytes; raises FrameError.

    `deadline` is on the `time.monotonic` clock, None waits for ever.
    """
    length = int.from_bytes(_read_exactly(descriptor, HEADER, deadline), "big")
    if length > largest:
        raise FrameError("invalid response from the solver process")
    return _read_exactly(descriptor, length, deadline)


def _read_exactly(descriptor: int, count: int, deadline: float | None) -> bytes:
    chunks = []
    while count > 0:
        if deadline is not None:
            _wait([descriptor], [], deadline)
        chunk = os.read(descriptor, min(count, 1 << 20))
        if not chunk:
            raise EndedError("the solver process ended")
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)


def _wait(readable: list[int], writable: list[int], deadline: float) -> None:
    """Until one of the descriptors is ready; a deadline that is no number has passed."""
    while True:
        left = deadline - time.monotonic()
        ready = select.select(readable, writable, [], min(left, LONGEST_WAIT_SECONDS) if left > 0 else 0.0)
        if ready[0] or ready[1]:
            return
        if not left > LONGEST_WAIT_SECONDS:
            raise FrameError("the solver process did not respond in time")
