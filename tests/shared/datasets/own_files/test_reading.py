from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.datasets import FileOptions, load_dataset, publish_dataset
from deepchord.shared.datasets.own_files import path_kind
from deepchord.shared.datasets.sources import read_dataset
from deepchord.shared.errors import DatasetError
from deepchord.shared.storage import RunStore
from tests.shared.datasets.image_files.pictures import write_classes, write_picture


def test_a_folder_of_classes_is_split_by_its_own_seed(tmp_path: Path):
    folder = write_classes(tmp_path / "photos", 10)

    found = read_dataset(folder)

    assert (found.name, found.class_names) == ("photos", ("cat", "dog"))
    assert (found.x_train.shape, found.x_test.shape) == ((16, 6, 6, 1), (4, 6, 6, 1))
    assert np.bincount(found.y_test).tolist() == [2, 2]
    assert (found.split.share, found.split.seed) == (0.2, 0)
    assert (read_dataset(folder).x_test == found.x_test).all()
    assert (read_dataset(folder, options=FileOptions(split_seed=1)).x_test != found.x_test).any()


@pytest.mark.parametrize(
    ("parts", "train", "test", "kind"),
    [
        ({"train": 4, "test": 2}, 8, 4, None),
        ({"train": 4, "val": 3, "test": 2}, 14, 4, "validation_joined"),
        ({"train": 4, "val": 3}, 8, 6, "validation_as_test"),
    ],
)
def test_given_test_images_are_taken_and_what_becomes_of_validation_images_is_said(
    tmp_path: Path, parts: dict[str, int], train: int, test: int, kind: str | None
):
    for number, (part, images) in enumerate(parts.items()):
        write_classes(tmp_path / part, images, seed=100 * number)

    found = read_dataset(tmp_path)

    assert (len(found.x_train), len(found.x_test), found.split) == (train, test, None)
    assert [finding.kind for finding in found.findings] == [kind] * (kind is not None)


def test_training_images_alone_are_split_and_damaged_tests_leave_none(tmp_path: Path):
    write_classes(tmp_path / "train", 10)
    assert read_dataset(tmp_path).split is not None

    for name in ("cat", "dog"):
        (tmp_path / "test" / name).mkdir(parents=True)
        (tmp_path / "test" / name / "1.png").touch()
    with pytest.raises(DatasetError, match=r"2 of 22 images of .* cannot be used"):
        read_dataset(tmp_path)


def test_a_table_of_paths_is_a_data_set(tmp_path: Path):
    write_classes(tmp_path, 10)
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name}" for path in sorted(tmp_path.rglob("*.png"))]
    (tmp_path / "labels.csv").write_text("path,label\n" + "\n".join(rows))

    found = read_dataset(tmp_path / "labels.csv")

    assert (found.name, found.class_names, len(found.x_train)) == ("labels.csv", ("cat", "dog"), 16)
    (tmp_path / "labels.csv").write_text("path,label\nnone.png,cat\n" + "\n".join(rows))
    with pytest.raises(DatasetError, match=r"1 of 21 images .*: There is no file .*none\.png\."):
        read_dataset(tmp_path / "labels.csv")


def test_how_it_was_made_is_described_and_comes_back_from_storage(tmp_path: Path, store: RunStore):
    write_classes(tmp_path / "photos", 10)
    write_picture(tmp_path / "photos" / "cat" / "large.png", 5, size=(9, 12), channels=4)
    found = read_dataset(tmp_path / "photos", options=FileOptions(image_size=(4, 4)))

    info = publish_dataset(found, store)
    loaded = load_dataset(info, store, tmp_path / "cache")

    assert (info.files.scaled, info.split.seed) == (True, 0)
    assert (loaded.files, loaded.split, loaded.findings) == (found.files, found.split, found.findings)
    assert [finding.kind for finding in info.findings] == ["transparency", "scaled"]


def test_channels_of_image_files_are_known(tmp_path: Path):
    with pytest.raises(DatasetError, match="holds image files, whose channels are known"):
        read_dataset(write_classes(tmp_path), channels_first=True)


def test_copies_of_an_image_are_kept_on_one_side(tmp_path: Path):
    write_classes(tmp_path, 10)
    for path in list(tmp_path.rglob("*.png")):
        path.with_suffix(".copy.png").write_bytes(path.read_bytes())

    found = read_dataset(tmp_path)

    train = {image.tobytes() for image in found.x_train}
    assert len(found.x_test) > 0
    assert not any(image.tobytes() in train for image in found.x_test)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.npz", "npz"),
        ("a", "npz"),
        ("a.CSV", "table"),
        ("a.mat", "matlab"),
        ("a.npy", "npy"),
        ("train-images-idx3-ubyte.gz", "idx"),
        ("a.parquet", "table"),
        ("a.pq", "table"),
        ("a\0b", "npz"),
        ("x" * 300, "npz"),
    ],
)
def test_the_name_of_a_file_tells_how_it_is_read(tmp_path: Path, name: str, kind: str):
    assert path_kind(tmp_path / name) == kind


def test_what_lies_in_a_folder_tells_how_it_is_read(tmp_path: Path):
    for number, (name, kind) in enumerate(
        [
            ("cat/1.png", "image_folder"),
            ("x_train.npy", "npy"),
            ("train-images-idx3-ubyte", "idx"),
            ("data/train-0.parquet", "parquet"),
            ("train-0.pq", "parquet"),
            ("saved_model.pb", "npz"),
        ]
    ):
        path = tmp_path / str(number) / name
        path.parent.mkdir(parents=True)
        path.touch()
        assert path_kind(tmp_path / str(number)) == kind
