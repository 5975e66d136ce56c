import errno
import os
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.checkpoints import encode_checkpoint
from deepchord.shared.errors import InputError
from deepchord.shared.network import Architecture, Dense, Flatten
from deepchord.worker.evaluation import name_members
from deepchord.worker.evaluation.weight_files import distinct, find_weight_files
from deepchord.worker.training import initial_weights

NETWORK = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


def write(folder: Path, *names: str, units: int = 3) -> None:
    resolved = NETWORK.resolve(input_shape=(2, 2, 1), classes=units)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / name).write_bytes(encode_checkpoint(resolved, initial_weights(resolved, seed)))


def names(pattern: Path | str) -> list[str]:
    return [file.name for file in find_weight_files(str(pattern)).files]


def test_a_folder_names_its_hdf5_files_in_the_order_of_their_numbers(tmp_path: Path):
    write(tmp_path, "best_weights_10.hdf5", "best_weights_9.hdf5", "best_weights_1.hdf5", "best_weights_2.h5")
    (tmp_path / "notes.txt").touch()
    (tmp_path / "page.html5").touch()
    (tmp_path / "folder.hdf5").mkdir()

    assert names(tmp_path) == [f"best_weights_{n}" for n in ("1.hdf5", "2.h5", "9.hdf5", "10.hdf5")]


def test_a_pattern_names_the_files_that_fit_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path, "a_2.hdf5", "a_11.hdf5", "b_1.hdf5")

    assert names(tmp_path / "a_*.hdf5") == ["a_2.hdf5", "a_11.hdf5"]
    monkeypatch.chdir(tmp_path)
    assert names("b_?.hdf5") == ["b_1.hdf5"]


def test_one_file_may_be_named_even_with_brackets(tmp_path: Path):
    write(tmp_path, "weights [1].hdf5", "weights 1.hdf5")

    assert names(tmp_path / "weights [1].hdf5") == ["weights [1].hdf5"]


def test_the_home_folder_may_be_written_as_a_tilde(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    write(tmp_path / "old", "w.hdf5")

    assert names("~/old/*.hdf5") == ["w.hdf5"]


@pytest.mark.parametrize("pattern", ["", "nothing/*.hdf5", "empty", "no.hdf5"])
def test_where_nothing_is_found_the_pattern_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pattern: str):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()

    with pytest.raises(InputError, match="No weight file fits"):
        find_weight_files(pattern)


@given(numbers=st.lists(st.integers(0, 10**6), min_size=1, max_size=8, unique=True))
def test_files_are_sorted_by_number_whatever_their_length(tmp_path_factory: pytest.TempPathFactory, numbers: list[int]):
    folder = tmp_path_factory.mktemp("numbers")
    for number in numbers:
        (folder / f"w{number}.hdf5").touch()

    assert names(folder) == [f"w{number}.hdf5" for number in sorted(numbers)]


def test_digits_of_other_scripts_do_not_disturb_the_order(tmp_path: Path):
    for name in ("1²2.hdf5", "1²10.hdf5", "²3.hdf5"):
        (tmp_path / name).touch()

    assert names(tmp_path)[:2] == ["1²2.hdf5", "1²10.hdf5"]


def test_a_folder_of_a_user_that_there_is_not_holds_no_weights():
    with pytest.raises(InputError, match="No weight file fits '~nobody-of-that-name/"):
        find_weight_files("~nobody-of-that-name/*.hdf5")


@pytest.mark.parametrize(
    "folder", ["lr=[0.1, 0.2]", "a b", "für [1]", "-dash", "~tilde", "what?", "*", "[!x]", "{a,b}", "$HOME"]
)
@pytest.mark.parametrize("pattern", ["{}", "{}/", "{}/*.h5", "{}/w?.h5", "{}/w1.h5", "*/{}/../{}/w1.h5", "**/w1.h5"])
def test_what_exists_is_taken_literally(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, folder: str, pattern: str):
    write(tmp_path / "runs" / folder, "w1.h5")
    write(tmp_path / "runs" / "lr=0", "w9.h5")  # what brackets would stand for
    monkeypatch.chdir(tmp_path / "runs" if not pattern.startswith("*/") else tmp_path)

    found = find_weight_files(pattern.replace("{}", folder)).files

    assert [file.resolve() for file in found] == [tmp_path / "runs" / folder / "w1.h5"]


