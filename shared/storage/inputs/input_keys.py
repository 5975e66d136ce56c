"""The keys of what runs are trained from. No other file spells one."""

import re

#: The folders of data sets and of weights that members start from.
DATASETS, INITIAL_WEIGHTS = "datasets/", "initial-weights/"
#: The folder of the notes of when something was published last.
PUBLICATIONS = "publications/"
_INPUT = re.compile(r"(?:datasets/(?:shards/)?|initial-weights/|publications/)([0-9a-f]{64})\.(?:npz|json|npy|hdf5)")


def dataset(sha256: str) -> str:
    """Return the key of a data set in one file, or of the images of a study."""
    return f"{DATASETS}{sha256}.npz"


def dataset_manifest(sha256: str) -> str:
    """Return the key of the manifest of a data set in shards."""
    return f"{DATASETS}{sha256}.json"


def shard(sha256: str) -> str:
    """Return the key of a shard; data sets that have it in common share it."""
    return f"{DATASETS}shards/{sha256}.npy"


def initial_weights(sha256: str) -> str:
    """Return the key of weights that members start from."""
    return f"{INITIAL_WEIGHTS}{sha256}.hdf5"


def publication(sha256: str) -> str:
    """Return the key of the note of when something was published last."""
    return f"{PUBLICATIONS}{sha256}.json"


def sha256_of(key: str) -> str | None:
    """Return the SHA-256 under which something is kept; None if the key is none of this file."""
    match = _INPUT.fullmatch(key)
    return None if match is None else match[1]
