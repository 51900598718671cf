"""Leadership by a coordination.k8s.io Lease, judged by local time.

A holder counts as alive as long as its renewTime keeps *changing* within the lease duration of our own monotonic
clock; wall clocks of different hosts are never compared. The transition count is the fencing token of power actions:
a process that finds its own name in the Lease but did not put it there (its container was restarted) counts on.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from sunward.cluster.access.api import Api, ApiError, apis
from sunward.cluster.access.times import format_time

GROUP = "coordination.k8s.io/v1"
DURATION_SECONDS = 15.0
"""After so long without a renewal another operator may take over; what Kubernetes' own controllers use."""
RENEW_SECONDS = 4.0
"""Between renewals beside a long pass; two may fail before the Lease is no longer trusted."""
SAFETY_SECONDS = 5.0
"""The holder stops acting so much earlier, so that an act that it has begun ends before another may begin one."""
LEASE_NAME = "sunward-operator"


class Lease:
    """One operator's view of the Lease. Whether to act is asked of `holds()` and of nothing else.

    `is_others` says that the last answer named another holder: then there is time. Without an answer there is none.
    `shown` is told of every state of the Lease that was read or written: a watch must bring it too.
    """

    def __init__(
        self,
        api: Api,
        namespace: str,
        identity: str,
        *,
        monotonic: Callable[[], float] = time.monotonic,
        shown: Callable[[Mapping[str, Any]], None] = lambda _: None,
    ) -> None:
        self._api = api
        self._namespace = namespace
        self._identity = identity
        self._shown = shown
        self._monotonic = monotonic
        self._renewed_at: float | None = None
        self._seen: tuple[str, str] | None = None
        self._seen_at = 0.0
        self.is_others = False
        self.token = 0

    def holds(self) -> bool:
        """Whether the Lease is ours with time to spare: renewed less than duration - safety ago by our own clock."""
        renewed = self._renewed_at
        return renewed is not None and self._monotonic() - renewed < DURATION_SECONDS - SAFETY_SECONDS

    async def renew(self, now: datetime, *, above: int = 0) -> bool:
        """Take or renew the Lease if that is allowed; returns `holds()`. An unreachable server only lets it lapse.

        The token ends up above *above*, the youngest one that is on record: a Lease that was deleted, with its
        namespace for instance, would count from one again, and its holder would be taken for the past for ever.
        """
        begun, self.is_others = self._monotonic(), False
        try:
            self.is_others = not await self._try(now, above)
            if not self.is_others:
                self._renewed_at = begun
        except ApiError as error:
            if error.status not in (0, 409, 422, 429, 500, 503, 504):
                raise
        return self.holds()

    async def keep(self, now: datetime) -> bool:
        """Renew what is held unless that was just done, and never take what is not; returns `holds()`.

        For beside a pass that takes long.
        """
        if self._renewed_at is None or not self.holds():
            return False
        if self._monotonic() - self._renewed_at < RENEW_SECONDS:
            return True
        return await self.renew(now)

    async def release(self, now: datetime) -> None:
        """Give the Lease up at once, so that a successor need not wait."""
        if not self.holds():
            return
        self._renewed_at = None
        body = await self._api.get(self._path(LEASE_NAME))
        if (body.get("spec") or {}).get("holderIdentity") == self._identity:
            body["spec"] |= {"holderIdentity": "", "renewTime": format_time(now)}
            await self._api.replace(self._path(LEASE_NAME), body)

    async def _try(self, now: datetime, above: int) -> bool:
        try:
            body = await self._api.get(self._path(LEASE_NAME))
        except ApiError as error:
            if error.status != 404:
                raise
            self._shown(await self._api.create(self._path(""), self._body(now, above + 1)))
            self.token = above + 1
            return True
        self._shown(body)
        spec = body.get("spec") or {}
        if spec.get("holderIdentity") != self._identity and not self._expired(spec):
            return False
        return await self._take(body, now, above)

    def _expired(self, spec: dict[str, Any]) -> bool:
        holder = spec.get("holderIdentity") or ""
        if not holder:
            return True
        seen = (holder, str(spec.get("renewTime")))
        if seen != self._seen:
            self._seen, self._seen_at = seen, self._monotonic()
        return self._monotonic() - self._seen_at >= DURATION_SECONDS

    async def _take(self, body: dict[str, Any], now: datetime, above: int) -> bool:
        spec = body["spec"]
        transitions = int(spec.get("leaseTransitions") or 0)
        mine = spec.get("holderIdentity") == self._identity and above <= transitions == self.token
        body["spec"] = self._spec(now, transitions if mine else max(transitions, above) + 1)
        if mine:
            body["spec"]["acquireTime"] = spec.get("acquireTime")
        self._shown(await self._api.replace(self._path(LEASE_NAME), body))
        self.token = int(body["spec"]["leaseTransitions"])
        return True

    def _spec(self, now: datetime, transitions: int) -> dict[str, Any]:
        return {
            "holderIdentity": self._identity,
            "leaseDurationSeconds": int(DURATION_SECONDS),
            "acquireTime": format_time(now),
            "renewTime": format_time(now),
            "leaseTransitions": transitions,
        }

    def _body(self, now: datetime, transitions: int) -> dict[str, Any]:
        return {
            "apiVersion": GROUP,
            "kind": "Lease",
            "metadata": {"name": LEASE_NAME, "namespace": self._namespace},
            "spec": self._spec(now, transitions),
        }

    def _path(self, name: str) -> str:
        return apis(GROUP, "leases", name, namespace=self._namespace)
