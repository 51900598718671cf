"""`sunward apply-definitions`: bring the cluster's definitions to this version, which Helm does on install only."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from sunward.cli.clusterio import Kubeconfig, with_api
from sunward.domain.errors import InvalidInput

if TYPE_CHECKING:
    from sunward.cluster.access.api import KubernetesApi

Body = Mapping[str, Any]
GROUP = "sunward.dev"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("apply-definitions")(apply_definitions)


def apply_definitions(
    folder: Annotated[Path, typer.Argument(help="Folder with the definitions, as YAML.")] = Path("crds"),
    kubeconfig: Kubeconfig = "",
) -> None:
    """Apply the custom resource definitions of this version, by server-side apply. Deletes nothing."""
    bodies = read(folder)

    async def work(api: KubernetesApi) -> None:
        from sunward.cluster.access.api import apis

        for body in bodies:
            name = body["metadata"]["name"]
            await api.apply(apis("apiextensions.k8s.io/v1", "customresourcedefinitions", name), body)

    with_api(kubeconfig, work)
    for body in bodies:
        typer.echo(f"{body['metadata']['name']}: applied")


def read(folder: Path) -> list[Body]:
    """The definitions of a folder, by name. Raises InvalidInput for anything else: it would be applied as well."""
    from sunward.settings.documents import ManifestLoader, parse_yaml, read_text

    files = sorted(folder.glob("*.yaml"))
    if not files:
        raise InvalidInput(str(folder), "has no definitions (*.yaml)")
    found: list[Body] = []
    for file in files:
        for body in parse_yaml(read_text(file), str(file), ManifestLoader):
            if not _is_ours(body):
                raise InvalidInput(str(file), f"is no CustomResourceDefinition of {GROUP}")
            found.append(body)
    return found


def _is_ours(body: Any) -> bool:
    if not isinstance(body, dict) or body.get("kind") != "CustomResourceDefinition":
        return False
    name, spec = (body.get("metadata") or {}).get("name"), body.get("spec")
    return isinstance(name, str) and isinstance(spec, dict) and spec.get("group") == GROUP
