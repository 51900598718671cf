"""The guards of the power agent: module, what stands there, what without the guard, and which tests notice."""

from __future__ import annotations

ORDERS = "tests/unit/power_agent/test_agent_orders.py"
LOOP = "tests/unit/power_agent/test_agent_loop.py"
HOST = "tests/unit/power_agent/test_agent_host.py"
CLOCK = "tests/unit/power_agent/test_agent_clock.py"

PLACES: dict[str, tuple[str, str, str, str]] = {
    "an order for another node is void": ("orders", "if node_of(body) != known.node:", "if False:", ORDERS),
    "an order for another boot is void": ("orders", "if order.boot_id != known.boot_id:", "if False:", ORDERS),
    "an order counts only while its power-off is on record": (
        "orders",
        'if part(body, "status").get("powerState") != IN_FORCE or order.is_over:',
        "if order.is_over:",
        ORDERS,
    ),
    "an order that the operator no longer waits for is void": (
        "orders",
        "!= IN_FORCE or order.is_over:",
        "!= IN_FORCE:",
        ORDERS,
    ),
    "an order of another operation is void": (
        "orders",
        'if part(body, "status", "operation").get("id") != order.operation_id:',
        "if False:",
        ORDERS,
    ),
    "an order after its deadline is void": ("orders", "if now >= order.deadline:", "if False:", ORDERS),
    "an order from the future is void": (
        "orders",
        "if (order.issued_at - now).total_seconds() > SKEW_SECONDS:",
        "if False:",
        ORDERS,
    ),
    "an order of an earlier leader is void": (
        "orders",
        'if spec.get("leaseTransitions") != order.fencing_token:',
        "if False:",
        ORDERS,
    ),
    "an order without a leader is void": ("orders", 'if not spec.get("holderIdentity"):', "if False:", ORDERS),
    "an order is carried out once": ("agent", "order.operation_id in self._done or ", "", LOOP),
    "an order that was announced before a restart is not repeated": (
        "agent",
        'self._done.add(last["operationId"])',
        "pass",
        LOOP,
    ),
    "an order is announced in the version that was read": ("agent", ", now)}, self._version)", ", now)})", LOOP),
    "the deadline is looked at once more": (
        "agent",
        "if now is None or now >= order.deadline:",
        "if now is None:",
        LOOP,
    ),
    "two looks at once are one": ("agent", "        async with self._looking:\n", "        if True:\n", LOOP),
    "logind must say yes": ("host", 'if said == ["yes"] else', "if said else", HOST),
    "a host that hangs is given up": ("host", "asyncio.timeout(self._timeout_seconds)", "asyncio.timeout(20.0)", HOST),
    "a time that was heard long ago is not known": ("clock", "or moment - self._heard_at > TRUSTED_SECONDS", "", CLOCK),
}
