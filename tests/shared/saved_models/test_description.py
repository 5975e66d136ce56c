import copy
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.network import Architecture, Conv2D, Dense, Flatten, MaxPooling2D, Residual
from deepchord.shared.saved_models import read_network, read_weights
from deepchord.shared.saved_models.comparison import difference
from deepchord.shared.saved_models.reading import network_of_configuration
from tests.contract.numpy_network import expected_probabilities
from tests.shared.saved_models import saved

Change = Callable[[dict], None]


def layers_of(configuration: dict) -> list[dict]:
    return configuration["config"]["layers"]


def network(change: Change = lambda configuration: None, images: tuple[int, ...] = saved.SHAPE) -> Architecture:
    configuration = copy.deepcopy(saved.configuration_2())
    change(configuration)
    return network_of_configuration(json.loads(json.dumps(configuration)), images, "old.h5").architecture


def option(position: int, **options: object) -> Change:
    return lambda configuration: layers_of(configuration)[position]["config"].update(options)


def kind(position: int, name: str, **options: object) -> Change:
    return lambda configuration: layers_of(configuration)[position].update(
        class_name=name, config={"name": "x", **options}
    )


def test_a_whole_model_is_evaluated_with_its_own_network(tmp_path: Path):
    path = saved.model_file(tmp_path / "m.h5", saved.keras_2(":0"), saved.configuration_2(), backend="tensorflow")

    resolved = read_network(path, saved.SHAPE).architecture.resolve(input_shape=saved.SHAPE, classes=3)
    weights = read_weights(path, resolved).weights

    np.testing.assert_allclose(
        expected_probabilities(resolved, weights, saved.images()), saved.probabilities(), atol=1e-5
    )


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        (
            (Conv2D(filters=4, padding="valid", activation="tanh"), MaxPooling2D()),
            "step 2, activation, has activation relu, not activation tanh",
        ),
        (
            (Conv2D(filters=4, padding="valid"), MaxPooling2D(padding="same")),
            "step 3, max_pooling2d, has padding valid, not padding same",
        ),
        ((Conv2D(filters=4, padding="valid", strides=2),), "step 1, conv2d, has strides 1, not strides 2"),
        ((MaxPooling2D(), Conv2D(filters=4, padding="valid")), "step 1 is conv2d .*, not max_pooling2d"),
    ],
)  # fmt: skip
def test_another_network_of_equal_shapes_is_refused_by_layer(tmp_path: Path, layers: tuple, sentence: str):
    path = saved.model_file(tmp_path / "m.h5", saved.keras_2(":0"), saved.configuration_2(), backend="tensorflow")
    other = Architecture(layers=(*layers, Flatten(), Dense(units="classes", activation="softmax")))

    with pytest.raises(
        CheckpointError, match=rf"m\.h5 holds another network than the one that was given: its {sentence}"
    ):
        read_weights(path, other.resolve(input_shape=saved.SHAPE, classes=3))


@pytest.mark.parametrize(
    "change",
    [
        pytest.param(option(0, strides=1, kernel_size=3), id="one_number_for_both_ways"),
        pytest.param(option(1, strides=None), id="strides_as_the_windows"),
        pytest.param(option(1, pool_size={"class_name": "__tuple__", "items": [2, 2]}), id="tuples_of_tensorflow_2"),
        pytest.param(kind(3, "GaussianDropout", rate=0.2), id="only_in_training"),
        pytest.param(lambda configuration: layers_of(configuration).pop(3), id="without_dropout"),
        pytest.param(
            lambda configuration: layers_of(configuration).insert(
                0, {"class_name": "InputLayer", "config": {"batch_shape": [None, 8, 6, 2]}}
            ),
            id="with_an_input_layer",
        ),
        pytest.param(lambda configuration: configuration.update(config=layers_of(configuration)), id="older_list"),
        pytest.param(option(0, batch_input_shape=[None, None, None, 2]), id="images_of_any_size"),
        pytest.param(
            lambda configuration: layers_of(configuration).insert(
                0, {"class_name": "Reshape", "config": {"batch_input_shape": [None, 96], "target_shape": [8, 6, 2]}}
            ),
            id="that_shapes_its_images_itself",
        ),
        pytest.param(
            lambda configuration: (
                option(0, activation="linear")(configuration),
                layers_of(configuration).insert(1, {"class_name": "ReLU", "config": {"max_value": None}}),
            ),
            id="activation_apart",
        ),
    ],
)
def test_other_ways_to_say_the_same_give_the_same_network(change: Change):
    assert difference(network(change), saved.RESOLVED) is None


