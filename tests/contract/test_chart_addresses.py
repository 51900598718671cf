"""The chart refuses the addresses and names that the operator would refuse, and no others, with the same words.

The chart's rules are templates, the operator's are Python. Both are asked the same here, many at once.
"""

from __future__ import annotations

import json
import random
import re
import string
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml

from sunward.cli.settings import parse_settings
from sunward.domain.errors import InvalidInput
from sunward.settings.address import PUBLIC_TOPS, checked_url, same_target
from support import chart

TEMPLATES = chart.CHART / "templates"
ALL = """{{- range $shared := list false true }}
{{- range $.Values.urls }}
- {{ dict "url" . "shared" $shared | include "sunward.urlFault" | toJson }}
{{- end }}{{- end }}
"""
SWITCHES = """{{- range .Values.urls }}
- {{ dict "url" . "switchId" 3 | include "sunward.switch" | toJson }}
{{- end }}
"""

ACCEPTED = (
    "http://192.168.1.57",
    "http://192.168.1.57/",
    "HTTP://192.168.1.57:80//",
    "http://10.0.0.2:8080/plug",
    "http://172.31.255.255",
    "http://127.0.0.1:18107",
    "http://[::1]:9090",
    "http://[fd00:0:0::1]:8080/x",
    "https://8.8.8.8",
    "https://[2001:db8::1]/x",
    "http://prometheus",
    "http://prometheus-server.monitoring:9090",
    "http://prometheus-server.team-a:9090/prometheus",
    "http://prometheus.monitoring.svc",
    "http://Prometheus.Monitoring.SVC.cluster.local.:9090",
    "http://shellyplus1pm-a8032ab12345.local",
    "http://shelly-kitchen.fritz.box",
    "http://fritz.box",
    "http://plug.lan",
    "http://plug.attic.lan",
    "http://plug.home.arpa",
    "http://plug.home",
    "http://plug.corp.internal",
    "http://plug.office.corp",
    "http://plug.intranet",
    "http://plug_1.lan",
    "https://plugs.example.com/pi-08",
    "https://api.electricitymaps.com/v3",
    "https://100.64.1.2",
)
REFUSED = {
    "http://example.com": "use https",
    "http://api.example.org": "use https",
    "http://evilfritz.box": "use https",
    "http://plug.lan.example": "use https",
    "http://plug.de": "use https",
    "http://8.8.8.8": "use https",
    "http://172.32.0.1": "use https",
    "http://[2001:db8::1]": "use https",
    "http://100.64.1.2": "sharedAddressSpace",
    "http://100.127.255.255:80": "sharedAddressSpace",
    "http://169.254.169.254/latest": "link-local",
    "https://169.254.169.254": "link-local",
    "http://0.0.0.0": "link-local",
    "https://224.0.0.1": "link-local",
    "http://[fe80::1]": "link-local",
    "https://[ff02::1]": "link-local",
    "https://[::]": "link-local",
    "http://[::ffff:c0a8:139]": "the IPv4 address itself",
    "http://[1::2::3]": "four decimal numbers",
    "http://[1:2:3:4:5:6:7:8:9]": "four decimal numbers",
    "http://[1:2:3:4::5:6:7:8]": "four decimal numbers",
    "http://[12345::1]": "four decimal numbers",
    "http://[:1::2]": "four decimal numbers",
    "http://[]": "an http(s) URL",
    "http://192.168.1.057": "four decimal numbers",
    "http://192.168.1": "four decimal numbers",
    "http://3232235833": "four decimal numbers",
    "http://0xc0a80139": "four decimal numbers",
    "http://192.168.1.256": "four decimal numbers",
    "http://plug..lan": "not a name",
    "http://-plug.lan": "not a name",
    "http://plug.lan..": "not a name",
    "http://plüg.lan": "an http(s) URL",
    "http://plug%2elan": "an http(s) URL",
    "http://plug.lan:0": "the port",
    "http://plug.lan:65536": "the port",
    "http://plug.lan:99999": "the port",
    "http://plug.lan/a/../b": "out of the path",
    "http://plug.lan/./": "out of the path",
    "http://plug.lan/%2e": "an http(s) URL",
    "http://user:pw@plug.lan": "leave user, password",
    "http://plug.lan/?a=b": "leave user, password",
    "http://plug.lan#a": "leave user, password",
    "ftp://plug.lan": "an http(s) URL",
    "plug.lan": "an http(s) URL",
    "http://": "an http(s) URL",
    "http:///x": "an http(s) URL",
    "http://plug .lan": "an http(s) URL",
    f"http://plug.lan/{'a' * 512}": "512 characters",
    f"http://{'a' * 64}.lan": "not a name",
}
SAME = (
    ("http://plug.lan", "HTTP://Plug.LAN.:80/"),
    ("http://plug.lan", "https://plug.lan:443"),
    ("http://plug.lan:8080/a", "http://plug.lan:08080//a/"),
    ("http://localhost:99", "http://127.0.0.1:99"),
    ("http://[fd00::1]", "http://[FD00:0:0:0:0:0:0:1]:80"),
    ("http://plug.team-a", "http://plug.team-a.svc"),
    ("http://plug.team-a.svc:80/", "http://plug.team-a.svc.cluster.local"),
)
OTHER = (
    ("http://plug.lan", "http://plug.lan:8080"),
    ("http://plug.lan:80", "https://plug.lan:80"),
    ("http://plug.lan/a", "http://plug.lan/A"),
    ("http://[fd00::1]", "http://[fd00::10]"),
    ("http://plug.team-a", "http://plug.team-b.svc"),
)


