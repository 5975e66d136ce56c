"""Data sets that are larger than memory may be: cut into shards for storage, and memory maps of them on each host."""

from deepchord.shared.datasets.shards.local_arrays import LocalArrays
from deepchord.shared.datasets.shards.publishing import Sharding, publish_shards, refuse_too_large

__all__ = ["LocalArrays", "Sharding", "publish_shards", "refuse_too_large"]
