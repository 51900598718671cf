"""Which worker each Flower node belongs to.

Flower authenticates a SuperNode by a key of its own that the node chooses when it registers. That alone says that two
calls come from the same node, not from which worker: the certificate of the connection does. The first call binds the
key to the worker, and no other worker can use it or claim its node.
"""

import threading
from collections.abc import Callable


class FleetKeys:
    """The newest key of each worker. Safe to call from any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._keys: dict[str, bytes] = {}
        self._node_of: Callable[[bytes], int | None] = lambda _: None

    def open(self, node_of: Callable[[bytes], int | None]) -> None:
        """Set where a key's Flower node is found: the SuperLink has started."""
        self._node_of = node_of

    def register(self, worker: str, key: bytes) -> bool:
        """A worker registers a Flower node with this key. False when the key is another worker's.

        It replaces the worker's earlier key: a worker has one connection, and what it left behind is worth nothing.
        """
        with self._lock:
            if any(known == key and owner != worker for owner, known in self._keys.items()):
                return False
            self._keys[worker] = key
            return True

    def may_use(self, worker: str, key: bytes) -> bool:
        """Whether the key is the one that the worker registered last."""
        with self._lock:
            return self._keys.get(worker) == key

    def owns(self, worker: str, flower_node: int) -> bool:
        """Whether the Flower node is the one that the worker registered last."""
        with self._lock:
            key = self._keys.get(worker)
        return key is not None and self._node_of(key) == flower_node
