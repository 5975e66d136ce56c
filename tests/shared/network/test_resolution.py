import json
from typing import get_args

import pytest

from deepchord.shared.errors import InputError
from deepchord.shared.network import (
    NETWORK_INPUT,
    Activation,
    Add,
    Architecture,
    Concatenate,
    Conv2D,
    Dense,
    Flatten,
    GlobalAveragePooling2D,
    GroupNormalization,
    Layer,
    Multiply,
    Rescaling,
    Reshape,
    Residual,
    ResolvedArchitecture,
    UpSampling2D,
    notebook_architecture,
    refusal,
)
from deepchord.shared.network.layers import LAYER_TYPES
from tests.contract.every_layer import EVERY_LAYER, IN_TRAINING_ONLY

OUTPUT = Dense(units="classes", activation="softmax")


def resolved(*layers: Layer, shape: tuple[int, ...] = (8, 8, 1)) -> ResolvedArchitecture:
    return Architecture(layers=(*layers, Flatten(), OUTPUT)).resolve(input_shape=shape, classes=3)


def test_a_layer_takes_the_one_before_it_or_those_that_it_names():
    network = resolved(
        Conv2D(filters=2, name="trunk"),
        Conv2D(filters=2),
        Conv2D(filters=3, kernel_size=1, inputs=("trunk",)),
        Concatenate(inputs=("conv2d_2", "conv2d_3", NETWORK_INPUT)),
    )

    assert [(layer.name, layer.inputs) for layer in network.layers] == [
        ("trunk", ("input",)),
        ("conv2d_2", ("trunk",)),
        ("conv2d_3", ("trunk",)),
        ("concatenate_1", ("conv2d_2", "conv2d_3", "input")),
        ("flatten_1", ("concatenate_1",)),
        ("dense_1", ("flatten_1",)),
    ]
    assert network.layers[3].output_shape == (8, 8, 6)


def test_a_residual_block_is_short_for_its_layers_and_a_sum():
    block = resolved(Conv2D(filters=2), Residual(layers=(Conv2D(filters=2), Conv2D(filters=2)), name="end"))
    spelled = resolved(
        Conv2D(filters=2), Conv2D(filters=2), Conv2D(filters=2), Add(inputs=("conv2d_1", "conv2d_3"), name="end")
    )

    shapes = [(layer.name, layer.inputs, layer.output_shape) for layer in block.layers]
    assert shapes == [(layer.name, layer.inputs, layer.output_shape) for layer in spelled.layers]


def test_axes_of_the_length_one_are_stretched_where_values_are_joined():
    network = resolved(
        Conv2D(filters=4, name="image"),
        GlobalAveragePooling2D(),
        Reshape(target_shape=(1, 1, 4), name="means"),
        Multiply(inputs=("means", "image")),
    )

    assert network.layers[3].output_shape == (8, 8, 4)


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Conv2D(filters=1, name="a", inputs=("b",)),), r"input from 'b', but there is no layer of this name above"),
        ((Conv2D(filters=1, name="trunk"), Flatten(inputs=("trank",))), r"'trank'.*did you mean 'trunk'"),
        ((Conv2D(filters=1, name="a"), Conv2D(filters=1, name="a")), r"Two layers of the network have the name a"),
        ((Conv2D(filters=1), Conv2D(filters=1, name="conv2d_1")), r"have the name conv2d_1"),
        ((Conv2D(filters=1, name="input"),), r"the name input; expected .* not input, which is the network's input"),
        ((Conv2D(filters=1), Conv2D(filters=1, inputs=("input",))), r"No layer takes the output of conv2d_1"),
        ((Conv2D(filters=1), Add()), r"add_1 joins several inputs, found one"),
        ((Conv2D(filters=1), Flatten(inputs=("input", "conv2d_1"))), r"flatten_1 takes one input, found 2"),
        ((Conv2D(filters=1), Residual(layers=(Flatten(),), inputs=("input", "conv2d_1"))), r"takes one input, found 2"),
        ((Conv2D(filters=2), Conv2D(filters=3), Add(inputs=("conv2d_1", "conv2d_2"))), r"equal shapes, or axes of"),
        (
            (Conv2D(filters=2), Conv2D(filters=2, strides=2), Concatenate(inputs=("conv2d_1", "conv2d_2"))),
            r"\(8, 8, 2\), \(4, 4, 2\); expected shapes that differ in their channels only",
        ),
        ((Conv2D(filters=3, groups=2),), r"splits 1 channels and 3 filters into 2 groups"),
        ((GroupNormalization(groups=2),), r"splits 1 channels into 2 groups"),
        ((Conv2D(filters=1, strides=2, dilation_rate=2),), r"strides and a dilation_rate above 1"),
        (
            (Reshape(target_shape=(3, 3)),),
            r"makes the shape \(3, 3\) of \(8, 8, 1\); .* as many values, 64",
        ),
        (
            (Rescaling(scale=(1.0, 2.0)),),
            r"has 2 numbers as its scale; expected one, or .* the 1 channels",
        ),
        ((UpSampling2D(size=64), UpSampling2D(size=64)), r"1,073,741,824 values; at most 16,777,216"),
    ],
)
def test_what_does_not_fit_is_told_with_the_layer(layers: tuple[Layer, ...], message: str):
    with pytest.raises(InputError, match=message):
        resolved(*layers)


