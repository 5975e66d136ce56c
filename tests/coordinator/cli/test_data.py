"""The command data, as people meet it."""

import json

import pytest

from tests.coordinator.cli.processes import sentence_of
from tests.shared.datasets.image_files.pictures import write_classes, write_picture

pytestmark = pytest.mark.slow


def test_a_folder_is_shown_with_its_classes_and_what_is_suspicious_and_nothing_is_stored(command, tmp_path):
    write_classes(tmp_path / "photos", 5)

    ended = command("data", tmp_path / "photos", "--sheet", "sheet.png")

    assert (ended.returncode, ended.stderr) == (0, "")
    for text in ("photos", "6x6x1", "cat", "warning: Fewer than 10 training images", "2 were drawn"):
        assert text in " ".join(ended.stdout.split())
    assert (tmp_path / "here" / "sheet.png").read_bytes().startswith(b"\x89PNG")
    assert not (tmp_path / "storage").exists()


def test_a_table_is_shown_with_its_columns_and_drawn(command, tmp_path):
    lines = [f"{number},{number % 7 - 0.5},{'cat' if number % 3 else 'dog'},red" for number in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["number,length,kind,colour", *lines]))

    ended = command("data", tmp_path / "rows.csv", "--target", "kind", "--sheet", "sheet.png")

    assert (ended.returncode, ended.stderr) == (0, "")
    for text in ("rows 48 12", "-0.5 to 5.5", "1 column becomes 1 feature", "Column 'number' is left out", "Columns: "):
        assert text in " ".join(ended.stdout.split())
    assert (tmp_path / "here" / "sheet.png").read_bytes().startswith(b"\x89PNG")


def test_a_test_of_its_own_is_compared_with_the_training(command, tmp_path):
    lines = [f"{number / 7:.3f},{number % 50},{'cat' if number % 3 else 'dog'}" for number in range(60)]
    (tmp_path / "rows.csv").write_text("\n".join(["3,many,cat", *lines]))
    (tmp_path / "more.csv").write_text("\n".join([*lines[:2], "99.5,1,cat"]))

    options = ("--no-header", "--target", "column_3", "--test", tmp_path / "more.csv")
    refused = sentence_of(command("data", tmp_path / "rows.csv", *options))
    (tmp_path / "rows.csv").write_text("\n".join(lines))
    ended = command("data", tmp_path / "rows.csv", *options)

    assert "row 1, column 'column_2' holds 'many'" in refused
    assert ended.returncode == 0
    shown = " ".join(ended.stdout.split())
    for text in ("rows 60 3", "warning: 2 of 3 test rows are equal to training rows", "are those of more.csv"):
        assert text in shown


def test_for_scripts_it_is_json(command, data):
    found = json.loads(command("data", data, "--json").stdout)

    assert found["train"]["shape"] == [6, 6, 1]
    assert found["classes"][0]["name"] == "0"
    assert found["findings"] == []


def test_what_train_would_refuse_is_refused_in_the_same_words(command, tmp_path):
    write_picture(write_classes(tmp_path / "photos") / "cat" / "9.png", size=(9, 9))

    sentences = [sentence_of(command(*words, tmp_path / "photos")) for words in (("data",), ("train", "--dataset"))]

    assert "are of 2 sizes (height x width)" in sentences[0]
    assert sentences[0] == sentences[1]


def test_a_sheet_is_a_png(command, data):
    assert sentence_of(command("data", data, "--sheet", "x.html")).startswith("--sheet is x.html, and a PNG is drawn")


def test_numbers_are_told_and_drawn_by_thirds(command, tmp_path):
    lines = [f"{number},{number % 7},{number * 1.5}" for number in range(60)]
    (tmp_path / "houses.csv").write_text("area,age,price\n" + "\n".join(lines))

    told = command("data", tmp_path / "houses.csv", "--target", "price", "--sheet", tmp_path / "sheet.png", "--json")

    found = json.loads(told.stdout)
    assert found["classes"] == []
    assert [number["name"] for number in found["numbers"]] == ["price"]
    assert (tmp_path / "sheet.png").read_bytes().startswith(b"\x89PNG")
