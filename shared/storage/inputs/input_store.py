"""Data sets in one file, images of studies, and initial weights in storage; they are verified when they are read."""

import hashlib
import logging

from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.storage.documents import read_verified
from deepchord.shared.storage.inputs import input_keys
from deepchord.shared.storage.inputs.publications import note_publication
from deepchord.shared.storage.object_store import ObjectStore

logger = logging.getLogger(__name__)


class InputStore:
    """What runs are trained from, but for data sets in shards; `RunStore.inputs` returns it."""

    def __init__(self, objects: ObjectStore) -> None:
        self.objects = objects

    def publish_dataset(self, sha256: str, data: bytes) -> None:
        """Publish a data set under its SHA-256; a damaged copy is replaced."""
        note_publication(self.objects, sha256)
        self.objects.replace(input_keys.dataset(sha256), data)

    def has_dataset(self, sha256: str, data: bytes) -> bool:
        """Return whether an undamaged data set is published, as far as `ObjectStore.holds` knows; damage is logged.

        For whoever is about to publish or use it: that is noted.
        """
        key = input_keys.dataset(sha256)
        note_publication(self.objects, sha256)
        try:
            whole = self.objects.holds(key, data)
            damaged = not whole and self.objects.exists(key)
        except CorruptObjectError:
            whole, damaged = False, True
        if damaged:
            logger.warning("%s/%s is damaged; the data set is published anew.", self.objects.url, key)
        return whole

    def dataset(self, sha256: str) -> bytes:
        """Return the published data set, verified; also images without labels."""
        remedy = (
            "Remove it: the next `deepchord train` (or, of a study's images, `deepchord evaluate`) with the same data "
            "publishes it anew, then `deepchord resume` goes on."
        )
        return read_verified(self.objects, input_keys.dataset(sha256), sha256, remedy)

    def publish_initial_weights(self, data: bytes) -> str:
        """Publish the weights of a file under their SHA-256, unless they are; return it."""
        sha256 = hashlib.sha256(data).hexdigest()
        note_publication(self.objects, sha256)
        self.objects.create(input_keys.initial_weights(sha256), data)
        return sha256

    def initial_weights(self, sha256: str) -> bytes:
        """Return the published weights of a file, verified."""
        return read_verified(self.objects, input_keys.initial_weights(sha256), sha256)
