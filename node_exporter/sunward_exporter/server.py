"""HTTP: `/metrics` for Prometheus and `/healthz` for the kubelet. Nothing else, and nothing that acts."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterable
from socketserver import TCPServer, ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from prometheus_client import CollectorRegistry, make_wsgi_app

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]
_TEXT = ("Content-Type", "text/plain; charset=utf-8")


class _Server(ThreadingMixIn, WSGIServer):
    """A slow scraper must not hold up the next one."""

    daemon_threads = True

    def server_bind(self) -> None:
        """Bind without asking DNS for a name of our own, which can take long where there is none."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), int(self.server_address[1])
        self.setup_environ()


class _Server6(_Server):
    """The same for an IPv6 address."""

    address_family = socket.AF_INET6


class _Quiet(WSGIRequestHandler):
    """A line per scrape would wear out an SD card."""

    timeout = 10

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def application(registry: CollectorRegistry, healthy: Callable[[], bool]) -> Application:
    """The whole interface as a WSGI application."""
    metrics: Application = make_wsgi_app(registry)

    def answer(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
        match environ.get("PATH_INFO"):
            case "/metrics":
                return metrics(environ, start_response)
            case "/healthz":
                good = healthy()
                start_response("200 OK" if good else "503 Service Unavailable", [_TEXT])
                return [b"ok\n" if good else b"the sampler has stopped\n"]
        start_response("404 Not Found", [_TEXT])
        return [b"try /metrics or /healthz\n"]

    return answer


def listening(text: str) -> tuple[str, int]:
    """Where `--listen` says: `HOST:PORT` or `[HOST]:PORT`; `:PORT` is every IPv4 address. Raises ValueError."""
    host, separator, port = text.rpartition(":")
    if not separator or not port.isdigit() or int(port) > 65535:
        raise ValueError(f"--listen: {text!r} is not HOST:PORT or :PORT")
    everywhere = "0.0.0.0"  # noqa: S104  # nosec B104  # Prometheus scrapes from another node
    return host.strip("[]") or everywhere, int(port)


def serve(host: str, port: int, app: Application) -> WSGIServer:
    """A server that is bound but does not answer yet. Raises OSError when the address is taken."""
    server = _Server6 if ":" in host else _Server
    return make_server(host, port, app, server_class=server, handler_class=_Quiet)
