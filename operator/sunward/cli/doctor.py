"""`sunward doctor`: what is missing for Sunward to work here, and what to do about it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.clusterio import ClusterUnreachable, Kubeconfig, with_api
from sunward.cli.diagnosis.findings import Finding
from sunward.cli.doctor_intensities import grid_zones, intensities
from sunward.cli.doctor_relays import relays
from sunward.cli.output import Output, print_data, print_table
from sunward.domain.errors import InvalidInput, SunwardError
from sunward.domain.policy import NO_POLICY

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

ANSWERS = {True: "yes", False: "NO", None: "not checked"}
CRDS = ("energynodes", "trainingjobs", "energypolicies", "energyplans")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("doctor")(doctor)


def doctor(
    kubeconfig: Kubeconfig = "",
    settings: Annotated[
        Path | None, typer.Option(envvar="SUNWARD_SETTINGS", help="The operator's settings file (YAML).")
    ] = None,
    output: Annotated[Output, typer.Option("--output", "-o", help="table, json or yaml.")] = Output.TABLE,
) -> None:
    """Diagnose the installation and suggest fixes. Exit status 1 if a check fails."""
    zones: list[str] = []
    try:
        findings = with_api(kubeconfig, examine)
        zones = with_api(kubeconfig, grid_zones) if settings is not None else []
    except (ClusterUnreachable, InvalidInput) as error:
        findings = [("cluster", False, str(error))]
    findings += asyncio.run(prometheus(settings)) + asyncio.run(relays(settings))
    findings += asyncio.run(intensities(settings, zones))
    if output is Output.TABLE:
        print_table("Checks", ("check", "ok", "what to do"), [(n, ANSWERS[ok], text) for n, ok, text in findings])
    else:
        print_data([{"check": n, "ok": ok, "advice": t} for n, ok, t in findings], output)
    if any(ok is False for _, ok, _ in findings):
        raise typer.Exit(1)


async def examine(api: KubernetesApi) -> list[Finding]:
    """All checks, in the order in which a newcomer meets them. Raises ApiError when the server cannot be asked."""
    from sunward.cluster.access.api import ApiError, apis, core, ours

    findings: list[Finding] = []
    for plural in CRDS:
        try:
            await api.list(ours(plural))
            findings.append((f"resource {plural}", True, ""))
        except ApiError as error:
            if error.status != 404:
                raise
            return [*findings, await _no_definitions(api, plural)]
    nodes = {body["metadata"]["name"]: body for body in await api.list(core("nodes"))}
    energy_nodes = await api.list(ours("energynodes"))
    findings += _nodes(nodes, energy_nodes)
    findings.append(policy_finding(await api.list(ours("energypolicies"))))
    leases = await api.list(apis("coordination.k8s.io/v1", "leases"), fieldSelector="metadata.name=sunward-operator")
    held = any((lease.get("spec") or {}).get("holderIdentity") for lease in leases)
    findings.append(("leader", held, "" if held else "no operator leads: see its row, then kubectl logs of its pod"))
    return findings + await _installation(api, energy_nodes) + await _awake(api)


async def _no_definitions(api: KubernetesApi, plural: str) -> Finding:
    """A server that is no Kubernetes also answers 404; nothing is applied to it. Raises ApiError for such a one."""
    from sunward.cli.diagnosis.installation import APPLY_CRDS
    from sunward.cluster.access.api import ApiError

    try:
        version = await api.get("/version")
    except ApiError as error:
        raise ApiError(0, error.verb, error.path, f"{error.status} {error.message}") from error
    if "gitVersion" not in version:
        raise ApiError(0, "GET", "/version", "the response names no version of Kubernetes")
    return (f"resource {plural}", False, APPLY_CRDS)


async def _installation(api: KubernetesApi, energy_nodes: list[dict[str, Any]]) -> list[Finding]:
    """What runs of Sunward, with which definitions, rights and settings, and by which clock."""
    from sunward.cli.diagnosis import installation, settings_map
    from sunward.cluster.access.api import ours
    from sunward.cluster.objects import schema

    policies = {body["metadata"]["name"]: body for body in await api.list(ours("energypolicies"))}
    try:
        policy = schema.policy_spec(policies["default"])
    except (KeyError, SunwardError):
        policy = NO_POLICY  # what is wrong with it is a finding of its own
    findings = await permitted("installation", installation.pod_findings(api))
    findings += await permitted("definitions", installation.definition_findings(api))
    findings += await permitted("rights", installation.rights_findings(api, policy))
    findings += await permitted("settings", settings_map.settings_findings(api, policy, energy_nodes))
    return [*findings, installation.clock_finding(datetime.now(UTC), api.clock())]


async def permitted(name: str, check: Awaitable[list[Finding]]) -> list[Finding]:
    """The findings of a check; one that this login may not make is said to be unmade. Raises other ApiErrors."""
    from sunward.cluster.access.api import ApiError

    try:
        return await check
    except ApiError as error:
        if error.status != 403:
            raise
        return [(name, None, f"this login lacks the right for {error.verb} {error.path}")]


async def _awake(api: KubernetesApi) -> list[Finding]:
    """What keeps each node awake. Raises ApiError when the API server cannot be asked."""
    from sunward.cli.diagnosis.awake import awake_findings
    from sunward.cluster.access.api import core
    from sunward.cluster.reading.read import read_cluster

    state = await read_cluster(api, datetime.now(UTC))
    selected = state.policy.evict_namespaces.match_labels
    spaces = await api.list(core("namespaces")) if selected else []
    labels = {one["metadata"]["name"]: one["metadata"].get("labels") or {} for one in spaces}
    return awake_findings(state, labels)


async def prometheus(settings: Path | None) -> list[Finding]:
    """What in Prometheus' own configuration makes readings unsafe. Only the operator's pod has its settings and a way
    to Prometheus, so elsewhere it is not checked unless a settings file is given."""
    from sunward.cli.settings import load_settings
    from sunward.sources.build import build_sensors
    from sunward.sources.session import open_session

    name = "Prometheus configuration"
    if settings is None:
        return [(name, None, "kubectl -n sunward-system exec deploy/sunward-operator -- sunward doctor")]
    try:
        async with open_session() as session:
            faults = await build_sensors(load_settings(settings).prometheus, session).source.configuration_faults()
    except SunwardError as error:
        return [(name, False, str(error))]
    return [(name, False, fault) for fault in faults] or [(name, True, "")]


def _nodes(nodes: dict[str, Any], energy_nodes: list[dict[str, Any]]) -> list[Finding]:
    findings: list[Finding] = [
        (
            "EnergyNodes",
            bool(energy_nodes),
            "" if energy_nodes else "sunward init, then kubectl apply -f sunward-setup/energynodes.yaml",
        )
    ]
    for body in energy_nodes:
        name = body["metadata"]["name"]
        node = nodes.get(body["spec"].get("nodeName") or name)
        labels = (node or {}).get("metadata", {}).get("labels") or {}
        if node is None:
            findings.append((f"node {name}", False, "there is no such Kubernetes node: set spec.nodeName"))
        elif body["spec"].get("role") != "AlwaysOn" and labels.get("sunward.dev/managed") != "true":
            findings.append((f"node {name}", False, f"kubectl label node {name} sunward.dev/managed=true"))
        conditions = {c["type"]: c for c in (body.get("status") or {}).get("conditions") or ()}
        fresh = conditions.get("SensorsFresh")
        if fresh and fresh["status"] == "False":
            findings.append((f"sensors of {name}", False, f"{fresh['reason']}: {fresh['message']}"))
    return findings


def policy_finding(policies: list[dict[str, Any]]) -> Finding:
    """Whether there is a policy, whether it acts, and what the operator says that it cannot carry out."""
    default = next((p for p in policies if p["metadata"]["name"] == "default"), None)
    if default is None:
        return ("EnergyPolicy default", False, "create it; without it the mode is DryRun and no zone has a source")
    conditions = {c["type"]: c for c in (default.get("status") or {}).get("conditions") or ()}
    ready = conditions.get("Ready")
    if ready and ready["status"] == "False":
        return ("EnergyPolicy default", False, f"{ready['reason']}: {ready['message']}")
    mode = default["spec"].get("mode", "DryRun")
    return (
        "EnergyPolicy default",
        True,
        "" if mode == "Active" else "mode DryRun: the operator plans and does not act",
    )
