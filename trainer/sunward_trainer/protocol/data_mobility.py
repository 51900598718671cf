"""Where a shard's data may travel."""

from enum import StrEnum


class DataMobility(StrEnum):
    """`Never` keeps each shard on its home node, `SameSite` on nodes of the home's site."""

    NEVER = "Never"
    SAME_SITE = "SameSite"
    ANYWHERE = "Anywhere"
