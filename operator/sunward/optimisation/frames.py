"""Messages between the program and its solver process: a length and that many bytes, read with a deadline."""

import os
import select
import time

HEADER = 8
LARGEST = 1 << 30
"""No message is longer; a larger announcement is garbage."""


class FrameError(RuntimeError):
    """The other side is gone, late or talks nonsense."""


def write_frame(descriptor: int, payload: bytes) -> None:
    """Write one message completely; raises OSError when nobody reads."""
    view = memoryview(len(payload).to_bytes(HEADER, "big") + payload)
    while view:
        view = view[os.write(descriptor, view) :]


def read_frame(descriptor: int, deadline: float | None = None) -> bytes:
    """Read one message; `deadline` on the `time.monotonic` clock, None waits for ever. Raises FrameError."""
    length = int.from_bytes(_read_exactly(descriptor, HEADER, deadline), "big")
    if length > LARGEST:
        raise FrameError("garbage instead of an answer")
    return _read_exactly(descriptor, length, deadline)


def _read_exactly(descriptor: int, count: int, deadline: float | None) -> bytes:
    chunks = []
    while count > 0:
        left = None if deadline is None else max(0.0, deadline - time.monotonic())
        if not select.select([descriptor], [], [], left)[0]:
            raise FrameError("no answer in time")
        chunk = os.read(descriptor, min(count, 1 << 20))
        if not chunk:
            raise FrameError("the solver process ended")
        chunks.append(chunk)
        count -= len(chunk)
    return b"".join(chunks)
