"""What suite R17 tries: addresses that must not be asked, words that must not become queries, secrets."""

from __future__ import annotations

import base64
import contextlib
import logging
import re
import tempfile
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from urllib.parse import quote as url_quoted

import aiohttp
from aiohttp import web

from sunward.cli.settings import parse_settings
from sunward.domain.errors import InvalidInput, SourceUnavailable
from sunward.power.finder import Drivers
from sunward.sources.promql import Metric, mapped, own_time, quote, samples_of_last, selector
from support.grid.providers import NOON, SERVICES
from support.sources import reading, serving
from support.tree.registries import relay

SECRET = "s3cr3t&=%ü-7f1c"
MARK = "7f1c"
"""A part of the secret that no encoding but base64 changes."""

TARGETS = (
    *(
        "http://169.254.169.254/latest/meta-data",
        "https://169.254.169.254",
        "http://169.254.170.2",
        "http://2852039166",
    ),
    *("http://0xa9fea9fe", "http://0251.0376.0251.0376", "http://[fe80::1]", "https://[fe80::a9fe:a9fe]"),
    *(
        "http://[::ffff:169.254.169.254]",
        "http://0.0.0.0",
        "https://0.0.0.0",
        "http://[::]",
        "http://0",
        "http://127.1",
    ),
    *("http://0177.0.0.1", "http://2130706433", "http://0x7f.1", "http://224.0.0.1", "http://[ff02::1]"),
    *("http://8.8.8.8", "http://1.1.1.1:9090", "http://example.org", "http://metadata.google.internal.example.com"),
    *("http://10.0.0.1.nip.io", "http://user:word@10.0.0.1", "https://user@example.org", "http://10.0.0.1@8.8.8.8"),
    *(
        "http://10.0.0.1/?next=http://8.8.8.8",
        "http://10.0.0.1/#x",
        "http://10.0.0.1/../admin",
        "http://10.0.0.1/%2e%2e",
    ),
    *("file:///etc/passwd", "gopher://10.0.0.1/", "ftp://10.0.0.1/x", "unix:///run/containerd.sock", "//10.0.0.1/x"),
    *("http:///x", "http://", "10.0.0.1:9090", "http://10.0.0.1:0", "http://10.0.0.1:99999", "http://10.0.0.1:80:80"),
    *(
        "http://10.0.0.1\r\nHost: evil",
        "http://10.0.0.1/\x00",
        "http://10.0.0.1/ x",
        "http://１０.0.0.1",
        "http://10。0。0。1",
    ),
    *("http://ⓔxample.local", "http://[10.0.0.1]", "http://[::1", "http://10.0.0.256", "javascript:alert(1)"),
)
"""Each is refused wherever the settings take an address: outside, link-local, or spelt so that programs disagree."""

FIELDS: dict[str, Callable[[str], str]] = {
    "prometheus": lambda url: f"prometheus: {{url: {url}}}",
    "relay": lambda url: f"prometheus: {{url: http://prometheus:9090}}\nrelays: {{r: {{driver: Shelly, url: {url}}}}}",
    "intensity source": lambda url: (
        "prometheus: {url: http://prometheus:9090}\n"
        f"intensitySources: {{s: {{provider: carbon-aware-sdk, url: {url}, basis: average-direct}}}}"
    ),
}

