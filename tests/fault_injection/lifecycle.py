"""Suite R21: install, upgrade, change of the definitions, rollback and uninstall with nodes asleep.

The chart goes through the real Helm to a real API server; the operator, and the commands of the chart's hook, are
processes with the rights of their service accounts. The operator's own pod finds no node, so that its process is alone.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from support import chart, crds
from support.faults.outcome import Options, Outcome
from support.real.cluster import ENERGY_NODES, POLICY, RealWorld, obstacle, real_cluster
from support.real.journal import wait_until
from support.real.operator_process import PROGRAM, Operator, token

TITLE = "R21 lifecycle"
NODES = 4
SLEEPERS = 2
CALM_SECONDS = 20.0
WAKE_SECONDS = 180.0
GONE_SECONDS = 30.0
NOWHERE = {"example.org/there-is-no-such-node": "true"}
VALUES: dict[str, Any] = {
    "jobNamespaces": ["default"],
    "policy": {"create": False},
    "operator": {"nodeSelector": NOWHERE},
    "exporter": {"nodeSelector": NOWHERE},
    "prometheus": {"enabled": False, "url": "http://prometheus.monitoring:9090"},
}
DEFINITION = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions/energynodes.sunward.dev"
HOOK = "sunward-uninstall"
ADDED: dict[str, Any] = {"type": "string", "maxLength": 63, "description": "A field of a later version."}


@dataclass(slots=True)
class Life:
    """One life of the chart, and what went wrong in it."""

    world: RealWorld
    operator: Operator
    folder: Path
    violations: list[str] = field(default_factory=list)
    seconds: dict[str, float] = field(default_factory=dict)

    def helm(self, *arguments: str) -> None:
        """Run Helm against the cluster."""
        flags = ["--namespace", chart.NAMESPACE, "--kubeconfig", str(self.world.plane.kubeconfig)]
        done = chart.run_helm([*arguments, *flags], self.folder)
        if done.returncode != 0:
            self.violations.append(f"helm {arguments[0]}: {done.stderr.strip()[:500]}")

    def install(self, *more: str) -> None:
        """Install or upgrade the chart."""
        values = self.folder / "lifecycle.yaml"
        values.write_text(yaml.safe_dump(VALUES), encoding="utf-8")
        own = ["--take-ownership", "--force-conflicts", "--values", str(values), *more]
        self.helm("upgrade", "--install", "sunward", str(chart.CHART), *own)

    def fall_asleep(self) -> None:
        """As many nodes asleep as the story needs."""
        self.world.allow_asleep(SLEEPERS)
        self.world.wait_asleep(SLEEPERS, WAKE_SECONDS)

    def undisturbed(self, what: str) -> None:
        """Nobody is switched for a while, and whoever slept sleeps."""
        before, orders = self.world.asleep(), len(self.world.journal.switches())
        until = time.monotonic() + CALM_SECONDS
        while time.monotonic() < until:
            time.sleep(1.0)  # the time that is looked at, not one that is waited for
        after = self.world.journal.switches()[orders:]
        if after or self.world.asleep() != before:
            told = [f"{entry['node']} {'on' if entry['on'] else 'off'}" for entry in after]
            self.violations.append(f"{what}: {', '.join(told) or self.world.power_states()}")

    def restart(self) -> None:
        """The operator's pod is replaced, as its Deployment's strategy does it."""
        self.operator.terminate()
        self.operator.start()
        self.operator.wait_ready()

    def awake(self, what: str, begun: float) -> None:
        """All machines run, Kubernetes may use every node, and nothing of ours is left on one."""
        try:
            self.world.wait(self._all_awake, WAKE_SECONDS, "every node awake and given back")
        except TimeoutError as late:
            self.violations.append(f"{what}: {late}")
        self.seconds[what] = time.monotonic() - begun

    def _all_awake(self) -> bool:
        return all(one.alive for one in self.world.machines.values()) and not (
            self.world.marked() or self.world.not_ready()
        )

    def program(self, account: str, *arguments: str) -> None:
        """Run `sunward ARGUMENTS` with the rights of a service account, and with the operator's own settings."""
        there = yaml.safe_load(self.operator.folder.joinpath("kubeconfig").read_text(encoding="utf-8"))
        there["users"][0]["user"] = {"token": token(self.world.admin, account)}
        file = self.folder / "kubeconfig"
        file.write_text(yaml.safe_dump(there), encoding="utf-8")
        names = {"KUBECONFIG": str(file), "SUNWARD_SETTINGS": str(self.operator.folder / "settings.yaml")}
        names |= {"PYTHONPATH": str(chart.ROOT / "operator"), "PYTHONDONTWRITEBYTECODE": "1"}
        command = [sys.executable, *PROGRAM, *arguments]
        done = subprocess.run(command, env=os.environ | names, capture_output=True, text=True, timeout=120, check=False)
        if done.returncode != 0:
            self.violations.append(f"sunward {' '.join(arguments)}: {(done.stdout + done.stderr)[-500:]}")