def test_umlauts_are_found_however_they_are_written(tmp_path: Path):
    decomposed, composed = "fu\u0308r.h5", "f\u00fcr.h5"
    write(tmp_path, decomposed)

    assert names(tmp_path / composed) == [decomposed]
    assert names(tmp_path / "f\u00fc*.h5") == [decomposed]


def test_links_are_followed_and_count_once(tmp_path: Path):
    write(tmp_path / "old", "w1.h5", "w2.h5")
    (tmp_path / "link").symlink_to(tmp_path / "old")
    (tmp_path / "old" / "best.h5").symlink_to("w2.h5")

    files = [
        *find_weight_files(str(tmp_path / "link")).files,
        *find_weight_files(str(tmp_path / "old" / "w1.h5")).files,
    ]
    once, notes = distinct(files)

    assert [file.name for file in files] == ["best.h5", "w1.h5", "w2.h5", "w1.h5"]
    assert [file.name for file in once] == ["best.h5", "w1.h5"]
    assert [note.rpartition("/")[2] for note in notes] == [
        f"{name} once more; it counts once" for name in ("best.h5", "w1.h5")
    ]


def test_all_that_keras_saves_is_found_in_a_folder_and_what_others_left_there_is_named(tmp_path: Path):
    write(tmp_path, "w1.h5", "W2.H5", "w3.weights.h5", "w4.keras", ".w5.h5", "._w6.h5")
    (tmp_path / "model.pt").write_bytes(b"\x80\x02\x8a\x0al\xfc\x9cF\xf9 j\xa8P\x19.")
    (tmp_path / "probabilities.npz").write_bytes(b"PK\x05\x06" + bytes(18))
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").touch()

    found = find_weight_files(str(tmp_path))

    assert sorted(file.name for file in found.files) == ["W2.H5", "w1.h5", "w3.weights.h5", "w4.keras"]
    assert found.notes == ("left out are exported (it is a SavedModel of TensorFlow), model.pt (it is a PyTorch file)",)


def test_where_nothing_fits_it_is_said_what_there_is(tmp_path: Path):
    (tmp_path / "exported").mkdir()
    (tmp_path / "exported" / "saved_model.pb").touch()
    write(tmp_path / "runs" / "a", "w.h5")
    os.mkfifo(tmp_path / "pipe")

    for pattern, sentence in {
        "exported": "it is a SavedModel of TensorFlow. Expected HDF5 or .keras files of Keras.",
        ".": "there are exported (it is a SavedModel of TensorFlow). Expected HDF5 or .keras files of Keras.",
        "runs": "there are some in the folders below it; give ",
        "pipe": "it is a pipe, socket or device; copy what it gives to a file.",
    }.items():
        with pytest.raises(InputError, match=re.escape(sentence)):
            find_weight_files(str(tmp_path / pattern))


def test_a_folder_that_may_not_be_listed_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    write(tmp_path / "runs" / "kept", "w.h5")
    list_folder = Path.iterdir

    def refuse(folder: Path):
        if folder.name == "kept":
            raise PermissionError(errno.EACCES, "Permission denied", str(folder))  # root may list any folder
        return list_folder(folder)

    monkeypatch.setattr(Path, "iterdir", refuse)

    with pytest.raises(InputError, match=r"kept cannot be listed: Permission denied\."):
        find_weight_files(str(tmp_path / "runs" / "kept"))
    with pytest.raises(InputError, match="No weight file fits"):
        find_weight_files(str(tmp_path / "runs"))


@pytest.mark.parametrize(
    ("files", "folder", "called"),
    [
        (["a/w1.h5", "a/w2.h5"], "a", ("w1.h5", "w2.h5")),
        (["r/a/w1.h5", "r/b/w2.h5"], "r", ("w1.h5", "w2.h5")),
        (["r/lr=1/best.h5", "r/lr=2/best.h5"], "r", ("lr=1/best.h5", "lr=2/best.h5")),
    ],
)
def test_files_are_called_by_what_tells_them_apart(
    tmp_path: Path, files: list[str], folder: str, called: tuple[str, ...]
):
    found = name_members([tmp_path / file for file in files])

    assert found == (str(tmp_path / folder), called)


def test_names_that_are_no_utf_8_are_shown_as_far_as_they_go(tmp_path: Path):
    odd = tmp_path / os.fsdecode(b"w\xff\x1b.h5")
    write(tmp_path, odd.name)

    files = find_weight_files(str(tmp_path)).files

    assert files == (odd,)
    assert name_members(files)[1] == ("w\ufffd\ufffd.h5",)