WORDS = (
    *(
        '"',
        "'",
        "`",
        "\\",
        "\\\\",
        '\\"',
        '"}',
        '"} or vector(1) or x{a="',
        "a|b",
        "a|.*",
        ".*",
        ".+",
        "(a)",
        "[a-z]",
        "^a$",
    ),
    *(
        "a{2}",
        "$a",
        "{{a}}",
        "}",
        "{",
        "#",
        "# x",
        " or 1",
        "a b",
        "a,b",
        "a=b",
        "a!=b",
        'a=~".*"',
        "a[5m]",
        "a offset 5m",
    ),
    *(
        "a @ 1",
        "-a",
        "+a",
        "*",
        "?",
        "%",
        "%22",
        "&amp;",
        "<a>",
        "../a",
        "/a",
        "a/b",
        ";",
        "a;b",
        "é",
        "ü",
        "日本",
        "·",
        "👍",
    ),
    *("\u202e", "\u2028", "\ufeff", "a" * 253, "$(reboot)", "`reboot`", "{{ .Values }}", "${x}"),
)
"""Texts that somebody may have as the value of a label."""
REFUSED_WORDS = ("", "a" * 254, "\x00", "a\nb", "a\rb", "\t", "\x1b[2J", "\x7f", "\ud800")
"""Texts that are no value of a label at all."""
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"', re.DOTALL)


def forbidden_addresses_taken() -> list[str]:
    """Addresses that a field of the settings takes and must not."""
    found = []
    for name, document in FIELDS.items():
        for url in TARGETS:
            with contextlib.suppress(InvalidInput):
                parse_settings(document(_yaml(url)))
                found.append(f"{name} takes {url!r}")
    return found


def _yaml(text: str) -> str:
    """A YAML string with every character that it can hold."""
    return '"' + "".join(f"\\U{ord(letter):08x}" for letter in text) + '"'


def queries(value: str) -> dict[str, str]:
    """Every kind of query that a value may stand in."""
    return {
        "selector": selector(Metric.POWER, "job", [value]),
        "two nodes": selector(Metric.POWER, "job", ["pi-01", value]),
        "job": selector(Metric.POWER, value, ["pi-01"]),
        "own time": own_time(Metric.ENERGY, "job", [value]),
        "samples": samples_of_last(Metric.ENERGY, "job", [value], 60),
        "mapped": mapped("kepler_node_joules_total", {"mode": value}, "instance", [value], 60),
        "quote": quote(value),
    }


def changed_queries() -> list[str]:
    """Queries that differ from that of a plain word outside the quotes, and words to refuse that are taken."""
    plain = {name: _STRING.sub('""', query) for name, query in queries("plain").items()}
    found = [
        f"{name} is another query for {word!r}: {query}"
        for word in WORDS
        for name, query in queries(word).items()
        if _STRING.sub('""', query) != plain[name] or not _means(query, word)
    ]
    for word in REFUSED_WORDS:
        with contextlib.suppress(InvalidInput):
            queries(word)
            found.append(f"{word!r} is taken for a value")
    return found


def _means(query: str, word: str) -> bool:
    """Whether one of the quoted texts is the word, or a regular expression that matches it."""
    texts = [re.sub(r"\\(.)", r"\1", text, flags=re.DOTALL) for text in _STRING.findall(query)]
    with contextlib.suppress(re.error):
        return any(text == word or (_re2(text) and re.fullmatch(text, word)) for text in texts)
    return False


def _re2(text: str) -> bool:
    """Whether RE2, which Prometheus has, takes every escape: only ASCII punctuation may be escaped."""
    return all(ord(one) < 128 and not one.isalnum() for one in re.findall(r"\\(.)", text, flags=re.DOTALL))


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def echo(request: web.Request) -> web.StreamResponse:
    """A proxy's page of errors, with everything that was sent."""
    body = await request.text()
    headers = "\n".join(f"{name}: {value}" for name, value in request.headers.items())
    return web.json_response(
        {"error": f"{request.method} {request.raw_path}\n{headers}\n{body}", "message": SECRET}, status=500
    )


async def refused(request: web.Request) -> web.StreamResponse:
    """The same, and not allowed."""
    found = await echo(request)
    found.set_status(401)
    found.headers["WWW-Authenticate"] = f'Basic realm="{SECRET}"'
    return found


async def cut(request: web.Request) -> web.StreamResponse:
    """Nothing."""
    assert request.transport is not None
    request.transport.close()
    return web.Response()


