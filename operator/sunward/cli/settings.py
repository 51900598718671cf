"""The operator's settings file, joined from the sections that rooms declare: Prometheus, intensity sources, relays,
data volumes.

Only the cluster's admin writes it (the chart mounts it); tenants name sources and relays, never addresses. Checked
once, here; errors are one line that names the path. It must not open connections.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, ValidationError
from pydantic_core import ErrorDetails

from sunward.cluster.training.data_volumes import DataVolumeSettings
from sunward.cluster.training.pod_volumes import DEFAULT_IMAGE
from sunward.domain.errors import InvalidInput
from sunward.power.finder import twins
from sunward.power.registry import RelaySettings
from sunward.settings.address import SHARED_SPACE
from sunward.settings.documents import one_line, parse_yaml, read_text
from sunward.settings.section import Section
from sunward.settings.token import TokenFile
from sunward.sources.intensity.providers.chain import ChainSettings
from sunward.sources.intensity.registry import IntensitySourceSettings
from sunward.sources.sensor_maps import SensorMap
from sunward.sources.settings import PrometheusSettings
from sunward.sources.sun.registry import HarvestForecastSettings

LONGEST_KEY: Final = 80
"""Characters of a key that an error repeats."""
UNION_ERRORS: Final = ("union_tag_invalid", "union_tag_not_found")
CREDENTIALS: Final = frozenset(
    {"tokenFile", "token", "password", "passwordFile", "username", "user", "credentials", "caFile"}
)
Name = Annotated[str, Field(pattern=r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$", max_length=63)]
"""What resources call a source, relay or data volume."""


class LedgerSettings(Section):
    """How the settled ledger is sealed."""

    signing_key_file: TokenFile
    """An Ed25519 key in PEM."""


class Settings(Section):
    """The whole file. Other top-level keys belong to other readers and are refused here, so that typing errors show."""

    prometheus: PrometheusSettings
    sensors: list[SensorMap] = Field(default_factory=list, max_length=64)
    intensity_sources: dict[Name, IntensitySourceSettings] = Field(default_factory=dict, max_length=32)
    harvest_forecast: HarvestForecastSettings | None = None
    relays: dict[Name, RelaySettings] = Field(default_factory=dict, max_length=2000)
    trainer_image: Annotated[str, Field(min_length=1, max_length=512)] = DEFAULT_IMAGE
    """The image whose program runs Flower apps in their own images."""
    ledger: LedgerSettings | None = None
    """Without it settled periods are linked by their hashes and not signed."""
    data_volumes: dict[Name, DataVolumeSettings] = Field(default_factory=dict, max_length=256)
    shared_address_space: bool = False
    """Whether 100.64.0.0/10 is a network of the admin's own, as with Tailscale, where plain http may be spoken."""


def parse_settings(text: str, *, where: str = "settings") -> Settings:
    """Settings from YAML text; raises InvalidInput with one line that names the path and what is wrong."""
    found = parse_yaml(text, where)
    if len(found) != 1 or not isinstance(found[0], Mapping):
        raise InvalidInput(where, "must be one mapping with the key prometheus")
    try:
        settings = Settings.model_validate(found[0], context={SHARED_SPACE: found[0].get(SHARED_SPACE) is True})
    except ValidationError as error:
        raise InvalidInput(*_first_error(where, error)) from None
    _refuse_shared_switches(where, settings)
    _refuse_broken_chains(where, settings)
    return settings


def load_settings(path: Path) -> Settings:
    """Settings from a file; raises InvalidInput as `parse_settings` does, and when the file cannot be read."""
    return parse_settings(read_text(path), where=str(path))


def _refuse_shared_switches(where: str, settings: Settings) -> None:
    """Two names for one switch would let one node's sleep cut another's power."""
    for name, others in twins(settings.relays).items():
        if others:
            why = f"is the same switch as relay {others[0]}: correct url or switchId, or remove one of the two"
            raise InvalidInput(f"{where}: relays.{name}", why)


def _refuse_broken_chains(where: str, settings: Settings) -> None:
    """A chain needs sources that exist and whose numbers mean the same."""
    for name, section in settings.intensity_sources.items():
        why = section.fault(settings.intensity_sources) if isinstance(section, ChainSettings) else None
        if why is not None:
            raise InvalidInput(f"{where}: intensitySources.{name}.sources", why)


def _first_error(where: str, error: ValidationError) -> tuple[str, str]:
    """The first problem as (file: path, what to do), without the values, which may be secret."""
    problem = error.errors(include_url=False, include_input=False)[0]
    path = ".".join(_path(problem))
    more = f" (and {error.error_count() - 1} more)" if error.error_count() > 1 else ""
    return f"{where}: {path}" if path else where, _advice(problem) + more


def _path(problem: ErrorDetails) -> Sequence[str]:
    """The keys that lead to a problem, as they stand in the file.

    Below a relay or source the library's path has the chosen kind as well, which is no key of the file; and it ends
    before the key that chooses the kind when that one is wrong.
    """
    keys = [one_line(str(part), LONGEST_KEY) for part in problem["loc"] if part != "[key]"]
    if problem["type"] in UNION_ERRORS:
        return [*keys, _discriminator(problem)]
    if keys[:1] == ["harvestForecast"]:
        return keys[:1] + keys[2:]
    return keys[:2] + keys[3:] if keys[:1] in (["relays"], ["intensitySources"]) else keys


def _advice(problem: ErrorDetails) -> str:
    match problem["type"]:
        case "union_tag_invalid":
            return f"unknown {_discriminator(problem)}: choose one of {problem['ctx']['expected_tags']}"
        case "union_tag_not_found":
            return "Field required"
        case "extra_forbidden" if str(problem["loc"][-1]) in CREDENTIALS:
            return "nothing here uses it: remove it (a relay's or provider's secret is named by tokenFile)"
        case "string_type" if problem["loc"][-1] == "[key]":
            return 'a name is not text: YAML reads NO, OFF, ON and YES as truth values; put it in quotes, as in "NO"'
    return problem["msg"].removeprefix("Value error, ")


def _discriminator(problem: ErrorDetails) -> str:
    return str(problem["ctx"]["discriminator"]).strip("'")
