import json
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deepchord.shared.errors import InputError
from deepchord.shared.network import (
    ActivationLayer,
    Architecture,
    AveragePooling2D,
    BatchNormalization,
    Conv2D,
    Dense,
    Dropout,
    Flatten,
    GlobalAveragePooling2D,
    Layer,
    MaxPooling2D,
    Residual,
    ResolvedArchitecture,
    SimpleLayer,
)
from deepchord.shared.network.layers import LAYER_TYPES, SIMPLE_LAYER_TYPES

OUTPUT = Dense(units="classes", activation="softmax")

PADDINGS = st.sampled_from(["same", "valid"])
WINDOWS = st.integers(1, 4)
IMAGE_LAYERS = st.one_of(
    st.builds(Conv2D, filters=st.integers(1, 9), kernel_size=WINDOWS, strides=WINDOWS, padding=PADDINGS),
    st.builds(MaxPooling2D, pool_size=WINDOWS, padding=PADDINGS),
    st.builds(AveragePooling2D, pool_size=WINDOWS, padding=PADDINGS),
    st.builds(BatchNormalization),
    st.builds(Dropout, rate=st.floats(0, 0.9)),
    st.builds(ActivationLayer, activation=st.sampled_from(["relu", "elu"])),
)
SAME_SHAPE = st.one_of(
    st.builds(BatchNormalization),
    st.builds(MaxPooling2D, pool_size=st.just(1)),
    st.builds(ActivationLayer, activation=st.sampled_from(["relu", "elu"])),
)
RESIDUALS = st.builds(Residual, layers=st.lists(SAME_SHAPE, min_size=1, max_size=3))
VECTOR_LAYERS = st.one_of(
    st.builds(Dense, units=st.integers(1, 9)),
    st.builds(BatchNormalization),
    st.builds(Dropout, rate=st.floats(0, 0.9)),
)
ARCHITECTURES = st.builds(
    lambda image, between, vector: Architecture(layers=(*image, between, *vector, OUTPUT)),
    st.lists(IMAGE_LAYERS | RESIDUALS, max_size=5),
    st.sampled_from([Flatten(), GlobalAveragePooling2D()]),
    st.lists(VECTOR_LAYERS, max_size=3),
)
SIZES = st.integers(1, 40)


@given(architecture=ARCHITECTURES)
def test_an_architecture_comes_back_from_json_as_it_was(architecture):
    assert Architecture.decode(architecture.encode(), "there") == architecture


@given(architecture=ARCHITECTURES, height=SIZES, width=SIZES, channels=st.integers(1, 4), classes=st.integers(2, 12))
def test_shapes_follow_the_windows_that_fit_into_the_image(architecture, height, width, channels, classes):
    shape = (height, width, channels)
    network = resolved(architecture, shape, classes)
    if network is None:
        return

    for layer in network.layers:
        assert layer.input_shape == shape
        shape = expected_output(layer.layer, shape, classes)
        assert layer.output_shape == shape
        assert sum(weights(weight.shape) for weight in layer.weights) == expected_parameters(layer.layer, *[
            dimension[-1] for dimension in (layer.input_shape, layer.output_shape)
        ])  # fmt: skip
    assert shape == (classes,)


@given(architecture=ARCHITECTURES)
def test_layers_are_numbered_per_type_so_that_names_are_unique(architecture):
    network = resolved(architecture, (64, 64, 3), 3)

    names = [layer.name for layer in network.layers] if network else []

    assert len(set(names)) == len(names)


def test_the_layers_of_a_residual_block_come_before_it_and_count_with_the_others():
    block = Residual(layers=(Conv2D(filters=1), BatchNormalization()))
    network = Architecture(layers=(Conv2D(filters=1), block, block, Flatten(), OUTPUT)).resolve(
        input_shape=(4, 4, 1), classes=3
    )

    assert [layer.name for layer in network.layers] == [
        "conv2d_1",
        "conv2d_2", "batch_normalization_1", "residual_1",
        "conv2d_3", "batch_normalization_2", "residual_2",
        "flatten_1", "dense_1",
    ]  # fmt: skip
    assert network.parameters == 3 * 10 + 2 * 4 + 17 * 3


def resolved(architecture: Architecture, shape: tuple[int, ...], classes: int) -> ResolvedArchitecture | None:
    """The network, or None where the images are too small for it; any other error fails the test."""
    try:
        return architecture.resolve(input_shape=shape, classes=classes)
    except InputError as error:
        if "too small" not in str(error):
            raise
        return None


def weights(shape: tuple[int, ...]) -> int:
    product = 1
    for size in shape:
        product *= size
    return product


def expected_output(layer: Layer, shape: tuple[int, ...], classes: int) -> tuple[int, ...]:
    """The shape by counting windows one by one, as one would on squared paper."""
    if isinstance(layer, Conv2D):
        return (*(counted(size, layer.kernel_size, layer.strides, layer.padding) for size in shape[:2]), layer.filters)
    if isinstance(layer, MaxPooling2D | AveragePooling2D):
        sizes = (counted(size, layer.pool_size, layer.pool_size, layer.padding) for size in shape[:2])
        return (*sizes, shape[2])
    if isinstance(layer, GlobalAveragePooling2D):
        return shape[2:]
    if isinstance(layer, Flatten):
        return (weights(shape),)
    if isinstance(layer, Dense):
        return (classes if layer.units == "classes" else layer.units,)
    return shape


