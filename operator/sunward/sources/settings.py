"""The operator's settings file: where measurements and intensities come from, and which relays exist.

Only the cluster's admin writes it (the chart mounts it); tenants name sources and relays, never addresses. Checked
once, here; errors are one line that names the path. It must not open connections.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PlainValidator, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from sunward.domain.errors import InvalidInput
from sunward.domain.intensity import DEFAULT_BASIS, Basis

HOURS_PER_WEEK = 168
HIGHEST_GRAMS_PER_KILOWATT_HOUR = 1500.0
"""No grid emits more per kilowatt-hour; a larger number is in another unit (pounds per megawatt-hour, say)."""


class _Section(BaseModel):
    """Strict, frozen, camelCase in YAML."""

    model_config = ConfigDict(
        alias_generator=to_camel,
        validate_by_alias=True,
        validate_by_name=True,
        extra="forbid",
        frozen=True,
        strict=True,
    )


def checked_url(text: str) -> str:
    """An address that the admin may give; raises ValueError naming what to change.

    Plain http only where it stays inside: loopback, private addresses, names without a dot or ending in .svc or
    .cluster.local. Link-local addresses (a cloud's metadata service) never.
    """
    parts = urlsplit(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError("give an http(s) URL with a host")
    if parts.username or parts.password or parts.query or parts.fragment:
        raise ValueError("leave user, password, query and fragment out; put tokens into tokenFile")
    if _is_link_local(parts.hostname):
        raise ValueError("link-local addresses are refused")
    if parts.scheme == "http" and not is_inside(parts.hostname):
        raise ValueError("plain http leaves the cluster here; use https")
    return text.rstrip("/")


def _address(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return None


def _is_link_local(host: str) -> bool:
    address = _address(host)
    return address is not None and (address.is_link_local or address.is_unspecified or address.is_multicast)


def is_inside(host: str) -> bool:
    """Whether a name or address stays inside the cluster or its own network, as far as the name tells."""
    address = _address(host)
    if address is not None:
        return address.is_private or address.is_loopback
    return "." not in host or host.endswith((".svc", ".cluster.local"))


Url = Annotated[str, AfterValidator(checked_url)]
GramsPerKilowattHour = Annotated[float, Field(ge=0.0, le=HIGHEST_GRAMS_PER_KILOWATT_HOUR, allow_inf_nan=False)]
Zone = Annotated[str, Field(min_length=1, max_length=63, pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


def checked_basis(value: object) -> Basis:
    """A basis by its name, average-lifecycle and the like; raises ValueError for anything else."""
    try:
        return Basis.parse(str(value))
    except InvalidInput as error:
        raise ValueError(error.why) from None


NamedBasis = Annotated[Basis, PlainValidator(checked_basis)]


class PrometheusSettings(_Section):
    """Which Prometheus holds the exporters' samples, and how often it takes them (seconds)."""

    url: Url
    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    scrape_interval_seconds: float = Field(default=5.0, gt=0.0, le=300.0)
    job: str = Field(default="sunward-exporter", min_length=1, max_length=253)


class IntensitySourceSettings(_Section):
    """One source of grid intensity. Which fields it needs depends on `provider`.

    `profile` gives a zone 168 values, one per hour of the week from Monday 00:00 UTC; `annual_mean` one value. They
    serve when the provider does not, and are never taken for measurements.
    """

    provider: Literal["electricity-maps", "static", "file"]
    url: Url | None = None
    token_file: Path | None = Field(default=None, strict=False)
    path: Path | None = Field(default=None, strict=False)
    basis: NamedBasis = DEFAULT_BASIS
    refresh_seconds: float = Field(default=300.0, ge=1.0, le=3600.0)
    timeout_seconds: float = Field(default=10.0, gt=0.0, le=60.0)
    grams_per_kilowatt_hour: dict[Zone, GramsPerKilowattHour] = Field(default_factory=dict, max_length=500)
    profile: dict[Zone, list[GramsPerKilowattHour]] = Field(default_factory=dict, max_length=100)
    annual_mean: dict[Zone, GramsPerKilowattHour] = Field(default_factory=dict, max_length=500)

    @model_validator(mode="after")
    def _has_what_its_provider_needs(self) -> Self:
        needs = {"electricity-maps": "url", "static": "grams_per_kilowatt_hour", "file": "path"}[self.provider]
        if not getattr(self, needs):
            raise ValueError(f"provider {self.provider} needs {to_camel(needs)}")
        wrong = [zone for zone, values in self.profile.items() if len(values) != HOURS_PER_WEEK]
        if wrong:
            raise ValueError(f"profile of {', '.join(wrong)} needs {HOURS_PER_WEEK} values, one per hour of the week")
        return self


class RelaySettings(_Section):
    """One switch that cuts and restores a node's supply."""

    driver: Literal["Shelly", "Tasmota", "Webhook", "PoeSnmp", "WakeOnLan", "Pi5Rtc"]
    url: Url | None = None
    switch_id: int = Field(default=0, ge=0, le=63)
    token_file: Path | None = Field(default=None, strict=False)


class Settings(_Section):
    """The whole file. Other top-level keys belong to other readers and are refused here, so that typing errors show."""

    prometheus: PrometheusSettings
    intensity_sources: dict[str, IntensitySourceSettings] = Field(default_factory=dict, max_length=32)
    relays: dict[str, RelaySettings] = Field(default_factory=dict, max_length=2000)


def parse_settings(text: str, *, where: str = "settings") -> Settings:
    """Settings from YAML text; raises InvalidInput with one line that names the path and what is wrong."""
    try:
        data: Any = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise InvalidInput(where, f"is no valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(data, Mapping):
        raise InvalidInput(where, "must be a mapping with the key prometheus")
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise InvalidInput(*_first_error(where, error)) from None


def load_settings(path: Path) -> Settings:
    """Settings from a file; raises InvalidInput as `parse_settings` does, and when the file cannot be read."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidInput(str(path), f"cannot be read: {error}") from None
    return parse_settings(text, where=str(path))


def _first_error(where: str, error: ValidationError) -> tuple[str, str]:
    """The first problem as (file: path, what to do), without the values, which may be secret."""
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    path = ".".join(str(part) for part in problem["loc"] if part != "[key]")
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {path}" if path else where, problem["msg"].removeprefix("Value error, ") + more
