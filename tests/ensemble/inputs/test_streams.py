import io
import sys
from types import SimpleNamespace

import numpy as np
import pytest
from PIL import Image

from deepchord.ensemble.inputs import Damaged, Lot, find_inputs, image_archives, read_inputs
from deepchord.shared.errors import DatasetError, InputError
from deepchord.shared.messages import DatasetInfo

INFO = DatasetInfo(
    name="it", sha256="0" * 64, input_shape=(4, 4, 1), class_names=("cat", "dog"), train_size=1, test_size=1
)


def write_image(path, value: int = 7) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.full((4, 4), value, np.uint8)).save(path)


def lots(inputs: list[str], **options) -> list:
    return list(read_inputs(find_inputs(inputs, INFO), INFO, options.pop("fit", "none"), **options))


def test_a_folder_gives_its_images_in_order_and_those_of_classes_their_labels(tmp_path):
    for name in ("dog/2.png", "cat/1.PNG", "other/3.jpeg", "0.bmp"):
        write_image(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no image")
    write_image(tmp_path / ".hidden.png")

    (lot,) = lots([str(tmp_path)])

    assert [name.removeprefix(f"{tmp_path}/") for name in lot.names] == [
        "0.bmp",
        "cat/1.PNG",
        "dog/2.png",
        "other/3.jpeg",
    ]
    assert lot.labels.tolist() == [-1, 0, 1, -1]
    assert lot.pixels.shape == (4, 4, 4, 1)


def test_damaged_images_are_named_and_the_others_go_on(tmp_path):
    write_image(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"garbage")
    write_image(tmp_path / "c.png")

    found = lots([str(tmp_path)])

    assert [type(each) for each in found] == [Damaged, Lot]
    assert found[0].name.endswith("b.png")
    assert len(found[1].names) == 2
    assert found[1].labels is None


@pytest.mark.parametrize(("images", "labels"), [("images", "labels"), ("x_test", "y_test"), ("x", "y")])
def test_archives_are_read_in_pieces_with_their_labels(tmp_path, monkeypatch, images, labels):
    monkeypatch.setattr(image_archives, "LOT", 4)
    pixels = np.random.default_rng(0).integers(0, 256, (10, 4, 4), dtype=np.uint8)
    np.savez_compressed(tmp_path / "it.npz", **{images: pixels, labels: np.arange(10) % 2})

    found = lots([str(tmp_path / "it.npz")])

    assert [len(lot.names) for lot in found] == [4, 4, 2]
    assert (np.concatenate([lot.pixels for lot in found])[..., 0] == pixels).all()
    assert np.concatenate([lot.labels for lot in found]).tolist() == [0, 1] * 5
    assert found[2].names[-1] == f"{tmp_path}/it.npz[9]"
    assert len(find_inputs([str(tmp_path / "it.npz")], INFO)) == 10


def test_if_some_images_have_labels_all_lots_have_them(tmp_path):
    write_image(tmp_path / "plain" / "a.png")
    np.savez(tmp_path / "it.npz", x=np.zeros((2, 4, 4), np.uint8), y=[0, 1])
    np.savez(tmp_path / "bare.npz", x=np.zeros((2, 4, 4), np.uint8))

    found = lots([str(tmp_path / name) for name in ("plain", "bare.npz", "it.npz")])

    assert [lot.labels.tolist() for lot in found] == [[-1], [-1, -1], [0, 1]]


@pytest.mark.parametrize("kind", ["image", "archive"])
def test_standard_input_may_hold_an_image_or_an_archive(monkeypatch, kind):
    file = io.BytesIO()
    if kind == "image":
        Image.fromarray(np.full((4, 4), 9, np.uint8)).save(file, "PNG")
    else:
        np.savez(file, images=np.full((1, 4, 4), 9, np.uint8))
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(file.getvalue())))

    (lot,) = lots(["-"])

    assert (lot.pixels == 9).all()
    assert lot.names[0].startswith("standard input")


def test_channels_that_come_first_are_turned_when_that_is_said(tmp_path):
    np.savez(tmp_path / "it.npz", x=np.zeros((2, 1, 4, 4), np.uint8))

    (lot,) = lots([str(tmp_path / "it.npz")], channels_first=True)

    assert lot.pixels.shape == (2, 4, 4, 1)


@pytest.mark.parametrize(
    ("make", "sentence"),
    [
        (lambda path: None, "There is no file"),
        (lambda path: path.mkdir(), "holds no image files"),
        (lambda path: np.savez(path, z=np.zeros(3)), "holds no images: expected them as images, x_test, x"),
        (lambda path: np.savez(path, x=3), r"x has the shape \[\]; expected images as"),
        (
            lambda path: np.savez(path, x=np.zeros((2, 4, 4), np.uint8), y=[0, 5]),
            "tells of 6 classes, and the .* know 2",
        ),
        (lambda path: np.savez(path, x=np.zeros((2, 4, 4), np.uint8), y=[0]), "1 labels for 2 images"),
        (lambda path: np.savez(path, x=np.zeros((2, 5, 5), np.uint8)), "the networks take 4x4x1"),
        (lambda path: path.write_bytes(b"PK\x03\x04garbage"), r"is no \.npz file|damaged"),
    ],
)
def test_inputs_that_cannot_be_used_are_named(tmp_path, make, sentence):
    path = tmp_path / "it.npz"
    make(path)

    with pytest.raises((InputError, DatasetError), match=sentence):
        lots([str(path)])


def test_a_damaged_image_of_an_archive_is_named_and_the_others_go_on(tmp_path):
    images = np.zeros((5, 4, 4), np.float32)
    images[3, 0, 0] = np.nan
    np.savez(tmp_path / "it.npz", x=images, y=[0, 1, 0, 1, 0])

    found = lots([str(tmp_path / "it.npz")])

    damaged = [each for each in found if isinstance(each, Damaged)]
    assert [each.name for each in damaged] == [f"{tmp_path}/it.npz[3]"]
    kept = [each for each in found if isinstance(each, Lot)]
    assert [name[-2] for each in kept for name in each.names] == list("0124")
    assert np.concatenate([each.labels for each in kept]).tolist() == [0, 1, 0, 0]


def test_an_empty_standard_input_is_told(monkeypatch):
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO()))

    with pytest.raises(InputError, match="Standard input is empty"):
        lots(["-"])