def counted(size: int, window: int, stride: int, padding: str) -> int:
    starts = range(0, size, stride)
    return len([start for start in starts if padding == "same" or start + window <= size])


def expected_parameters(layer: Layer, inputs: int, outputs: int) -> int:
    if isinstance(layer, Conv2D):
        return outputs * (layer.kernel_size**2 * inputs + 1)
    if isinstance(layer, Dense):
        return outputs * (inputs + 1)
    return 4 * outputs if isinstance(layer, BatchNormalization) else 0


@pytest.mark.parametrize(
    ("layers", "sentence"),
    [
        ([Dense(units=3, activation="softmax")], r"dense_1 needs a flat input, .*add a flatten layer"),
        ([Flatten(), Conv2D(filters=1)], r"conv2d_1 needs an image"),
        ([Flatten(), Dense(units=4, activation="softmax")], r"gives the shape \(4,\); expected \(3,\)"),
        ([Flatten(), Dense(units="classes")], r"must have the activation 'softmax'"),
        ([Flatten(), OUTPUT, Dropout(rate=0.5)], r"dropout_1 must have the activation 'softmax'"),
        ([MaxPooling2D(pool_size=9), Flatten(), OUTPUT], r"at least 9x9 pixels, found 8x8: the images are too small"),
        (
            [Residual(layers=(Conv2D(filters=2),)), Flatten(), OUTPUT],
            r"residual_1 adds its input of the shape \(8, 8, 1\)",
        ),
        ([Residual(layers=(MaxPooling2D(),)), Flatten(), OUTPUT], r"of the shape \(4, 4, 1\); expected equal shapes"),
        ([Residual(layers=(Dense(units=3),)), Flatten(), OUTPUT], r"dense_1 needs a flat input"),
        ([Flatten(), Residual(layers=(Dense(units=64),))], r"residual_1 gives the shape \(64,\); expected \(3,\)"),
        ([*[Residual(layers=(BatchNormalization(),) * 64)] * 8, Flatten(), OUTPUT], r"has 522 layers; at most 512"),
        ([Flatten(), Dense(units=65536), Dense(units=65536), OUTPUT], r"parameters; at most 100,000,000"),
    ],
)
def test_layers_that_do_not_fit_are_refused_with_what_to_do(layers, sentence):
    with pytest.raises(InputError, match=sentence):
        Architecture(layers=tuple(layers)).resolve(input_shape=(8, 8, 1), classes=3)


TOML = """
[[layers]]
type = "flatten"
[[layers]]
type = "dense"
units = "classes"
activation = "softmax"
"""


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("network.toml", TOML),
        ("network.json", json.dumps({"layers": [{"type": "flatten"}, OUTPUT.model_dump()]})),
    ],
)
def test_a_network_can_be_read_from_toml_or_json(tmp_path, name, text):
    (tmp_path / name).write_text(text)

    assert Architecture.load(tmp_path / name) == Architecture(layers=(Flatten(), OUTPUT))


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ('[[layers]]\ntype = "conv2"', r"layer 0 has the unknown type 'conv2'; did you mean 'conv2d'\?"),
        ('[[layers]]\ntype = "lambda"\ncode = "x"', r"unknown type 'lambda'; valid are "),
        ("[[layers]]\nfilters = 3", r"layer 0 has the unknown type None"),
        ('[[layers]]\ntype = "dense"\nunit = 3', r"unknown option 'unit'; did you mean 'units'\?"),
        ('[[layers]]\ntype = "dropout"\nrate = 1.0', r"layers\.0\.dropout\.rate: .*less than 1"),
        ("layers = []", r"layers: .*at least 1 item"),
        ('[[layers]]\ntype = "residual"\nlayers = []', r"layers\.0\.residual\.layers: .*at least 1 item"),
        (
            '[[layers]]\ntype = "residual"\nlayers = [{type = "lambda"}]',
            r"residual: layer 0 has the unknown type 'lambda'",
        ),
        ('[[layers]]\ntype = "residual"\nlayers = [{type = "residual", layers = []}]', r"unknown type 'residual'"),
        ('layer = "dense"', r"unknown option 'layer'; did you mean 'layers'\?"),
        ("layers = 3", r"layers: .*found 3"),
        ("layers = [", r"neither valid TOML nor JSON"),
        ("layers = " + "[" * 100_000, r"neither valid TOML nor JSON"),
    ],
)
def test_a_network_file_that_is_wrong_is_named_with_what_is_wrong(tmp_path, text, sentence):
    path = tmp_path / "network.toml"
    path.write_text(text)

    with pytest.raises(InputError, match=sentence) as caught:
        Architecture.load(path)

    assert str(path) in str(caught.value)


@pytest.mark.parametrize("data", [b"\xff\xfe", b"[" * 100_000, b"[1]", b'{"layers": [{"type": ["dense"]}]}', b"NaN"])
def test_a_json_file_of_anything_else_is_refused(tmp_path, data):
    path = tmp_path / "network.json"
    path.write_bytes(data)

    with pytest.raises(InputError, match=str(path)):
        Architecture.load(path)


def test_a_missing_network_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"absent\.toml cannot be read: No such file"):
        Architecture.load(tmp_path / "absent.toml")


def test_the_allow_list_names_every_layer_there_is():
    assert sorted(LAYER_TYPES) == sorted(kind.model_fields["type"].default for kind in get_args(Layer))
    assert sorted(SIMPLE_LAYER_TYPES) == sorted(kind.model_fields["type"].default for kind in get_args(SimpleLayer))
