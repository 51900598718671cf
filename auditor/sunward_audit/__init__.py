"""An independent judge of Sunward: it watches the API server and the relays, and shares no code with the operator."""

from sunward_audit.auditor import Auditor
from sunward_audit.events import LogLine, ObjectSeen, Quiescence, RelayOrder, RelayRead, Request, Tick
from sunward_audit.report import Report, Violation

__all__ = [
    "Auditor",
    "LogLine",
    "ObjectSeen",
    "Quiescence",
    "RelayOrder",
    "RelayRead",
    "Report",
    "Request",
    "Tick",
    "Violation",
]
