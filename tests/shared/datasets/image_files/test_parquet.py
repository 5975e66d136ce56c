import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from deepchord.shared.datasets.image_files import PictureOptions, list_parquet, read_listing
from deepchord.shared.datasets.own_files import path_kind
from deepchord.shared.errors import DatasetError
from deepchord.shared.tables import read_table_file

pa = pytest.importorskip("pyarrow")
pq = pytest.importorskip("pyarrow.parquet")

PIXELS = np.random.default_rng(0).integers(0, 256, (6, 5, 5), dtype=np.uint8)


def encoded(pixels: np.ndarray) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


def write(path: Path, labels: Sequence[Any], *, names: Sequence[str] = (), as_struct: bool = True) -> Path:
    data = [encoded(pixels) for pixels in PIXELS[: len(labels)]]
    column = [{"bytes": each, "path": "x.png"} for each in data] if as_struct else data
    table = pa.table({"image": column, "label": list(labels), "more": [1.5] * len(labels)})
    if names:
        features = {"label": {"names": list(names), "_type": "ClassLabel"}}
        table = table.replace_schema_metadata({b"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path)
    return path


@pytest.mark.parametrize("as_struct", [True, False])
def test_a_file_of_images_is_read_with_the_names_of_its_classes(tmp_path: Path, as_struct: bool):
    path = write(tmp_path / "any.parquet", [1, 0, 1, 0], names=("cat", "dog", "cow"), as_struct=as_struct)

    listing = list_parquet(path)
    read = read_listing(listing, "any", PictureOptions())

    assert (listing.class_names, len(listing.images)) == (("cat", "dog", "cow"), 4)
    assert read.labels.tolist() == [1, 0, 1, 0]
    assert read.parts == (None,) * 4
    np.testing.assert_array_equal(read.pixels[..., 0], PIXELS[:4])


def test_a_folder_of_files_has_the_parts_that_their_names_tell(tmp_path: Path):
    write(tmp_path / "data" / "train-00000-of-00002.parquet", ["dog", "cat"])
    write(tmp_path / "data" / "train-00001-of-00002.parquet", ["dog"])
    write(tmp_path / "data" / "test-00000-of-00001.parquet", ["cat"])

    listing = list_parquet(tmp_path)

    assert listing.class_names == ("cat", "dog")
    assert sorted((image.part, image.label) for image in listing.images) == [
        ("test", 0),
        ("train", 0),
        ("train", 1),
        ("train", 1),
    ]


@pytest.mark.parametrize(
    ("labels", "names", "said"),
    [
        ([0, 5], ("cat", "dog"), "has the label '5', and names 2 classes from 0"),
        ([0, None], (), "row 1: expected a class, a whole number or a text, found None"),
        ([0.5, 1.5], (), r"row 0: expected a class, a whole number or a text, found 0\.5"),
        ([], (), "holds no rows|expected a column of images"),
    ],
)
def test_labels_that_are_no_classes_are_refused_with_the_row(tmp_path: Path, labels, names, said: str):
    with pytest.raises(DatasetError, match=said):
        list_parquet(write(tmp_path / "x.parquet", labels, names=names))


def test_a_file_without_images_tells_its_columns(tmp_path: Path):
    pq.write_table(pa.table({"a": [1], "label": [2]}), tmp_path / "x.parquet")

    with pytest.raises(DatasetError, match=r"expected a column of images .* found a, label"):
        list_parquet(tmp_path / "x.parquet")


@pytest.mark.parametrize("ending", ["parquet", "pq"])
def test_bytes_are_images_if_they_begin_as_one(tmp_path: Path, ending: str):
    def kind_of(name: str, values: list[Any]) -> str:
        path = tmp_path / f"x.{ending}"
        pq.write_table(pa.table({name: pa.array(values), "label": ["cat", "dog"] * 2}), path)
        return path_kind(path)

    picture = encoded(PIXELS[0])

    assert kind_of("photo", [picture] * 4) == "parquet"
    assert kind_of("photo", [None, picture, b"damaged", picture]) == "parquet"
    assert kind_of("photo", [{"bytes": picture, "path": None}] * 4) == "parquet"
    assert kind_of("image", [b"damaged"] * 4) == "parquet"
    assert kind_of("colour", [b"red", b"blue"] * 2) == "table"
    assert kind_of("photo", [b"\x00\xff"] * 4) == "table"


def test_bytes_in_a_table_are_texts(tmp_path: Path):
    path = tmp_path / "x.pq"
    pq.write_table(pa.table({"colour": pa.array([b"red", None, b"blue"]), "label": ["cat", "dog", "dog"]}), path)

    assert read_table_file(path).columns["colour"].tolist() == ["red", None, "blue"]
    pq.write_table(pa.table({"colour": pa.array([b"\xff\xfe"])}), path)
    with pytest.raises(DatasetError, match="column 'colour' holds bytes that are neither images nor texts"):
        read_table_file(path)


def test_an_image_without_bytes_is_read_from_its_path_beside_the_file(tmp_path: Path):
    (tmp_path / "1.png").write_bytes(encoded(PIXELS[0]))
    images = [{"bytes": None, "path": "1.png"}, {"bytes": encoded(PIXELS[1]), "path": None}]
    pq.write_table(pa.table({"image": images, "label": [0, 1]}), tmp_path / "x.parquet")

    read = read_listing(list_parquet(tmp_path / "x.parquet"), "x", PictureOptions())

    np.testing.assert_array_equal(read.pixels[..., 0], PIXELS[:2])


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_a_damaged_file_is_read_or_refused_in_a_sentence(tmp_path: Path, data: st.DataObject):
    damaged = bytearray(write(tmp_path / "whole.parquet", [0, 1, 0]).read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        damaged[data.draw(st.integers(0, len(damaged) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "damaged.parquet"
    path.write_bytes(damaged[: data.draw(st.integers(len(damaged) - 20, len(damaged)))])

    outcome = "damaged."
    try:
        read_listing(list_parquet(path), "damaged", PictureOptions(skip_damaged=True))
    except DatasetError as error:
        outcome = str(error)

    assert "damaged" in outcome
    assert outcome.endswith(".")
