"""Tables in files, of all layouts that people have, and of none."""

import gzip
import io

import numpy as np
import polars as pl
import pytest

from deepchord.shared.errors import DatasetError
from deepchord.shared.tables import Table, read_table, read_table_file, table_suffix

ROWS = 'height;weight;kind\n1,5;2;tall\n0,5;3,25;"a; b"\n'


def table_of(text: str, encoding: str = "utf-8", **options) -> Table:
    return read_table(text.encode(encoding), "few.csv", **options)


@pytest.mark.parametrize("separator", [",", ";", "\t", "|"])
def test_the_separator_is_found(separator):
    text = "a,b,c\n1,x,2.5\n2,'y z',3\n".replace(",", separator)

    found = table_of(text)

    assert list(found.columns) == ["a", "b", "c"]
    np.testing.assert_array_equal(found.columns["a"], [1.0, 2.0])
    assert found.columns["b"].tolist() == ["x", "'y z'"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "latin-1"])
def test_the_encoding_is_found(encoding):
    found = table_of("größe,art\n1,süß\n2,sauer\n", encoding)

    assert list(found.columns) == ["größe", "art"]
    assert found.columns["art"].tolist() == ["süß", "sauer"]


def test_numbers_with_commas_and_quoted_fields_are_read():
    found = table_of(ROWS)

    np.testing.assert_array_equal(found.columns["height"], [1.5, 0.5])
    np.testing.assert_array_equal(found.columns["weight"], [2.0, 3.25])
    assert found.columns["kind"].tolist() == ["tall", "a; b"]


@pytest.mark.parametrize(
    ("others", "value"),
    [("0,5", 1.2), ("12,25", 1.2), ("2.5", 1200), ("1,234,567", 1200), ("1,200.5", 1200), ("0,125", 1.2)],
)
def test_a_comma_is_what_other_columns_tell(others: str, value: float):
    found = table_of(f"a;b;c\n1,200;{others};x\n;{others};y\n30,000;{others};z\n")

    np.testing.assert_allclose(found.columns["a"], [value, np.nan, 25 * value])


@pytest.mark.parametrize("others", ["7", "1.200", "x", "2.5;0,5", "v1.5"])
def test_a_comma_that_may_be_either_is_refused_with_its_place(others: str):
    rows = f"x;;{others}\ny;1,200;{others}\n"
    sentence = r"row 2, column 'a' holds 1,200, which may be 1\.200 or 1200, and no column tells which: write"

    with pytest.raises(DatasetError, match=sentence):
        table_of(f"k;a;b{';c' * others.count(';')}\n{rows}")
    with_texts = table_of(f"k;a;b{';c' * others.count(';')}\n{rows}", as_text=["a"])
    assert with_texts.columns["a"].tolist() == [None, "1,200"]


@pytest.mark.parametrize("ends", ["\n", "\r\n", "\r"])
def test_lines_end_as_they_do_anywhere(ends):
    found = table_of(f"a,b{ends}1,x{ends}2,y{ends}")

    assert (found.size, found.columns["b"].tolist()) == (2, ["x", "y"])


def test_columns_without_names_are_numbered():
    found = table_of("5.1,3.5,setosa\n4.9,3,versicolor\n")

    assert list(found.columns) == ["column_1", "column_2", "column_3"]
    assert found.size == 2


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0,1,2,target\n5.1,3.5,1.5,0\n4.9,3,1.25,1\n", ()),
        ("0,1,2,kind\n5.1,3.5,1.5,rose\n4.9,3,1.25,tulip\n", ()),
        (",0,1\n0,5.1,3.5\n1,4.9,3\n", ()),
        ("1990,1991,rate\n5,3,1\n4,3,7\n", ()),
        ("1;2;rate\n5;3;1,5\n4;3;7\n", ()),
        ("7,8,kind\n5,3,rose\n4,3,tulip\n", ("kind",)),
    ],
)
def test_a_first_line_of_numbers_and_names_is_a_header(text: str, wanted: tuple[str, ...]):
    assert table_of(text, wanted=wanted).size == 2


