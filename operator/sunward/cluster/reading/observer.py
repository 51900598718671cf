"""Looks at the cluster and judges the data. The past of meters and jobs is all that it remembers, and may be lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime

from sunward.cluster.access.api import Api
from sunward.cluster.access.causes import cause_of
from sunward.cluster.access.watch_liveness import WatchLiveness
from sunward.cluster.ports import Intensities, Sensors
from sunward.cluster.reading.eviction_rights import EvictionRights
from sunward.cluster.reading.observe import Identity, Observation, observe
from sunward.cluster.reading.pod_memory import PodMemory
from sunward.cluster.reading.read import ClusterState
from sunward.cluster.training.coordinators import Coordinators
from sunward.planning.data_quality import judgement
from sunward.planning.data_quality.history import ReadingHistory
from sunward.planning.data_quality.verdict import DataVerdict
from sunward.planning.jobs.claims import ClaimHistory
from sunward.planning.pin_limits import limited


class Observer:
    """One look per reconcile cycle, and another before what was planned on the first is carried out."""

    def __init__(
        self,
        api: Api,
        coordinators: Coordinators,
        sensors: Sensors,
        intensities: Intensities,
        identity: Identity,
        watches: WatchLiveness,
        memory: PodMemory,
    ) -> None:
        self._api = api
        self._coordinators = coordinators
        self._sensors = sensors
        self._intensities = intensities
        self._identity = identity
        self._watches = watches
        self._memory = memory
        self._trail = ReadingHistory()
        self._claims = ClaimHistory()
        self._rights = EvictionRights()
        self.verdict: DataVerdict | None = None

    async def look(self, now: datetime, *, is_leader: bool) -> Observation:
        """Read everything, expect the watches to bring it too, and judge the data. Raises ApiError."""
        seen = await self._observe(now, is_leader=is_leader)
        self._expect(seen.state)
        return self._judged(seen)

    async def look_again(self, now: datetime, *, is_leader: bool) -> Observation:
        """The same later in one cycle, without expecting anything of the watches. Raises ApiError."""
        return self._judged(await self._observe(now, is_leader=is_leader))

    async def _observe(self, now: datetime, *, is_leader: bool) -> Observation:
        seen = await observe(
            self._api, self._coordinators, self._sensors, self._intensities, self._identity, now, is_leader=is_leader
        )
        return replace(seen, snapshot=await self._rights.told(self._api, seen.snapshot))

    def _expect(self, state: ClusterState) -> None:
        """What was read, the watches must bring too."""
        self._watches.read_all("nodes", state.node_bodies.values())
        self._watches.read_all("energynodes", state.energy_node_bodies.values())
        self._watches.read_all("trainingjobs", state.job_bodies.values())
        self._watches.read_all("energypolicies", [] if state.policy_body is None else [state.policy_body])

    def _judged(self, seen: Observation) -> Observation:
        """The same view with doubtful data and doubtful words of coordinators taken out or marked.

        Data that cannot be judged hold every sleep; a word that cannot be judged counts.
        """
        try:
            self._trail = self._trail.after(seen.snapshot)
            self.verdict = judgement.judge(seen.snapshot, self._trail, pending_pods=seen.state.pending_pods)
            self._claims = self._claims.after(seen.snapshot)
            cleaned = self._claims.marked(judgement.cleaned(seen.snapshot, self.verdict))
            return replace(seen, snapshot=limited(self._memory.marked(cleaned)))
        except Exception as error:  # the shell around a judgement: a wake must not wait for it
            self.verdict = None
            return replace(seen, snapshot=replace(seen.snapshot, data_hold=cause_of(error)))
