import hashlib
from dataclasses import fields

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from deepchord.shared.checkpoints import (
    EnsembleProbabilities,
    decode_ensemble_probabilities,
    decode_member_outputs,
    encode_ensemble_probabilities,
    encode_member_outputs,
)
from deepchord.shared.errors import CorruptObjectError
from deepchord.shared.files import write_npy, write_npz
from deepchord.shared.uncertainty import ImageUncertainty

PROBABILITIES = hnp.arrays(
    np.float32, hnp.array_shapes(min_dims=2, max_dims=2, max_side=5), elements=st.floats(0, 1, width=32)
)


@given(probabilities=PROBABILITIES)
def test_probabilities_of_a_member_come_back_as_they_were(probabilities):
    found = decode_member_outputs(encode_member_outputs(probabilities), "there")

    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, probabilities)


@given(train=PROBABILITIES, test=PROBABILITIES)
def test_probabilities_of_an_ensemble_come_back_as_they_were(train, test):
    data = encode_ensemble_probabilities(EnsembleProbabilities(train=train, test=test))

    found = decode_ensemble_probabilities(data, "there")

    np.testing.assert_array_equal(found.train, train)
    np.testing.assert_array_equal(found.test, test)


@given(data=st.binary(max_size=200))
@pytest.mark.parametrize("decode", [decode_member_outputs, decode_ensemble_probabilities])
def test_bytes_that_are_no_probabilities_are_corrupt(decode, data):
    with pytest.raises(CorruptObjectError, match="there"):
        decode(data, "there")


@pytest.mark.parametrize("array", [np.zeros((2, 3)), np.zeros(3, dtype=np.float32)], ids=["float64", "one axis"])
def test_arrays_that_are_no_probabilities_are_corrupt(array):
    expected = r"there are no probabilities: expected float32 \[size, classes\], found float"
    with pytest.raises(CorruptObjectError, match=expected):
        decode_member_outputs(write_npy(array), "there")
    with pytest.raises(CorruptObjectError, match=expected):
        decode_ensemble_probabilities(write_npz({"train": array, "test": array}), "there")


def test_the_bytes_in_storage_are_those_of_earlier_versions():
    rows = np.linspace(0, 1, 6, dtype=np.float32).reshape(3, 2)

    member = encode_member_outputs(rows)
    ensemble = encode_ensemble_probabilities(EnsembleProbabilities(train=rows, test=rows))

    assert hashlib.sha256(member).hexdigest() == "28a53ba28720e3901ffa8138f7ded6e7ed99c3997d59760b86320c650a212f9d"
    assert hashlib.sha256(ensemble).hexdigest() == "b04ce3406458670d6eceb80605ee3dce661caf5f74ed7f1a44365776f9df0196"


def uncertainty(images: int) -> ImageUncertainty:
    values = np.linspace(0, 1, images, dtype=np.float32)
    return ImageUncertainty(**{field.name: values for field in fields(ImageUncertainty)})


def test_all_that_a_study_keeps_comes_back_as_it_was():
    rows, unseen = np.full((3, 2), 0.5, dtype=np.float32), np.full((4, 2), 0.5, dtype=np.float32)
    kept = EnsembleProbabilities(
        train=rows,
        test=rows,
        calibrated_test=rows,
        test_uncertainty=uncertainty(3),
        test_predictions=np.array([[0, 1, 0], [1, 1, 0]], dtype=np.int16),
        unseen=unseen,
        unseen_uncertainty=uncertainty(4),
    )

    found = decode_ensemble_probabilities(encode_ensemble_probabilities(kept), "there")

    np.testing.assert_array_equal(found.test_predictions, kept.test_predictions)
    np.testing.assert_array_equal(found.unseen, unseen)
    np.testing.assert_array_equal(found.unseen_uncertainty.confidence, kept.unseen_uncertainty.confidence)


@pytest.mark.parametrize(
    ("name", "array", "message"),
    [
        ("test_predictions", np.zeros((2, 4), np.int16), r"expected int16 \[members, 3\] below 2"),
        ("test_predictions", np.full((2, 3), 2, np.int16), "below 2 in test_predictions"),
        ("test_predictions", np.zeros((2, 3), np.int64), "found int64"),
        ("test_predictions", np.zeros((0, 3), np.int16), r"found int16 \[0, 3\]"),
        ("test_confidence", np.zeros(3, np.float32), "in test_predictive_entropy, found nothing"),
        ("calibrated_test", np.zeros((2, 2), np.float32), r"calibrated_test has shape \(2, 2\), but test \(3, 2\)"),
    ],
)
def test_arrays_that_do_not_fit_the_test_images_are_corrupt(name, array, message):
    rows = np.full((3, 2), 0.5, dtype=np.float32)

    with pytest.raises(CorruptObjectError, match=message):
        decode_ensemble_probabilities(write_npz({"train": rows, "test": rows, name: array}), "there")
