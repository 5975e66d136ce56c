"""Data sets that are larger than memory may be: cut into shards for storage, and memory maps of them on each host."""

from deepchord.shared.datasets.shards.local_arrays import LocalArrays
from deepchord.shared.datasets.shards.publishing import PredictedNames, Sharding, publish_shards, refuse_too_large

__all__ = ["LocalArrays", "PredictedNames", "Sharding", "publish_shards", "refuse_too_large"]
