"""The parts of data sets in storage: shards, and the manifests that tell which data set they make."""

from deepchord.shared.storage.shards.shard_store import ShardStore

__all__ = ["ShardStore"]
