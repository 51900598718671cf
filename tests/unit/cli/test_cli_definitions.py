"""`sunward apply-definitions` applies the definitions of this version, and nothing else."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
import yaml
from aiohttp import web

from sunward.cli.setup.definitions import apply_definitions, read
from sunward.domain.errors import InvalidInput
from support import chart
from support.sources import serving


async def test_each_definition_is_applied_by_the_server_and_taken_over(tmp_path: Path) -> None:
    asked: list[tuple[str, str, Any]] = []

    async def answer(request: web.Request) -> web.Response:
        assert request.method == "PATCH"
        assert request.headers["Content-Type"].startswith("application/apply-patch+yaml")
        assert dict(request.query) == {"fieldManager": "sunward-setup", "force": "true"}
        body = json.loads(await request.text())
        asked.append((request.path, body["metadata"]["name"], body))
        return web.json_response(body)

    async with serving(answer) as server:
        config = tmp_path / "kubeconfig"
        context = {"name": "c", "context": {"cluster": "c", "user": "u"}}
        clusters, users = [{"name": "c", "cluster": {"server": server.url}}], [{"name": "u", "user": {}}]
        config.write_text(
            yaml.safe_dump({"clusters": clusters, "users": users, "contexts": [context], "current-context": "c"})
        )
        await asyncio.to_thread(apply_definitions, chart.ROOT / "crds", str(config))
    names = [f"{kind}.sunward.dev" for kind in ("energynodes", "energyplans", "energypolicies", "trainingjobs")]
    assert [name for _, name, _ in asked] == names
    assert [path.rsplit("/", 1)[1] for path, _, _ in asked] == names
    assert [body for _, _, body in asked] == read(chart.ROOT / "crds")


@pytest.mark.parametrize(
    "text",
    [
        "{kind: Namespace, metadata: {name: a}}",
        "{kind: CustomResourceDefinition, metadata: {name: a}, spec: {group: example.org}}",
        "{kind: CustomResourceDefinition, metadata: {}, spec: {group: sunward.dev}}",
        "{kind: CustomResourceDefinition, metadata: {name: a}}",
        "[]",
        "1",
    ],
)
def test_nothing_else_is_applied(tmp_path: Path, text: str) -> None:
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(InvalidInput, match=r"a\.yaml"):
        read(tmp_path)


def test_an_empty_folder_is_an_error_and_not_a_success(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="has no definitions"):
        read(tmp_path)
