"""Data sets with several labels: which are taken, how they are published, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from deepchord.shared.datasets import (
    FileOptions,
    all_findings,
    dataset_of_table,
    examine,
    load_dataset,
    publish_dataset,
)
from deepchord.shared.datasets.dataset import decode_dataset, encode_dataset
from deepchord.shared.datasets.multilabel import checked_flags
from deepchord.shared.datasets.shards import Sharding
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.tables import table_of_objects

GENERATOR = np.random.default_rng(0)
FLAGS = GENERATOR.integers(0, 2, (40, 3))


def saved(folder: Path, **changed: object) -> Path:
    """Write images with three labels; those that are None are left out."""
    given_arrays = {"x_train": GENERATOR.integers(0, 255, (40, 4, 4), np.uint8), "y_train": FLAGS} | changed
    path = folder / "it.npz"
    np.savez(path, **{name: array for name, array in given_arrays.items() if array is not None})
    return path


def rows(**changed: object) -> list[dict[str, object]]:
    """Objects with two columns to learn from and two labels."""
    made = [
        {"a": (place * 7 % 40) / 3, "b": place % 7, "wet": place % 2, "dry": str(place % 3 == 0).lower()}
        for place in range(40)
    ]
    made[5] |= changed
    return made


@pytest.mark.parametrize("named", [False, True])
@pytest.mark.parametrize("kind", [np.uint8, bool, np.float32])
def test_images_with_several_labels_are_read_named_and_published(tmp_path, store, named, kind):
    names = {"label_names": np.array(["sun", "sea", "sand"])} if named else {}
    path = saved(tmp_path, y_train=FLAGS.astype(kind), **names)

    dataset = read_dataset(path, options=FileOptions(task=None if named else "multilabel"))

    assert dataset.label_names == (("sun", "sea", "sand") if named else ("label_0", "label_1", "label_2"))
    assert (dataset.task, dataset.class_names, dataset.targets) == ("multilabel", (), ())
    assert dataset.y_train.dtype == dataset.y_test.dtype == np.uint8
    assert (len(dataset.y_train), len(dataset.y_test), dataset.split.share) == (32, 8, 0.2)
    assert decode_dataset(encode_dataset(dataset), dataset.name, "it").label_names == dataset.label_names
    for sharding in (Sharding(), Sharding(one_file_bytes=0)):
        info = publish_dataset(dataset, store, sharding=sharding)
        loaded = load_dataset(info, store, tmp_path / "cache")
        assert info.outputs.labels == 3
        np.testing.assert_array_equal(loaded.y_train, dataset.y_train)
        assert (loaded.label_names, loaded.y_test.dtype) == (dataset.label_names, np.uint8)


def test_columns_of_a_table_are_labels_whatever_they_say_yes_with(tmp_path):
    dataset = dataset_of_table(
        table_of_objects(rows(dry=None), "rows"), name="rows", target="wet,dry", task="multilabel"
    )

    assert dataset.label_names == dataset.table.targets == ("wet", "dry")
    assert dataset.table.names == ("a", "b")
    # The row without one of its labels is left out.
    assert len(dataset.y_train) + len(dataset.y_test) == 39
    assert {*dataset.y_train.reshape(-1).tolist()} == {0, 1}
    features = tmp_path / "features.npz"
    np.savez(features, x_train=GENERATOR.normal(size=(40, 5)), y_train=FLAGS, label_names=np.array(["p", "q", "r"]))
    assert read_dataset(features, options=FileOptions()).label_names == ("p", "q", "r")


def test_what_is_no_label_is_refused_with_its_place_and_name(tmp_path):
    table = table_of_objects(rows(wet=2), "rows")
    with pytest.raises(DatasetError, match=r"^rows: row 6, column 'wet' holds 2; expected 0 or 1, or true or false"):
        dataset_of_table(table, name="rows", target="wet,dry", task="multilabel")
    with pytest.raises(DatasetError, match="has no column 'we' to predict; did you mean 'wet'"):
        dataset_of_table(table, name="rows", target="we,dry", task="multilabel")
    flags = FLAGS.copy()
    flags[3, 1] = 7
    path = saved(tmp_path, y_train=flags, label_names=np.array(["sun", "sea", "sand"]))
    with pytest.raises(DatasetError, match=r"y_train: row 3 \(from 0\) holds 7 in column 1"):
        read_dataset(path)
    path = saved(tmp_path, label_names=np.array(["sun", "sea"]))
    with pytest.raises(DatasetError, match="expected another name for each of 3 labels, found"):
        read_dataset(path)
    path = saved(tmp_path, label_names=np.array(["sun", "sea", "sand"]), class_names=np.array(["a", "b", "c"]))
    with pytest.raises(DatasetError, match="has class_names, of which one applies to each image"):
        read_dataset(path)
    path = saved(tmp_path, label_names=np.array(["sun", "sea", "sand"]))
    with pytest.raises(DatasetError, match="has label_names, so several labels may apply: leave --task out"):
        read_dataset(path, options=FileOptions(task="regression"))
    with pytest.raises(DatasetError, match="where several labels may apply, give --task multilabel"):
        read_dataset(saved(tmp_path, label_names=None))


def test_a_look_at_the_data_counts_labels_and_says_which_tell_nothing(tmp_path):
    flags = FLAGS.copy()
    flags[:, 1] = 0
    dataset = read_dataset(saved(tmp_path, y_train=flags), options=FileOptions(task="multilabel"))

    found = examine(dataset)

    assert [each.name for each in found.labels] == ["label_0", "label_1", "label_2"]
    assert [each.train + each.test for each in found.labels] == flags.sum(axis=0).tolist()
    assert (found.classes, found.numbers) == ((), ())
    texts = [finding.text for finding in all_findings(dataset)]
    assert "Label label_1 applies to no training image: nothing can be learnt about it." in texts
    assert any("were drawn, about 20% of all" in text for text in texts)


@given(arrays.arrays(np.float64, st.tuples(st.integers(1, 6), st.integers(1, 4)), elements=st.floats(allow_nan=True)))
def test_only_zeros_and_ones_are_flags(values):
    try:
        flags = checked_flags(values, len(values), "y")
    except DatasetError:
        assert not np.isin(values, (0, 1)).all()
    else:
        np.testing.assert_array_equal(flags, values)
