"""The parts of a scenario file: zones, machines, jobs, what fails and how the operator is set.

Each part is checked alone; `scenario.py` checks that they fit together.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from sunward.simulation.world import descriptions
from sunward.simulation.world.descriptions import Battery, Efficiency, NotNegative, Positive, Ratio, Strict

MAXIMUM_SHARDS = 200
"""Most shards of one synchronous job; more would only say that its batches have no sensible common measure."""


class Zone(Strict):
    """A grid zone: a trace, taken as it is or scaled to another mean, or one constant intensity.

    `marginal_*` describe the intensity of one more watt-hour in the same way; plans never use it, accounts show it.
    `carbon_free_ratio` is the part of the grid's energy that counts as free of carbon in the 24/7 score.
    """

    trace: str | None = None
    mean_grams_per_kilowatt_hour: NotNegative | None = None
    swing: NotNegative = 1.0
    carbon_free_ratio: Ratio = 0.0
    marginal_trace: str | None = None
    marginal_mean_grams_per_kilowatt_hour: NotNegative | None = None

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        if self.trace is None and self.mean_grams_per_kilowatt_hour is None:
            raise ValueError("give trace, mean_grams_per_kilowatt_hour or both")
        return self

    @property
    def has_marginal(self) -> bool:
        """Whether a marginal intensity is known."""
        return self.marginal_trace is not None or self.marginal_mean_grams_per_kilowatt_hour is not None


class Profile(descriptions.Profile):
    """A kind of machine and how fast it is: a batch takes its seconds divided by `speed`.

    `embodied_grams` is what making it emitted, spread over its life; without it the SCI is not known.
    """

    speed: Positive = 1.0
    embodied_grams: NotNegative | None = None
    embodied_lifetime_days: Positive = 1460.0


class Sky(Strict):
    """Sun by place and time under changing clouds, instead of a trace."""

    latitude_degrees: Annotated[float, Field(ge=-90, le=90)]
    longitude_degrees: Annotated[float, Field(ge=-180, le=180)]
    mean_clearness: Ratio = 0.7
    clearness_spread: Ratio = 0.25
    persistence_hours: Positive = 1.0


class Harvest(Strict):
    """A panel: a nameplate times a city's trace or a modelled sky."""

    city: str | None = None
    sky: Sky | None = None
    nameplate_watts: Positive

    @model_validator(mode="after")
    def _has_one_sun(self) -> Self:
        if (self.city is None) == (self.sky is None):
            raise ValueError("give either city or sky")
        return self


class Node(Strict):
    """Where a node stands and what it has; `pods` are ordinary ones, which a drain evicts and others take in."""

    zone: str
    site: str
    profile: str
    harvest: Harvest | None = None
    battery: Battery | None = None
    can_sleep: bool = True
    maximum_export_ratio: Ratio = 0.5
    pods: Annotated[int, Field(ge=0, le=100)] = 0


class Pool(Strict):
    """Nodes that may share energy: the named sites, or every node."""

    kind: Literal["physical", "contractual"]
    sites: tuple[str, ...] | None = None
    efficiency: Efficiency = 0.95


