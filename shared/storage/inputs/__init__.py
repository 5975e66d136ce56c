"""What runs are trained from: data sets, whole or in shards, images of studies, and weights that members start from.

Each is kept under its SHA-256, so that runs share it, and nobody owns it. Who publishes one notes when, also if it is
there already: what no run uses may be removed after a while (`deepchord prune`).
"""

from deepchord.shared.storage.inputs import input_keys
from deepchord.shared.storage.inputs.input_store import InputStore
from deepchord.shared.storage.inputs.publications import note_publication, published_at
from deepchord.shared.storage.inputs.shard_store import ShardStore

__all__ = ["InputStore", "ShardStore", "input_keys", "note_publication", "published_at"]