@pytest.mark.parametrize("change", [option(4, activation="linear"), option(4, activation=None)])
def test_logits_are_made_probabilities_and_it_is_said(tmp_path: Path, change: Change):
    configuration = saved.configuration_2()
    change(configuration)
    path = saved.model_file(tmp_path / "m.h5", saved.keras_2(":0"), configuration, backend="tensorflow")

    told = read_network(path, saved.SHAPE).architecture
    read = read_weights(path, saved.RESOLVED)

    assert difference(told, saved.RESOLVED) is None
    assert read.notes == ("gives logits: a softmax was added",)
    np.testing.assert_allclose(
        expected_probabilities(saved.RESOLVED, read.weights, saved.images()), saved.probabilities(), atol=1e-5
    )


def test_linear_activations_at_the_end_do_nothing():
    ends = [{"class_name": "Activation", "config": {"name": "x", "activation": "linear"}}]

    softmax = network(lambda configuration: layers_of(configuration).extend(ends))
    pooled = network(
        lambda configuration: configuration["config"].update(
            layers=[*layers_of(configuration)[:1], {"class_name": "GlobalAveragePooling2D", "config": {}}, *ends]
        )
    )

    assert difference(softmax, saved.RESOLVED) is None
    assert [layer.type for layer in pooled.layers] == ["conv2d", "global_average_pooling2d", "activation"]


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (option(0, dilation_rate=[2, 2, 2]), r"layer 'conv2d_1' \(Conv2D\) has dilation_rate \[2, 2, 2\]"),
        (option(0, groups=0), "has the size 0"),
        (option(0, kernel_size=[3, 5, 7]), r"has kernel_size \[3, 5, 7\]"),
        (option(0, strides=[1, 200]), r"has the size 200"),
        (option(0, activation="swoosh"), "has the activation 'swoosh'"),
        (option(0, activation={"class_name": "function", "config": "relu"}), "has the activation {"),
        (option(0, padding="causal"), "has the padding 'causal'"),
        (option(0, filters="4"), "has filters '4'"),
        (option(0, filters=10**9), "has the size 1000000000"),
        (option(1, strides=10**999), r"has the size 10{19},"),
        (option(1, pool_size=10**999, strides=None), "has the size 10{19},"),
        (kind(0, "Conv2D", filters=4, nb_row=3, nb_col=[3] * 99), r"has a kernel of 3 by \[3, .*\.\.\. pixels"),
        (kind(1, "X" * 999), r"its layer 'x' \(X{60}\) is of a type"),
        (option(1, data_format="channels_first"), "counts channels first in some layers"),
        (kind(1, "PReLU", alpha=0.3), r"layer 'x' \(PReLU\) is of a type"),
        (kind(1, "LeakyReLU", alpha=-3), "has the slope -3"),
        (kind(1, "Rescaling", scale="much"), "has scale 'much'"),
        (kind(1, "Rescaling", scale=10**401), "has scale 1000"),
        (kind(1, "Rescaling", scale=0.5, offset=[-(10**401)]), r"has offset \[-1000"),
        (kind(1, "Normalization", mean=10**401, variance=1.0), "has mean 1000"),
        (kind(1, "ZeroPadding2D", padding=[[1], [1]]), r"has padding \[\[1\], \[1\]\]"),
        (kind(1, "UpSampling2D", interpolation="bilinear"), "has interpolation 'bilinear'"),
        (kind(1, "Dropout", rate=1.5), "has the rate 1.5"),
        (kind(1, "GaussianNoise", stddev=-1), "has the standard deviation -1"),
        (kind(1, "Concatenate", axis=1), "works along the axis 1"),
        (kind(1, "Lambda", function="!"), r"\(Lambda\) is of a type"),
        (kind(1, "ReLU", max_value=5.0), "has max_value 5.0"),
        (kind(1, "BatchNormalization", axis=2, epsilon=0.1), "works along the axis 2"),
        (kind(1, "BatchNormalization", axis=10**999), "works along the axis 10{19}, which"),
        (kind(1, "BatchNormalization", epsilon=-1.0), "has epsilon -1.0"),
        (kind(1, "BatchNormalization", epsilon=10**399), "has epsilon 1000"),
        (kind(0, "Sequential", layers=[]), "no list of layers"),
        (option(0, batch_input_shape=[None, 28, 28, 1]), r"takes the shape 28x28x1, but an image .* is 8x6x2"),
        (option(0, batch_input_shape=[None, 784]), "takes the shape 784"),
        (kind(0, "Reshape", target_shape=[-1, 10**999, 2]), r"makes the shape \[-1, 10+ of its input"),
        (lambda configuration: layers_of(configuration)[0].update(module="my.layers"), "is of somebody's own class"),
        (lambda configuration: layers_of(configuration)[0].update(registered_name="My>Conv2D"), "somebody's own class"),
        (lambda configuration: configuration.update(class_name="MyModel"), "model of the class 'MyModel'"),
        (lambda configuration: configuration["config"].update(layers=[]), "no list of layers"),
        (
            lambda configuration: configuration.update(class_name="Functional", config=layers_of(configuration)),
            "no list of layers",
        ),
        (lambda configuration: configuration["config"].update(layers=[7]), "layer 0 of its configuration is none"),
        (lambda configuration: layers_of(configuration).extend(layers_of(configuration) * 999), "no list of layers"),
    ],
)  # fmt: skip
def test_what_deepchord_does_not_compute_is_refused_by_layer(change: Change, sentence: str):
    with pytest.raises(CheckpointError, match=rf"^old\.h5.*{sentence}"):
        network(change)