def rendered(folder: Path, template: str, urls: Sequence[str]) -> list[str]:
    """What the chart's own definitions make of addresses."""
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("{apiVersion: v2, name: asked, version: 0.1.0}", encoding="utf-8")
    (folder / "templates" / "_addresses.tpl").write_text(
        (TEMPLATES / "_addresses.tpl").read_text(encoding="utf-8"), encoding="utf-8"
    )
    (folder / "templates" / "asked.yaml").write_text(f"answers:\n{template}", encoding="utf-8")
    (folder / "values.yaml").write_text(json.dumps({"urls": urls}), encoding="utf-8")
    done = chart.run_helm(["template", "asked", str(folder)], folder)
    assert done.returncode == 0, done.stderr
    found: list[str] = yaml.safe_load(done.stdout)["answers"]
    return found


def fault(url: str, *, shared: bool) -> str:
    """Why the operator refuses an address; empty when it does not."""
    try:
        checked_url(url, shared=shared)
    except ValueError as error:
        return str(error)
    return ""


def some_urls(count: int) -> list[str]:
    """Addresses that differ from the given ones by a few characters."""
    draw = random.Random(14)
    known = [*ACCEPTED, *REFUSED]
    letters = ":/.[]0123456789abcfx-_%@?#A ~" + string.ascii_lowercase
    changed: list[str] = []
    for _ in range(count):
        text = list(draw.choice(known))
        for _ in range(draw.randint(1, 3)):
            where = draw.randrange(len(text) + 1)
            text[where : where + draw.randint(0, 2)] = draw.choice(letters) * draw.randint(0, 2)
        changed.append("".join(text))
    return changed


def test_chart_and_operator_say_the_same_of_every_address(tmp_path: Path) -> None:
    urls = [*ACCEPTED, *REFUSED, *some_urls(2000)]
    expected = [fault(url, shared=shared) for shared in (False, True) for url in urls]
    answers = rendered(tmp_path / "asked", ALL, urls)
    different = [
        (url, ours, theirs)
        for url, ours, theirs in zip([*urls, *urls], expected, answers, strict=True)
        if ours != theirs
    ]
    assert different == []


@pytest.mark.parametrize("url", ACCEPTED)
def test_an_address_that_people_have_is_accepted(url: str) -> None:
    assert fault(url, shared=False) == ""


@pytest.mark.parametrize("url", REFUSED)
def test_an_address_that_leads_elsewhere_or_nowhere_is_refused_with_the_fix(url: str) -> None:
    assert REFUSED[url] in fault(url, shared=False)


def test_the_providers_addresses_are_accepted_on_the_admins_word() -> None:
    assert fault("http://100.64.1.2", shared=True) == ""


