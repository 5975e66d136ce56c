"""Publishes a data set in shards: it is read once, and one shard of it is in memory at a time."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.errors import StorageError
from deepchord.shared.files import LARGE_BYTES, write_npy
from deepchord.shared.images import pixel_values
from deepchord.shared.messages import DatasetManifest, PixelValues, ShardedArray
from deepchord.shared.storage import ObjectStore, ShardStore

#: What the header of a shard takes, besides its values.
_HEADER_BYTES = 128
#: The array whose values a manifest describes.
_DESCRIBED = "x_train"


@dataclass(frozen=True, kw_only=True)
class Sharding:
    """Which data sets are published in shards, and how large these are."""

    #: Smaller data sets are published as one file, and kept in memory by who trains.
    one_file_bytes: int = LARGE_BYTES
    #: A shard has at most so many bytes, or one row.
    shard_bytes: int = 64 * 2**20

    def applies_to(self, arrays: Mapping[str, NDArray[Any]]) -> bool:
        """Return whether a data set of these arrays is published in shards."""
        return _bytes(arrays) > self.one_file_bytes


@dataclass(frozen=True, kw_only=True)
class PredictedNames:
    """The names of the classes of a data set, or of the numbers or labels that are predicted."""

    classes: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()


def publish_shards(
    arrays: Mapping[str, NDArray[Any]],
    names: PredictedNames,
    objects: ObjectStore,
    sharding: Sharding,
) -> tuple[str, PixelValues]:
    """Publish arrays in shards; return the SHA-256 of their manifest, and the values of the training images.

    Equal arrays give the same shards and the same manifest. What storage has of them already is not written again.

    Args:
        arrays: The arrays of a data set by name, checked: uint8, float32, float64 or int64, [size, …].
        names: The names of its classes, numbers or labels.
        objects: Where they are published.
        sharding: How large a shard is.

    Raises:
        StorageError: The storage cannot be reached or written, or takes no data set of this size.
    """
    refuse_too_large(_bytes(arrays), objects)
    store = ShardStore(objects)
    ranges: list[PixelValues] = []
    described = []
    for name, array in arrays.items():
        row_bytes = math.prod(array.shape[1:]) * array.itemsize
        rows = max(1, (sharding.shard_bytes - _HEADER_BYTES) // row_bytes)
        shards = []
        for start in range(0, len(array), rows):
            part = np.ascontiguousarray(array[start : start + rows])
            shards.append(store.publish_shard(write_npy(part)))
            if name == _DESCRIBED:
                ranges.append(pixel_values(part))
        described.append(
            ShardedArray(
                name=name,
                dtype=array.dtype.newbyteorder("<").str,
                shape=array.shape,
                rows_per_shard=rows,
                shards=tuple(shards),
            )
        )
    pixels = PixelValues(
        type=ranges[0].type,
        lowest=min(each.lowest for each in ranges),
        highest=max(each.highest for each in ranges),
    )
    manifest = DatasetManifest(
        arrays=tuple(described),
        class_names=names.classes,
        target_names=names.targets,
        label_names=names.labels,
        pixels=pixels,
    )
    return store.publish_manifest(manifest), pixels


def refuse_too_large(size_bytes: int, objects: ObjectStore) -> None:
    """Raise `StorageError` for a data set that a storage in somebody's memory, the broker, should not hold."""
    largest = objects.largest_bytes
    if largest is not None and size_bytes > largest:
        raise StorageError(
            f"The data set has {size_bytes / 2**20:,.0f} MiB, and storage {objects.url} takes data sets of at most "
            f"{largest // 2**20} MiB: give a folder that all hosts share, or s3://bucket, with --storage.",
            permanent=True,
        )


def _bytes(arrays: Mapping[str, NDArray[Any]]) -> int:
    return sum(array.nbytes for array in arrays.values())