@pytest.mark.parametrize("key", ["units", "activation", "name", "batch_input_shape"])
@pytest.mark.parametrize("depth", [150, 900, 980])
def test_what_is_nested_too_deeply_to_be_shown_is_refused(key: str, depth: int):
    value: object = 1
    for _ in range(depth):
        value = [value]
    configuration = copy.deepcopy(saved.configuration_2())
    layers_of(configuration)[4]["config"][key] = value

    with pytest.raises(CheckpointError, match=r"old\.h5 is damaged: its configuration is nested deeper than any Keras"):
        network_of_configuration(configuration, saved.SHAPE, "old.h5")


def functional(*calls: tuple[str, dict, list[str]], kept: bool) -> dict:
    """A functional model as Keras 3 writes it, or as Keras 2 did (`kept`)."""

    def node(names: list[str]) -> list:
        if not names:
            return []
        if kept:
            return [[[name, 0, 0, {}] for name in names]]
        tensors = [{"class_name": "__keras_tensor__", "config": {"keras_history": [name, 0, 0]}} for name in names]
        return [{"args": [tensors if len(tensors) > 1 else tensors[0]], "kwargs": {}}]

    layers = [
        {**one, "name": name, "config": {"name": name, **one.get("config", {})}, "inbound_nodes": node(names)}
        for name, one, names in calls
    ]  # fmt: skip
    return {
        "class_name": "Functional",
        "config": {"layers": layers, "input_layers": [["in", 0, 0]], "output_layers": [["out", 0, 0]]},
    }


INPUT = {"class_name": "InputLayer", "config": {"batch_shape": [None, *saved.SHAPE]}}
CONVOLUTION = {"class_name": "Conv2D", "config": {"filters": 2, "kernel_size": 3, "padding": "same"}}
FLATTEN, ADD = {"class_name": "Flatten"}, {"class_name": "Add"}
OUTPUT = {"class_name": "Dense", "config": {"units": 3, "activation": "softmax"}}


