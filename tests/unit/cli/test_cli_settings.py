"""The settings file is checked whole, and a mistake is one line that names the path."""

from __future__ import annotations

from pathlib import Path

import pytest

from sunward.cli.settings import Settings, load_settings, parse_settings
from sunward.domain.errors import InvalidInput
from sunward.settings.address import checked_url

GOOD = """
prometheus: {url: "http://sunward-prometheus.sunward-system.svc:9090", scrapeIntervalSeconds: 2, timeoutSeconds: 5}
intensitySources:
  grid:
    provider: electricity-maps
    url: https://api.electricitymaps.com/v3
    tokenFile: /etc/sunward/secrets/token
    basis: average-direct
    annualMean: {US-SCL: 24}
  desk: {provider: static, gramsPerKilowattHour: {US-SCL: 24.0, US-MISO: 565.6}}
relays:
  relay-pi-07: {driver: Shelly, url: "http://10.77.0.1:18107", switchId: 0}
"""


def test_a_whole_file_is_understood() -> None:
    settings = parse_settings(GOOD)

    assert settings.prometheus.scrape_interval_seconds == 2.0
    assert settings.intensity_sources["grid"].token_file == Path("/etc/sunward/secrets/token")
    assert settings.intensity_sources["desk"].grams_per_kilowatt_hour["US-MISO"] == 565.6
    assert settings.relays["relay-pi-07"].switch_id == 0


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        (
            "scrapeIntervalSeconds: 2",
            "scrapeIntervalSeconds: 0",
            r"scrapeIntervalSeconds: .*greater than 0",
        ),
        ("scrapeIntervalSeconds", "scrapeInterval", r"prometheus\.scrapeInterval: Extra inputs"),
        (
            "provider: electricity-maps",
            "provider: entsoe",
            r"intensitySources\.grid\.provider: unknown provider: choose one of 'electricity-maps', .*'neso'.*'chain'",
        ),
        ("provider: electricity-maps\n", "\n", r"intensitySources\.grid\.provider: Field required"),
        ("{provider: static,", "{provider: static, url: 'https://a.b',", r"intensitySources\.desk\.url: Extra inputs"),
        ("{provider: static, grams", "{provider: file, grams", r"intensitySources\.desk\.path: Field required"),
        ("    url: https://api.electricitymaps.com/v3\n", "", r"intensitySources\.grid\.url: Field required"),
        ("basis: average-direct", "basis: average", "marginal-lifecycle"),
        ("US-MISO: 565.6", "US-MISO: 1650.0", r"desk\.gramsPerKilowattHour\.US-MISO: .*1500"),
        ("US-MISO: 565.6", "US-MISO: .nan", r"desk\.gramsPerKilowattHour\.US-MISO"),
        ("US-MISO: 565.6", '"US MISO": 565.6', r"desk\.gramsPerKilowattHour\.US MISO"),
        *(
            ("driver: Shelly", f"driver: {name}", r"relays\.relay-pi-07\.driver: unknown driver: .*'Shelly', 'Tasmota'")
            for name in ("Hammer", "shelly", "shellygen1", "PoeSnmp", "WakeOnLan", "Pi5Rtc", "CordonOnly")
        ),
        ("{driver: Shelly, ", "{", r"relays\.relay-pi-07\.driver: Field required"),
        (', url: "http://10.77.0.1:18107"', "", r"relays\.relay-pi-07\.url: Field required"),
        ("switchId: 0", "switchId: 64", r"relays\.relay-pi-07\.switchId: .*63"),
        ("relays:\n", "relays:\n  a: Shelly\n", r"relays\.a: "),
        ("https://api.electricitymaps.com", "http://api.electricitymaps.com", "use https"),
        (
            "relays:\n",
            "dataVolumes: {a: {hostPath: /srv/../etc, namespaces: [x]}}\nrelays:\n",
            r"dataVolumes\.a\.hostPath",
        ),
        ("relays:\n", "dataVolumes: {a: {hostPath: /srv}}\nrelays:\n", r"dataVolumes\.a\.namespaces: Field required"),
        ("annualMean: {US-SCL: 24}", "profile: {US-SCL: [24.0]}", "168 values"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_path(old: str, new: str, words: str) -> None:
    assert old in GOOD

    with pytest.raises(InvalidInput, match=words) as refused:
        parse_settings(GOOD.replace(old, new), where="settings.yaml")

    assert "\n" not in str(refused.value)
    assert str(refused.value).startswith("settings.yaml: ")


@pytest.mark.parametrize("text", ["", "- a", "prometheus: [", "{}", "a: !!python/object/apply:os.system [id]"])
def test_what_is_no_settings_file_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        parse_settings(text)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"nothing\.yaml: cannot be read"):
        load_settings(tmp_path / "nothing.yaml")


def test_a_file_is_read(tmp_path: Path) -> None:
    (tmp_path / "settings.yaml").write_text(GOOD)

    assert isinstance(load_settings(tmp_path / "settings.yaml"), Settings)


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1:9090",
        "http://[::1]:9090",
        "http://10.77.0.1:18080/v3",
        "http://prometheus:9090",
        "http://prometheus.monitoring.svc.cluster.local:9090",
        "https://api.example.org/v3",
    ],
)
def test_an_address_inside_or_encrypted_is_allowed(url: str) -> None:
    assert checked_url(url + "/") == url


@pytest.mark.parametrize(
    "url",
    [
        "http://api.example.org",
        "http://8.8.8.8",
        "http://169.254.169.254/latest",
        "https://169.254.169.254/latest",
        "http://[fe80::1]",
        "http://0.0.0.0:9090",
        "https://user:secret@example.org",
        "https://example.org/?token=secret",
        "file:///etc/passwd",
        "example.org",
        "http://",
    ],
)
def test_any_other_address_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"URL|leave|refused|https"):
        checked_url(url)
