import contextlib
import tempfile
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from deepchord.shared.datasets.image_files import list_folder
from deepchord.shared.errors import DatasetError
from tests.shared.datasets.image_files.pictures import write_classes


def counted(folder: Path) -> dict[tuple[str | None, str], int]:
    """Return how many images each part has of each class."""
    listing = list_folder(folder)
    return dict(Counter((image.part, listing.class_names[image.label]) for image in listing.images))


def touch(*paths: Path) -> None:
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()


def test_the_folders_are_the_classes(tmp_path: Path):
    assert counted(write_classes(tmp_path)) == {(None, "cat"): 5, (None, "dog"): 5}


@pytest.mark.parametrize("names", [("train", "test", "val"), ("Training", "TESTING", "validation")])
def test_parts_are_found_by_their_usual_names(tmp_path: Path, names: tuple[str, str, str]):
    for name, images in zip(names, (3, 2, 1), strict=True):
        write_classes(tmp_path / name, images)

    assert counted(tmp_path) == {
        ("train", "cat"): 3,
        ("train", "dog"): 3,
        ("test", "cat"): 2,
        ("test", "dog"): 2,
        ("validation", "cat"): 1,
        ("validation", "dog"): 1,
    }


def test_images_deeper_below_a_class_and_folders_that_are_links_count(tmp_path: Path):
    touch(tmp_path / "elsewhere" / "2024" / "may" / "1.JPG", tmp_path / "photos" / "dog" / "1.webp")
    (tmp_path / "photos" / "cat").symlink_to(tmp_path / "elsewhere", target_is_directory=True)
    (tmp_path / "elsewhere" / "2024" / "circle").symlink_to(tmp_path / "photos", target_is_directory=True)

    assert counted(tmp_path / "photos") == {(None, "cat"): 1, (None, "dog"): 1}


def test_a_folder_in_which_the_folder_of_the_classes_lies_is_entered(tmp_path: Path):
    write_classes(tmp_path / "photos" / "photos", 1)

    assert counted(tmp_path) == {(None, "cat"): 1, (None, "dog"): 1}


def test_names_that_are_numbers_are_sorted_as_numbers(tmp_path: Path):
    touch(*(tmp_path / str(number) / "1.png" for number in range(12)))

    assert list_folder(tmp_path).class_names == tuple(map(str, range(12)))


def test_a_class_may_be_called_valid(tmp_path: Path):
    touch(tmp_path / "valid" / "1.png", tmp_path / "invalid" / "1.png")

    assert list_folder(tmp_path).class_names == ("invalid", "valid")


def test_what_is_left_out_is_said(tmp_path: Path):
    write_classes(tmp_path / "train", 1)
    touch(tmp_path / "train" / "cat" / "notes.txt", tmp_path / "train" / "cat" / ".hidden.png", tmp_path / "docs" / "a")
    touch(tmp_path / "train" / "loose.png", tmp_path / "__MACOSX" / "x.png")
    write_classes(tmp_path / "test", 1)

    found = {finding.kind: finding.text for finding in list_folder(tmp_path).findings}

    assert found == {
        "other_folders": "1 folder beside train left out: docs.",
        "loose_images": "1 image file lies in no folder of a class and was left out.",
        "other_files": "1 file left out: no image by the name (.txt).",
    }


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ([], "holds no image files in folders of classes: expected a folder for each class"),
        (["1.png", "2.png"], "no image files in folders of classes, and 2 image files outside of them"),
        (["cat/1.heic"], r"but 1 other file \(\.heic\)"),
        (["test/cat/1.png", "cat/1.png"], "holds test and no train"),
        (
            ["train/cat/1.png", "train/dog/1.png", "test/1.png"],
            "1 image file outside of the folders of classes, and test",
        ),
        (
            ["train/cat/1.png", "test/cow/1.png"],
            "test.cow is a class of test, and .* no training images of a class 'cow'",
        ),
        (["\u202ecat/1.png", "dog/1.png"], r"a class whose name cannot be printed, '\\u202ecat'"),
    ],
)
def test_a_folder_that_holds_no_classes_of_images_is_refused_with_what_was_expected(
    tmp_path: Path, files: list[str], said: str
):
    touch(*(tmp_path / file for file in files))

    with pytest.raises(DatasetError, match=said):
        list_folder(tmp_path)


NAMES = st.sampled_from(
    ["train", "Test", "val", "cat", "dog", "1.png", "a.jpg", ".x", "x.txt", "\udcff", "ü", "u\u0308", "a\nb", "9"]
)


@settings(max_examples=60)
@given(paths=st.lists(st.lists(NAMES, min_size=1, max_size=4), max_size=8), is_link=st.booleans())
def test_any_tree_of_folders_is_listed_or_refused_in_a_sentence(paths: list[list[str]], is_link: bool):
    outcome = ""
    with tempfile.TemporaryDirectory() as root:
        for parts in paths:
            path = Path(root, *parts)
            with contextlib.suppress(OSError):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.symlink_to(root) if is_link else path.touch()
        try:
            listing = list_folder(Path(root))
            assert {image.label for image in listing.images} == set(range(len(listing.class_names)))
        except DatasetError as error:
            outcome = str(error)

    assert outcome.isprintable()
    assert outcome.endswith(".") or not outcome