def test_every_spelling_of_a_switch_is_the_same_switch(tmp_path: Path) -> None:
    pairs = [*SAME, *OTHER]
    answers = rendered(tmp_path / "asked", SWITCHES, [url for pair in pairs for url in pair])
    in_chart = [one == other for one, other in zip(answers[::2], answers[1::2], strict=True)]
    in_operator = [same_target(one) == same_target(other) for one, other in pairs]
    assert in_chart == in_operator == [True] * len(SAME) + [False] * len(OTHER)


def test_both_know_the_same_public_endings() -> None:
    text = (TEMPLATES / "_addresses.tpl").read_text(encoding="utf-8")
    (body,) = re.findall(r'define "sunward.publicTops" -}}\n(.*?)\{\{', text, re.DOTALL)
    assert set(body.split()) == PUBLIC_TOPS


SHELLY = {"driver": "Shelly", "url": "http://192.168.1.57"}
TASMOTA = {"driver": "Tasmota", "url": "http://192.168.1.58"}
STATIC = {"provider": "static", "gramsPerKilowattHour": {"DE": 380}}
WATTTIME = {"provider": "watttime", "username": "me"}
SERIES = {"provider": "prometheus", "url": "https://prometheus.example.org"}
SECRET = {"name": "plugs", "key": "password"}
OWN_SETTINGS = {"url": "https://prometheus.example.org"}
OWN = {**OWN_SETTINGS, "enabled": False}
CASES: dict[str, tuple[dict[str, Any], dict[str, Any], str]] = {
    "one switch under two names": (
        {"relays": {"a": SHELLY, "b": {**SHELLY, "switchId": 0}}},
        {"relays": {"a": SHELLY, "b": {**SHELLY, "switchId": 0}}},
        "is the same switch as relay",
    ),
    "one switch under two drivers and spellings": (
        {"relays": {"a": SHELLY, "b": {**TASMOTA, "url": "HTTPS://192.168.1.57:443/"}}},
        {"relays": {"a": SHELLY, "b": {**TASMOTA, "url": "HTTPS://192.168.1.57:443/"}}},
        "is the same switch as relay",
    ),
    "a certificate without https": (
        {"relays": {"a": {**SHELLY, "caSecretRef": SECRET}}},
        {"relays": {"a": {**SHELLY, "caFile": "/ca.crt"}}},
        "is used with https only",
    ),
    "a name without a password": (
        {"relays": {"a": {**TASMOTA, "username": "me"}}},
        {"relays": {"a": {**TASMOTA, "username": "me"}}},
        "username needs a password",
    ),
    "a name for a driver that has one user": (
        {"relays": {"a": {**SHELLY, "username": "me", "credentialsSecretRef": SECRET}}},
        {"relays": {"a": {**SHELLY, "username": "me", "tokenFile": "/token"}}},
        "username",
    ),
    "a secret for a provider that asks for none": (
        {"intensitySources": {"a": {**STATIC, "tokenSecretRef": SECRET}}},
        {"intensitySources": {"a": {**STATIC, "tokenFile": "/token"}}},
        "token",
    ),
    "Norway": (
        {"intensitySources": {"a": {**STATIC, "gramsPerKilowattHour": {"DE": 380, False: 30}}}},
        {"intensitySources": {"a": {**STATIC, "gramsPerKilowattHour": {"DE": 380, False: 30}}}},
        "in quotes",
    ),
    "Norway's annual mean": (
        {"intensitySources": {"a": {**STATIC, "annualMean": {False: 30}}}},
        {"intensitySources": {"a": {**STATIC, "annualMean": {False: 30}}}},
        "in quotes",
    ),
    "Norway's percentiles": (
        {"intensitySources": {"a": {**WATTTIME, "passwordSecretRef": SECRET, "gramsAtPercentile": {False: [1, 2]}}}},
        {"intensitySources": {"a": {**WATTTIME, "passwordFile": "/p", "gramsAtPercentile": {False: [1.0, 2.0]}}}},
        "in quotes",
    ),
    "a service of the sun without https": (
        {"harvestForecast": {"provider": "open-meteo", "url": "http://api.open-meteo.com"}},
        {"harvestForecast": {"provider": "open-meteo", "url": "http://api.open-meteo.com"}},
        "use https",
    ),
    "a chain to nowhere": (
        {"intensitySources": {"a": STATIC, "b": {"provider": "chain", "sources": ["a", "c"]}}},
        {"intensitySources": {"a": STATIC, "b": {"provider": "chain", "sources": ["a", "c"]}}},
        "is no source that a chain can name",
    ),
    "a chain of itself": (
        {"intensitySources": {"a": STATIC, "b": {"provider": "chain", "sources": ["a", "b"]}}},
        {"intensitySources": {"a": STATIC, "b": {"provider": "chain", "sources": ["a", "b"]}}},
        "is no source that a chain can name",
    ),
    "numbers that are not lifecycle": (
        {"intensitySources": {"a": {"provider": "neso", "basis": "average-lifecycle"}}},
        {"intensitySources": {"a": {"provider": "neso", "basis": "average-lifecycle"}}},
        "average-direct",
    ),
    "a user of a series without a password": (
        {"intensitySources": {"a": {"provider": "prometheus", "url": "http://prometheus:9090", "username": "me"}}},
        {"intensitySources": {"a": {"provider": "prometheus", "url": "http://prometheus:9090", "username": "me"}}},
        "are used together",
    ),
    "a source without a zone": (
        {"intensitySources": {"a": {**STATIC, "gramsPerKilowattHour": {}}}},
        {"intensitySources": {"a": {**STATIC, "gramsPerKilowattHour": {}}}},
        "(?i)at least 1|minProperties",
    ),
    "a profile of no zone": (
        {"intensitySources": {"a": {**STATIC, "profile": {"US MISO": [1.0] * 168}}}},
        {"intensitySources": {"a": {**STATIC, "profile": {"US MISO": [1.0] * 168}}}},
        "(?i)pattern",
    ),
    "a relay named on": (
        {"relays": {True: SHELLY}},
        {"relays": {True: SHELLY}},
        "in quotes",
    ),
    "an address of the provider": (
        {"prometheus": {"enabled": False, "url": "http://100.64.0.1:9090"}},
        {"prometheus": {"url": "http://100.64.0.1:9090"}},
        "sharedAddressSpace",
    ),
    "a user of Prometheus without a password": (
        {"prometheus": {**OWN, "access": {"username": "me"}}},
        {"prometheus": {**OWN_SETTINGS, "username": "me"}},
        "are used together",
    ),
    "two ways to log in at Prometheus": (
        {"prometheus": {**OWN, "access": {"username": "me", "passwordSecretRef": SECRET, "tokenSecretRef": SECRET}}},
        {"prometheus": {**OWN_SETTINGS, "username": "me", "passwordFile": "/p", "tokenFile": "/t"}},
        "only one of",
    ),
    "a certificate of Prometheus without https": (
        {"prometheus": {**OWN, "url": "http://prometheus:9090", "access": {"caSecretRef": SECRET}}},
        {"prometheus": {"url": "http://prometheus:9090", "caFile": "/ca"}},
        "is used with https only",
    ),
    "a tenant in two lines": (
        {"prometheus": {**OWN, "access": {"tenant": "a\nb"}}},
        {"prometheus": {**OWN_SETTINGS, "tenant": "a\nb"}},
        "pattern",
    ),
    "a public Prometheus without https": (
        {"prometheus": {"enabled": False, "url": "http://prometheus.example.org"}},
        {"prometheus": {"url": "http://prometheus.example.org"}},
        "use https",
    ),
    "a public provider without https": (
        {"intensitySources": {"a": {"provider": "electricity-maps", "url": "http://api.electricitymaps.com"}}},
        {"intensitySources": {"a": {"provider": "electricity-maps", "url": "http://api.electricitymaps.com"}}},
        "use https",
    ),
}


