"""Data sets that storage keeps as a manifest and shards, each under its SHA-256."""

import hashlib
import logging

from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.messages import DatasetManifest
from deepchord.shared.storage.documents import read_verified
from deepchord.shared.storage.inputs import input_keys
from deepchord.shared.storage.inputs.publications import note_publication
from deepchord.shared.storage.object_store import ObjectStore

_REMEDY = "Remove it: the next `deepchord train` with the same data publishes it anew, then `deepchord resume` goes on."

logger = logging.getLogger(__name__)


class ShardStore:
    """The shards and manifests in a storage. The manifest comes last: who finds it finds its shards."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    def publish_shard(self, data: bytes) -> str:
        """Publish a shard unless storage has it already, as far as `ObjectStore.holds` knows; return its SHA-256."""
        sha256 = hashlib.sha256(data).hexdigest()
        self._publish(input_keys.shard(sha256), sha256, data)
        return sha256

    def publish_manifest(self, manifest: DatasetManifest) -> str:
        """Publish the manifest of a data set whose shards are published; return its SHA-256."""
        data = manifest.encode()
        sha256 = hashlib.sha256(data).hexdigest()
        self._publish(input_keys.dataset_manifest(sha256), sha256, data)
        return sha256

    def shard(self, sha256: str) -> bytes:
        """Return a shard; raise `CorruptObjectError`, which names it, if it does not have its SHA-256."""
        return read_verified(self.objects, input_keys.shard(sha256), sha256, _REMEDY)

    def manifest(self, sha256: str) -> bytes:
        """Return a manifest's bytes, verified as a shard is."""
        return read_verified(self.objects, input_keys.dataset_manifest(sha256), sha256, _REMEDY)

    def _publish(self, key: str, sha256: str, data: bytes) -> None:
        note_publication(self.objects, sha256)
        try:
            is_there = self.objects.holds(key, data)
            is_damaged = not is_there and self.objects.exists(key)
        except CorruptObjectError:
            is_there, is_damaged = False, True
        if is_damaged:
            logger.warning("%s/%s is damaged; it is published anew.", self.objects.url, key)
        if not is_there:
            self.objects.replace(key, data)
