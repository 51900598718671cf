"""What EnergyNodes and the policy refer to, against what the operator's settings define."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from sunward.cli.diagnosis.findings import Finding

if TYPE_CHECKING:
    from sunward.cluster.access.api import Api
    from sunward.domain.policy import PolicySpec

Body = Mapping[str, Any]
NAME = "sunward-settings"


async def settings_findings(api: Api, policy: PolicySpec, energy_nodes: Sequence[Body]) -> list[Finding]:
    """Relays and sources that something names and nothing defines. Raises ApiError."""
    from sunward.cluster.access.api import core
    from sunward.domain.errors import InvalidInput
    from sunward.settings.documents import parse_yaml

    maps = await api.list(core("configmaps"), fieldSelector=f"metadata.name={NAME}")
    texts = [(one.get("data") or {}).get("settings.yaml") for one in maps if one["metadata"]["name"] == NAME]
    if not texts or texts[0] is None:
        return [("settings", False, f"there is no ConfigMap {NAME}: install the chart")]
    try:
        (settings,) = parse_yaml(texts[0], NAME)
    except (InvalidInput, ValueError) as error:
        return [("settings", False, f"the ConfigMap cannot be read: {error}")]
    return compared(settings if isinstance(settings, dict) else {}, policy, energy_nodes)


def compared(settings: Body, policy: PolicySpec, energy_nodes: Sequence[Body]) -> list[Finding]:
    """What is named and not defined, one row each; one row that says so where nothing is missing."""
    findings: list[Finding] = []
    relays = settings.get("relays") or {}
    for body in energy_nodes:
        name = ((body["spec"].get("sleep") or {}).get("driverRef") or {}).get("name")
        if name is not None and name not in relays:
            known = ", ".join(sorted(relays)) or "none"
            text = f"spec.sleep.driverRef names a relay that the chart's value relays does not define; it has {known}"
            findings.append((f"relay {name} of {body['metadata']['name']}", False, text))
    sources = settings.get("intensitySources") or {}
    if policy.intensity_source and policy.intensity_source not in sources:
        known = ", ".join(sorted(sources)) or "none"
        text = f"the EnergyPolicy names it and the chart's value intensitySources does not define it; it has {known}"
        findings.append((f"intensity source {policy.intensity_source}", False, text))
    return findings or [("settings", True, "")]
