"""Networks that scale their images themselves: as deepchord does, in another way, or in the middle."""

import copy
import json
from typing import Any

import pytest

from deepchord.shared.errors import CheckpointError
from deepchord.shared.saved_models import SavedNetwork
from deepchord.shared.saved_models.comparison import difference
from deepchord.shared.saved_models.reading import network_of_configuration
from deepchord.shared.saved_models.rescaling import NOTE
from tests.shared.saved_models import saved
from tests.shared.saved_models.test_description import ADD, CONVOLUTION, FLATTEN, INPUT, OUTPUT, functional


def told_of(configuration: dict[str, Any]) -> SavedNetwork:
    return network_of_configuration(json.loads(json.dumps(configuration)), saved.SHAPE, "old.h5")


def rescaling(**options: object) -> dict[str, Any]:
    """A layer as Keras in TensorFlow 2 writes it, where it still was in `experimental.preprocessing`."""
    return {
        "class_name": "Rescaling",
        "config": {"name": "rescaling", "trainable": True, "dtype": "float32", **options},
    }


def with_layers(position: int, *layers: dict[str, Any]) -> dict[str, Any]:
    """Return Keras 2's configuration of the network with more layers; the first takes over which images it takes."""
    configuration = copy.deepcopy(saved.configuration_2())
    listed = configuration["config"]["layers"]
    shape = listed[0]["config"].pop("batch_input_shape")
    listed[position:position] = copy.deepcopy(layers)
    listed[0]["config"].setdefault("batch_input_shape", shape)
    return configuration


SCALED = {"class_name": "Rescaling", "config": {"scale": 1 / 255, "offset": 0.0}}
RESHAPE = {"class_name": "Reshape", "config": {"name": "r", "batch_input_shape": [None, 96], "target_shape": [8, 6, 2]}}
TUPLE = {"class_name": "__tuple__", "items": [1 / 255, 1 / 255]}
ARRAY = {"class_name": "__numpy__", "config": {"value": [1 / 255, 1 / 255], "dtype": "float64"}}


@pytest.mark.parametrize(
    "layers",
    [
        pytest.param([rescaling(scale=1 / 255, offset=0.0)], id="first"),
        pytest.param([rescaling(scale=0.00392)], id="rounded_and_without_offset"),
        pytest.param([rescaling(scale=[1 / 255] * 2, offset=[0, 0.0])], id="by_channel"),
        pytest.param([rescaling(scale=TUPLE, offset=0)], id="tuples_of_tensorflow_2"),
        pytest.param([rescaling(scale=ARRAY, offset=0.0)], id="arrays_of_keras_3"),
        pytest.param([RESHAPE, rescaling(scale=1 / 255, offset=0.0)], id="after_a_reshape"),
        pytest.param(
            [{"class_name": "RandomZoom", "config": {"name": "z"}}, rescaling(scale=1 / 255)], id="after_augmentation"
        ),
    ],
)
def test_a_first_layer_that_divides_by_255_is_left_out_and_it_is_said(layers: list[dict[str, Any]]):
    told = told_of(with_layers(0, *layers))

    assert difference(told.architecture, saved.RESOLVED) is None
    assert (told.notes, told.rescales) == ((NOTE,), True)


@pytest.mark.parametrize("kept", [True, False])
def test_so_it_is_in_functional_networks_also_before_a_sum(kept: bool):
    calls = [("a", CONVOLUTION, ["scaled"]), ("sum", ADD, ["scaled", "a"])]
    calls += [("flat", FLATTEN, ["sum"]), ("out", OUTPUT, ["flat"])]

    told = told_of(functional(("in", INPUT, []), ("scaled", SCALED, ["in"]), *calls, kept=kept))

    assert [layer.type for layer in told.architecture.layers] == ["conv2d", "add", "flatten", "dense"]
    assert told.rescales


def test_a_network_without_such_a_layer_is_told_without_a_note():
    told = told_of(saved.configuration_2())

    assert (told.notes, told.rescales) == ((), False)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"scale": 1 / 127.5, "offset": -1}, "0.00784313725490196 and adds -1"),
        ({"scale": 1 / 255, "offset": -0.5}, "0.00392156862745098 and adds -0.5"),
        ({"scale": [1 / 255, 0.5], "offset": 0.0}, r"\[0.00392156862745098, 0.5\] and adds 0.0"),
        ({"scale": 1 / 256}, "0.00390625 and adds 0.0"),
        ({"scale": float("nan")}, "nan and adds 0.0"),
        ({"scale": [], "offset": 0.0}, r"\[\] and adds 0.0"),
        ({"scale": True, "offset": 0.0}, "True and adds 0.0"),
        ({"scale": 10**400, "offset": 0.0}, r"1000+\.\.\. and adds 0.0"),
        ({}, "None and adds 0.0"),
    ],
)
def test_another_scale_is_refused_with_what_was_found_and_what_to_do(options: dict[str, Any], words: str):
    with pytest.raises(
        CheckpointError,
        match=rf"^old\.h5: its layer 'rescaling' \(Rescaling\) multiplies by {words}, which deepchord does not "
        r"compute: save the model without this layer, and the images as floats that are scaled so\.$",
    ):
        told_of(with_layers(0, rescaling(**options)))


@pytest.mark.parametrize("position", [1, 2, 3])
def test_one_that_comes_later_is_a_layer_as_others(position: int):
    told = told_of(with_layers(position, rescaling(scale=0.5, offset=[1.0, 2.0, 3.0, 4.0])))

    layer = told.architecture.layers[position]
    assert (layer.type, layer.scale, layer.offset) == ("rescaling", 0.5, (1.0, 2.0, 3.0, 4.0))
    assert (told.notes, told.rescales) == ((), False)


def test_a_second_one_is_a_layer():
    twice = told_of(with_layers(0, rescaling(scale=1 / 255), rescaling(scale=1 / 255)))

    assert twice.architecture.layers[0].type == "rescaling"
    assert twice.rescales


def test_one_on_a_branch_beside_others_that_take_the_raw_pixels_is_refused():
    block = functional(
        ("in", INPUT, []), ("a", SCALED, ["in"]), ("sum", ADD, ["in", "a"]),
        ("flat", FLATTEN, ["sum"]), ("out", OUTPUT, ["flat"]), kept=True,
    )  # fmt: skip

    with pytest.raises(CheckpointError, match=r"layer 'a' \(Rescaling\) scales pixels that other layers take unscaled"):
        told_of(block)