@pytest.mark.parametrize(
    "text", ["0,1,5\n1,0,4\n", "1,2,-\n3,4,5\n", "0.5,1,rose\n1,0.5,tulip\n", "0,1,rose\n3,4,tulip\n", "1,NA\n2,3\n"]
)
def test_a_first_line_of_values_is_no_header(text: str):
    assert table_of(text, wanted=["kind"]).size == 2


def test_a_table_of_texts_alone_has_a_header_unless_its_first_line_comes_again():
    with_header = table_of("cap,smell\nflat,none of it\nround,almond\n")
    without = table_of("flat,almond\nround,anise\nflat,anise\nround,almond\n")

    assert (list(with_header.columns), with_header.size) == (["cap", "smell"], 2)
    assert (list(without.columns), without.size) == (["column_1", "column_2"], 4)


def test_missing_values_are_missing_whatever_they_are_called():
    found = table_of("a,b\n1,x\nNA,?\n,\nnan,null\n")

    np.testing.assert_array_equal(found.columns["a"], [1, np.nan, np.nan, np.nan])
    assert found.columns["b"].tolist() == ["x", None, None, None]


def test_a_column_may_stay_text():
    assert table_of("a,b\n01,2\n02,3\n", as_text=["a"]).columns["a"].tolist() == ["01", "02"]


def test_files_are_read_packed_or_not(tmp_path):
    frame = pl.DataFrame({"a": [1, None], "b": ["x", "y"], "c": [True, False]})
    plain, packed, parquet = tmp_path / "few.csv", tmp_path / "few.csv.gz", tmp_path / "few.parquet"
    frame.write_csv(plain)
    packed.write_bytes(gzip.compress(plain.read_bytes()))
    frame.write_parquet(parquet)

    for path in (plain, packed, parquet):
        found = read_table_file(path)
        np.testing.assert_array_equal(found.columns["a"], [1, np.nan])
        assert found.columns["b"].tolist() == ["x", "y"]
    assert found.columns["c"].dtype == bool


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "few.csv is empty"),
        (b"a,b\n", "holds no rows"),
        (b"a,b\n1,2\n1,2,3\n", "row 2 has 3 fields, and the first line has 2"),
        (b"a,b\n1\n1,2\n", "row 1 has 1 fields, and the first line has 2"),
        (b"a,a\n1,2\n", "column 2 is called 'a' as one before it"),
        (b"ab\0,c\n1,2\n\0", "zero bytes"),
        (b"\xff\xfe\xff", "no text in UTF-16"),
        (b"PAR1nothing", "no Parquet file"),
    ],
)
def test_what_is_no_table_is_refused_with_its_place(content, sentence):
    with pytest.raises(DatasetError, match=sentence):
        read_table(content, "few.csv")


def test_a_damaged_archive_is_refused(tmp_path):
    path = tmp_path / "few.csv.gz"
    path.write_bytes(gzip.compress(b"a,b\n1,2\n" * 100)[:-20])

    with pytest.raises(DatasetError, match=r"few\.csv\.gz cannot be read"):
        read_table_file(path)


def test_lists_in_columns_are_refused():
    file = io.BytesIO()
    pl.DataFrame({"a": [[1, 2], [3]], "y": ["x", "y"]}).write_parquet(file)

    with pytest.raises(DatasetError, match="row 1, column 'a' holds a list"):
        read_table(file.getvalue(), "few.parquet")


@pytest.mark.parametrize(
    ("name", "suffix"),
    [("a.CSV", ".csv"), ("a.b.tsv.gz", ".tsv"), ("a.parquet", ".parquet"), ("a.npz", None), ("a", None)],
)
def test_a_table_is_known_by_its_ending(name, suffix):
    assert table_suffix(name) == suffix