async def a_list(_: web.Request) -> web.StreamResponse:
    """Sound JSON of another shape."""
    return web.json_response([SECRET])


async def words(_: web.Request) -> web.StreamResponse:
    """No JSON."""
    return web.Response(text=SECRET)


ANSWERS: tuple[Answer, ...] = (echo, refused, cut, a_list, words)


class Elsewhere:
    """A server that sends everybody on, and the one to which nobody may come."""

    def __init__(self, status: int) -> None:
        self._status = status
        self.visits = 0
        self.url = ""

    async def lead(self, _: web.Request) -> web.StreamResponse:
        """On to the other."""
        return web.Response(status=self._status, headers={"Location": f"{self.url}/secret"})

    async def visit(self, _: web.Request) -> web.StreamResponse:
        """Somebody came."""
        self.visits += 1
        return web.json_response({})


async def redirects_followed() -> list[str]:
    """Drivers and sources that follow a redirect, whatever its status."""
    found = []
    for status in (301, 302, 303, 307, 308):
        elsewhere = Elsewhere(status)
        async with serving(elsewhere.visit) as other, serving(elsewhere.lead) as server:
            elsewhere.url = other.url
            said = [one async for one in _asked_all(server.url)]
        if elsewhere.visits:
            found.append(f"{elsewhere.visits} of {len(said)} questions followed HTTP {status}")
    return found


async def secrets_shown() -> list[str]:
    """Errors, log lines and their tracebacks, at every level, that hold the secret in any spelling."""
    found = []
    for answer in ANSWERS:
        with _logged() as log:
            async with serving(answer) as server:
                said = [one async for one in _asked_all(server.url)]
        found += [f"{answer.__name__}: {one[:300]}" for one in (*said, *log) if _shows(one)]
    return found


def _shows(text: str) -> bool:
    spellings = (SECRET, MARK, url_quoted(SECRET), base64.b64encode(f"me:{SECRET}".encode()).decode())
    return any(one in text for one in spellings)


async def _asked_all(url: str) -> AsyncIterator[str]:
    """What every provider with a secret and every driver with a password says of a server."""
    with tempfile.TemporaryDirectory(prefix="sunward-secrets-") as folder:
        file = Path(folder) / "secret"
        file.write_text(SECRET, encoding="utf-8")
        for kind, service in SERVICES.items():
            if "SECRET" in service.section.values():
                async with reading() as reader:
                    provider = service.settings(kind.split(" of ")[0], url, file).build("source", reader.session, {})
                    yield await _said(provider.now(service.zone, NOON))
        for kind in ("Shelly", "ShellyGen1", "Tasmota"):
            async with _driver(kind, url, file) as driver:
                yield await _said(driver.switch(False, "op", 1))
                yield await _said(driver.read())


@asynccontextmanager
async def _driver(kind: str, url: str, file: Path) -> AsyncIterator[object]:
    async with aiohttp.ClientSession() as session:
        found = Drivers(session, {"r": relay(kind, url, token_file=file)}, timeout=aiohttp.ClientTimeout(total=2.0))
        yield found.at("r")


async def _said(question: Awaitable[object]) -> str:
    """The answer, or the whole of the error."""
    try:
        return repr(await question)
    except (SourceUnavailable, InvalidInput) as error:
        return f"{error!r}\n{''.join(traceback.format_exception(error))}"


@contextmanager
def _logged() -> Iterator[Sequence[str]]:
    """Every line that is logged meanwhile, by whomever, at every level."""
    lines: list[str] = []

    class Keeper(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            if record.name == "aiohttp.access":
                return  # the servers of this suite, which are asked with the secret
            lines.append(logging.Formatter("%(name)s %(message)s").format(record))

    root, keeper = logging.getLogger(), Keeper()
    level = root.level
    root.addHandler(keeper)
    root.setLevel(logging.DEBUG)
    try:
        yield lines
    finally:
        root.removeHandler(keeper)
        root.setLevel(level)