def run(options: Options) -> Outcome:
    """The whole life once; it is the same in both lengths."""
    why = obstacle() or (None if (Path(chart.helm())).exists() else "there is no helm")
    if why is not None:
        return Outcome(suite="lifecycle", title=TITLE, seed=options.seed, counts={}, violations=[], not_run=why)
    with real_cluster(nodes=NODES) as world, tempfile.TemporaryDirectory() as folder:
        life = Life(world=world, operator=world.operator("a"), folder=Path(folder))
        changed(life)
        uninstalled(life)
        orphaned(life)
        switches = len(world.journal.switches())
    return Outcome(
        suite="lifecycle",
        title=TITLE,
        seed=options.seed,
        counts={"stages": 6, "nodes": NODES, "power_actions": switches},
        violations=life.violations,
        worst_recovery_seconds=max(life.seconds.values()),
        figures=dict(life.seconds),
    )


def changed(life: Life) -> None:
    """Install, and with nodes asleep: upgrade, other definitions, rollback. Nobody is woken by any of it."""
    life.install()
    life.operator.start()
    life.operator.wait_ready()
    life.fall_asleep()
    life.install("--set", "operator.logLevel=debug")
    life.restart()
    life.undisturbed("an upgrade")
    schema = "spec/versions/0/schema/openAPIV3Schema/properties/spec/properties/later"
    patch = [{"op": "add", "path": f"/{schema}", "value": ADDED}]
    answer = life.world.admin.request("PATCH", DEFINITION, patch, content_type="application/json-patch+json")
    if answer.code != 200:
        life.violations.append(f"the definition cannot be changed: {answer.message}")
    wait_until(lambda: _is_served(life.world), GONE_SECONDS, "the changed definition served")
    life.undisturbed("a change of the definition")
    life.helm("rollback", "sunward", "1", "--force-conflicts")
    life.restart()
    life.undisturbed("a rollback")


def uninstalled(life: Life) -> None:
    """Uninstall with nodes asleep: the hook's commands, in its order, and nothing of ours is left."""
    rendered = chart.render(life.folder, values=VALUES)
    hook = [one for one in rendered if one["metadata"]["name"] == HOOK and one["kind"] != "Job"]
    for manifest in hook:
        life.world.admin.apply(manifest)
    pod = chart.pod_spec(chart.one(rendered, "Job", HOOK))
    begun = time.monotonic()
    for container in (*pod["initContainers"], *pod["containers"]):
        life.program(HOOK, *container["args"])
    life.awake("uninstall", begun)
    life.operator.kill()
    for manifest in hook:
        life.world.admin.delete(crds.path_of(manifest))
    life.helm("uninstall", "sunward", "--no-hooks", "--wait")
    life.violations += [f"after uninstall: {name} has finalizers" for name in _with_finalizers(life.world)]


def orphaned(life: Life) -> None:
    """The operator is gone while nodes sleep, and people delete its objects: nothing hangs, and all can be woken."""
    life.install()
    for name in life.world.names:
        life.world.admin.merge(f"{ENERGY_NODES}/{name}", {"spec": {"override": None}})
    life.operator.start()
    life.operator.wait_ready()
    life.fall_asleep()
    life.operator.kill()
    for path in (*(f"{ENERGY_NODES}/{name}" for name in life.world.names), POLICY):
        life.world.admin.delete(path)
    try:
        life.world.wait(lambda: not life.world.items(ENERGY_NODES), GONE_SECONDS, "every EnergyNode gone")
    except TimeoutError as late:
        life.violations.append(f"operator gone: {late}")
    for manifest in chart.render(life.folder, values=VALUES):
        if manifest["metadata"]["name"] == HOOK and manifest["kind"] != "Job":
            life.world.admin.apply(manifest)
    begun = time.monotonic()
    life.program(HOOK, "wake", "--all", "--direct")
    life.awake("wake --all --direct without operator and objects", begun)


def _is_served(world: RealWorld) -> bool:
    """A server whose definition has changed answers 429 for a moment."""
    return world.admin.get(ENERGY_NODES).code == 200


def _with_finalizers(world: RealWorld) -> list[str]:
    kinds = ("energynodes", "energypolicies", "energyplans", "trainingjobs")
    found = []
    for kind in kinds:
        items = world.items(f"/apis/sunward.dev/v1alpha1/{kind}")
        found += [f"{kind}/{one['metadata']['name']}" for one in items if one["metadata"].get("finalizers")]
    return found
