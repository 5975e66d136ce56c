"""Data sets in storage: published as one file or, if they are large, in shards, and loaded from there or a cache."""

import hashlib
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from deepchord.shared.datasets.cached_file import cached_file, keep_file
from deepchord.shared.datasets.dataset import ARRAYS, Dataset, dataset_from_arrays, decode_dataset, encode_dataset
from deepchord.shared.datasets.multilabel import LABEL_NAMES
from deepchord.shared.datasets.shards import LocalArrays, PredictedNames, Sharding, publish_shards
from deepchord.shared.datasets.targets import TARGET_NAMES
from deepchord.shared.errors import CorruptObjectError, DatasetError
from deepchord.shared.messages import DatasetInfo, DatasetManifest, ShardedArray
from deepchord.shared.storage import RunStore, ShardStore

_USUAL = Sharding()


def publish_dataset(
    dataset: Dataset,
    store: RunStore,
    *,
    checking: AbstractContextManager[None] | None = None,
    publishing: AbstractContextManager[None] | None = None,
    sharding: Sharding = _USUAL,
) -> DatasetInfo:
    """Publish the data set under its SHA-256, unless storage has it already; return its description.

    Args:
        dataset: The data set.
        store: Where to publish it.
        checking: A context that is open while storage is checked for the data set.
        publishing: A context that is open while the data set is written, or of a large one while it is compared with
            what is there.
        sharding: Which data sets are published in shards, and how large these are.

    Raises:
        StorageError: The storage cannot be reached or written, or takes no data set of this size.
    """
    arrays = dataset.arrays()
    if sharding.applies_to(arrays):
        with publishing or nullcontext():
            names = PredictedNames(
                classes=dataset.class_names,
                targets=tuple(target.name for target in dataset.targets),
                labels=dataset.label_names,
            )
            sha256, pixels = publish_shards(arrays, names, store.objects, sharding)
        return _describe(replace(dataset, known_pixels=pixels), sha256, in_shards=True)
    with checking or nullcontext():
        data = encode_dataset(dataset)
        sha256 = hashlib.sha256(data).hexdigest()
        is_published = store.inputs.has_dataset(sha256, data)
    if not is_published:
        with publishing or nullcontext():
            store.inputs.publish_dataset(sha256, data)
    return _describe(dataset, sha256, in_shards=False)


def load_dataset(
    info: DatasetInfo, store: RunStore, cache: Path, advance: Callable[[], None] = lambda: None
) -> Dataset:
    """Return a published data set from this host's cache, or else from storage.

    The SHA-256 of one file is checked each time. Of a data set in shards the images are memory maps of files in the
    cache, whose shards are checked when they come, and again if a file was changed.

    Args:
        info: The description from `publish_dataset`.
        store: Where the data set is published.
        cache: The folder of the cache; copies are in its folder `datasets`. A damaged copy is fetched again. If the
            folder cannot be written, this is only logged; shards have to have room there.
        advance: Called after each shard, for they take a while; may raise.

    Raises:
        StorageError: Storage cannot be reached, or its copy is missing or damaged; or there is no room for shards.
        DatasetError: The object is not a data set, or not the one that `info` describes.
    """
    read = _from_shards(info, store, cache, advance) if info.in_shards else _from_file(info, store, cache)
    dataset = replace(read, files=info.files, split=info.split, test_name=info.test_name, findings=info.findings)
    actual = _describe(dataset, info.sha256, in_shards=info.in_shards)
    if info.pixels is None:
        actual = actual.model_copy(update={"pixels": None})
    if actual != info:
        differing = [field for field in DatasetInfo.model_fields if getattr(actual, field) != getattr(info, field)]
        raise DatasetError(
            f"Data set {info.sha256[:12]}… is not as the run describes it: expected "
            f"{', '.join(f'{field} {getattr(info, field)}' for field in differing)}, found "
            f"{', '.join(str(getattr(actual, field)) for field in differing)}. Submit the run again."
        )
    return dataset


def load_labels(info: DatasetInfo, part: Literal["train", "test"], store: RunStore, cache: Path) -> NDArray[np.int64]:
    """Return the labels of a part of a published data set, int64 [size]; of shards only theirs are fetched.

    For the other arguments and errors see `load_dataset`.
    """
    name = f"y_{part}"
    if not info.in_shards:
        dataset = load_dataset(info, store, cache)
        return dataset.y_train if part == "train" else dataset.y_test
    local = LocalArrays(info.sha256, ShardStore(store.objects), cache, lambda: None)
    return np.array(local.array(_arrays(local.manifest(), info)[name]))


def _from_file(info: DatasetInfo, store: RunStore, cache: Path) -> Dataset:
    copy = cache / "datasets" / f"{info.sha256}.npz"
    data = cached_file(copy, info.sha256)
    if data is None:
        data = store.inputs.dataset(info.sha256)
        keep_file(copy, data)
    return decode_dataset(data, info.name, _source(info), info.table)


def _from_shards(info: DatasetInfo, store: RunStore, cache: Path, advance: Callable[[], None]) -> Dataset:
    """Return a data set whose images are memory maps; labels and weights are in memory."""
    local = LocalArrays(info.sha256, ShardStore(store.objects), cache, advance)
    manifest = local.manifest()
    arrays = {name: local.array(described) for name, described in _arrays(manifest, info).items()}
    small = {name: np.array(array) for name, array in arrays.items() if not name.startswith("x_")}
    names_of = {TARGET_NAMES: manifest.target_names, LABEL_NAMES: manifest.label_names}
    predicted = {array: np.array(given) for array, given in names_of.items() if given}
    names = manifest.class_names or None
    return dataset_from_arrays(
        arrays | small | predicted,
        name=info.name,
        source=_source(info),
        class_names=names,
        table=info.table,
        pixels=manifest.pixels,
    )


def _arrays(manifest: DatasetManifest, info: DatasetInfo) -> dict[str, ShardedArray]:
    """Return the arrays of a manifest by name; raise `CorruptObjectError` if those that every data set has are not."""
    arrays = {array.name: array for array in manifest.arrays}
    missing = [name for name in ARRAYS if name not in arrays]
    if missing:
        raise CorruptObjectError(f"{_source(info)} lacks {', '.join(missing)}: publish it anew.")
    return arrays


def _source(info: DatasetInfo) -> str:
    return f"Data set {info.sha256[:12]}…"


def _describe(dataset: Dataset, sha256: str, *, in_shards: bool) -> DatasetInfo:
    return DatasetInfo(
        name=dataset.name,
        sha256=sha256,
        input_shape=dataset.x_train.shape[1:],
        class_names=dataset.class_names,
        targets=dataset.targets,
        label_names=dataset.label_names,
        train_size=len(dataset.x_train),
        test_size=len(dataset.x_test),
        pixels=dataset.pixels,
        has_sample_weights=dataset.sample_weights_train is not None,
        files=dataset.files,
        split=dataset.split,
        test_name=dataset.test_name,
        findings=dataset.findings,
        table=dataset.table,
        in_shards=in_shards,
    )
