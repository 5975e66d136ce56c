from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.architecture import Architecture
from shared.checkpoint import encode_checkpoint
from shared.errors import CheckpointError, InputError
from shared.layers import Dense, Flatten
from worker.initialization import initial_weights
from worker.weight_files import find_weight_files, weight_candidates

NETWORK = Architecture(layers=(Flatten(), Dense(units="classes", activation="softmax")))


def write(folder: Path, *names: str, units: int = 3) -> None:
    resolved = NETWORK.resolve(input_shape=(2, 2, 1), classes=units)
    folder.mkdir(parents=True, exist_ok=True)
    for seed, name in enumerate(names):
        (folder / name).write_bytes(encode_checkpoint(resolved, initial_weights(resolved, seed)))


def names(pattern: Path | str) -> list[str]:
    return [file.name for file in find_weight_files(str(pattern))]


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


def test_candidates_hold_the_weights_of_their_files_and_no_probabilities(tmp_path: Path):
    write(tmp_path, "w1.hdf5", "w2.hdf5")

    candidates = weight_candidates(find_weight_files(str(tmp_path)), NETWORK, (2, 2, 1), 3)

    expected = [initial_weights(NETWORK.resolve(input_shape=(2, 2, 1), classes=3), seed) for seed in (0, 1)]
    assert [candidate.index for candidate in candidates] == [0, 1]
    assert [candidate.own_probabilities for candidate in candidates] == [None, None]
    for candidate, wanted in zip(candidates, expected, strict=True):
        np.testing.assert_array_equal(candidate.weights()[0][0], wanted[0][0])


def test_a_file_is_read_again_when_it_is_its_turn(tmp_path: Path):
    write(tmp_path, "w1.hdf5", "w2.hdf5")
    candidates = weight_candidates(find_weight_files(str(tmp_path)), NETWORK, (2, 2, 1), 3)

    (tmp_path / "w2.hdf5").unlink()

    candidates[0].weights()
    with pytest.raises(CheckpointError, match=r"w2\.hdf5 cannot be read: No such file"):
        candidates[1].weights()


def test_a_file_of_another_network_is_named_before_anything_is_computed(tmp_path: Path):
    write(tmp_path, "w1.hdf5")
    write(tmp_path, "w2.hdf5", units=4)

    with pytest.raises(CheckpointError, match=r"w2\.hdf5 does not fit the network: .*4x4 and 4, expected 4x3 and 3"):
        weight_candidates(find_weight_files(str(tmp_path)), NETWORK, (2, 2, 1), 3)


def test_a_folder_of_a_user_that_there_is_not_holds_no_weights():
    with pytest.raises(InputError, match="No weight file fits '~nobody-of-that-name/"):
        find_weight_files("~nobody-of-that-name/*.hdf5")