@pytest.mark.parametrize("kept", [True, False])
def test_a_functional_chain_may_be_listed_in_any_order_and_add_the_input_of_blocks(kept: bool):
    configuration = functional(
        ("out", OUTPUT, ["flat"]), ("in", INPUT, []), ("a", CONVOLUTION, ["in"]), ("b", CONVOLUTION, ["a"]),
        ("sum", ADD, ["in", "b"]), ("flat", FLATTEN, ["sum"]), kept=kept,
    )  # fmt: skip

    found = network_of_configuration(configuration, saved.SHAPE, "old.h5").architecture

    convolution = Conv2D(filters=2, activation="linear")
    layers = (Residual(layers=(convolution, convolution)), Flatten(), Dense(units="classes", activation="softmax"))
    assert difference(found, Architecture(layers=layers).resolve(input_shape=saved.SHAPE, classes=3)) is None


@pytest.mark.parametrize(
    ("calls", "sentence"),
    [
        ([("a", CONVOLUTION, ["sum"]), ("sum", CONVOLUTION, ["a"])], "runs in a circle"),
        ([("sum", CONVOLUTION, ["nobody"])], "names a layer that it does not have"),
        ([("sum", CONVOLUTION, [])], "takes the layer 'sum' as another input"),
        ([("sum", ADD, ["in"] * 65)], "gives the layer 'sum' 65 inputs; at most 64"),
    ],
)
def test_networks_that_are_no_graphs_of_one_input_are_refused(calls: list, sentence: str):
    configuration = functional(
        ("in", INPUT, []), *calls, ("flat", FLATTEN, ["sum"]), ("out", OUTPUT, ["flat"]), kept=True
    )

    with pytest.raises(CheckpointError, match=sentence):
        network_of_configuration(configuration, saved.SHAPE, "old.h5")


@pytest.mark.parametrize(("name", "is_same"), [("Add", True), ("Multiply", True), ("Average", False)])
def test_of_operations_only_those_that_compute_what_layers_do_are_read(name: str, is_same: bool):
    operation = {"class_name": name, "module": "keras.src.ops.numpy", "registered_name": name}
    configuration = functional(
        ("in", INPUT, []), ("a", CONVOLUTION, ["in"]), ("both", operation, ["in", "a"]),
        ("flat", FLATTEN, ["both"]), ("out", OUTPUT, ["flat"]), kept=False,
    )  # fmt: skip

    if is_same:
        found = network_of_configuration(configuration, saved.SHAPE, "old.h5").architecture
        assert found.layers[1].type == name.lower()
    else:
        with pytest.raises(CheckpointError, match=r"layer 'both' \(Average\) is an operation and no layer"):
            network_of_configuration(configuration, saved.SHAPE, "old.h5")


def test_a_layer_that_is_called_as_in_training_is_refused():
    configuration = functional(("in", INPUT, []), ("flat", FLATTEN, ["in"]), ("out", OUTPUT, ["flat"]), kept=False)
    configuration["config"]["layers"][1]["inbound_nodes"][0]["kwargs"] = {"training": True}

    with pytest.raises(CheckpointError, match="calls the layer 'flat' as in training"):
        network_of_configuration(configuration, saved.SHAPE, "old.h5")


def test_weights_that_layers_do_without_are_neutral(tmp_path: Path):
    configuration = saved.configuration_2(use_bias=False)
    layers = saved.keras_2(":0")
    del layers["conv2d_1"][1]
    layers["normalization"] = [(f"n/{name}", np.full(4, 0.5, "f4")) for name in ("beta", "mean", "variance")]
    normalization = {"name": "normalization", "axis": [3], "scale": False, "center": True, "epsilon": 0.001}
    layers_of(configuration).insert(1, {"class_name": "BatchNormalization", "config": normalization})
    path = saved.model_file(tmp_path / "m.h5", layers, configuration, backend="tensorflow")

    resolved = read_network(path, saved.SHAPE).architecture.resolve(input_shape=saved.SHAPE, classes=3)
    (_,), normalized, _ = read_weights(path, resolved).weights

    assert [array.tolist() for array in normalized] == [[1] * 4, [0.5] * 4, [0.5] * 4, [0.5] * 4]
