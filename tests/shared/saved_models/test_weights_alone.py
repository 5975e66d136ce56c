"""Weights without a description of their network: which of a layer's arrays are there, and in which order rows are."""

from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import (
    ActivationLayer,
    Add,
    Architecture,
    Concatenate,
    Dense,
    Flatten,
    Layer,
    LayerNormalization,
    ResolvedArchitecture,
)
from deepchord.shared.saved_models import read_weights
from tests.shared.saved_models import saved

END = ActivationLayer(activation="softmax")
BRANCHES = (
    Flatten(name="flat"),
    Dense(units=3, name="one", inputs=("flat",)),
    Dense(units=3, name="other", inputs=("flat",)),
)


def resolved(*layers: Layer, classes: int = 3) -> ResolvedArchitecture:
    return Architecture(layers=layers).resolve(input_shape=(2, 1, 2), classes=classes)


def test_the_rows_of_all_dense_layers_behind_one_flatten_are_put_in_order(tmp_path: Path):
    kernel, bias = np.arange(12, dtype="f4").reshape(4, 3), np.zeros(3, "f4")
    layers = {name: [(f"{name}/kernel:0", kernel), (f"{name}/bias:0", bias)] for name in ("one", "other")}
    path = saved.weights_file(tmp_path / "w.h5", layers, backend="tensorflow")

    one, other = read_weights(path, resolved(*BRANCHES, Add(inputs=("one", "other")), END), channels_first=True).weights

    # In the file: channel 0 of both pixels, then channel 1.
    np.testing.assert_array_equal(one[0], kernel[[0, 2, 1, 3]])
    np.testing.assert_array_equal(other[0], one[0])


def test_what_mixes_a_flat_image_with_channels_first_with_other_values_is_refused(tmp_path: Path):
    layers = {name: [(f"{name}/kernel:0", np.zeros((rows, 3), "f4"))] for name, rows in (("one", 4), ("out", 7))}
    path = saved.weights_file(tmp_path / "w.h5", layers, backend="tensorflow")
    joined = Concatenate(inputs=("flat", "one"))

    with pytest.raises(CheckpointError, match=r"its layer concatenate_1 mixes what was flattened"):
        read_weights(path, resolved(*BRANCHES[:2], joined, Dense(units=3, activation="softmax")), channels_first=True)


@pytest.mark.parametrize("name", ["beta", "gamma"])
def test_one_array_of_a_normalization_is_taken_for_what_it_is_called(tmp_path: Path, name: str):
    path = saved.weights_file(tmp_path / "w.h5", {"ln": [(f"ln/{name}:0", np.full(4, 0.5, "f4"))]})

    ((gamma, beta),) = read_weights(path, resolved(Flatten(), LayerNormalization(), END, classes=4)).weights

    assert (gamma[0], beta[0]) == ((1.0, 0.5) if name == "beta" else (0.5, 0.0))


def test_one_array_of_a_normalization_that_is_not_called_anything_is_refused(tmp_path: Path):
    path = saved.weights_file(tmp_path / "w.h5", {"ln": [("ln/0", np.full(4, 0.5, "f4"))]})

    with pytest.raises(CheckpointError, match=r"layer ln has the shapes 4, expected 4 and 4"):
        read_weights(path, resolved(Flatten(), LayerNormalization(), END, classes=4))