def test_the_layers_of_a_residual_block_name_no_inputs():
    network = '[{"type": "residual", "layers": [{"type": "flatten", "inputs": ["input"]}]}]'

    with pytest.raises(InputError, match=r"layer 0 of a residual block names its inputs"):
        Architecture.parse({"layers": json.loads(network)}, "network.json", InputError)


def test_a_network_without_new_options_is_written_as_earlier_versions_read_it():
    layers = json.loads(notebook_architecture().encode())["layers"]

    assert layers[0] == {
        "type": "conv2d", "filters": 16, "kernel_size": 3, "strides": 1, "padding": "same", "activation": "relu",
    }  # fmt: skip
    assert layers[2] == {"type": "max_pooling2d", "pool_size": 2, "padding": "valid"}
    assert layers[-1] == {"type": "dense", "units": "classes", "activation": "softmax"}


def test_what_differs_from_the_defaults_of_new_options_is_written():
    layer = Conv2D(filters=4, kernel_size=(1, 7), groups=2, use_bias=False, name="a", inputs=("input",))

    written = json.loads(Architecture(layers=(layer,)).encode())["layers"][0]

    assert {name: written[name] for name in ("kernel_size", "groups", "use_bias", "name", "inputs")} == {
        "kernel_size": [1, 7], "groups": 2, "use_bias": False, "name": "a", "inputs": ["input"],
    }  # fmt: skip


def test_the_networks_of_the_engines_contract_have_every_layer_and_every_activation():
    layers = [layer for network in (*EVERY_LAYER.values(), IN_TRAINING_ONLY) for layer in network.layers]

    assert {layer.type for layer in layers} == set(LAYER_TYPES) - {"residual"}
    assert {getattr(layer, "activation", None) for layer in layers} >= set(get_args(Activation))


@pytest.mark.parametrize("network", [*EVERY_LAYER.values(), IN_TRAINING_ONLY], ids=[*EVERY_LAYER, "noise"])
def test_networks_of_every_layer_come_back_from_json_as_they_were(network: Architecture):
    assert Architecture.decode(network.encode(), "there") == network
    network.resolve(input_shape=(8, 8, 1), classes=10)


def test_plaidml_refuses_what_would_end_its_process():
    wide = resolved(Conv2D(filters=1, dilation_rate=3))
    narrow = resolved(Conv2D(filters=1, dilation_rate=8))

    assert refusal("plaidml", wide) is None
    assert "layer conv2d_1, whose dilation_rate is not smaller than its input" in str(refusal("plaidml", narrow))
    assert refusal("tensorflow", narrow) is None
