"""What the demo does with a cluster: Helm, manifests, and one look at everything of Sunward's."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sunward_lab.api import Api
from sunward_lab.errors import LabError

Body = dict[str, Any]
RELEASE = "sunward"
NAMESPACE = "sunward-system"
GROUP = "/apis/sunward.dev/v1alpha1"


@dataclass(frozen=True, slots=True, kw_only=True)
class Look:
    """Everything of ours in the cluster at one moment."""

    energy_nodes: list[Body]
    jobs: list[Body]
    plans: list[Body]
    nodes: list[Body]


class DemoCluster:
    """A running cluster, reached with its administrator's kubeconfig."""

    def __init__(self, kubeconfig: Path, binaries: Path) -> None:
        self._kubeconfig = kubeconfig
        self._binaries = binaries
        self.api = Api.from_kubeconfig(kubeconfig)

    def look(self) -> Look:
        """Read everything; raises OSError when the API server does not answer."""
        return Look(
            energy_nodes=self._items(f"{GROUP}/energynodes"),
            jobs=self._items(f"{GROUP}/trainingjobs"),
            plans=self._items(f"{GROUP}/energyplans"),
            nodes=self._items("/api/v1/nodes"),
        )

    def _items(self, path: str) -> list[Body]:
        items: list[Body] = self.api.get(path)["items"]
        return sorted(items, key=lambda body: str(body["metadata"]["name"]))

    def watch_pods(self, tell: Callable[[str, Body], None]) -> None:
        """Tell every event of our pods, from now on and for ever; meant for a daemon thread."""
        path = "/api/v1/pods?watch=1&allowWatchBookmarks=true&labelSelector=sunward.dev%2Fcomponent"
        version = ""
        while True:
            try:
                for event in self._events(f"{path}&resourceVersion={version}"):
                    version = event["object"]["metadata"].get("resourceVersion", "")
                    if event["type"] in ("ADDED", "MODIFIED", "DELETED"):
                        tell(event["type"], event["object"])
            except (OSError, KeyError, ValueError):
                version = ""  # too old, or the server went away: begin anew
            time.sleep(0.5)

    def _events(self, path: str) -> Iterator[Body]:
        headers = {"Authorization": f"Bearer {self.api.token}"}
        request = urllib.request.Request(self.api.server + path, headers=headers)  # noqa: S310  # https of the lab
        with urllib.request.urlopen(request, timeout=300, context=self.api.context) as lines:  # noqa: S310  # as above
            for line in lines:
                yield json.loads(line)

    def install(self, chart: Path, values: Sequence[Path], say: Callable[[str], None]) -> None:
        """Install or upgrade the chart and wait until its pods are ready. Raises LabError with Helm's words."""
        say("installing the chart")
        files = [part for path in values for part in ("--values", str(path))]
        self._run(
            "helm", "upgrade", "--install", RELEASE, str(chart), "--namespace", NAMESPACE, "--create-namespace",
            *files, "--wait", "--timeout", "150s",
        )  # fmt: skip

    def apply(self, bodies: Sequence[Mapping[str, Any]]) -> None:
        """`kubectl apply`; raises LabError with the API server's words."""
        text = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(bodies)})
        self._run("kubectl", "apply", "--server-side", "-f", "-", text=text)

    def kubectl(self, *arguments: str) -> str:
        """Any kubectl command; raises LabError when it fails."""
        return self._run("kubectl", *arguments)

    def _run(self, program: str, *arguments: str, text: str | None = None) -> str:
        environment = {**os.environ, "KUBECONFIG": str(self._kubeconfig)}
        done = subprocess.run(
            [str(self._binaries / program), *arguments],
            input=text,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LabError(f"{program} {' '.join(arguments[:3])}: {done.stderr.strip()[-1500:]}")
        return done.stdout

    def await_condition(self, what: str, seconds: float, holds: Callable[[Look], bool]) -> Look:
        """Look until *holds*; raises LabError when the time is over."""
        end = time.monotonic() + seconds
        while True:
            seen = self.look()
            if holds(seen):
                return seen
            if time.monotonic() > end:
                raise LabError(f"timed out after {seconds:.0f} s waiting for {what}")
            time.sleep(1.0)
