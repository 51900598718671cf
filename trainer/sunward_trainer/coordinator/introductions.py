"""What workers say of themselves to the coordinator, read strictly and within bounds.

Whatever a worker sends ends up in memory, in /progress and in the operator's plans, so that every text and list has a
limit here and every number a range. A worker's pace, for example, is billed to its node by the planner. Who the worker
is stands in its certificate and not here.
"""

from typing import Annotated, Final

from pydantic import BaseModel, ConfigDict, Field

LARGEST_BODY: Final = 128 * 1024
"""Bytes. A worker that is the home of 256 shards with the longest names and holds copies of 256 others needs half."""

MOST_SHARDS: Final = 256

ShardName = Annotated[str, Field(max_length=253, pattern=r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$")]
Address = Annotated[str, Field(max_length=261, pattern=r"^([-a-zA-Z0-9.:\[\]]+:[0-9]{1,5})?$")]
"""Empty for a worker that serves no shards."""

ShardNames = Annotated[list[ShardName], Field(max_length=MOST_SHARDS)]
Count = Annotated[int, Field(ge=0, le=10**12)]
Pace = Annotated[float, Field(ge=1e-7, le=3600.0, allow_inf_nan=False)]


class _Body(BaseModel):
    """Fields that a newer worker adds are passed over."""

    model_config = ConfigDict(strict=True, frozen=True, extra="ignore")


class OwnShard(_Body):
    """A shard that the worker serves, with the hash of its bytes."""

    name: ShardName
    sha256: Annotated[str, Field(max_length=64, pattern=r"^[0-9a-f]+$")]
    samples: Count


class Introduction(_Body):
    """The body of /register."""

    address: Address
    flower_node: Annotated[int, Field(ge=0, lt=2**64)]
    shards: Annotated[list[OwnShard], Field(max_length=MOST_SHARDS)]
    cached: ShardNames
    kept_round: Count | None = None


class SignOfLife(_Body):
    """The body of /beat; `seconds_per_batch` is at least a tenth of a microsecond and at most an hour."""

    epoch: Annotated[str, Field(max_length=64)]
    after: Count
    cached: ShardNames
    seconds_per_batch: Pace | None
    batches_done: Annotated[dict[ShardName, Count], Field(max_length=MOST_SHARDS)]
