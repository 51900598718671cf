"""Mutated specs before a real API server and, where it lets them through, before the real loop.

The server has the definitions with their rules; every change is an update of an object that stands there, tried by a
dry run. What the server returns, defaults and all, is put into the cluster in memory, reconciled for some passes, and
reverted.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from dataclasses import dataclass, field
from typing import Any

from sunward.domain.reasons import Reason
from support.crds import Api, definitions, schema_of
from support.faults.mutations import mutated
from support.loop.crash import one_sleeper
from support.loop.objects import WORKERS
from support.loop.process import Process
from support.loop.soak import leave
from support.loop.world import add_job

Body = dict[str, Any]
KINDS = {"EnergyNode": "energynodes", "EnergyPolicy": "energypolicies", "TrainingJob": "trainingjobs"}
NAMES = {"EnergyNode": ("", "pi-3"), "EnergyPolicy": ("", "default"), "TrainingJob": ("default", "digits")}
PASSES = 4
REVERT_PASSES = 200
CALM_PASSES = 40
ROUNDS = 1_000


@dataclass(slots=True, kw_only=True)
class Tried:
    """What became of the mutations of one kind."""

    counts: Counter[str] = field(default_factory=Counter)
    violations: list[str] = field(default_factory=list)


class Cluster:
    """One cluster in memory that lives through all mutations of a kind, with one operator."""

    def __init__(self, kind: str, api: Api) -> None:
        self.kind, self.api = kind, api
        self.world = one_sleeper()
        self.world.timeline.clear()
        self._submit()
        self.process = Process(self.world, "op")
        self.runner = asyncio.Runner()
        self.passes(CALM_PASSES)
        definition = next(one for one in definitions() if one["spec"]["names"]["kind"] == kind)
        self.schema = schema_of(definition)["properties"]["spec"]
        self.original = self._server_side(self._object()["spec"], dry_run=False)

    def passes(self, count: int) -> None:
        """Let the operator make passes, and time pass between them."""
        for _ in range(count):
            self.runner.run(self.process.tick())
            self.world.advance()

    def put(self, spec: Body) -> None:
        """The object's new spec, as its generation shows."""
        body = self._object()
        metadata = {**body["metadata"], "generation": body["metadata"]["generation"] + 1}
        self.world.store.put(KINDS[self.kind], {**body, "metadata": metadata, "spec": spec})

    def stand(self) -> tuple[Any, ...]:
        """What a revert has to bring back: power states, and the object's conditions."""
        conditions = (self._object().get("status") or {}).get("conditions") or ()
        said = {one["type"]: (one["status"], one["reason"]) for one in conditions}
        return ({name: self.world.power(name) for name in WORKERS}, said)

    def is_over(self) -> bool:
        """Whether the object is a job that has ended: no revert takes that back."""
        conditions = (self._object().get("status") or {}).get("conditions") or ()
        return any(one["type"] == "Complete" and one["status"] == "True" for one in conditions)

    def renew(self) -> None:
        """In place of a job that has ended comes another of its name."""
        leave(self.world)
        self._submit()

    def _submit(self) -> None:
        if self.kind == "TrainingJob":
            add_job(self.world, "digits", {"pi-1": "a", "pi-2": "b"}, rounds=ROUNDS)

    def accepted(self, spec: Body) -> Body | None:
        """The spec as the server would store it; None where it refuses the update."""
        try:
            return self._server_side(spec, dry_run=True)
        except ValueError:
            return None

    def _object(self) -> Body:
        namespace, name = NAMES[self.kind]
        body = self.world.store.find(KINDS[self.kind], name, namespace)
        assert body is not None
        return body

    def _server_side(self, spec: Body, *, dry_run: bool) -> Body:
        namespace, name = NAMES[self.kind]
        metadata = {"name": name} | ({"namespace": namespace} if namespace else {})
        manifest = {"apiVersion": "sunward.dev/v1alpha1", "kind": self.kind, "metadata": metadata, "spec": spec}
        answer = self.api.apply(manifest, dry_run=dry_run)
        if answer.code >= 400:
            raise ValueError(answer.message)
        stored: Body = answer.body["spec"]
        return stored


def tried(kind: str, api: Api, seed: int, mutations: int) -> Tried:
    """So many mutations of one kind, one after the other, each reverted."""
    dice, found, cluster = random.Random(seed), Tried(), Cluster(kind, api)
    try:
        before = cluster.stand()
        for _ in range(mutations):
            spec, told = mutated(cluster.original, cluster.schema, dice)
            stored = cluster.accepted(spec)
            found.counts["refused by the server" if stored is None else "reconciled"] += 1
            if stored is not None:
                _live_through(cluster, stored, f"{kind}: {told}", before, dice, found)
    finally:
        cluster.runner.close()
    return found


def _live_through(
    cluster: Cluster, stored: Body, told: str, before: tuple[Any, ...], dice: random.Random, found: Tried
) -> None:
    cluster.process.failures.clear()
    flips = dice.choice((1, 1, 3))
    for _ in range(flips):
        cluster.put(stored)
        cluster.passes(1 if flips > 1 else PASSES)
        cluster.put(cluster.original)
        cluster.passes(1)
    found.violations += [f"{told}: {why}" for why in unforeseen(cluster.process.failures)]
    if cluster.is_over():
        found.counts["ended by it"] += 1
        cluster.renew()
    if not _returns(cluster, before):
        found.violations.append(f"{told}: after the revert it is {cluster.stand()} and not {before}")


def unforeseen(failures: list[str]) -> list[str]:
    """Failures that no reason explains, and whole passes that ended."""
    return [why for why in failures if " of " not in why.partition(":")[0] or Reason.INTERNAL_ERROR in why]


def _returns(cluster: Cluster, before: tuple[Any, ...]) -> bool:
    for _ in range(REVERT_PASSES):
        if cluster.stand() == before:
            return True
        cluster.passes(1)
    return False