class Job(Strict):
    """A federated job: shards with a home, batches that each shard has to give, a window of time.

    `every_hours` repeats the job: a daily training is one job with `every_hours: 24`. A synchronous job takes every
    shard in every round, a home with more batches has more shards of the same size; the shards of any other job
    progress each by itself under rules and the pure optimiser. The operator knows only federated training: it trains
    every job in `rounds`, with all shards in each, and needs `minimum_workers` at once.
    """

    batches: Annotated[dict[str, NotNegative], Field(min_length=1)]
    seconds_per_batch: Positive
    busy_ratio: Ratio = 0.9
    release_hours: NotNegative = 0.0
    deadline_hours: Positive
    every_hours: Positive | None = None
    synchronous: bool = False
    maximum_offload_ratio: Ratio = 0.5
    gigabytes_per_batch: NotNegative = 0.0
    rounds: Annotated[int, Field(ge=1, le=100_000)] = 50
    minimum_workers: Annotated[int, Field(ge=1)] = 1

    @model_validator(mode="after")
    def _can_be_done(self) -> Self:
        if self.deadline_hours <= self.release_hours:
            raise ValueError("deadline_hours must be after release_hours")
        if not sum(self.batches.values()) > 0.0:
            raise ValueError("batches must not all be zero")
        if self.synchronous and not self.has_common_measure:
            raise ValueError(f"batches of a synchronous job need a common measure: over {MAXIMUM_SHARDS} equal shards")
        if self.minimum_workers > 1 and not self.synchronous:
            raise ValueError("minimum_workers needs synchronous: true; other shards train each by itself")
        return self

    @property
    def homes(self) -> tuple[str, ...]:
        """Nodes where data live."""
        return tuple(home for home, batches in self.batches.items() if batches > 0.0)

    @property
    def has_common_measure(self) -> bool:
        """Whether a sensible number of shards of equal size holds all batches."""
        return sum(self.equal_shards().values()) <= MAXIMUM_SHARDS

    def equal_shards(self) -> dict[str, int]:
        """Shards of equal size at each home that has batches."""
        exact = {home: Fraction(self.batches[home]).limit_denominator(1000) for home in self.homes}
        over = math.lcm(*(value.denominator for value in exact.values()))
        whole = {home: max(1, int(value * over)) for home, value in exact.items()}
        unit = math.gcd(*whole.values())
        return {home: value // unit for home, value in whole.items()}


class Network(Strict):
    """What moving data costs."""

    endpoint_watt_hours_per_gigabyte: NotNegative = 0.5
    seconds_per_gigabyte: NotNegative = 160.0
    transit_watt_hours_per_gigabyte: NotNegative = 4.0
    transit_intensity_grams_per_kilowatt_hour: NotNegative = 400.0


class ForecastError(Strict):
    """Spread of forecasts relative to the truth, six hours ahead; grows with the square root of the lead."""

    harvest_ratio: NotNegative = 0.0
    intensity_ratio: NotNegative = 0.0


class Fault(Strict):
    """Something that is wrong with one node for a while."""

    node: str
    from_hours: NotNegative
    to_hours: Positive

    @model_validator(mode="after")
    def _ends_after_it_begins(self) -> Self:
        if self.to_hours <= self.from_hours:
            raise ValueError("to_hours must be after from_hours")
        return self


class Outage(Fault):
    """A node that is dead: it draws nothing, does nothing, and its failure was not foreseen."""


class Silence(Fault):
    """A node whose meters say nothing, although it runs."""


class Operator(Strict):
    """How the operator is set in policies that run it, with the product's own defaults, and what it draws itself.

    `shift_in_time` is the policy's switch: without it a job never waits for a better hour. With it a plan looks as far
    as the scenario's horizon, or `shift_periods` ahead; a job waits only while its deadline is in sight.
    `unhealthy_zone_threshold_ratio` is how the cluster's kube-controller-manager is set, which limits how many nodes
    may sleep; without it half of them. `join_seconds` is how long a round waits for workers that are not there yet:
    longer than the trainer's own 10 s, so that policies do equal work. `watts` and `watt_hours_per_plan` are counted
    against the operator, at the intensity of `zone` (the dirtiest one unless named).
    """

    tick_seconds: Annotated[float, Field(ge=1, le=300)] = 10.0
    shift_in_time: bool = False
    shift_periods: Annotated[int, Field(ge=2, le=96)] | None = None
    minimum_gain_ratio: Ratio = 0.05
    minimum_awake_seconds: NotNegative = 1800.0
    minimum_asleep_seconds: NotNegative = 900.0
    maximum_cycles_per_day: Annotated[int, Field(ge=0)] = 6
    dwell_seconds: NotNegative = 600.0
    nodes_in_transition: Annotated[int, Field(ge=1, le=64)] = 1
    maximum_asleep_nodes: Annotated[int, Field(ge=0)] | None = None
    unhealthy_zone_threshold_ratio: Annotated[float, Field(gt=0, le=1)] | None = None
    join_seconds: NotNegative = 900.0
    watts: NotNegative = 0.05
    watt_hours_per_plan: NotNegative = 0.0005
    zone: str | None = None