@pytest.mark.parametrize("name", sorted(CASES))
def test_what_the_operator_refuses_the_chart_refuses(name: str, tmp_path: Path) -> None:
    values, settings, words = CASES[name]
    done = chart.template(tmp_path, values=values)
    assert done.returncode != 0
    assert re.search(words, done.stderr), done.stderr
    prometheus = {"prometheus": {"url": "http://prometheus:9090"}}
    with pytest.raises(InvalidInput, match=words) as refused:
        parse_settings(yaml.safe_dump(prometheus | settings))
    assert "\n" not in str(refused.value)


ODD = ("no", "on", "y", "null", "1e3", "007")
"""Names that YAML would read as something else if they were not quoted."""


def test_the_access_to_a_prometheus_of_ones_own_reaches_the_operator_as_files(tmp_path: Path) -> None:
    access = {"username": "me", "passwordSecretRef": SECRET, "caSecretRef": SECRET, "tenant": "farm"}
    manifests = chart.render(tmp_path, values={"prometheus": {**OWN, "access": access}})
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    pod = chart.pod_spec(chart.one(manifests, "Deployment", "sunward-operator"))
    mounts = {mount["name"]: Path(mount["mountPath"]) for mount in pod["containers"][0]["volumeMounts"]}
    files = {
        mounts[volume["name"]] / volume["secret"]["items"][0]["path"] for volume in pod["volumes"] if "secret" in volume
    }
    given = settings.prometheus
    assert (given.username, given.tenant) == ("me", "farm")
    assert {given.password_file, given.ca_file} == files
    bundled = chart.template(tmp_path, values={"prometheus": {"access": {"tenant": "farm"}}})
    assert bundled.returncode != 0
    assert "/prometheus/access" in bundled.stderr


