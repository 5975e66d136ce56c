from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deepchord.shared.datasets.image_files import is_path_table, list_path_table
from deepchord.shared.errors import DatasetError


def table(folder: Path, text: str) -> Path:
    path = folder / "labels.csv"
    path.write_text(text, newline="")
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_a_table_names_files_classes_and_parts(tmp_path: Path, delimiter: str):
    rows = ["\ufeffLabel,note,Path,split", 'cat,,"a, b.png",train', "dog,,/x/2.png,Test", "", "dog,,sub\\3.png,val"]
    path = table(tmp_path, "\r\n".join(rows).replace(",", delimiter).replace(f"a{delimiter} b", "a, b"))

    listing = list_path_table(path)

    assert is_path_table(path)
    assert listing.class_names == ("cat", "dog")
    assert [(image.content, image.label, image.part) for image in listing.images] == [
        (tmp_path / "a, b.png", 0, "train"),
        (Path("/x/2.png"), 1, "test"),
        (tmp_path / "sub/3.png", 1, "validation"),
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "expected the columns path and label"),
        ("x,y\n1,2\n", "expected the columns path and label, and perhaps split, each once; its first line has x, y"),
        ("path,label,label\na,b,c\n", "each once"),
        ("path,label\n", "names no image files"),
        ("path,label\na.png\n", "line 2: expected 2 cells as in its first line, found 1"),
        ("path,label\na.png,cat\nb.png,\n", "line 3: expected the path of an image file and its class"),
        ("path,label,split\na.png,cat,later\n", "line 2: split is 'later'; expected train, validation or test"),
        ("path,label,split\na.png,cat,train\nb.png,dog,test\n", "has the class 'dog' in rows of test alone"),
        ("path,label\na\0.png,cat\n", "line"),
    ],
)
def test_a_table_that_is_not_complete_is_refused_with_the_place(tmp_path: Path, text: str, said: str):
    with pytest.raises(DatasetError, match=rf"labels\.csv.*{said}"):
        list_path_table(table(tmp_path, text))


def test_other_tables_and_other_files_are_none_of_paths(tmp_path: Path):
    (tmp_path / "x.csv").write_bytes(b"\xff\xfe\x00p")

    assert not is_path_table(tmp_path / "x.csv")
    assert not is_path_table(tmp_path)
    with pytest.raises(DatasetError, match=r"x\.csv is not UTF-8 text"):
        list_path_table(tmp_path / "x.csv")


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(
    header=st.sampled_from(["path,label\n", "path;label;split\n", ""]),
    content=st.binary(max_size=60) | st.text(alphabet='a,;"\n\r\0\t.', max_size=40).map(str.encode),
)
def test_any_table_is_listed_or_refused_in_a_sentence(tmp_path: Path, header: str, content: bytes):
    path = tmp_path / "any.csv"
    path.write_bytes(header.encode() + content)

    outcome = "any.csv."
    try:
        listing = list_path_table(path)
        assert len(listing.images) >= len(listing.class_names) > 0
    except DatasetError as error:
        outcome = str(error)

    assert "any.csv" in outcome
    assert outcome.endswith(".")
