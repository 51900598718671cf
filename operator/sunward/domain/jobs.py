"""Federated training jobs: what people asked for and how far they are."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sunward.domain.cause import Cause
from sunward.domain.reasons import Reason
from sunward.domain.workloads import FlowerApp, GenericContainer, PodOptions, ShardVolume

PARTS_PER_MILLION_IN_A_PERCENT = 10_000


class DataMobility(StrEnum):
    """Where a shard's data may travel."""

    NEVER = "Never"
    SAME_SITE = "SameSite"
    ANYWHERE = "Anywhere"


class Disruption(StrEnum):
    """When a running worker may be moved."""

    AT_ROUND_BOUNDARY = "AtRoundBoundary"
    NEVER = "Never"


@dataclass(frozen=True, slots=True, kw_only=True)
class Shard:
    """Part of a job's data and the EnergyNode where it lives."""

    name: str
    node: str
    samples: int
    gigabytes: float
    volume: ShardVolume | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobCost:
    """Energy above idle and time of one batch, where people state it."""

    watt_hours_per_batch: float | None = None
    seconds_per_batch: float | None = None


class UpdateRule(StrEnum):
    """How a round's updates become the next model."""

    GATE = "Gate"
    MEDIAN = "Median"
    TRIMMED_MEAN = "TrimmedMean"
    MULTI_KRUM = "MultiKrum"


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSpec:
    """`TrainingJob.spec` in base units. `created_at` is None for a job that was not created at an API server.

    `app` is the model's name where people still use the former field. `containers` are those of a job that brings its
    own program; other jobs have none.
    """

    namespace: str
    name: str
    uid: str
    rounds: int
    steps_per_round: int
    batch_size: int
    target_accuracy_percent: float | None
    shards: tuple[Shard, ...]
    data_mobility: DataMobility
    maximum_offload_ratio: float
    minimum_workers: int
    deadline: datetime | None
    emissions_budget_grams: float | None
    suspend: bool
    disruption: Disruption
    cost: JobCost
    priority: int = 0
    created_at: datetime | None = None
    update_rule: UpdateRule = UpdateRule.GATE
    maximum_norm_factor: int = 10
    image: str | None = None
    model: str | None = None
    app: str | None = None
    flower_app: FlowerApp | None = None
    containers: tuple[GenericContainer, ...] = ()
    arguments: tuple[tuple[str, str], ...] = ()
    target_accuracy_parts_per_million: int | None = None
    pod: PodOptions = field(default_factory=PodOptions)

    @property
    def key(self) -> str:
        """namespace/name."""
        return f"{self.namespace}/{self.name}"

    @property
    def target_percent(self) -> float | None:
        """The accuracy at which the job ends, from the finer field where it is used."""
        fine = self.target_accuracy_parts_per_million
        return self.target_accuracy_percent if fine is None else fine / PARTS_PER_MILLION_IN_A_PERCENT

    @property
    def batches_per_shard(self) -> int:
        """Batches that each shard gives over the whole job."""
        return self.rounds * self.steps_per_round


class JobPhase(StrEnum):
    """What a coordinator says that it is doing."""

    WAITING = "waiting"
    TRAINING = "training"
    AGGREGATING = "aggregating"
    COMPLETE = "complete"
    FAILED = "failed"

    @property
    def is_working(self) -> bool:
        """Whether a round is under way."""
        return self in (JobPhase.TRAINING, JobPhase.AGGREGATING)


class Refusal(StrEnum):
    """A coordinator's word for what was wrong with an update; OTHER stands for words that are not known here."""

    UNREADABLE = "Unreadable"
    WRONG_WORKER = "WrongWorker"
    WRONG_ROUND = "WrongRound"
    NOT_REPORTED = "NotReported"
    WRONG_BATCHES = "WrongBatches"
    WRONG_FIGURES = "WrongFigures"
    WRONG_TYPE = "WrongType"
    WRONG_SHAPE = "WrongShape"
    NOT_FINITE = "NotFinite"
    NORM_TOO_LARGE = "NormTooLarge"
    UNUSABLE_MODEL = "UnusableModel"
    OTHER = "Other"

    @classmethod
    def of(cls, word: str) -> Refusal:
        """The refusal that a word stands for."""
        return cls(word) if word in set(cls) else cls.OTHER


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWorker:
    """A worker whose newest update was refused, and how often in a row."""

    node: str
    refusal: Refusal
    in_a_row: int


@dataclass(frozen=True, slots=True, kw_only=True)
class UpdateChecks:
    """What a coordinator says became of its workers' updates.

    `refused` counts by reason. `applied_rule` is what combined the last round, `norm_bounded` whether
    its updates could be compared with each other or an earlier round; both are None before the first round.
    """

    refused: tuple[tuple[Refusal, int], ...] = ()
    workers: tuple[RefusedWorker, ...] = ()
    applied_rule: UpdateRule | None = None
    norm_bounded: bool | None = None

    @property
    def refused_count(self) -> int:
        """Over all reasons."""
        return sum(count for _, count in self.refused)


@dataclass(frozen=True, slots=True, kw_only=True)
class JobProgress:
    """What the coordinator says of itself (`/progress`)."""

    round: int
    phase: JobPhase
    accuracy_percent: float | None
    offloaded_batches_by_shard: tuple[tuple[str, float], ...]
    seconds_per_batch: tuple[tuple[str, float], ...]
    cached_shards: tuple[tuple[str, tuple[str, ...]], ...]  # node -> shards held there
    plan: str | None
    workers: tuple[str, ...] = ()
    round_seconds: float | None = None
    data_set: str | None = None
    batches_done: int | None = None
    checkpoint_at: datetime | None = None
    updates: UpdateChecks | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobView:
    """One job when a snapshot was taken.

    `progress` is None when the coordinator did not answer, or answered what cannot be read: `progress_fault` then says
    which field is wrong. `objects_fault` says why the job's pods cannot be looked at, so that nothing can be done for
    it. `unconfirmed_nodes` are nodes about which the coordinator's word does not count, because the operator's own
    records do not bear it out. `emissions_grams` is what its settled periods emitted, None as long as no period of it
    is settled.
    """

    spec: JobSpec
    progress: JobProgress | None
    progress_fault: str | None = None
    objects_fault: Cause | None = None
    last_round: int = 0
    finished: Reason | None = None
    emissions_grams: float | None = None
    coordinator_node: str | None = None
    ready_workers: int = 0
    assignments: tuple[Assignment, ...] = ()
    unconfirmed_nodes: tuple[str, ...] = ()
    generation: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """Batches of one shard that one node works on in every round."""

    job: str
    shard: str
    from_node: str
    node: str
    batches: int