def test_a_service_of_the_sun_reaches_the_operator_and_needs_a_name(tmp_path: Path) -> None:
    given = {"provider": "forecast-solar", "refreshSeconds": 7200}
    manifests = chart.render(tmp_path, values={"harvestForecast": given})
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    assert settings.harvest_forecast is not None
    assert (settings.harvest_forecast.provider, settings.harvest_forecast.refresh_seconds) == ("forecast-solar", 7200.0)
    nameless = chart.template(tmp_path, values={"harvestForecast": {"refreshSeconds": 7200}})
    assert nameless.returncode != 0
    assert "provider" in nameless.stderr


def test_the_secrets_of_sources_reach_the_operator_as_files(tmp_path: Path) -> None:
    sources = {
        "moer": {**WATTTIME, "passwordSecretRef": SECRET},
        "us": {"provider": "eia", "tokenSecretRef": SECRET},
        "series": {**SERIES, "username": "me", "passwordSecretRef": SECRET, "caSecretRef": SECRET, "tenant": "farm"},
        "uk": {"provider": "neso"},
        "any": {"provider": "chain", "sources": ["uk", "fixed"], "basis": "average-direct"},
        "fixed": {**STATIC, "basis": "average-direct"},
    }
    manifests = chart.render(tmp_path, values={"intensitySources": sources})
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    pod = chart.pod_spec(chart.one(manifests, "Deployment", "sunward-operator"))
    mounts = {mount["name"]: Path(mount["mountPath"]) for mount in pod["containers"][0]["volumeMounts"]}
    files = {
        mounts[volume["name"]] / volume["secret"]["items"][0]["path"] for volume in pod["volumes"] if "secret" in volume
    }
    given = settings.intensity_sources
    assert set(given) == set(sources)
    assert {
        given["moer"].password_file,
        given["us"].token_file,
        given["series"].password_file,
        given["series"].ca_file,
    } == files


def test_what_the_chart_accepts_the_operator_accepts(tmp_path: Path) -> None:
    relays = {f"r-{number}": {**SHELLY, "url": url} for number, url in enumerate(ACCEPTED)}
    relays = {name: {**relay, "switchId": number} for number, (name, relay) in enumerate(relays.items())}
    relays |= {name: {**SHELLY, "url": f"http://10.1.1.{number}"} for number, name in enumerate(ODD)}
    relays["tailnet"] = {**SHELLY, "url": "http://100.101.102.103"}
    zones = dict.fromkeys(["NO", "ON", "Y", "1e3", "007", "null"], 30)
    sources = {name: {**STATIC, "gramsPerKilowattHour": zones} for name in ODD}
    values = {"relays": relays, "sharedAddressSpace": True, "intensitySources": sources}
    (tmp_path / "quoted.yaml").write_text(json.dumps(values), encoding="utf-8")  # every name in quotes
    manifests = chart.render(tmp_path, files=[tmp_path / "quoted.yaml"])
    settings = parse_settings(chart.one(manifests, "ConfigMap", "sunward-settings")["data"]["settings.yaml"])
    assert set(settings.relays) == set(relays)
    assert {name: set(one.grams_per_kilowatt_hour) for name, one in settings.intensity_sources.items()} == (
        {name: set(zones) for name in ODD}
    )
