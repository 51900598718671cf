"""What surrounds the operator over HTTP: a Shelly relay per machine and a Prometheus, served from one thread.

The relays speak the Gen2 RPC as the driver uses it; the meters answer the operator's fixed queries. A path begins with
the name of the process that asks, so that the journal can tell two operators apart.
"""

from __future__ import annotations

import json
import re
import sys
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Final
from urllib.parse import parse_qs

from support.real.journal import Journal
from support.real.machines import Fault, Machine

Series = dict[str, Any]
_QUERY: Final = re.compile(r'(timestamp\()?(\w+)\{job="[^"]*",node=~"([^"]*)"\}(?:\[(\d+)s\])?\)?')
_METRICS: Final = {
    "sunward_node_power_watts": "hwmon",
    "sunward_node_energy_joules_total": "hwmon",
    "sunward_node_harvest_power_watts": "harvest",
    "sunward_node_harvest_energy_joules_total": "harvest",
}


@dataclass(slots=True, kw_only=True)
class Surroundings:
    """Relays and meters of some machines; `meters_down` makes every query an error."""

    machines: Mapping[str, Machine]
    journal: Journal
    scrape_seconds: float = 1.0
    meters_down: bool = False
    address: str = ""
    never: threading.Event = field(default_factory=threading.Event)

    def answer(self, path: str, body: bytes) -> tuple[int, Any]:
        """Status and JSON of one POST: /PROCESS/relays/NODE/rpc or /PROCESS/prometheus/api/v1/query."""
        process, kind, *rest = path.strip("/").split("/")
        if kind == "relays":
            return self._relay(process, self.machines[rest[0]], json.loads(body))
        if self.meters_down:
            return 503, {"status": "error", "error": "down"}
        form = parse_qs(body.decode())
        return 200, {"status": "success", "data": self._query(form["query"][0], float(form["time"][0]))}

    def _relay(self, process: str, machine: Machine, frame: Mapping[str, Any]) -> tuple[int, Any]:
        if machine.fault is Fault.ERROR:
            return 200, {"id": frame["id"], "error": {"code": -1, "message": "internal error"}}
        if machine.fault is Fault.TIMEOUT:
            self.never.wait(10.0)
            return 503, {}
        if frame["method"] == "Switch.Set":
            result: Series = {"was_on": self._switch(process, machine, frame)}
        else:
            lies = machine.fault is Fault.LIES and not machine.output
            result = {"id": 0, "output": machine.output, "apower": 0.0 if lies else machine.watts}
        return 200, {"id": frame["id"], "src": "relay", "result": result}

    def _switch(self, process: str, machine: Machine, frame: Mapping[str, Any]) -> bool:
        _, operation, token = str(frame["src"]).split("/")
        on = bool(frame["params"]["on"])
        was_on = machine.output
        self.journal.record(
            "switch",
            relay=f"relay-{machine.name}",
            node=machine.name,
            on=on,
            was_on=was_on,
            operation=operation,
            token=int(token),
            process=process,
            obeyed=machine.fault is Fault.NONE,
        )
        return machine.switch(on)

    def _query(self, query: str, at: float) -> dict[str, Any]:
        found = _QUERY.fullmatch(query)
        assert found is not None, query
        asks_time, metric, nodes, window = found.groups()
        names = ["sunward_node_power_watts", "sunward_node_harvest_power_watts"]
        metrics = names if metric == "sunward_node_last_sample_timestamp_seconds" else [metric]
        shown = [
            (machine, _METRICS[name], name)
            for machine in self.machines.values()
            if re.fullmatch(nodes.replace("\\\\", "\\"), machine.name)
            for name in metrics
            if name in _METRICS
        ]
        if window:
            rows = [self._range(*one, at, float(window)) for one in shown]
            return {"resultType": "matrix", "result": [row for row in rows if row["values"]]}
        clock = bool(asks_time) or metric not in _METRICS
        return {"resultType": "vector", "result": list(self._instants(shown, at, clock))}

    def _instants(self, shown: list[tuple[Machine, str, str]], at: float, clock: bool) -> Iterator[Series]:
        scraped = at // self.scrape_seconds * self.scrape_seconds
        for machine, channel, name in shown:
            phase = machine.shown(scraped)
            if phase is None:
                continue
            value = scraped if clock else _value(machine, name, scraped)
            yield {"metric": {"node": machine.name, "source": channel}, "value": [at, f"{value:.6f}"]}

    def _range(self, machine: Machine, channel: str, name: str, at: float, seconds: float) -> Series:
        first = int((at - seconds) // self.scrape_seconds) + 1
        times = [index * self.scrape_seconds for index in range(first, int(at // self.scrape_seconds) + 1)]
        values = [[when, f"{_value(machine, name, when):.6f}"] for when in times if machine.shown(when) is not None]
        return {"metric": {"node": machine.name, "source": channel}, "values": values}


def _value(machine: Machine, name: str, at: float) -> float:
    harvest = "harvest" in name
    if name.endswith("_total"):
        return machine.joules(at, harvest=harvest)
    phase = machine.shown(at)
    assert phase is not None
    return phase.harvest_watts if harvest else phase.watts


class _Server(ThreadingHTTPServer):
    request_queue_size = 512  # hundreds of relays are asked at the same moment
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """Whoever asked was killed, or did not wait: that is what these tests do."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            traceback.print_exc()


@contextmanager
def serving(surroundings: Surroundings) -> Iterator[str]:
    """Serve on a free port of loopback; gives the address."""
    server = _Server(("127.0.0.1", 0), _handler(surroundings.answer))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    surroundings.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield surroundings.address
    finally:
        surroundings.never.set()
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(answer: Callable[[str, bytes], tuple[int, Any]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            status, body = answer(self.path, self.rfile.read(int(self.headers["Content-Length"])))
            text = json.dumps(body).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    return Handler
